"""What is kept of a campaign's moves, in the transaction of the move itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodialer.apps.audit.services import Subject, record
from autodialer.apps.campaigns.models import CampaignChange
from autodialer.apps.campaigns.queries import facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.campaigns.models import Campaign


def note_change(campaign: Campaign, old: str, actor: Actor, now: datetime) -> None:
    """Note that the campaign has come from the status `old` to its present one."""
    CampaignChange.objects.create(
        campaign=campaign,
        old=old,
        new=campaign.status,
        reason=campaign.reason,
        actor=actor.name,
        at=now,
    )


def audit(
    campaign: Campaign, actor: Actor, verb: str, before: Mapping[str, Any], now: datetime
) -> None:
    """Leave what was done to the campaign in the audit log."""
    record(
        account=campaign.account,
        actor=actor,
        action=f"campaign.{verb}",
        subject=Subject("campaign", campaign.pk),
        before=before,
        after=facts(campaign),
        now=now,
    )
