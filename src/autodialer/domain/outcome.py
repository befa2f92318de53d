"""What became of one call: from what the network said to the status that users see.

The table follows docs/reference/outcomes.md, which gives the source of each row (RFC 3261,
RFC 8197 and what Asterisk 22 was measured to report).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class CallStatus(StrEnum):
    """The four results of a call, spelled as users see them."""

    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    BUSY = "busy"


class Reason(StrEnum):
    """Why a call or a target has its status. SIP codes without a name become `sip_<code>`."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    BUSY = "busy"
    REJECTED = "rejected"
    RING_TIMEOUT = "ring_timeout"
    UNAVAILABLE = "unavailable"
    AGENT_LEFT = "agent_left"
    NO_RINGING = "no_ringing"
    NO_AUDIO = "no_audio"
    UNKNOWN_NUMBER = "unknown_number"
    INCOMPLETE_NUMBER = "incomplete_number"
    NETWORK_FAILURE = "network_failure"
    NOT_PERMITTED = "not_permitted"
    BLOCKED_CALLER_ID = "blocked_caller_id"
    REDIRECTED = "redirected"
    TRUNK_REFUSED = "trunk_refused"
    MEDIA_SERVER_LOST = "media_server_lost"
    NODE_LOST = "node_lost"
    OUTCOME_UNKNOWN = "outcome_unknown"
    NOT_SENT = "not_sent"
    INVALID_NUMBER = "invalid_number"
    NUMBER_IS_OURS = "number_is_ours"
    DO_NOT_CALL = "do_not_call"
    CAMPAIGN_ENDED = "campaign_ended"
    ENDED_BEFORE_RETRY = "ended_before_retry"
    LOW_BALANCE = "low_balance"


_TECHNICAL_REASONS: Final = frozenset(
    {
        Reason.NETWORK_FAILURE,
        Reason.NO_AUDIO,
        Reason.NO_RINGING,
        Reason.NOT_PERMITTED,
        Reason.TRUNK_REFUSED,
    }
)

# The switch ends an answered leg of which it has heard nothing for so long.
SILENCE: Final = timedelta(seconds=30)
# Who was heard for less than this was not talked to; the switch looks once a second.
_AUDIBLE: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class LegEnd:
    """How a leg ended, in the words of the switch.

    `sip_code` is the final answer of the far end, None when there was none. `rang` says that
    ringing was seen. `by_far_end` is False when our own timeout or hang-up ended the leg.
    `fell_silent`: the switch ended it after `SILENCE`.
    """

    sip_code: int | None = None
    rang: bool = False
    by_far_end: bool = True
    fell_silent: bool = False


@dataclass(frozen=True, slots=True)
class CallResult:
    """The outcome of one call. `permanent` results are never retried, whatever the campaign."""

    status: CallStatus
    reason: str
    permanent: bool = False
    abandoned: bool = False

    @property
    def is_technical(self) -> bool:
        """Whether the network, not the person called, is the trouble."""
        return self.reason in _TECHNICAL_REASONS


_BUSY: Final = CallResult(CallStatus.BUSY, Reason.BUSY)
_TECHNICAL: Final = CallResult(CallStatus.FAILED, Reason.NETWORK_FAILURE)
_NO_AUDIO: Final = CallResult(CallStatus.FAILED, Reason.NO_AUDIO)
_NOT_PERMITTED: Final = CallResult(CallStatus.FAILED, Reason.NOT_PERMITTED)
_BLOCKED: Final = CallResult(CallStatus.FAILED, Reason.BLOCKED_CALLER_ID)
_UNKNOWN_NUMBER: Final = CallResult(CallStatus.FAILED, Reason.UNKNOWN_NUMBER, permanent=True)
_UNAVAILABLE: Final = CallResult(CallStatus.NO_ANSWER, Reason.UNAVAILABLE)

SIP_RESULTS: Final[Mapping[int, CallResult]] = MappingProxyType(
    {
        302: CallResult(CallStatus.FAILED, Reason.REDIRECTED),
        401: _NOT_PERMITTED,
        403: _NOT_PERMITTED,
        404: _UNKNOWN_NUMBER,
        406: _NO_AUDIO,
        407: _NOT_PERMITTED,
        410: _UNKNOWN_NUMBER,
        480: _UNAVAILABLE,
        484: CallResult(CallStatus.FAILED, Reason.INCOMPLETE_NUMBER, permanent=True),
        486: _BUSY,
        487: _UNAVAILABLE,
        488: _NO_AUDIO,
        500: _TECHNICAL,
        502: _TECHNICAL,
        503: _TECHNICAL,
        504: _TECHNICAL,
        600: _BUSY,
        603: CallResult(CallStatus.BUSY, Reason.REJECTED),
        604: _UNKNOWN_NUMBER,
        606: _NO_AUDIO,
        607: _BLOCKED,
        608: _BLOCKED,
    }
)

TALKED: Final = CallResult(CallStatus.COMPLETED, Reason.ANSWERED)
ABANDONED: Final = CallResult(CallStatus.COMPLETED, Reason.ABANDONED, abandoned=True)
AGENT_LEFT: Final = CallResult(CallStatus.NO_ANSWER, Reason.AGENT_LEFT)
FORBIDDEN: Final = CallResult(CallStatus.NO_ANSWER, Reason.DO_NOT_CALL, permanent=True)
TRUNK_REFUSED: Final = CallResult(CallStatus.FAILED, Reason.TRUNK_REFUSED)
OUTCOME_UNKNOWN: Final = CallResult(CallStatus.FAILED, Reason.OUTCOME_UNKNOWN)
MEDIA_SERVER_LOST: Final = CallResult(CallStatus.FAILED, Reason.MEDIA_SERVER_LOST)
NODE_LOST: Final = CallResult(CallStatus.FAILED, Reason.NODE_LOST)
NOT_SENT: Final = CallResult(CallStatus.FAILED, Reason.NOT_SENT)


def classify_unanswered(end: LegEnd) -> CallResult:
    """Say what a customer leg that was never answered came to. Total: any ending has a result."""
    if not end.by_far_end:
        return _own_timeout(end)
    if end.sip_code is None:
        return _TECHNICAL
    if end.sip_code == 408:  # noqa: PLR2004  SIP "Request Timeout": no answer only if it rang
        return _own_timeout(end)
    return SIP_RESULTS.get(end.sip_code) or CallResult(CallStatus.FAILED, f"sip_{end.sip_code}")


def classify_answered(end: LegEnd, heard: timedelta) -> CallResult:
    """Say what an answered leg came to that could be heard for so long."""
    is_mute = end.fell_silent or SIP_RESULTS.get(end.sip_code or 0) is _NO_AUDIO
    return _NO_AUDIO if is_mute and heard < _AUDIBLE else TALKED


def _own_timeout(end: LegEnd) -> CallResult:
    if end.rang:
        return CallResult(CallStatus.NO_ANSWER, Reason.RING_TIMEOUT)
    return CallResult(CallStatus.FAILED, Reason.NO_RINGING)
