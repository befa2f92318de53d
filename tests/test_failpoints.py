"""Each moment of the kill matrix has a row, a failpoint of the code and a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autodialer.ports.failpoints import Failpoint

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs/reference/failpoints.md"
MOMENTS: Final = [f"K{at}" for at in range(1, 17)]
ROW: Final = re.compile(
    r"^\| (K[0-9, K]+) \| `([a-z-]+)` \|.*\| `(tests/\S+)::(\w+)` \|$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Row:
    """One failpoint: the moments that it stands for, and the test that kills there."""

    moments: list[str]
    point: Failpoint
    path: Path
    test: str


def rows() -> Iterator[Row]:
    for moments, point, path, test in ROW.findall(PAGE.read_text()):
        yield Row(moments.split(", "), Failpoint(point), ROOT / path, test)


def test_each_moment_of_the_kill_matrix_has_a_row() -> None:
    assert sorted(each for row in rows() for each in row.moments) == sorted(MOMENTS)


def test_each_failpoint_of_the_code_has_one_row() -> None:
    assert sorted(row.point for row in rows()) == sorted(Failpoint)


def test_each_row_names_a_test_that_kills_there() -> None:
    for row in rows():
        source = row.path.read_text()
        functions = {
            node.name
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert row.test in functions, row
        assert f"Failpoint.{row.point.name}" in source, row


def test_each_failpoint_is_a_seam_of_the_program() -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    for point in Failpoint:
        assert re.search(rf"kill\(Failpoint\.{point.name}\)", code), point
