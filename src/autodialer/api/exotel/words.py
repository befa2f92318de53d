"""Exotel's words for ours, and what its clients may write for them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from autodialer.domain.callbacks import CAMPAIGN_WORDS
from autodialer.domain.campaign import CampaignAction, CampaignStatus
from autodialer.domain.errors import InvalidInputError
from autodialer.domain.outcome import CallStatus
from autodialer.domain.people import Role
from autodialer.domain.retry import RetryMechanism
from autodialer.domain.target import TargetStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autodialer.apps.campaigns.counting import TargetCounts

T = TypeVar("T")

CAMPAIGN_STATUSES: Final[Mapping[CampaignStatus, str]] = CAMPAIGN_WORDS
# Statuses of Exotel's campaigns that ours never have: asking for them finds nothing.
NEVER: Final = frozenset({"failed", "canceled", "cancelled", "deleted"})
ACTIONS: Final[Mapping[str, CampaignAction]] = MappingProxyType(
    {
        action.value: action
        for action in (
            CampaignAction.PAUSE,
            CampaignAction.RESUME,
            CampaignAction.COMPLETE,
            CampaignAction.ARCHIVE,
        )
    }
)
MECHANISMS: Final[Mapping[RetryMechanism, str]] = MappingProxyType(
    {RetryMechanism.LINEAR: "Linear", RetryMechanism.EXPONENTIAL: "Exponential"}
)
ROLES: Final[Mapping[Role, str]] = MappingProxyType(
    {Role.ADMIN: "admin", Role.SUPERVISOR: "supervisor", Role.AGENT: "user"}
)
_T = TargetStatus
# Keys of `stats` that Exotel's campaigns have and ours do not.
_NO_STATS: Final = ("paused", "pending")


def plain(word: str) -> str:
    """Return a word as filters compare it: In-Progress, in_progress and InProgress are one."""
    return "".join(letter for letter in word.casefold() if letter not in "-_ \t")


def parts(text: str) -> list[str]:
    """Return the words of a list with commas, which may have blanks around them."""
    return [part.strip() for part in text.split(",") if part.strip()]


def campaign_statuses(text: str) -> frozenset[CampaignStatus] | None:
    """Return the statuses that a filter names; None: it names none. Raises InvalidInputError."""
    return _named(text, CAMPAIGN_STATUSES, "status", NEVER)


def call_statuses(text: str) -> frozenset[CallStatus] | None:
    """Return the statuses that a filter names; None: it names none. Raises InvalidInputError."""
    return _named(text, {status: status.value for status in CallStatus}, "status")


def plain_status(text: str) -> str:
    """Return the result of a call however it is spelled; what is none stays as it is."""
    known = {plain(status): status.value for status in CallStatus}
    return known.get(plain(text), text)


def action(text: str) -> CampaignAction:
    """Return what shall be done with a campaign. Raises InvalidInputError."""
    return _one(text, {value: name for name, value in ACTIONS.items()}, "action")


def mechanism(text: str) -> RetryMechanism:
    """Return how retries are spaced. Raises InvalidInputError."""
    return _one(text, MECHANISMS, "retries.mechanism")


def role(text: str) -> Role:
    """Return the role of a user. Raises InvalidInputError."""
    return _one(text, ROLES, "role")


def sorting(text: str, allowed: Iterable[str], default: str) -> tuple[str, bool]:
    """Return the column of `date_created:desc` and whether it goes down.

    Raises InvalidInputError.
    """
    column, _, direction = (text or default).strip().casefold().partition(":")
    columns = tuple(allowed)
    if column not in columns or direction not in {"", "asc", "desc"}:
        known = " or ".join(f"{name}:asc, {name}:desc" for name in columns)
        raise InvalidInputError("sort_by", f"sort_by can be {known}.", "sort_unknown")
    return column, direction == "desc"


def stats(counts: TargetCounts) -> dict[str, int]:
    """Return the ten counts, with the keys that only Exotel's campaigns have."""
    found = {status.value: counts[status] for status in TargetStatus}
    return {"created": counts[_T.SCHEDULED], **found, **dict.fromkeys(_NO_STATS, 0)}


def summary(campaign_sid: str, counts: TargetCounts) -> dict[str, str | int]:
    """Return the counts in fewer groups; together they are all numbers of the campaign.

    `call_initialized` are the numbers that were called, or are being called.
    """
    waiting = _sum(counts, (_T.SCHEDULED, _T.RETRY))
    live = _sum(counts, (_T.IN_PROGRESS, _T.RETRYING))
    called = _sum(counts, (_T.COMPLETED, _T.FAILED, _T.RETRY))
    refused = (_T.FAILED_DND, _T.FAILED_BALANCE, _T.FAILED_NO_ATTEMPT, _T.INVALID)
    return {
        "campaign_sid": campaign_sid,
        "call_scheduled": waiting,
        "call_initialized": called + live,
        "call_completed": counts[_T.COMPLETED],
        "call_failed": _sum(counts, (_T.FAILED, *refused)),
        "call_inprogress": live,
    }


def names(full: str) -> tuple[str, str]:
    """Return a name as first and last name."""
    first, _, last = full.partition(" ")
    return first, last.strip()


def _sum(counts: TargetCounts, statuses: Sequence[TargetStatus]) -> int:
    return sum(counts[status] for status in statuses)


def _named(
    text: str, known: Mapping[T, str], field: str, never: frozenset[str] = frozenset()
) -> frozenset[T] | None:
    wanted = parts(text)
    if not wanted:
        return None
    return frozenset(_one(word, known, field) for word in wanted if plain(word) not in never)


def _one(text: str, known: Mapping[T, str], field: str) -> T:
    by_word = {plain(word): value for value, word in known.items()}
    found = by_word.get(plain(text))
    if found is None:
        allowed = ", ".join(known.values())
        raise InvalidInputError(field, f"{field} can be {allowed}.", "word_unknown")
    return found
