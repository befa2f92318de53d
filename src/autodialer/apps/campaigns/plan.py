"""The plan of a campaign: all that a person asks for, checked against what the account has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from autodialer.apps.addresses import check_url, rules_of
from autodialer.apps.agents.queries import group as group_of
from autodialer.apps.campaigns.models import CallerId
from autodialer.apps.campaigns.terms import URLS, Terms, check_schedule, check_terms
from autodialer.apps.contacts.models import ContactList
from autodialer.apps.texts import clean_name
from autodialer.domain.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.models import Account

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
    columns = checked_terms(account, plan.terms, now)
    if (plan.group_id is None) == (not plan.agent_ids):
        raise InvalidInputError(
            "participants", "Choose either a group or single agents.", "participants_missing"
        )
    url = check_url(plan.dial_whom_url, "dial_whom_url", rules_of(account))
    if (plan.list_id is None) == (not url):
        raise InvalidInputError(
            "dial_numbers", "Choose either a list or a Dial-Whom URL.", "numbers_missing"
        )
    return {
        "name": clean_name(plan.name),
        "contact_list": None if plan.list_id is None else list_of(account, plan.list_id),
        "dial_whom_url": url,
        "group": None if plan.group_id is None else group_of(account, plan.group_id),
        "caller_id": verified_caller_id(account, plan.caller_id),
        **columns,
    }


def checked_terms(account: Account, terms: Terms, now: datetime) -> Mapping[str, Any]:
    """Return the columns that hold the terms. Raises InvalidInputError."""
    starts_at, ends_at = check_schedule(terms, now)
    rules = rules_of(account)
    check_terms(terms, account)
    return {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "retry_statuses": sorted(terms.retry_statuses),
        "retry_mechanism": terms.retry_mechanism.value,
        **{name: getattr(terms, name) for name in TERM_FIELDS},
        **{name: check_url(getattr(terms, name), name, rules) for name in URLS},
    }


def list_of(account: Account, list_id: int) -> ContactList:
    """Return a list of the account. Raises NotFoundError."""
    found = ContactList.objects.filter(account=account, pk=list_id).first()
    if found is None:
        raise NotFoundError(f"There is no list {list_id}: see `autodialer list list`.")
    return found


def caller_id_of(account: Account, caller_id: int) -> CallerId:
    """Return a caller id of the account. Raises NotFoundError."""
    found = CallerId.objects.filter(account=account, pk=caller_id).first()
    if found is None:
        raise NotFoundError(f"There is no caller id {caller_id}: see `autodialer caller-id list`.")
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
