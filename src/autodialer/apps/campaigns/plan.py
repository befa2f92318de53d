"""The plan of a campaign: all that a person asks for, checked against what the account has."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from autodialer.apps.accounts.queries import users_by_id
from autodialer.apps.addresses import check_url, rules_of
from autodialer.apps.agents.queries import group as group_of
from autodialer.apps.campaigns.models import CallerId
from autodialer.apps.campaigns.terms import URLS, Terms, check_schedule, check_terms
from autodialer.apps.contacts.models import ContactList
from autodialer.apps.texts import clean_name
from autodialer.domain.errors import (
    InvalidInputError,
    NotFoundError,
    UnknownReferenceError,
    gathered,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.models import Account
    from autodialer.domain.web_address import OutboundRules

# Columns that are a term of the same name.
TERM_FIELDS: Final = (
    "window_opens",
    "window_closes",
    "retries",
    "retry_interval_min",
    "ring_timeout_s",
    "idle_limit_s",
    "max_talk_s",
    "call_type",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to call (a list or a URL), by whom (a group or single agents), from where, and how."""

    name: str
    caller_id: int
    list_id: int | None = None
    dial_whom_url: str = ""
    group_id: int | None = None
    agent_ids: Sequence[int] = ()
    terms: Terms = field(default_factory=Terms)


def checked(account: Account, plan: Plan, now: datetime) -> Mapping[str, Any]:
    """Return the campaign's columns. Raises InvalidInputError or NotFoundError.

    The agents of a plan without a group are not columns: the caller stores them.
    """
    columns: Sequence[Mapping[str, Any]] = gathered(
        lambda: {"name": clean_name(plan.name)},
        lambda: _numbers(account, plan),
        lambda: _participants(account, plan),
        lambda: {"caller_id": verified_caller_id(account, plan.caller_id)},
        lambda: checked_terms(account, plan.terms, now),
    )
    return {name: value for part in columns for name, value in part.items()}


def _numbers(account: Account, plan: Plan) -> Mapping[str, Any]:
    url = check_url(plan.dial_whom_url, "dial_whom_url", rules_of(account))
    if (plan.list_id is None) == (not url):
        raise InvalidInputError(
            "dial_numbers", "Choose either a list or a Dial-Whom URL.", "numbers_missing"
        )
    chosen = None if plan.list_id is None else list_of(account, plan.list_id)
    return {"contact_list": chosen, "dial_whom_url": url}


def _participants(account: Account, plan: Plan) -> Mapping[str, Any]:
    if (plan.group_id is None) == (not plan.agent_ids):
        raise InvalidInputError(
            "participants", "Choose either a group or single agents.", "participants_missing"
        )
    if plan.group_id is None:
        _check_agents(account, plan.agent_ids)
        return {"group": None}
    try:
        return {"group": group_of(account, plan.group_id)}
    except NotFoundError as error:
        raise UnknownReferenceError("group", str(error)) from None


def _check_agents(account: Account, ids: Sequence[int]) -> None:
    try:
        users_by_id(account, ids)
    except NotFoundError as error:
        raise UnknownReferenceError("agents", str(error)) from None


def checked_terms(account: Account, terms: Terms, now: datetime) -> Mapping[str, Any]:
    """Return the columns that hold the terms. Raises InvalidInputError."""
    rules = rules_of(account)
    columns: Sequence[Mapping[str, Any]] = gathered(
        lambda: _schedule(terms, now),
        lambda: _limits(terms, account),
        *(partial(_url, terms, name, rules) for name in URLS),
    )
    return {name: value for part in columns for name, value in part.items()}


def _schedule(terms: Terms, now: datetime) -> Mapping[str, Any]:
    starts_at, ends_at = check_schedule(terms, now)
    return {"starts_at": starts_at, "ends_at": ends_at}


def _limits(terms: Terms, account: Account) -> Mapping[str, Any]:
    check_terms(terms, account)
    return {
        "retry_statuses": sorted(terms.retry_statuses),
        "retry_mechanism": terms.retry_mechanism.value,
        **{name: getattr(terms, name) for name in TERM_FIELDS},
    }


def _url(terms: Terms, name: str, rules: OutboundRules) -> Mapping[str, Any]:
    return {name: check_url(getattr(terms, name), name, rules)}


def list_of(account: Account, list_id: int) -> ContactList:
    """Return a list of the account. Raises NotFoundError."""
    found = ContactList.objects.filter(account=account, pk=list_id).first()
    if found is None:
        raise UnknownReferenceError(
            "list", f"There is no list {list_id}: see `autodialer list list`."
        )
    return found


def caller_id_of(account: Account, caller_id: int) -> CallerId:
    """Return a caller id of the account. Raises NotFoundError."""
    found = CallerId.objects.filter(account=account, pk=caller_id).first()
    if found is None:
        raise UnknownReferenceError(
            "caller_id", f"There is no caller id {caller_id}: see `autodialer caller-id list`."
        )
    return found


def verified_caller_id(account: Account, caller_id: int) -> CallerId:
    """Return a number that may be called from. Raises InvalidInputError or NotFoundError."""
    found = caller_id_of(account, caller_id)
    if found.verified_at is None:
        raise InvalidInputError(
            "caller_id",
            f"The caller id {found} is not verified yet: an admin verifies it under"
            f" Caller ids, or by `autodialer caller-id add {found} --verified`.",
            "caller_id_unverified",
        )
    return found
