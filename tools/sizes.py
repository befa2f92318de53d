"""Print the ten longest functions and modules; fail above the limits of the house style."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tools.sources import Source, python_sources

LONGEST_FUNCTION: Final = 60
LONGEST_MODULE: Final = 500
LONGEST_TEST_MODULE: Final = 600
SHOWN: Final = 10


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Something of `lines` lines that may have `limit`."""

    lines: int
    place: str
    limit: int

    @property
    def is_over(self) -> bool:
        return self.lines > self.limit


def function_sizes(source: Source) -> Iterator[Size]:
    """Yield the size of each function and method, decorators not counted."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            yield Size(lines, f"{source.path}:{node.lineno} {node.name}", LONGEST_FUNCTION)


def module_size(source: Source) -> Size:
    """Return the size of the whole file."""
    limit = LONGEST_TEST_MODULE if source.path.parts[0] == "tests" else LONGEST_MODULE
    return Size(len(source.text.splitlines()), str(source.path), limit)


def main() -> int:
    """Print the longest, then what is too long; return the exit status."""
    sources = list(python_sources())
    functions = sorted((s for source in sources for s in function_sizes(source)), reverse=True)
    modules = sorted(map(module_size, sources), reverse=True)
    for size in (*functions[:SHOWN], *modules[:SHOWN]):
        print(f"{size.lines:5} {size.place}")
    too_long = [size for size in (*functions, *modules) if size.is_over]
    for size in too_long:
        print(f"too long: {size.place} has {size.lines} lines, limit {size.limit}", file=sys.stderr)
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main())
