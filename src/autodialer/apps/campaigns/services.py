"""Writes to campaigns and caller ids; with the statements in `sql`, the only writers of a status.

A campaign starts and ends by time in `sql/start_campaigns.sql` and `sql/complete_one.sql`.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, connection, transaction

from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.accounts.queries import users_by_id
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.campaigns.access import (
    no_such_campaign,
    visible_campaign,
    visible_campaigns,
)
from autodialer.apps.campaigns.actions import check_action
from autodialer.apps.campaigns.history import audit, note_change
from autodialer.apps.campaigns.models import (
    CallerId,
    Campaign,
    CampaignAgent,
    NumberSource,
    Target,
)
from autodialer.apps.campaigns.plan import (
    Plan,
    caller_id_of,
    checked,
)
from autodialer.apps.campaigns.queries import facts, plan_of
from autodialer.apps.campaigns.tells import NOBODY_IS_TOLD, Tells, keep, tells_of
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.numbers import parse_caller_id
from autodialer.apps.contacts.queries import own_numbers
from autodialer.apps.contacts.services import list_of_numbers
from autodialer.apps.events import hint_campaign
from autodialer.apps.statements import statement
from autodialer.apps.versions import require_unchanged
from autodialer.domain.campaign import (
    MAX_TARGETS,
    CampaignAction,
    CampaignStatus,
    PauseReason,
)
from autodialer.domain.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account

NAME_IS_TAKEN: Final = "campaign_name_is_unique"
_C = CampaignStatus
_A = CampaignAction
# What each button makes of the campaign, and the reason that stands beside it.
_MOVES: Final[Mapping[CampaignAction, tuple[CampaignStatus, str]]] = MappingProxyType(
    {
        _A.PAUSE: (_C.PAUSED, PauseReason.BY_HAND),
        _A.RESUME: (_C.IN_PROGRESS, ""),
        _A.COMPLETE: (_C.COMPLETED, "completed_by_user"),
        _A.ARCHIVE: (_C.ARCHIVED, ""),
    }
)

# Caller ids ----------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def add_caller_id(
    *, account: Account, actor: Actor, number: str, now: datetime, verified: bool = False
) -> CallerId:
    """Add a number to call from, or mark a known one as verified. For admins. Raises NumberError.

    Repeatable.
    """
    require(actor, Permission.EDIT_CALLER_IDS)
    e164 = parse_caller_id(number, account.region)
    caller_id, is_new = CallerId.objects.select_for_update(no_key=True).get_or_create(
        account=account, e164=e164, defaults={"created_at": now}
    )
    before = {} if is_new else _caller_id_facts(caller_id)
    if verified and caller_id.verified_at is None:
        caller_id.verified_at = now
        caller_id.save(update_fields=["verified_at"])
    if before != _caller_id_facts(caller_id):
        _audit_caller_id(caller_id, actor, "add", before, now)
    return caller_id


@transaction.atomic(durable=True)
def unverify_caller_id(*, account: Account, actor: Actor, caller_id: int, now: datetime) -> int:
    """Forbid calls from a number; return how many campaigns were paused by that. For admins.

    They can be resumed once it is verified again. Repeatable. Raises NotFoundError.
    """
    require(actor, Permission.EDIT_CALLER_IDS)
    found = caller_id_of(account, caller_id)
    before = _caller_id_facts(found)
    found.verified_at = None
    found.save(update_fields=["verified_at"])
    values: dict[str, int | str | datetime] = {
        "caller_id": found.pk,
        "actor": actor.name,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("campaigns", "pause_unverified"), values)
        paused = [row[0] for row in cursor.fetchall()]
    for campaign_id in paused:
        hint_campaign(account.pk, campaign_id)
    if before["verified_at"] is not None:
        _audit_caller_id(found, actor, "unverify", before, now)
    return len(paused)


def _caller_id_facts(caller_id: CallerId) -> dict[str, str | None]:
    at = caller_id.verified_at
    return {"number": caller_id.e164, "verified_at": at.isoformat() if at else None}


def _audit_caller_id(
    caller_id: CallerId, actor: Actor, verb: str, before: Mapping[str, Any], now: datetime
) -> None:
    record(
        account=caller_id.account,
        actor=actor,
        action=f"caller_id.{verb}",
        subject=Subject("caller_id", caller_id.pk),
        before=before,
        after=_caller_id_facts(caller_id),
        now=now,
    )


# Making and editing --------------------------------------------------------------------------


@transaction.atomic(durable=True)
def create_campaign(
    *,
    account: Account,
    actor: Actor,
    name: str,
    caller_id: int,
    now: datetime,
    list_id: int | None = None,
    dial_whom_url: str = "",
    group_id: int | None = None,
    agent_ids: Sequence[int] = (),
    terms: Terms | None = None,
    numbers: Sequence[str] = (),
    tells: Tells = NOBODY_IS_TOLD,
) -> Campaign:
    """Make a campaign with its own copy of the list; it starts by itself at its start.

    Takes a list, a Dial-Whom URL, or numbers, of which a list with the campaign's name is made;
    and either a group or single agents. Numbers on the do-not-call registry are copied too: the
    registry is asked when dialling. `tells` is who is told of it. Raises InvalidInputError,
    NotFoundError, NotAllowedError, or ConflictError when the name is in use.
    """
    require(actor, Permission.CREATE_CAMPAIGN)
    if numbers and list_id is None:
        list_id = list_of_numbers(account, actor, name, numbers, now).pk
    plan = Plan(name, caller_id, list_id, dial_whom_url, group_id, agent_ids, terms or Terms())
    return _create(account, actor, plan, "create", now, tells=tells)


@transaction.atomic(durable=True)
def change_tells(
    *, account: Account, campaign_id: int, actor: Actor, tells: Tells, now: datetime
) -> None:
    """Change who is told of a campaign, also while it runs; what is None stays.

    Raises InvalidInputError, NotFoundError, NotAllowedError.
    """
    campaign = visible_campaign(account, actor, campaign_id, Permission.EDIT_CAMPAIGN)
    before = keep(campaign, tells)
    record(
        account=account,
        actor=actor,
        action="campaign.callbacks",
        subject=Subject("campaign", campaign.pk),
        before=before.facts(),
        after=tells_of(account, [campaign.pk])[campaign.pk].facts(),
        now=now,
    )


@transaction.atomic(durable=True)
def clone_campaign(
    *,
    account: Account,
    campaign_id: int,
    actor: Actor,
    now: datetime,
    name: str = "",
    starts_at: datetime | None = None,
) -> Campaign:
    """Make a campaign like another one, of any state, that lasts as long.

    It starts now unless told otherwise, and gets the next free name unless given one. The list is
    copied as it is now. Raises as `create_campaign` does, also for what is not there any more.
    """
    model = visible_campaign(account, actor, campaign_id, Permission.CLONE_CAMPAIGN)
    start = starts_at or now
    plan = plan_of(model)
    terms = replace(plan.terms, starts_at=start, ends_at=start + (model.ends_at - model.starts_at))
    wanted = replace(plan, name=name or _free_name(account, model.name), terms=terms)
    return _create(account, actor, wanted, "clone", now)


@transaction.atomic(durable=True)
def edit_campaign(
    *,
    account: Account,
    campaign_id: int,
    actor: Actor,
    plan: Plan,
    now: datetime,
    copy_again: bool = False,
    seen: str | None = None,
) -> Campaign:
    """Replace the plan of a campaign that has not started; `queries.plan_of` is the present one.

    Another list is copied anew, the same one only when asked for (R12). `seen` is the version of
    `queries.facts` that was looked at. Raises IllegalTransitionError once it has started,
    ChangedMeanwhileError, else as `create_campaign` does.
    """
    campaign = _locked(account, actor, campaign_id)
    check_action(_A.EDIT, campaign, actor)
    before = facts(campaign)
    require_unchanged(before, seen)
    old_list, old_url = campaign.contact_list_id, campaign.dial_whom_url
    for column, value in checked(account, plan, now).items():
        setattr(campaign, column, value)
    _save(campaign)
    CampaignAgent.objects.filter(campaign=campaign).delete()
    _pick_agents(account, campaign, plan.agent_ids)
    if copy_again or (campaign.contact_list_id, campaign.dial_whom_url) != (old_list, old_url):
        Target.objects.filter(campaign=campaign).delete()
        NumberSource.objects.filter(campaign=campaign).delete()
        _get_numbers(campaign, now)
    else:
        Target.objects.filter(campaign=campaign).update(max_tries=1 + campaign.retries)
    if campaign.starts_at <= now:
        _move(campaign, _C.IN_PROGRESS, "", actor, now)
    audit(campaign, actor, "edit", before, now)
    return campaign


def _create(
    account: Account,
    actor: Actor,
    plan: Plan,
    verb: str,
    now: datetime,
    *,
    tells: Tells = NOBODY_IS_TOLD,
) -> Campaign:
    columns = checked(account, plan, now)
    status = _C.IN_PROGRESS if columns["starts_at"] <= now else _C.CREATED
    campaign = Campaign(
        account=account, status=status.value, created_by=actor.user, created_at=now, **columns
    )
    _save(campaign)
    _pick_agents(account, campaign, plan.agent_ids)
    _get_numbers(campaign, now)
    keep(campaign, tells)  # before its first step, which may have to be told
    note_change(campaign, "", actor, now)
    audit(campaign, actor, verb, {}, now)
    hint_campaign(campaign.account_id, campaign.pk)
    return campaign


def _save(campaign: Campaign) -> None:
    try:
        campaign.save()
    except IntegrityError as error:
        if NAME_IS_TAKEN not in str(error):
            raise
        raise ConflictError(
            f"There is a campaign called {campaign.name!r} already: choose another name."
            " Capital and small letters make no difference."
        ) from None


def _free_name(account: Account, name: str) -> str:
    """Return the name with the first number behind it that no campaign in use has."""
    in_use = Campaign.objects.filter(account=account).exclude(status=_C.ARCHIVED.value)
    alike = in_use.filter(name__istartswith=name[:90]).values_list("name", flat=True)
    taken = {each.lower() for each in alike}
    number = 2
    while (candidate := f"{name[:90]} ({number})").lower() in taken:
        number += 1
    return candidate


def _pick_agents(account: Account, campaign: Campaign, agent_ids: Sequence[int]) -> None:
    users = users_by_id(account, agent_ids)
    CampaignAgent.objects.bulk_create([CampaignAgent(campaign=campaign, user=u) for u in users])


def _get_numbers(campaign: Campaign, now: datetime) -> None:
    """Copy the list, or make the source that is asked for each number."""
    if campaign.dial_whom_url:
        campaign.target_count = 0
        NumberSource.objects.create(campaign=campaign)
    else:
        campaign.target_count = _copy_list(campaign, now)
    campaign.save(update_fields=["target_count"])


def _copy_list(campaign: Campaign, now: datetime) -> int:
    values: dict[str, int | datetime | list[str] | None] = {
        "campaign_id": campaign.pk,
        "account_id": campaign.account_id,
        "own_numbers": list(own_numbers(campaign.account)),
        "list_id": campaign.contact_list_id,
        "max_tries": 1 + campaign.retries,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("campaigns", "copy_list"), values)
        count = int(cursor.rowcount)
    if count == 0:
        raise InvalidInputError("list", "This list is empty: import numbers first.", "list_empty")
    if count > MAX_TARGETS:
        raise InvalidInputError(
            "list", "A campaign dials at most 100,000 numbers: split the list.", "list_too_big"
        )
    return count


# The life of a campaign ----------------------------------------------------------------------


@transaction.atomic(durable=True)
def pause_campaign(*, account: Account, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Stop new calls from starting; calls that live go on (R15).

    Raises IllegalTransitionError unless the campaign is in progress.
    """
    _act(account, campaign_id, _A.PAUSE, actor, now)


@transaction.atomic(durable=True)
def resume_campaign(*, account: Account, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Let a paused campaign call again, at its start if that is to come.

    Its Dial-Whom URL is asked again at once.

    Raises IllegalTransitionError unless it is paused, CallerIdUnverifiedError.
    """
    campaign = _act(account, campaign_id, _A.RESUME, actor, now)
    NumberSource.objects.filter(campaign=campaign).update(failures=0, repeats=0, not_before=None)


@transaction.atomic(durable=True)
def complete_campaign(*, account: Account, campaign_id: int, actor: Actor, now: datetime) -> None:
    """End a campaign early and finish what waits in it; live calls are not cut (R1, R2).

    A supervisor completes a paused one, an admin also one in progress. Raises NotAllowedError
    or IllegalTransitionError.
    """
    _close_leftovers(_act(account, campaign_id, _A.COMPLETE, actor, now), now)


@transaction.atomic(durable=True)
def archive_campaign(*, account: Account, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Put away a completed or a not yet started campaign (R19).

    What still waited in it is finished: nothing stays scheduled that is never dialled.
    """
    _close_leftovers(_act(account, campaign_id, _A.ARCHIVE, actor, now), now)


@transaction.atomic(durable=True)
def keep_final_counts(*, limit: int = 20) -> int:
    """Keep the counts of campaigns that are over; return of how many this time. Repeatable.

    Nothing depends on it but the speed of pages: what is not kept is counted.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement("campaigns", "keep_final_counts"), {"limit": limit})
        return int(cursor.rowcount)


def pause_restored(*, actor: Actor, now: datetime) -> int:
    """Pause every campaign that runs or waits for its start; return how many.

    In the transaction that restores a backup: whom its campaigns have called since is not known.
    """
    values: dict[str, str | datetime] = {"actor": actor.name, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(statement("campaigns", "pause_restored"), values)
        before = dict(cursor.fetchall())
    for campaign in Campaign.objects.filter(pk__in=before).select_related("account"):
        record(
            account=campaign.account,
            actor=actor,
            action="campaign.pause",
            subject=Subject("campaign", campaign.pk),
            before={"status": before[campaign.pk], "reason": ""},
            after={"status": campaign.status, "reason": campaign.reason},
            now=now,
        )
    return len(before)


def _act(
    account: Account, campaign_id: int, action: CampaignAction, actor: Actor, now: datetime
) -> Campaign:
    """Carry out one of the buttons, with history and audit, or refuse it; return the campaign."""
    campaign = _locked(account, actor, campaign_id)
    check_action(action, campaign, actor)
    before = {"status": campaign.status, "reason": campaign.reason}
    wanted, reason = _MOVES[action]
    if action is _A.RESUME and campaign.starts_at > now:
        wanted = _C.CREATED
    _move(campaign, wanted, reason, actor, now)
    record(
        account=account,
        actor=actor,
        action=f"campaign.{action}",
        subject=Subject("campaign", campaign.pk),
        before=before,
        after={"status": campaign.status, "reason": campaign.reason},
        now=now,
    )
    return campaign


def _locked(account: Account, actor: Actor, campaign_id: int) -> Campaign:
    """Return the campaign, locked until commit: one legal order of whoever moves it at once."""
    campaigns = visible_campaigns(account, actor).select_for_update(of=("self",), no_key=True)
    found = campaigns.filter(pk=campaign_id).first()
    if found is None:
        raise no_such_campaign(campaign_id)
    return found


def _move(
    campaign: Campaign, wanted: CampaignStatus, reason: str, actor: Actor, now: datetime
) -> None:
    old = campaign.status
    campaign.status, campaign.reason = wanted.value, str(reason)
    campaign.save(update_fields=["status", "reason"])
    note_change(campaign, old, actor, now)
    hint_campaign(campaign.account_id, campaign.pk)


def _close_leftovers(campaign: Campaign, now: datetime) -> None:
    values: dict[str, int | datetime] = {"campaign_id": campaign.pk, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(statement("campaigns", "close_leftovers"), values)
