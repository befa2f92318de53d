"""What every part of the benchmark is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.ops.paths import Paths
    from bench.rows import Row


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a part.

    `quick`: one short round of each row, to see that everything works. `targets`: the size of the
    longest list, in the parts that have one.
    """

    paths: Paths
    quick: bool
    tell: Callable[[str], None]
    targets: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a part found: rows for var/bench/latest.json, and a table for people (Markdown).

    `elsewhere` are tables for other pages than that of the benchmarks, by the names of their marks.
    """

    rows: Sequence[Row]
    table: str
    elsewhere: Mapping[str, str] = field(default_factory=dict)


Part: TypeAlias = Callable[[Options], Outcome]
