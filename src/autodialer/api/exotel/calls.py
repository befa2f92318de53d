"""Calls of v1: two numbers connected, the agent's first; and what became of calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from autodialer.api.exotel import words
from autodialer.api.exotel.clock import read_v1, seconds, v1_time
from autodialer.api.exotel.documents import Document
from autodialer.api.exotel.reading import form_body, parameters, required, text, texts, whole
from autodialer.api.exotel.sids import sid_of, uuid_of
from autodialer.apps.calls.details import Mark
from autodialer.apps.calls.placed import PlacedCall, Sought, placed_call, placed_calls
from autodialer.apps.calls.services import connect_call
from autodialer.apps.campaigns.queries import caller_id_by_number
from autodialer.apps.campaigns.single import QUICK
from autodialer.apps.campaigns.tells import Tells
from autodialer.apps.campaigns.terms import MAX_TALK_S, RING_TIMEOUT_S
from autodialer.apps.contacts.numbers import NumberError, parse_caller_id
from autodialer.domain.callbacks import JSON, PARTS, agent_status
from autodialer.domain.errors import InvalidInputError
from autodialer.domain.outcome import CallStatus, Reason

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.api.exotel.reading import Body
    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.calls.placed import AgentLeg, CustomerLeg
    from autodialer.apps.campaigns.terms import Terms

KIND: Final = "call"
MOST: Final = 100
USUAL: Final = 50
MOST_NUMBERS: Final = 5
_CENT: Final = 100
_CANCELED: Final = "canceled"
_IN_PROGRESS: Final = "in-progress"
_RINGING: Final = "ringing"
_ANSWERED, _TERMINAL = "answered", "terminal"
_FILTERS: Final = frozenset(
    {"Sid", "DateCreated", "To", "From", "Status", "PhoneNumber", "PageSize", "SortBy"}
    | {"Before", "After", "details"}
)


def connect(request: ApiRequest) -> Document:
    """Call `From`, the phone of an agent, and then `To`."""
    account, body = request.account, form_body(request)
    if text(body, "Url") and not text(body, "To"):
        raise InvalidInputError(
            "Url", "Calls are connected to To: there are no flows here.", "flow_unknown"
        )
    call_id = connect_call(
        account=account,
        phone=required(body, "From"),
        number=required(body, "To"),
        caller_id=caller_id_by_number(account, required(body, "CallerId")),
        terms=_terms(body),
        tells=_tells(body),
        now=request.now,
        actor=request.actor,
    )
    return _shown(request, call_id)


def _tells(body: Body) -> Tells:
    """Return who is told of the call, of what of it, and how. Raises InvalidInputError."""
    tells = Tells(call_url=text(body, "StatusCallback"), custom_field=text(body, "CustomField"))
    if not tells.call_url:
        return tells
    events = _events(body)
    kind = text(body, "StatusCallbackContentType").casefold()
    if kind not in {"", JSON, PARTS}:
        raise InvalidInputError(
            "StatusCallbackContentType",
            f"StatusCallbackContentType can be {PARTS} or {JSON}.",
            "word_unknown",
        )
    return replace(
        tells, on_answer=_ANSWERED in events, on_end=_TERMINAL in events, content_type=kind
    )


def _events(body: Body) -> frozenset[str]:
    """Return what is to be told: of a form's `StatusCallbackEvents[0]`, or of a list in JSON."""
    name = "StatusCallbackEvents"
    numbered = [text(body, key) for key in body if key.startswith(f"{name}[")]
    events = frozenset(word.casefold() for word in (*texts(body, name), *numbered))
    if events - {_ANSWERED, _TERMINAL}:
        raise InvalidInputError(name, f"{name} can be {_TERMINAL} and {_ANSWERED}.", "word_unknown")
    return events or frozenset({_TERMINAL})


def _terms(body: Body) -> Terms:
    """Return how long it rings and lasts. Raises InvalidInputError."""
    if text(body, "CallType", "trans") != "trans":
        raise InvalidInputError(
            "CallType", "CallType can be trans: promotional calls are not offered.", "word_unknown"
        )
    return replace(
        QUICK,
        ring_timeout_s=_within(whole(body, "TimeOut", QUICK.ring_timeout_s), RING_TIMEOUT_S),
        max_talk_s=_within(whole(body, "TimeLimit", QUICK.max_talk_s), MAX_TALK_S),
    )


def _within(value: int, legal: range) -> int:
    """Return the value, or the bound that it passes: clients ask for what Exotel allows."""
    return max(legal[0], min(value, legal[-1]))


def show(request: ApiRequest, sid: str) -> Document:
    """Show one call, with its legs when `details=true`."""
    return _shown(request, uuid_of(sid, KIND))


def _shown(request: ApiRequest, call_id: UUID) -> Document:
    found = placed_call(request.account, call_id)
    return Document({"Call": call_data(request, found, with_legs=_with_legs(request))})


def index(request: ApiRequest) -> Document:
    """Show the calls of the account that were sought, the newest first unless asked otherwise."""
    account, asked = request.account, parameters(request)
    unknown = asked.keys() - _FILTERS
    if unknown:
        name = min(unknown)
        raise InvalidInputError(name, f"Calls cannot be sought by {name[:40]}.", "filter_unknown")
    size = max(1, min(whole(asked, "PageSize", USUAL), MOST))
    part = placed_calls(account, _sought(account, asked), limit=size)
    with_legs = _with_legs(request)
    return Document(
        {
            "Metadata": {
                "Total": part.total,
                "PageSize": size,
                "FirstPageUri": _page_uri(request, asked),
                "PrevPageUri": _page_uri(request, asked, Before=part.previous),
                "NextPageUri": _page_uri(request, asked, After=part.next),
            },
            "Calls": [call_data(request, call, with_legs=with_legs) for call in part.calls],
        }
    )


def _sought(account: Account, asked: Body) -> Sought:
    since, until = _dates(account, text(asked, "DateCreated"))
    _, down = words.sorting(text(asked, "SortBy"), ("datecreated",), "DateCreated:desc")
    return Sought(
        ids=[uuid_of(sid, KIND) for sid in _few(asked, "Sid", MOST)],
        numbers=[_e164(account, one, "To") for one in _few(asked, "To", MOST_NUMBERS)],
        phones=[_phone(account, one) for one in _few(asked, "From", MOST_NUMBERS)],
        caller_id=_e164(account, text(asked, "PhoneNumber"), "PhoneNumber"),
        statuses=_statuses(text(asked, "Status")),
        since=since,
        until=until,
        oldest_first=not down,
        after=_mark(asked, "After"),
        before=_mark(asked, "Before"),
    )


def _few(asked: Body, name: str, most: int) -> list[str]:
    found = words.parts(text(asked, name))
    if len(found) > most:
        raise InvalidInputError(name, f"{name} can be {most} values at once.", "too_many")
    return found


def _e164(account: Account, written: str, field: str) -> str:
    try:
        return parse_caller_id(written, account.region) if written else ""
    except NumberError as error:
        raise NumberError(error.code, f"{field}: {error.sentence}") from None


def _phone(account: Account, written: str) -> str:
    try:
        return _e164(account, written, "From")
    except NumberError:
        return written.removeprefix("sip:")


def _statuses(written: str) -> list[CallStatus] | None:
    found = words.call_statuses(written)
    return None if found is None else sorted(found)


def _dates(account: Account, written: str) -> tuple[datetime | None, datetime | None]:
    """Return the bounds of `gte:2026-11-01 00:00:00;lte:2026-11-02 00:00:00`."""
    bounds = dict(part.partition(":")[::2] for part in written.split(";") if part.strip())
    if bounds.keys() - {"gte", "lte"}:
        raise InvalidInputError(
            "DateCreated", "Write DateCreated like gte:2026-11-01;lte:2026-11-30.", "time_invalid"
        )
    since = read_v1(bounds["gte"], "DateCreated", account) if "gte" in bounds else None
    until = read_v1(bounds["lte"], "DateCreated", account) if "lte" in bounds else None
    return since, until


def _mark(asked: Body, name: str) -> Mark | None:
    written = text(asked, name)
    mark = Mark.parse(written)
    if written and mark is None:
        raise InvalidInputError(name, f"{name} is not of this list.", "cursor_invalid")
    return mark


def _page_uri(request: ApiRequest, asked: Body, **marks: Mark | None) -> str | None:
    """Return where the list begins, or goes on at a mark; None when there is nothing there."""
    if marks and not any(marks.values()):
        return None
    kept = {name: value for name, value in asked.items() if name not in {"Before", "After"}}
    query = urlencode({**kept, **{name: str(mark) for name, mark in marks.items()}})
    return f"{request.path_info}?{query}" if query else request.path_info


def _with_legs(request: ApiRequest) -> bool:
    return text(parameters(request), "details").casefold() == "true"


def call_data(request: ApiRequest, call: PlacedCall, *, with_legs: bool) -> dict[str, Any]:
    """Return a call as v1 shows it: the agent is `From`, the customer `To`."""
    account, sid = request.account, call.id.hex
    ended_at = _ended_at(call)
    data = {
        "Sid": sid,
        "ParentCallSid": None,
        "DateCreated": v1_time(account, _created_at(call)),
        "DateUpdated": v1_time(account, ended_at or request.now),
        "AccountSid": sid_of(account.pk),
        "To": call.number,
        "From": call.agent.phone,
        "PhoneNumberSid": call.caller_id,
        "PhoneNumber": call.caller_id,
        "Status": status_of(call),
        "StartTime": v1_time(account, _created_at(call)),
        "EndTime": v1_time(account, ended_at),
        "Duration": seconds(ended_at - _created_at(call)) if ended_at else None,
        "Price": _price(call),
        "Direction": "outbound-api" if call.is_single else "outbound-dial",
        "AnsweredBy": None,
        "ForwardedFrom": None,
        "CallerName": None,
        "CustomField": call.custom_field or None,
        "Uri": f"/v1/Accounts/{sid_of(account.pk)}/Calls/{sid}",
        "RecordingUrl": _recording_url(request, call),
    }
    return {**data, "Details": _details(call)} if with_legs else data


def status_of(call: PlacedCall) -> str:
    """Return how a call stands: while the first leg is all there is, or has failed, that one."""
    if call.customer is not None:
        return _second_status(call.customer)
    agent = call.agent
    if agent.end_reason:
        return agent_status(agent.end_reason)
    if agent.status == "queued":
        return "queued"
    return _RINGING if agent.answered_at is None else _IN_PROGRESS


def _second_status(leg: CustomerLeg) -> str:
    if not leg.status:
        return _RINGING if leg.answered_at is None else _IN_PROGRESS
    # The first party hung up while the second was ringing.
    return _CANCELED if leg.reason == Reason.AGENT_LEFT else leg.status


def _created_at(call: PlacedCall) -> datetime:
    if call.is_single or call.customer is None:
        return call.agent.created_at
    return call.customer.placed_at


def _ended_at(call: PlacedCall) -> datetime | None:
    return call.agent.ended_at if call.customer is None else call.customer.ended_at


def _price(call: PlacedCall) -> str | None:
    """Return what the customer's leg was charged, in the account's currency."""
    if call.customer is None or call.customer.cost is None:
        return None
    return f"{call.customer.cost // _CENT}.{call.customer.cost % _CENT:02}"


def _recording_url(request: ApiRequest, call: PlacedCall) -> str | None:
    if call.recorded_call is None:
        return None
    return request.build_absolute_uri(f"/api/v1/calls/{call.recorded_call}/recording")


def _details(call: PlacedCall) -> dict[str, Any]:
    leg = call.customer
    talk = leg.ended_at - leg.answered_at if leg and leg.ended_at and leg.answered_at else None
    second = _second_status(leg) if leg else None
    return {
        "ConversationDuration": seconds(talk) or 0,
        "Leg1Status": _first_status(call.agent),
        "Leg2Status": second,
        "Legs": [
            {"Id": 1, "OnCallDuration": _agent_seconds(call.agent)},
            *([{"Id": 2, "OnCallDuration": seconds(talk) or 0}] if leg else []),
        ],
    }


def _first_status(leg: AgentLeg) -> str:
    if leg.answered_at is not None:
        return "completed" if leg.ended_at else _IN_PROGRESS
    if leg.end_reason:
        return agent_status(leg.end_reason)
    return "queued" if leg.status == "queued" else _RINGING


def _agent_seconds(leg: AgentLeg) -> int:
    if leg.answered_at is None or leg.ended_at is None:
        return 0
    return seconds(leg.ended_at - leg.answered_at) or 0
