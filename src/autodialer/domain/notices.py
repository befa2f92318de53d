"""What happened, as other systems are told it: the facts of an event, and the body of a webhook.

Facts are those of the moment of the event: that a call is dialled says nothing of its end, however
late it is told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from autodialer.domain.webhooks import EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """Who works the call. `phone` is their number, or their SIP account when they have none."""

    id: int
    name: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A call with all that became of it; what is told depends on the event.

    `try_no` None: it was surely never sent, so it was no try.
    """

    id: UUID
    number: str
    caller_id: str
    agent: AgentFacts
    placed_at: datetime
    try_no: int | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    status: str = ""
    reason: str = ""
    abandoned: bool = False


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """A number of a campaign with what its list says of it."""

    number: str
    status: str
    reason: str
    tries: int
    contact: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """A step of a campaign, and who took it: a name, or the schedule."""

    status: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """The campaign that an event belongs to. `custom_field` is a text that a program gave it."""

    id: int
    name: str
    custom_field: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One event with its facts; a test has none. `zone` is the account's."""

    id: UUID
    kind: EventKind
    at: datetime
    zone: ZoneInfo
    campaign: CampaignFacts | None = None
    call: CallFacts | None = None
    number: NumberFacts | None = None
    move: MoveFacts | None = None

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same in every try and at every endpoint."""
        return f"msg_{self.id.hex}"


def body(notice: Notice) -> bytes:
    """Return the JSON of a webhook: `type`, `timestamp` (of the event, in UTC) and `data`."""
    told = {"type": notice.kind, "timestamp": _instant(notice.at), "data": _data(notice)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _data(notice: Notice) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if notice.campaign is not None:
        data["campaign"] = {"id": str(notice.campaign.id), "name": notice.campaign.name}
    if notice.move is not None:
        move = notice.move
        data["campaign"] |= {"status": move.status, "reason": move.reason, "by": move.by}
    if notice.call is not None:
        data["call"] = _call(notice.kind, notice.call)
        if notice.number is not None:
            data["contact"] = dict(notice.number.contact)
    elif notice.number is not None:
        data["number"] = _number(notice.number)
    if notice.kind is EventKind.TEST:
        data["message"] = "A test, sent by hand."
    return data


def _call(kind: EventKind, call: CallFacts) -> dict[str, Any]:
    agent = call.agent
    told: dict[str, Any] = {
        "id": str(call.id),
        "number": call.number,
        "caller_id": call.caller_id,
        "agent": {"id": str(agent.id), "name": agent.name, "email": agent.email},
        "placed_at": _instant(call.placed_at),
    }
    if kind is not EventKind.CALL_DIALING:
        told["answered_at"] = _instant(call.answered_at)
    if kind is EventKind.CALL_ENDED:
        told |= {
            "ended_at": _instant(call.ended_at),
            "talk_s": talk_s(call),
            "status": call.status,
            "reason": call.reason,
            "abandoned": call.abandoned,
            "try": call.try_no,
        }
    return told


def _number(number: NumberFacts) -> dict[str, Any]:
    return {
        "number": number.number,
        "status": number.status,
        "reason": number.reason,
        "tries": number.tries,
        "contact": dict(number.contact),
    }


def talk_s(call: CallFacts) -> int:
    """Return the seconds of talk, 0 without an answer."""
    if call.answered_at is None or call.ended_at is None:
        return 0
    return int((call.ended_at - call.answered_at).total_seconds())


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds")
