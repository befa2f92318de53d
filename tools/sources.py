"""The files of this repository, as the checks read them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Source:
    """A file of ours; `path` is relative to the repository."""

    path: Path

    @cached_property
    def text(self) -> str:
        return (ROOT / self.path).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))


@cache
def tracked() -> tuple[Source, ...]:
    """Return every file that is or would be committed, ignored ones left out."""
    return tuple(Source(Path(name)) for name in names() if (ROOT / name).is_file())


@cache
def names() -> tuple[str, ...]:
    """Return the name of all that is or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(sorted(set(filter(None, listed.stdout.split("\0")))))


def python_sources(*folders: str) -> Iterator[Source]:
    """Yield our Python files below `folders` (all when none given), migrations left out."""
    for source in tracked():
        inside = not folders or any(source.path.is_relative_to(folder) for folder in folders)
        if source.path.suffix == ".py" and "migrations" not in source.path.parts and inside:
            yield source
