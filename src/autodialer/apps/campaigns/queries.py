"""What pages and commands read of campaigns; the account comes first."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Count, F

from autodialer.apps import keyset
from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.campaigns.access import (
    campaigns_of_agent,
    check_visible,
    dialers,
    picked_agents,
    visible_campaign,
    visible_campaigns,
)
from autodialer.apps.campaigns.actions import Choice, choices
from autodialer.apps.campaigns.counting import TargetCounts, count_targets
from autodialer.apps.campaigns.models import (
    CallerId,
    Campaign,
    CampaignAgent,
    CampaignChange,
    TargetChange,
)
from autodialer.apps.campaigns.plan import TERM_FIELDS, Plan
from autodialer.apps.campaigns.terms import URLS, Terms, narrowed_hours
from autodialer.apps.contacts.numbers import NumberError, parse_caller_id
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.errors import InvalidInputError, NotFoundError
from autodialer.domain.retry import RetryMechanism

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.counting import CountAll
    from autodialer.apps.keyset import Place

SEARCH_FROM: Final = 3  # characters, as in the requirements


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as a list or its page shows it. Times are aware."""

    id: int
    name: str
    status: str
    reason: str
    zone: str
    caller_id: str
    participants: str
    list_name: str
    dial_whom_url: str
    starts_at: datetime
    ends_at: datetime
    window_opens: time
    window_closes: time
    retries: int
    retry_statuses: tuple[str, ...]
    retry_interval_min: int
    retry_mechanism: str
    ring_timeout_s: int
    idle_limit_s: int
    max_talk_s: int
    call_type: str
    popup_url: str
    call_completed_url: str
    call_no_answer_url: str
    get_contacts_url: str
    target_count: int
    counts: TargetCounts
    created_at: datetime
    source_trouble: str  # what was wrong with the Dial-Whom URL's last answer; "": nothing


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One step of a campaign's history."""

    old: str
    new: str
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TargetStep:
    """One step of a number's history."""

    old: str
    new: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CallerIdRow:
    """A number that calls may be made from."""

    id: int
    e164: str
    verified_at: datetime | None
    campaigns: int  # in progress or to come


def campaign(account: Account, campaign_id: int) -> Campaign:
    """Return a campaign of the account. Raises NotFoundError."""
    return visible_campaign(account, OPERATOR, campaign_id)


def campaign_counts(account: Account, campaign_id: int) -> TargetCounts:
    """Return the ten counts of one campaign, all of the same instant."""
    return count_targets(account, [campaign_id])[campaign_id]


def campaign_row(account: Account, campaign_id: int, actor: Actor = OPERATOR) -> CampaignRow:
    """Return one campaign with its counts. Raises NotFoundError, also for who may not see it."""
    check_visible(account, actor, campaign_id)
    (row,) = rows_of(account, [campaign_id])
    return row


def campaign_rows(
    account: Account,
    actor: Actor = OPERATOR,
    *,
    status: CampaignStatus | None = None,
    search: str = "",
    as_agent: bool = False,
    limit: int = 200,
) -> list[CampaignRow]:
    """Return what the actor may see, newest first. Archived ones only when asked for (R19).

    A search of fewer than three characters finds everything. `as_agent` leaves out campaigns in
    which the actor is no agent, whatever their role.
    """
    campaigns = visible_campaigns(account, actor)
    if as_agent:
        campaigns = campaigns_of_agent(account, actor.user)
    campaigns = dialers(campaigns).order_by("-created_at", "-pk")
    if status is None:
        campaigns = campaigns.exclude(status=CampaignStatus.ARCHIVED.value)
    else:
        campaigns = campaigns.filter(status=status.value)
    if len(search) >= SEARCH_FROM:
        campaigns = campaigns.filter(name__icontains=search)
    return rows_of(account, campaigns.values_list("pk", flat=True)[:limit])


def campaign_names(account: Account) -> list[tuple[int, str]]:
    """Return id and name of every campaign of the account, archived ones too, newest first."""
    found = dialers(Campaign.objects.filter(account=account)).order_by("-pk")
    return list(found.values_list("pk", "name"))


def changes(account: Account, campaign_id: int) -> list[ChangeRow]:
    """Return the history of a campaign, oldest first."""
    return changes_of(account, [campaign_id])[campaign_id]


def changes_of(account: Account, ids: Iterable[int]) -> Mapping[int, list[ChangeRow]]:
    """Return the history of each of these campaigns, oldest first; one query."""
    found: dict[int, list[ChangeRow]] = {campaign_id: [] for campaign_id in ids}
    steps = CampaignChange.objects.filter(campaign__account=account, campaign__in=list(found))
    for step in steps.order_by("pk"):
        row = ChangeRow(step.old, step.new, step.reason, step.actor, step.at)
        found[step.campaign_id].append(row)
    return found


def target_changes(account: Account, campaign_id: int, e164: str) -> list[TargetStep]:
    """Return the history of one number of a campaign, oldest first."""
    found = TargetChange.objects.filter(
        target__account=account, target__campaign=campaign_id, target__e164=e164
    )
    return [
        TargetStep(change.old, change.new, change.reason, change.at)
        for change in found.order_by("pk")
    ]


def allowed_actions(account: Account, campaign_id: int, actor: Actor) -> list[Choice]:
    """Return the campaign's menu for this actor: what is allowed, and why not the rest."""
    return choices(visible_campaign(account, actor, campaign_id), actor)


def menus(account: Account, ids: Iterable[int], actor: Actor) -> Mapping[int, list[Choice]]:
    """Return the menu of each of these campaigns that the actor may see; one query."""
    found = visible_campaigns(account, actor).filter(pk__in=list(ids)).select_related("caller_id")
    return {each.pk: choices(each, actor) for each in found}


def plan_of(found: Campaign, agent_ids: Sequence[int] | None = None) -> Plan:
    """Return what was asked for, as `edit_campaign` takes it back.

    The agents who were picked are looked up unless they are given.
    """
    terms = Terms(
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        retry_statuses=tuple(found.retry_statuses),
        retry_mechanism=RetryMechanism(found.retry_mechanism),
        **{name: getattr(found, name) for name in (*TERM_FIELDS, *URLS)},
    )
    if agent_ids is None:
        picked = CampaignAgent.objects.filter(campaign=found).order_by("pk")
        agent_ids = tuple(picked.values_list("user_id", flat=True))
    return Plan(
        name=found.name,
        caller_id=found.caller_id_id,
        list_id=found.contact_list_id,
        dial_whom_url=found.dial_whom_url,
        group_id=found.group_id,
        agent_ids=tuple(agent_ids),
        terms=terms,
    )


def facts(found: Campaign, plan: Plan | None = None) -> dict[str, Any]:
    """Return what the audit log keeps of a campaign: its plan, if it is known, and its size."""
    return plan_facts(plan or plan_of(found), found.target_count)


def plan_facts(plan: Plan, numbers: int) -> dict[str, Any]:
    """Return a plan and the size of its copy as JSON holds them."""
    terms = {field.name: _json(getattr(plan.terms, field.name)) for field in fields(plan.terms)}
    return {
        "name": plan.name,
        "caller_id": plan.caller_id,
        "list": plan.list_id,
        "dial_whom_url": plan.dial_whom_url,
        "group": plan.group_id,
        "agents": list(plan.agent_ids),
        "numbers": numbers,
        **terms,
    }


def _json(value: object) -> object:
    """Return times as text and tuples as lists; the rest is what JSON holds."""
    if isinstance(value, (datetime, time)):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def caller_id_by_number(account: Account, number: str) -> int:
    """Return the caller id with this number, however it is written. Raises InvalidInputError."""
    unknown = InvalidInputError(
        "caller_id", f"{number[:40]!r} is no caller id of this account.", "caller_id_unknown"
    )
    try:
        e164 = parse_caller_id(number, account.region)
    except NumberError:
        raise unknown from None
    found = CallerId.objects.filter(account=account, e164=e164).values_list("pk", flat=True)
    if not found:
        raise unknown
    return found[0]


def caller_id_rows(account: Account) -> list[CallerIdRow]:
    """Return the caller ids of the account, oldest first."""
    return _caller_id_rows(account, CallerId.objects.filter(account=account).order_by("pk"))


def caller_ids_part(
    account: Account,
    *,
    e164: str | None = None,
    is_verified: bool | None = None,
    after: Place | None = None,
    limit: int,
) -> list[CallerIdRow]:
    """Return the caller ids of the account after a place, oldest first."""
    found = CallerId.objects.filter(account=account)
    if e164 is not None:
        found = found.filter(e164=e164)
    if is_verified is not None:
        found = found.filter(verified_at__isnull=not is_verified)
    return _caller_id_rows(account, keyset.part(found, keyset.OLDEST_FIRST, after, limit))


def _caller_id_rows(account: Account, found: Iterable[CallerId]) -> list[CallerIdRow]:
    waiting = (CampaignStatus.CREATED.value, CampaignStatus.IN_PROGRESS.value)
    campaigns = Campaign.objects.filter(account=account, status__in=waiting)
    used = dict(campaigns.values_list("caller_id").annotate(Count("pk")).order_by())
    return [CallerIdRow(row.pk, row.e164, row.verified_at, used.get(row.pk, 0)) for row in found]


def caller_id_row(account: Account, caller_id: int) -> CallerIdRow:
    """Return one caller id of the account. Raises NotFoundError."""
    rows = {row.id: row for row in caller_id_rows(account)}
    if caller_id not in rows:
        raise NotFoundError(f"There is no caller id {caller_id}.")
    return rows[caller_id]


def rows_of(
    account: Account, ids: Iterable[int], count: CountAll | None = None
) -> list[CampaignRow]:
    """Return these campaigns with their counts, without those that are no more; two queries.

    `count` is asked for the counts, if given, instead of the database.
    """
    wanted = list(ids)
    found = (
        Campaign.objects.filter(account=account, pk__in=wanted)
        .select_related("group", "caller_id", "contact_list")
        .annotate(picked=picked_agents(), trouble=F("source__trouble"))
    )
    counts = count(wanted) if count else count_targets(account, wanted)
    by_id = {row.pk: _row(row, account, counts[row.pk]) for row in found}
    return [by_id[campaign_id] for campaign_id in wanted if campaign_id in by_id]


def _row(found: Campaign, account: Account, counts: TargetCounts) -> CampaignRow:
    picked: int | None = found.picked  # type: ignore[attr-defined]  # annotated in rows_of
    trouble: str | None = found.trouble  # type: ignore[attr-defined]  # the same
    hours = narrowed_hours(account, found.window_opens, found.window_closes)
    return CampaignRow(
        id=found.pk,
        name=found.name,
        status=found.status,
        reason=found.reason,
        zone=account.zone,
        caller_id=found.caller_id.e164,
        participants=found.group.name if found.group else _agents(picked or 0),
        list_name=found.contact_list.name if found.contact_list else "",
        dial_whom_url=found.dial_whom_url,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        window_opens=hours.opens,
        window_closes=hours.closes,
        retries=found.retries,
        retry_statuses=tuple(found.retry_statuses),
        retry_interval_min=found.retry_interval_min,
        retry_mechanism=found.retry_mechanism,
        ring_timeout_s=found.ring_timeout_s,
        idle_limit_s=found.idle_limit_s,
        max_talk_s=found.max_talk_s,
        call_type=found.call_type,
        popup_url=found.popup_url,
        call_completed_url=found.call_completed_url,
        call_no_answer_url=found.call_no_answer_url,
        get_contacts_url=found.get_contacts_url,
        target_count=found.target_count,
        counts=counts,
        created_at=found.created_at,
        source_trouble=trouble or "",
    )


def _agents(picked: int) -> str:
    return "1 agent" if picked == 1 else f"{picked} agents"
