"""What a client asks of a campaign, in the fields of Exotel's campaigns and of our dialer's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from autodialer.api.exotel import words
from autodialer.api.exotel.clock import read_v2
from autodialer.api.exotel.problems import missing
from autodialer.api.exotel.reading import (
    flag,
    last_segment,
    optional,
    required,
    section,
    text,
    texts,
    whole,
)
from autodialer.api.exotel.sids import number_of
from autodialer.apps.agents.queries import group as group_of
from autodialer.apps.campaigns.plan import Plan
from autodialer.apps.campaigns.queries import caller_id_by_number
from autodialer.apps.campaigns.tells import NOBODY_IS_TOLD, Tells
from autodialer.apps.campaigns.terms import Terms
from autodialer.domain.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.api.exotel.reading import Body
    from autodialer.apps.accounts.models import Account

DIALER: Final = "dialer"
# Of these types the flow, the last part of `url`, names the group of agents.
FLOWS: Final = frozenset({"static", "dynamic"})
URLS: Final[Mapping[str, str]] = {
    "popup_url": "popup_url",
    "call_completed_passthru_url": "call_completed_url",
    "call_no_answer_passthru_url": "call_no_answer_url",
    "get_contacts_url": "get_contacts_url",
}
CALLBACKS: Final[Mapping[str, str]] = {
    "call_status_callback": "call_url",
    "call_schedule_callback": "number_url",
    "status_callback": "campaign_url",
    "custom_field": "custom_field",
}
_NUMBER: Final = 12  # digits of an id that may be written as a number


def new_plan(account: Account, body: Body, default_name: str) -> Plan:
    """Return the plan of a campaign to be made; numbers of `from` have no list yet.

    Raises InvalidInputError.
    """
    plan = Plan(
        name=text(body, "name") or default_name,
        caller_id=caller_id_by_number(account, required(body, "caller_id")),
    )
    _check_kind(body)
    return _with_parties(account, changed_plan(account, body, plan), body)


def changed_plan(account: Account, body: Body, plan: Plan) -> Plan:
    """Return the plan with what the body says; the rest stays. Raises InvalidInputError."""
    changes: dict[str, Any] = {"terms": _terms(body, plan.terms)}
    if name := text(body, "name"):
        changes["name"] = name
    if number := text(body, "caller_id"):
        changes["caller_id"] = caller_id_by_number(account, number)
    if lists := texts(body, "lists"):
        changes |= {"list_id": _list(lists), "dial_whom_url": ""}
    if url := text(body, "dial_whom_url"):
        changes |= {"dial_whom_url": url, "list_id": None}
    if "group_id" in body or "agents" in body:
        return _with_parties(account, replace(plan, **changes), body)
    return replace(plan, **changes)


def tells_of_body(body: Body) -> Tells:
    """Return who is to be told; what is not said is None. Raises InvalidInputError."""
    given: dict[str, Any] = {ours: optional(body, theirs) for theirs, ours in CALLBACKS.items()}
    return replace(NOBODY_IS_TOLD, **given)


def numbers(body: Body) -> tuple[str, ...]:
    """Return the numbers of `from`. Raises InvalidInputError when a list is named as well."""
    found = texts(body, "from")
    if found and (texts(body, "lists") or text(body, "dial_whom_url")):
        raise InvalidInputError(
            "from", "Give only one of from, lists and dial_whom_url.", "dial_numbers_many"
        )
    return found


def _check_kind(body: Body) -> None:
    kind = words.plain(text(body, "campaign_type", DIALER))
    if kind != DIALER and kind not in FLOWS:
        raise InvalidInputError(
            "campaign_type", "campaign_type can be dialer, static or dynamic.", "word_unknown"
        )
    if text(body, "type", "trans") not in {"trans", "transactional"}:
        raise InvalidInputError(
            "type", "type can be trans: promotional calls are not offered.", "call_type_unknown"
        )
    if flag(body, "call_duplicate_numbers"):
        raise InvalidInputError(
            "call_duplicate_numbers",
            "call_duplicate_numbers can be false: a campaign calls each number once.",
            "duplicates_not_called",
        )


def _with_parties(account: Account, plan: Plan, body: Body) -> Plan:
    """Return the plan with the group or the agents that the body names."""
    agents = texts(body, "agents")
    group = text(body, "group_id")
    if not agents and not group:
        group = _flow(body)
    if group and agents:
        raise InvalidInputError("agents", "Give only one of group_id and agents.", "parties_many")
    if agents:
        ids = tuple(dict.fromkeys(_id(agent, "user", "agents") for agent in agents))
        return replace(plan, group_id=None, agent_ids=ids)
    return replace(plan, group_id=_group(account, group, "group_id"), agent_ids=())


def _flow(body: Body) -> str:
    """Return the flow that the customers shall come to: with us, the group of agents."""
    url = text(body, "url")
    if not url:
        raise missing("group_id")
    return last_segment(url)


def _group(account: Account, written: str, field: str) -> int:
    group_id = _id(written, "group", field)
    try:
        return int(group_of(account, group_id).pk)
    except NotFoundError:
        raise InvalidInputError(
            field,
            f"There is no group {written[:40]!r}: group_id, or the last part of url, is the number"
            " of a group of agents.",
            "group_unknown",
        ) from None


def _id(written: str, kind: str, field: str) -> int:
    """Return an id that is written as a number or as a sid. Raises InvalidInputError."""
    if written.isascii() and written.isdecimal() and len(written) <= _NUMBER:
        return int(written)
    try:
        return number_of(written, kind)
    except NotFoundError as error:
        raise InvalidInputError(field, error.sentence, f"{kind}_unknown") from None


def _list(lists: tuple[str, ...]) -> int:
    if len(lists) > 1:
        raise InvalidInputError(
            "lists", "A campaign has one list: make one of them, or several campaigns.", "too_many"
        )
    return number_of(lists[0], "list")


def _terms(body: Body, terms: Terms) -> Terms:
    urls = {ours: text(body, theirs) for theirs, ours in URLS.items() if theirs in body}
    changes = urls | _schedule(section(body, "schedule")) | _retries(section(body, "retries"))
    return replace(terms, **changes)


def _schedule(schedule: Body) -> dict[str, Any]:
    names = {"send_at": "starts_at", "end_at": "ends_at"}
    return {
        ours: read_v2(written, f"schedule.{theirs}")
        for theirs, ours in names.items()
        if (written := text(schedule, theirs))
    }


def _retries(retries: Body) -> dict[str, Any]:
    if not retries:
        return {}
    number = whole(retries, "number_of_retries", 0)
    if number and retries.get("interval_mins") is None:
        raise missing("interval_mins")
    changes: dict[str, Any] = {
        "retries": number,
        "retry_statuses": tuple(words.plain_status(one) for one in texts(retries, "on_status")),
    }
    if number:
        changes["retry_interval_min"] = whole(retries, "interval_mins", 0)
    if mechanism := text(retries, "mechanism"):
        changes["retry_mechanism"] = words.mechanism(mechanism)
    return changes
