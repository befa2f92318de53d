"""The ten states of a target and the moves between them."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class TargetStatus(StrEnum):
    """The states of the requirements, spelled as users see them."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in-progress"
    RETRY = "retry"
    RETRYING = "retrying"
    FAILED = "failed"
    FAILED_DND = "failed-dnd"
    FAILED_BALANCE = "failed-balance"
    FAILED_NO_ATTEMPT = "failed-no-attempt"
    COMPLETED = "completed"
    INVALID = "invalid"


_S = TargetStatus
# `failed-dnd`: the number was put on the registry while it rang.
_AFTER_A_CALL: Final = frozenset({_S.COMPLETED, _S.RETRY, _S.FAILED, _S.FAILED_DND, _S.INVALID})

TRANSITIONS: Final[Mapping[TargetStatus, frozenset[TargetStatus]]] = MappingProxyType(
    {
        # `failed-*` and `invalid` are given by the claim itself or by the campaign's end.
        _S.SCHEDULED: frozenset(
            {_S.IN_PROGRESS, _S.FAILED_DND, _S.FAILED_BALANCE, _S.FAILED_NO_ATTEMPT, _S.INVALID}
        ),
        # Only when the first call was surely never sent: back to `scheduled`, or, when the
        # campaign is over, never attempted.
        _S.IN_PROGRESS: _AFTER_A_CALL | {_S.SCHEDULED, _S.FAILED_NO_ATTEMPT},
        _S.RETRY: frozenset({_S.RETRYING, _S.FAILED_DND, _S.FAILED_BALANCE, _S.FAILED}),
        _S.RETRYING: _AFTER_A_CALL,
        _S.FAILED: frozenset(),
        _S.FAILED_DND: frozenset(),
        _S.FAILED_BALANCE: frozenset(),
        _S.FAILED_NO_ATTEMPT: frozenset(),
        _S.COMPLETED: frozenset(),
        _S.INVALID: frozenset(),
    }
)

TERMINAL: Final = frozenset(status for status, moves in TRANSITIONS.items() if not moves)
LIVE: Final = frozenset({TargetStatus.IN_PROGRESS, TargetStatus.RETRYING})
