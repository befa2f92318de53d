"""Writes to campaigns and caller ids; with the statements in `sql`, the only writers of a status.

A campaign starts and ends by time in `sql/start_campaigns.sql` and `sql/complete_one.sql`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, connection, transaction

from autodialer.apps.accounts.actor import MANAGERS, Actor, require_role
from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.queries import users_by_id
from autodialer.apps.agents.queries import group as group_of
from autodialer.apps.campaigns.models import CallerId, Campaign, CampaignAgent, CampaignChange
from autodialer.apps.campaigns.terms import Terms, check_schedule, check_terms
from autodialer.apps.contacts.models import ContactList
from autodialer.apps.contacts.numbers import parse_caller_id
from autodialer.apps.events import hint_campaign
from autodialer.apps.statements import statement
from autodialer.apps.texts import clean_name
from autodialer.domain.campaign import (
    MAX_TARGETS,
    TRANSITIONS,
    CampaignStatus,
    check_move,
)
from autodialer.domain.errors import (
    ConflictError,
    IllegalTransitionError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from autodialer.apps.accounts.models import Account

NAME_IS_TAKEN: Final = "campaign_name_is_unique"
_C = CampaignStatus


@dataclass(frozen=True, slots=True)
class _Move:
    """What a button does: the table of legal moves allows more than each of them."""

    sources: frozenset[CampaignStatus]
    wanted: CampaignStatus
    reason: str = ""


_PAUSE: Final = _Move(frozenset({_C.IN_PROGRESS}), _C.PAUSED, "paused_by_user")
_RESUME: Final = _Move(frozenset({_C.PAUSED}), _C.IN_PROGRESS)
_COMPLETE: Final = _Move(frozenset({_C.IN_PROGRESS, _C.PAUSED}), _C.COMPLETED, "completed_by_user")
_ARCHIVE: Final = _Move(frozenset({_C.CREATED, _C.COMPLETED}), _C.ARCHIVED)


@transaction.atomic(durable=True)
def add_caller_id(
    *, account: Account, number: str, now: datetime, verified: bool = False
) -> CallerId:
    """Add a number to call from, or mark a known one as verified. Raises NumberError."""
    e164 = parse_caller_id(number, account.region)
    caller_id, _ = CallerId.objects.get_or_create(
        account=account, e164=e164, defaults={"created_at": now}
    )
    if verified and caller_id.verified_at is None:
        caller_id.verified_at = now
        caller_id.save(update_fields=["verified_at"])
    return caller_id


@transaction.atomic(durable=True)
def create_campaign(
    *,
    account: Account,
    actor: Actor,
    name: str,
    list_id: int,
    caller_id: int,
    now: datetime,
    group_id: int | None = None,
    agent_ids: Sequence[int] = (),
    terms: Terms | None = None,
) -> Campaign:
    """Make a campaign with its own copy of the list; it starts by itself at its start.

    Takes either a group or single agents. Numbers on the do-not-call registry are copied too:
    the registry is asked when dialling. Raises InvalidInputError, NotFoundError, NotAllowedError,
    or ConflictError when the name is in use.
    """
    require_role(actor, MANAGERS, "create campaigns")
    asked = terms or Terms()
    starts_at, ends_at = check_schedule(asked, now)
    check_terms(asked, account)
    if (group_id is None) == (not agent_ids):
        raise InvalidInputError(
            "participants", "Choose either a group or single agents.", "participants_missing"
        )
    campaign = Campaign(
        account=account,
        name=clean_name(name),
        contact_list=_list_of(account, list_id),
        group=None if group_id is None else group_of(account, group_id),
        caller_id=_verified_caller_id(account, caller_id),
        starts_at=starts_at,
        ends_at=ends_at,
        window_opens=asked.window_opens,
        window_closes=asked.window_closes,
        retries=asked.retries,
        retry_statuses=sorted(asked.retry_statuses),
        retry_interval_min=asked.retry_interval_min,
        retry_mechanism=asked.retry_mechanism.value,
        ring_timeout_s=asked.ring_timeout_s,
        idle_limit_s=asked.idle_limit_s,
        max_talk_s=asked.max_talk_s,
        status=(_C.IN_PROGRESS if starts_at <= now else _C.CREATED).value,
        created_by=actor.user,
        created_at=now,
    )
    _insert(campaign)
    _pick_agents(account, campaign, agent_ids)
    _copy_list(campaign, list_id, now)
    _note(campaign, "", actor, now)
    hint_campaign(campaign.pk)
    return campaign


@transaction.atomic(durable=True)
def pause_campaign(*, account: Account, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Stop new calls from starting; calls that live go on (R15).

    Raises IllegalTransitionError unless the campaign is in progress.
    """
    require_role(actor, MANAGERS, "pause campaigns")
    _change(_locked(account, campaign_id), _PAUSE, actor, now)


@transaction.atomic(durable=True)
def resume_campaign(*, account: Account, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Let a paused campaign call again. Raises IllegalTransitionError unless it is paused."""
    require_role(actor, MANAGERS, "resume campaigns")
    _change(_locked(account, campaign_id), _RESUME, actor, now)


@transaction.atomic(durable=True)
def complete_campaign(*, account: Account, campaign_id: int, actor: Actor, now: datetime) -> None:
    """End a campaign early and finish what waits in it; live calls are not cut (R1, R2).

    A supervisor completes a paused one, an admin also one in progress. Raises NotAllowedError
    or IllegalTransitionError.
    """
    require_role(actor, MANAGERS, "complete campaigns")
    campaign = _locked(account, campaign_id)
    if campaign.status == _C.IN_PROGRESS and actor.role is not Role.ADMIN:
        raise NotAllowedError("Pause the campaign first, or ask an admin to complete it.")
    _change(campaign, _COMPLETE, actor, now)
    _close_leftovers(campaign, now)


@transaction.atomic(durable=True)
def archive_campaign(*, account: Account, campaign_id: int, actor: Actor, now: datetime) -> None:
    """Put away a completed or a not yet started campaign (R19).

    What still waited in it is finished: nothing stays scheduled that is never dialled.
    """
    require_role(actor, MANAGERS, "archive campaigns")
    campaign = _locked(account, campaign_id)
    _change(campaign, _ARCHIVE, actor, now)
    _close_leftovers(campaign, now)


def _list_of(account: Account, list_id: int) -> ContactList:
    found = ContactList.objects.filter(account=account, pk=list_id).first()
    if found is None:
        raise NotFoundError(f"There is no list {list_id}: see `autodialer list list`.")
    return found


def _verified_caller_id(account: Account, caller_id: int) -> CallerId:
    found = CallerId.objects.filter(account=account, pk=caller_id).first()
    if found is None:
        raise NotFoundError(f"There is no caller id {caller_id}: see `autodialer caller-id list`.")
    if found.verified_at is None:
        raise InvalidInputError(
            "caller_id", f"The caller id {found.e164} is not verified yet.", "caller_id_unverified"
        )
    return found


def _insert(campaign: Campaign) -> None:
    try:
        campaign.save(force_insert=True)
    except IntegrityError as error:
        if NAME_IS_TAKEN not in str(error):
            raise
        raise ConflictError(
            f"There is a campaign called {campaign.name!r} already: choose another name."
        ) from None


def _pick_agents(account: Account, campaign: Campaign, agent_ids: Sequence[int]) -> None:
    users = users_by_id(account, agent_ids)
    CampaignAgent.objects.bulk_create([CampaignAgent(campaign=campaign, user=u) for u in users])


def _copy_list(campaign: Campaign, list_id: int, now: datetime) -> None:
    values: dict[str, int | datetime] = {
        "campaign_id": campaign.pk,
        "account_id": campaign.account_id,
        "list_id": list_id,
        "max_tries": 1 + campaign.retries,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("campaigns", "copy_list"), values)
        campaign.target_count = cursor.rowcount
    if campaign.target_count == 0:
        raise InvalidInputError("list", "This list is empty: import numbers first.", "list_empty")
    if campaign.target_count > MAX_TARGETS:
        raise InvalidInputError(
            "list", "A campaign dials at most 100,000 numbers: split the list.", "list_too_big"
        )
    campaign.save(update_fields=["target_count"])


def _locked(account: Account, campaign_id: int) -> Campaign:
    """Return the campaign, locked until commit: one legal order of whoever moves it at once."""
    campaigns = Campaign.objects.select_for_update(no_key=True)
    found = campaigns.filter(account=account, pk=campaign_id).first()
    if found is None:
        raise NotFoundError(f"There is no campaign {campaign_id}: see `autodialer campaign list`.")
    return found


def _change(campaign: Campaign, move: _Move, actor: Actor, now: datetime) -> None:
    """Carry out a move of a locked campaign, with its history, or raise IllegalTransitionError."""
    current = CampaignStatus(campaign.status)
    check_move(current, move.wanted)
    if current not in move.sources:
        legal = tuple(sorted(TRANSITIONS[current] - {move.wanted}))
        raise IllegalTransitionError("campaign", current, move.wanted, legal)
    campaign.status, campaign.reason = move.wanted.value, move.reason
    campaign.save(update_fields=["status", "reason"])
    _note(campaign, current, actor, now)
    hint_campaign(campaign.pk)


def _note(campaign: Campaign, old: str, actor: Actor, now: datetime) -> None:
    CampaignChange.objects.create(
        campaign=campaign,
        old=str(old),
        new=campaign.status,
        reason=campaign.reason,
        actor=actor.name,
        at=now,
    )


def _close_leftovers(campaign: Campaign, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            statement("campaigns", "close_leftovers"), {"campaign_id": campaign.pk, "now": now}
        )
