"""The page of settings and the code name the same settings, and so does every message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs/reference/settings.md"
SETTING: Final = re.compile(r"AUTODIALER_[A-Z_]+")
ROW: Final = re.compile(r"^\| `(AUTODIALER_[A-Z_]+)` \|", re.MULTILINE)


def sources() -> Iterator[str]:
    for path in sorted((ROOT / "src").rglob("*.py")):
        yield path.read_text(encoding="utf-8")


def names_used(source: str) -> Iterator[str]:
    """Yield each setting that stands alone in a string: as a name, not inside a message."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and SETTING.fullmatch(str(node.value)):
            yield str(node.value)


def secrets_used(source: str) -> Iterator[str]:
    """Yield each setting that is read by `env.secret`, which also reads it from a file."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="secret"), args=[ast.Constant(value), *_]):
                yield str(value)
            case _:
                continue


def settings_of_the_code() -> set[str]:
    texts = list(sources())
    files = {f"{name}_FILE" for text in texts for name in secrets_used(text)}
    return files | {name for text in texts for name in names_used(text)}


def described() -> set[str]:
    return set(ROW.findall(PAGE.read_text(encoding="utf-8")))


def test_each_setting_that_the_code_reads_is_described() -> None:
    assert settings_of_the_code() - described() == set()


def test_the_page_names_no_setting_that_the_code_does_not_read() -> None:
    named = set(SETTING.findall(PAGE.read_text(encoding="utf-8")))
    assert named - settings_of_the_code() == set()


def test_no_message_or_comment_names_a_setting_that_the_code_does_not_read() -> None:
    named = {name for text in sources() for name in SETTING.findall(text)}
    assert named - settings_of_the_code() == set()


def test_no_setting_is_described_twice() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) == len(set(rows))
