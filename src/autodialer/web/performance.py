"""The performance of a campaign as pages draw it: a bar of three parts and their sub-counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.domain.target import TargetStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.apps.campaigns.counting import TargetCounts

_S = TargetStatus
# The three high-level statuses of the requirements, and what each of them is made of.
PARTS: Final = (
    (_S.COMPLETED, (_S.COMPLETED,)),
    (
        _S.FAILED,
        (_S.FAILED, _S.FAILED_DND, _S.FAILED_BALANCE, _S.FAILED_NO_ATTEMPT, _S.INVALID),
    ),
    (_S.SCHEDULED, (_S.SCHEDULED, _S.IN_PROGRESS, _S.RETRY, _S.RETRYING)),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the bar; `start` and `width` are percentages as SVG takes them."""

    status: TargetStatus
    count: int
    start: str
    width: str
    counts: tuple[tuple[TargetStatus, int], ...]

    @property
    def is_divided(self) -> bool:
        """Whether there is more to tell than its one count."""
        return len(self.counts) > 1


def bar(counts: TargetCounts) -> list[Part]:
    """Return the parts in their order; none when there is no number to show."""
    return list(_parts(counts, counts.total)) if counts.total else []


def _parts(counts: TargetCounts, total: int) -> Iterator[Part]:
    before = 0
    for status, members in PARTS:
        divided = tuple((member, counts[member]) for member in members)
        count = sum(number for _, number in divided)
        yield Part(status, count, _percent(before, total), _percent(count, total), divided)
        before += count


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.2f}"
