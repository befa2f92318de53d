"""The search box above a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from autodialer.web.access import PageRequest

FEWEST: Final = 3  # characters; fewer would find nearly everything


@dataclass(frozen=True, slots=True)
class Search:
    """What was typed; `text` is what to look for: nothing while it is too short."""

    typed: str

    @property
    def text(self) -> str:
        return self.typed if len(self.typed) >= FEWEST else ""

    @property
    def is_too_short(self) -> bool:
        return bool(self.typed) and not self.text


def search_of(request: PageRequest) -> Search:
    """Return what a page is searched for."""
    return Search(request.GET.get("q", "").strip()[:100])
