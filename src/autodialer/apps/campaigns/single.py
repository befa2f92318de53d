"""A single call that a program asks for, as a campaign of one number: no other way to dial."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.campaigns.history import audit, note_change
from autodialer.apps.campaigns.models import Campaign, CampaignAgent, Target
from autodialer.apps.campaigns.plan import checked_terms, verified_caller_id
from autodialer.apps.campaigns.tells import keep
from autodialer.apps.campaigns.terms import IDLE_LIMIT_S, Terms
from autodialer.apps.contacts.queries import contact_by_number
from autodialer.domain.campaign import SINGLE_CALL_LASTS, CampaignKind, CampaignStatus

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account, User
    from autodialer.apps.campaigns.tells import Tells

# Nothing follows the one call: the agent waits for no retry.
QUICK: Final = Terms(idle_limit_s=IDLE_LIMIT_S[0])


def new_single_call(
    *,
    account: Account,
    actor: Actor,
    agent: User,
    e164: str,
    caller_id: int,
    terms: Terms,
    tells: Tells,
    now: datetime,
) -> Campaign:
    """Make a campaign that calls one number once, inside the caller's transaction.

    Every rule of campaigns holds, the shortest life included; no list of campaigns shows it.
    Raises InvalidInputError, NotFoundError, NotAllowedError.
    """
    require(actor, Permission.CREATE_CAMPAIGN)
    ends_at = now + SINGLE_CALL_LASTS
    columns = checked_terms(account, replace(terms, starts_at=now, ends_at=ends_at), now)
    campaign = Campaign.objects.create(
        account=account,
        kind=CampaignKind.CALL.value,
        name=f"Call to {e164}",
        status=CampaignStatus.IN_PROGRESS.value,
        caller_id=verified_caller_id(account, caller_id),
        target_count=1,
        created_by=actor.user,
        created_at=now,
        **columns,
    )
    CampaignAgent.objects.create(campaign=campaign, user=agent)
    Target.objects.create(
        account=account,
        campaign=campaign,
        seq=1,
        e164=e164,
        contact=contact_by_number(account, e164),
        max_tries=1,
        changed_at=now,
    )
    keep(campaign, tells)  # before its first step, which may have to be told
    note_change(campaign, "", actor, now)
    audit(campaign, actor, "create", {}, now)
    return campaign
