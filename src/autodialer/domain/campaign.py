"""The life of a campaign: its states, who may move it, and the limits of its fields."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from autodialer.domain.errors import IllegalTransitionError

if TYPE_CHECKING:
    from collections.abc import Mapping


class CampaignStatus(StrEnum):
    """The states of a campaign, spelled as users see them."""

    CREATED = "created"
    IN_PROGRESS = "in-progress"
    PAUSED = "paused"
    COMPLETED = "completed"
    ARCHIVED = "archived"


class CampaignKind(StrEnum):
    """What a campaign is for: its numbers, or a single call that a program asked for.

    A single call keeps every rule of a campaign; no list of campaigns shows it.
    """

    DIALER = "dialer"
    CALL = "call"


class CallType(StrEnum):
    """The legal kind of the calls; promotional ones need number series that we do not offer."""

    TRANSACTIONAL = "transactional"


class CampaignAction(StrEnum):
    """What people may do with a campaign, as the menu has it."""

    EDIT = "edit"
    PAUSE = "pause"
    RESUME = "resume"
    COMPLETE = "complete"
    ARCHIVE = "archive"
    CLONE = "clone"


_C = CampaignStatus
_A = CampaignAction

TRANSITIONS: Final[Mapping[CampaignStatus, frozenset[CampaignStatus]]] = MappingProxyType(
    {
        # A campaign whose end passes before anybody started it completes without running. One that
        # came from a backup is paused before its start, and waits for that again when resumed.
        _C.CREATED: frozenset({_C.IN_PROGRESS, _C.PAUSED, _C.COMPLETED, _C.ARCHIVED}),
        _C.IN_PROGRESS: frozenset({_C.PAUSED, _C.COMPLETED}),
        _C.PAUSED: frozenset({_C.CREATED, _C.IN_PROGRESS, _C.COMPLETED}),
        _C.COMPLETED: frozenset({_C.ARCHIVED}),
        _C.ARCHIVED: frozenset(),
    }
)

# From which states a person may do it: the table above also holds what happens by itself.
ACTIONS: Final[Mapping[CampaignAction, frozenset[CampaignStatus]]] = MappingProxyType(
    {
        _A.EDIT: frozenset({_C.CREATED}),
        _A.PAUSE: frozenset({_C.IN_PROGRESS}),
        _A.RESUME: frozenset({_C.PAUSED}),
        _A.COMPLETE: frozenset({_C.IN_PROGRESS, _C.PAUSED}),
        _A.ARCHIVE: frozenset({_C.CREATED, _C.COMPLETED}),
        _A.CLONE: frozenset(_C),
    }
)


class PauseReason(StrEnum):
    """Why a campaign is paused: by hand, or by itself until somebody has seen to it."""

    BY_HAND = "paused_by_user"
    LOW_BALANCE = "low_balance"
    NO_TARIFF = "no_tariff"
    DIAL_WHOM_FAILED = "dial_whom_failed"
    CALLER_ID_UNVERIFIED = "caller_id_unverified"
    RESTORED = "restored"


MAX_TARGETS: Final = 100_000
MAX_DURATION: Final = timedelta(days=30)
MIN_DURATION: Final = timedelta(minutes=2)
# Longer than the agent's phone rings: by then the one number is being called, or it is too late.
SINGLE_CALL_LASTS: Final = timedelta(minutes=3)
START_GRACE: Final = timedelta(minutes=2)
# A Start that no dialer has taken for this long is forgotten: the agent has left the phone.
START_VALID_FOR: Final = timedelta(seconds=60)
DEFAULT_RING_TIMEOUT: Final = timedelta(seconds=30)
DEFAULT_IDLE_LIMIT: Final = timedelta(seconds=120)


def check_move(current: CampaignStatus, wanted: CampaignStatus) -> None:
    """Raise IllegalTransitionError unless a campaign may go from `current` to `wanted`."""
    legal = TRANSITIONS[current]
    if wanted not in legal:
        raise IllegalTransitionError("campaign", current, wanted, tuple(sorted(legal)))


def sources_of(wanted: CampaignStatus) -> frozenset[CampaignStatus]:
    """Return the states from which a campaign may become `wanted`."""
    return frozenset(status for status, legal in TRANSITIONS.items() if wanted in legal)
