"""Pages of long lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `number` starts at 1. `total` is None where counting would be slow."""

    rows: Sequence[T]
    number: int
    size: int
    has_more: bool
    total: int | None = None

    @property
    def has_several(self) -> bool:
        return self.number > 1 or self.has_more

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.has_more else None

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.rows)


def cut(rows: Sequence[T], number: int, size: int, total: int | None = None) -> Page[T]:
    """Return a page of `rows`, which were read with `limit=size + 1` to see whether more follow."""
    return Page(rows[:size], number, size, len(rows) > size, total)


def page_number(asked: str) -> int:
    """Return the page that a query asks for; 1 for anything that is no page."""
    return min(max(int(asked), 1), 1_000_000) if asked.isdecimal() and len(asked) < 8 else 1  # noqa: PLR2004  digits of a page
