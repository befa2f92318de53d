"""The list of faults names only tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs/reference/faults.md"
ROW: Final = re.compile(r"^\| F-\d\d \|.*$", re.MULTILINE)
TEST: Final = re.compile(r"\| `(tests/\S+\.py)::(test_\w+)` \|$")


def test_each_row_names_a_test_that_exists() -> None:
    rows = ROW.findall(PAGE.read_text())
    assert rows
    for row in rows:
        named = TEST.search(row)
        assert named, row
        assert named[2] in functions(ROOT / named[1]), row


def functions(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
