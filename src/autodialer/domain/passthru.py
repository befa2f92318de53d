"""The parameters of a campaign's popup and passthru URLs: docs/reference/urls.md.

Receivers that were written for Exotel key on these names and pairs of values, so they are exact.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from autodialer.domain.outcome import CallStatus, Reason
from autodialer.domain.parameters import created_time, wall_time
from autodialer.domain.webhooks import EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.domain.notices import CallFacts, Notice

Pairs = list[tuple[str, str]]

DIRECTION: Final = "outbound-dial"
# CallType and DialCallStatus, by what became of the call.
_ENDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        CallStatus.COMPLETED: ("completed", "completed"),
        CallStatus.NO_ANSWER: ("incomplete", "no-answer"),
        CallStatus.BUSY: ("incomplete", "busy"),
        CallStatus.FAILED: ("incomplete", "failed"),
    }
)
_AGENT_LEFT: Final = ("client-hangup", "canceled")
# The name and the number of Q.850; a ring that timed out has a number of Exotel's own.
_CAUSES: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        Reason.ANSWERED: ("NORMAL_CLEARING", 16),
        Reason.ABANDONED: ("NORMAL_CLEARING", 16),
        Reason.AGENT_LEFT: ("ORIGINATOR_CANCEL", 487),
        Reason.DO_NOT_CALL: ("ORIGINATOR_CANCEL", 487),
        Reason.RING_TIMEOUT: ("RING_TIMEOUT", 1003),
        Reason.BUSY: ("USER_BUSY", 17),
        Reason.REJECTED: ("CALL_REJECTED", 21),
        Reason.UNAVAILABLE: ("NO_USER_RESPONSE", 18),
        Reason.UNKNOWN_NUMBER: ("UNALLOCATED_NUMBER", 1),
        Reason.INCOMPLETE_NUMBER: ("INVALID_NUMBER_FORMAT", 28),
    }
)
_OTHER_CAUSE: Final = ("NORMAL_TEMPORARY_FAILURE", 41)
_POPUP_EVENTS: Final[Mapping[EventKind, tuple[str, str]]] = MappingProxyType(
    {
        EventKind.CALL_DIALING: ("Dial", "busy"),
        EventKind.CALL_RINGING: ("Ringing", "busy"),
        EventKind.CALL_ANSWERED: ("Answered", "busy"),
        EventKind.CALL_ENDED: ("Terminal", "free"),
    }
)


def ended_call(notice: Notice, call: CallFacts, now: datetime, recording_url: str = "") -> Pairs:
    """Return the parameters of the call-completed and call-no-answer URLs, in their order."""
    call_type, status = end_pair(call)
    zone, agent = notice.zone, call.agent.phone
    pairs = [
        ("CallSid", call.id.hex),
        ("CallFrom", agent),
        ("CallTo", call.number),
        ("Direction", DIRECTION),
        ("Created", created_time(call.placed_at, zone)),
        ("StartTime", wall_time(call.placed_at, zone)),
        ("EndTime", wall_time(call.ended_at or now, zone)),
        ("CallType", call_type),
        ("DialCallStatus", status),
        ("DialCallDuration", str(_duration_s(call))),
        ("DialWhomNumber", call.number),
        ("From", agent),
        ("To", call.number),
        ("OutgoingPhoneNumber", call.caller_id),
        ("CurrentTime", wall_time(now, zone)),
        ("AgentEmail", call.agent.email),
        *_campaign(notice),
    ]
    if call.answered_at is not None and recording_url:
        pairs.append(("RecordingUrl", recording_url))
    return [*pairs, *_leg(call)]


def popup(notice: Notice, call: CallFacts, now: datetime) -> Pairs:
    """Return the parameters of the popup URL. From is the customer, DialWhomNumber the agent."""
    event, status = _POPUP_EVENTS[notice.kind]
    zone = notice.zone
    return [
        ("CallSid", call.id.hex),
        ("CallFrom", call.number),
        ("CallTo", call.caller_id),
        ("Direction", DIRECTION),
        ("Created", created_time(call.placed_at, zone)),
        ("From", call.number),
        ("To", call.caller_id),
        ("CurrentTime", wall_time(now, zone)),
        ("DialWhomNumber", call.agent.phone),
        ("Status", status),
        ("EventType", event),
        ("AgentEmail", call.agent.email),
        *_campaign(notice),
    ]


def end_pair(call: CallFacts) -> tuple[str, str]:
    """Return CallType and DialCallStatus of a call that has ended."""
    return _AGENT_LEFT if call.reason == Reason.AGENT_LEFT else _ENDS[call.status]


def _campaign(notice: Notice) -> Pairs:
    if notice.campaign is None:
        return []
    told = [("CampaignSid", str(notice.campaign.id)), ("CustomField", notice.campaign.custom_field)]
    return [pair for pair in told if pair[1]]


def _leg(call: CallFacts) -> Pairs:
    """Return the customer's leg. CauseCode has the name and Cause the number, as receivers know."""
    name, number = _CAUSES.get(call.reason, _OTHER_CAUSE)
    talk = call.ended_at - call.answered_at if call.answered_at and call.ended_at else None
    leg = {
        "Number": call.number,
        "Type": "single",
        "OnCallDuration": str(int(talk.total_seconds()) if talk else 0),
        "CallerId": call.caller_id,
        "CauseCode": name,
        "Cause": str(number),
    }
    return [(f"Legs[0][{key}]", value) for key, value in leg.items()]


def _duration_s(call: CallFacts) -> int:
    """Return the seconds from the dialling of the customer to the end, talk included."""
    return 0 if call.ended_at is None else int((call.ended_at - call.placed_at).total_seconds())
