"""Campaigns from a count on, with totals: for clients that turn pages by offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models.functions import Lower

from autodialer.apps.campaigns.access import dialers, visible_campaigns
from autodialer.apps.campaigns.counting import TargetCounts, cheap_counts, count_targets
from autodialer.apps.campaigns.pages import CampaignCard, cards_of
from autodialer.apps.texts import storable
from autodialer.domain.campaign import MAX_TARGETS, CampaignStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account


@dataclass(frozen=True, slots=True)
class Found:
    """A campaign with its ten counts."""

    card: CampaignCard
    counts: TargetCounts


def campaigns_at(
    account: Account,
    actor: Actor,
    *,
    statuses: Collection[CampaignStatus] | None,
    name: str,
    by_name: bool,
    down: bool,
    offset: int,
    limit: int,
) -> tuple[list[Found], int]:
    """Return a part of the campaigns whose name holds `name`, and how many there are of them.

    Without statuses all but the archived ones (R19).
    """
    if not storable(name):
        return [], 0
    campaigns = dialers(visible_campaigns(account, actor))
    if statuses is None:
        campaigns = campaigns.exclude(status=CampaignStatus.ARCHIVED.value)
    else:
        campaigns = campaigns.filter(status__in=[status.value for status in statuses])
    if name:
        campaigns = campaigns.filter(name__icontains=name)
    column = Lower("name") if by_name else "created_at"
    ordered = campaigns.order_by(column, "pk")
    part = list((ordered.reverse() if down else ordered)[offset : offset + limit])
    counts = cheap_counts(account, part, at_most=limit * MAX_TARGETS)
    cards = cards_of(account, actor, [campaign.pk for campaign in part])
    found = [Found(card, counts[card.id] or TargetCounts.of({})) for card in cards]
    return found, campaigns.count()


def counts_of(account: Account, ids: Sequence[int]) -> Mapping[int, TargetCounts]:
    """Return the ten counts of these campaigns, as they are now."""
    return count_targets(account, ids)
