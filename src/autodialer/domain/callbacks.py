"""What is posted to the callbacks of programs written for Exotel: docs/reference/exotel.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.ids import sid_of
from autodialer.domain.notices import talk_s
from autodialer.domain.outcome import Reason
from autodialer.domain.parameters import wall_time
from autodialer.domain.session import EndReason
from autodialer.domain.webhooks import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from autodialer.domain.notices import CallFacts, CampaignFacts, Notice

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
PARTS: Final = "multipart/form-data"

# How a call ended whose agent was never with it, or left before the second leg.
_AGENT_ENDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        EndReason.AGENT_BUSY: "busy",
        EndReason.AGENT_NO_ANSWER: "no-answer",
        EndReason.AGENT_LEFT: "canceled",
        EndReason.STOPPED: "canceled",
    }
)
_C = CampaignStatus
CAMPAIGN_WORDS: Final[Mapping[CampaignStatus, str]] = MappingProxyType(
    {
        _C.CREATED: "Created",
        _C.IN_PROGRESS: "InProgress",
        _C.PAUSED: "Paused",
        _C.COMPLETED: "Completed",
        _C.ARCHIVED: "Archived",
    }
)


@dataclass(frozen=True, slots=True)
class AgentLegFacts:
    """The leg of a single call's agent, when it was the only one."""

    phone: str
    called_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CallbackFacts:
    """What only callbacks tell. `session_id` is set for a single call, which is known by it.

    `call_ids` are the calls of a number, the first one first. `content_type` "" is the usual one.
    `alone`: the call never came to its number.
    """

    caller_id: str
    custom_field: str
    made_at: datetime
    session_id: UUID | None = None
    call_ids: Sequence[UUID] = ()
    content_type: str = ""
    alone: AgentLegFacts | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Where a call can be heard, and the report of a campaign be fetched."""

    recording: str = ""
    report: str = ""


NOWHERE: Final = Links()


def posted(notice: Notice, facts: CallbackFacts, links: Links) -> tuple[str, bytes]:
    """Return the content type and the body of a callback: JSON, for a single call a form.

    Who asked for a single call may have chosen another type for it.
    """
    if facts.alone is not None:
        return _written(_agent_alone(notice, facts.alone, facts), notice, facts)
    if notice.call is not None and facts.session_id is not None:
        return _written(_single_call(notice, notice.call, facts, links.recording), notice, facts)
    return JSON, json.dumps(_told(notice, facts, links), ensure_ascii=False).encode()


def final_status(call: CallFacts) -> str:
    """Return the status of a call that has ended: canceled when the agent left while it rang."""
    return "canceled" if call.reason == Reason.AGENT_LEFT else call.status


def agent_status(reason: str) -> str:
    """Return the status of a call whose agent's leg was all there was, by why that ended."""
    return _AGENT_ENDS.get(reason, "failed")


def _written(told: dict[str, Any], notice: Notice, facts: CallbackFacts) -> tuple[str, bytes]:
    if facts.content_type == JSON:
        return JSON, json.dumps(told, ensure_ascii=False).encode()
    pairs = list(_flat(told))
    if facts.content_type != PARTS:
        return FORM, urlencode(pairs).encode()
    boundary = notice.id.hex
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs
    )
    return f"{PARTS}; boundary={boundary}", f"{''.join(parts)}--{boundary}--\r\n".encode()


def _flat(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a form, which knows no lists: `Legs[0][Status]`."""
    for name, value in told.items():
        if isinstance(value, str):
            yield name, value
            continue
        for place, leg in enumerate(value):
            yield from ((f"{name}[{place}][{key}]", text) for key, text in leg.items())


def _told(notice: Notice, facts: CallbackFacts, links: Links) -> dict[str, Any]:
    sid = _campaign_sid(notice.campaign)
    dates = {"date_updated": _instant(notice, notice.at)}
    if notice.call is not None:
        call = notice.call
        told = {"call_sid": call.id.hex, "number": call.number, "status": call.status}
        made = {"date_created": _instant(notice, call.placed_at)}
        return {"campaign_sid": sid} | told | made | dates
    dates = {"date_created": _instant(notice, facts.made_at)} | dates
    if notice.number is not None:
        number = notice.number
        sids = [call_id.hex for call_id in facts.call_ids]
        told_of = {"to": number.number, "from": facts.caller_id, "call_sids": sids}
        return {"campaign_sid": sid, **told_of, "status": number.status} | dates
    status = CAMPAIGN_WORDS[CampaignStatus(notice.move.status)] if notice.move else ""
    return {"campaign_sid": sid, "status": status} | dates | {"report_url": links.report}


def _single_call(
    notice: Notice, call: CallFacts, facts: CallbackFacts, recording_url: str
) -> dict[str, Any]:
    is_over = notice.kind is EventKind.CALL_ENDED
    talk = str(talk_s(call)) if is_over else "0"
    status = final_status(call) if is_over else "in-progress"
    return {
        **_known(notice, facts, "terminal" if is_over else "answered"),
        "DateCreated": wall_time(call.placed_at, notice.zone),
        "Status": status,
        "To": call.number,
        "From": call.agent.phone,
        "PhoneNumberSid": call.caller_id,
        "StartTime": wall_time(call.placed_at, notice.zone),
        "EndTime": wall_time(call.ended_at or notice.at, notice.zone) if is_over else "",
        "ConversationDuration": talk,
        "RecordingUrl": recording_url if is_over and call.answered_at else "",
        "Legs": [{"OnCallDuration": talk, "Status": status}],
    }


def _agent_alone(notice: Notice, leg: AgentLegFacts, facts: CallbackFacts) -> dict[str, Any]:
    status = agent_status(leg.reason)
    on_call = leg.ended_at - leg.answered_at if leg.answered_at else timedelta()
    return {
        **_known(notice, facts, "terminal"),
        "DateCreated": wall_time(leg.called_at, notice.zone),
        "Status": status,
        "To": notice.number.number if notice.number else "",
        "From": leg.phone,
        "PhoneNumberSid": facts.caller_id,
        "StartTime": wall_time(leg.called_at, notice.zone),
        "EndTime": wall_time(leg.ended_at, notice.zone),
        "ConversationDuration": "0",
        "RecordingUrl": "",
        "Legs": [{"OnCallDuration": str(int(on_call.total_seconds())), "Status": status}],
    }


def _known(notice: Notice, facts: CallbackFacts, event: str) -> dict[str, str]:
    """Return what is told of a single call whatever became of it."""
    return {
        "CallSid": facts.session_id.hex if facts.session_id else "",
        "EventType": event,
        "DateUpdated": wall_time(notice.at, notice.zone),
        "Direction": "outbound-api",
        "CustomField": facts.custom_field,
    }


def _campaign_sid(campaign: CampaignFacts | None) -> str:
    return sid_of(campaign.id) if campaign else ""


def _instant(notice: Notice, at: datetime) -> str:
    return at.astimezone(notice.zone).isoformat(timespec="seconds")
