"""What is posted to the callbacks of programs written for Exotel: docs/reference/exotel.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.ids import sid_of
from autodialer.domain.notices import talk_s
from autodialer.domain.outcome import Reason
from autodialer.domain.parameters import wall_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from autodialer.domain.notices import CallFacts, CampaignFacts, Notice

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

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
class CallbackFacts:
    """What only callbacks tell. `session_id` is set for a single call, which is known by it.

    `call_ids` are the calls of a number, the first one first.
    """

    caller_id: str
    custom_field: str
    made_at: datetime
    session_id: UUID | None = None
    call_ids: Sequence[UUID] = ()


def posted(notice: Notice, facts: CallbackFacts, recording_url: str) -> tuple[str, bytes]:
    """Return the content type and the body of a callback: JSON, for a single call a form."""
    if notice.call is not None and facts.session_id is not None:
        pairs = _single_call(notice, notice.call, facts, recording_url)
        return FORM, urlencode(pairs).encode()
    return JSON, json.dumps(_told(notice, facts), ensure_ascii=False).encode()


def final_status(call: CallFacts) -> str:
    """Return the status of a call that has ended: canceled when the agent left while it rang."""
    return "canceled" if call.reason == Reason.AGENT_LEFT else call.status


def _told(notice: Notice, facts: CallbackFacts) -> dict[str, Any]:
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
    return {"campaign_sid": sid, "status": status} | dates


def _single_call(
    notice: Notice, call: CallFacts, facts: CallbackFacts, recording_url: str
) -> list[tuple[str, str]]:
    ended_at = wall_time(call.ended_at or notice.at, notice.zone)
    talk = str(talk_s(call))
    return [
        ("CallSid", facts.session_id.hex if facts.session_id else ""),
        ("EventType", "terminal"),
        ("DateCreated", wall_time(call.placed_at, notice.zone)),
        ("DateUpdated", ended_at),
        ("Status", final_status(call)),
        ("To", call.number),
        ("From", call.agent.phone),
        ("PhoneNumberSid", call.caller_id),
        ("StartTime", wall_time(call.placed_at, notice.zone)),
        ("EndTime", ended_at),
        ("ConversationDuration", talk),
        ("Direction", "outbound-api"),
        ("CustomField", facts.custom_field),
        ("RecordingUrl", recording_url if call.answered_at else ""),
        ("Legs[0][OnCallDuration]", talk),
        ("Legs[0][Status]", final_status(call)),
    ]


def _campaign_sid(campaign: CampaignFacts | None) -> str:
    return sid_of(campaign.id) if campaign else ""


def _instant(notice: Notice, at: datetime) -> str:
    return at.astimezone(notice.zone).isoformat(timespec="seconds")
