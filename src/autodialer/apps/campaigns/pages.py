"""Campaigns as programs read them: the whole plan, in parts that go on where the last one ended."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from autodialer.apps import keyset
from autodialer.apps.campaigns.access import no_such_campaign, visible_campaigns
from autodialer.apps.campaigns.actions import choices
from autodialer.apps.campaigns.listing import Order, Wanted, matching
from autodialer.apps.campaigns.models import CampaignAgent
from autodialer.apps.campaigns.queries import facts, plan_of
from autodialer.apps.versions import version_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.apps.campaigns.plan import Plan
    from autodialer.apps.keyset import Place

# By what programs may have them sorted; the id makes each order total.
ORDERS: Final[Mapping[Order, Sequence[str]]] = MappingProxyType(
    {
        Order.NEWEST: ("-created_at", "-id"),
        Order.OLDEST: ("created_at", "id"),
        Order.NAME: ("name", "id"),
        Order.NAME_DOWN: ("-name", "-id"),
    }
)


@dataclass(frozen=True, slots=True)
class CampaignCard:
    """A campaign: what was asked for, and what has become of it.

    `actions` are those of now, `version` is that of what can be changed.
    """

    id: int
    plan: Plan
    status: str
    reason: str
    caller_number: str
    list_name: str
    group_name: str
    target_count: int
    made_by: str
    created_at: datetime
    actions: tuple[str, ...]
    version: str


def card(account: Account, actor: Actor, campaign_id: int) -> CampaignCard:
    """Return one campaign. Raises NotFoundError, also for who may not see it."""
    found = loaded(visible_campaigns(account, actor).filter(pk=campaign_id)).first()
    if found is None:
        raise no_such_campaign(campaign_id)
    (shown,) = cards_of([found], actor)
    return shown


def cards(
    account: Account, actor: Actor, wanted: Wanted, *, after: Place | None, limit: int
) -> tuple[list[CampaignCard], Place | None]:
    """Return the campaigns after a place, and the place of the last one; None at the end.

    Two queries. Raises KeyError for an order that is not one of ORDERS, PlaceError.
    """
    order = ORDERS[wanted.order]
    rows = list(keyset.part(loaded(matching(account, actor, wanted)), order, after, limit + 1))
    shown = rows[:limit]
    last = keyset.place_of(shown[-1], order) if len(rows) > limit else None
    return cards_of(shown, actor), last


def loaded(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Return campaigns with what `cards_of` reads of each."""
    return campaigns.select_related("group", "caller_id", "contact_list", "created_by")


def _picked(campaigns: Sequence[Campaign]) -> Mapping[int, list[int]]:
    """Return the agents who were picked for the campaigns without a group; one query."""
    found: dict[int, list[int]] = {each.pk: [] for each in campaigns}
    without = [each.pk for each in campaigns if each.group_id is None]
    if without:
        picks = CampaignAgent.objects.filter(campaign__in=without).order_by("pk")
        for campaign_id, user_id in picks.values_list("campaign_id", "user_id"):
            found[campaign_id].append(user_id)
    return found


def cards_of(campaigns: Sequence[Campaign], actor: Actor) -> list[CampaignCard]:
    """Return campaigns that were read by `loaded` as programs read them; one query."""
    picked = _picked(campaigns)
    return [_card(campaign, actor, picked[campaign.pk]) for campaign in campaigns]


def _card(campaign: Campaign, actor: Actor, agent_ids: Sequence[int]) -> CampaignCard:
    plan = plan_of(campaign, agent_ids)
    return CampaignCard(
        id=campaign.pk,
        plan=plan,
        status=campaign.status,
        reason=campaign.reason,
        caller_number=campaign.caller_id.e164,
        list_name=campaign.contact_list.name if campaign.contact_list else "",
        group_name=campaign.group.name if campaign.group else "",
        target_count=campaign.target_count,
        made_by=campaign.created_by.name if campaign.created_by else "",
        created_at=campaign.created_at,
        actions=tuple(choice.action for choice in choices(campaign, actor) if choice.allowed),
        version=version_of(facts(campaign, plan)),
    )
