"""Campaigns as programs read them: the whole plan, in parts that go on where the last one ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from autodialer.apps import keyset
from autodialer.apps.campaigns.access import check_visible, no_such_campaign, sees_all
from autodialer.apps.campaigns.actions import allowed_actions
from autodialer.apps.campaigns.listing import Order, Wanted, matching
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.queries import plan_facts, plan_of
from autodialer.apps.rows import rows
from autodialer.apps.versions import version_of
from autodialer.domain.campaign import CampaignStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.plan import Plan
    from autodialer.apps.keyset import Place
    from autodialer.domain.campaign import CampaignAction

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

    `actions` are those of now.
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
    actions: tuple[CampaignAction, ...]

    @property
    def version(self) -> str:
        """What stands for all of it that can be changed."""
        return version_of(plan_facts(self.plan, self.target_count))


def card(account: Account, actor: Actor, campaign_id: int) -> CampaignCard:
    """Return one campaign. Raises NotFoundError, also for who may not see it."""
    if not sees_all(actor):
        check_visible(account, actor, campaign_id)
    found = cards_of(account, actor, [campaign_id])
    if not found:
        raise no_such_campaign(campaign_id)
    return found[0]


def cards(
    account: Account, actor: Actor, wanted: Wanted, *, after: Place | None, limit: int
) -> tuple[list[CampaignCard], Place | None]:
    """Return the campaigns after a place, and the place of the last one; None at the end.

    Two queries. Raises KeyError for an order that is not one of ORDERS, PlaceError.
    """
    order = ORDERS[wanted.order]
    if wanted == Wanted() and sees_all(actor):
        places = _newest(account, after, limit + 1)
    else:
        found = keyset.part(matching(account, actor, wanted), order, after, limit + 1)
        columns = [column.removeprefix("-") for column in order]
        places = list(found.values_list(*columns, named=True))
    shown = places[:limit]
    last = keyset.place_of(shown[-1], order) if len(places) > limit else None
    return cards_of(account, actor, [place.id for place in shown]), last


def _newest(account: Account, after: Place | None, limit: int) -> list[Any]:
    """Return the places of what `matching` finds for a plain `Wanted`, which most programs read."""
    created_at, last = keyset.values_of(Campaign, ORDERS[Order.NEWEST], after)
    values = {"account_id": account.pk, "created_at": created_at, "id": last, "limit": limit}
    return rows("campaigns", "newest_campaigns", values, is_planned_anew=True)


def cards_of(account: Account, actor: Actor, ids: Sequence[int]) -> list[CampaignCard]:
    """Return these campaigns of the account in this order, without those that are no more.

    The actor may see them. One query, and no models: programs ask for these more than for all else.
    """
    found = rows("campaigns", "cards", {"account_id": account.pk, "campaign_ids": list(ids)})
    allowed = cache(partial(allowed_actions, actor))
    by_id = {
        row.id: _card(row, allowed(CampaignStatus(row.status), row.is_verified)) for row in found
    }
    return [by_id[campaign_id] for campaign_id in ids if campaign_id in by_id]


def _card(row: Any, actions: Sequence[CampaignAction]) -> CampaignCard:
    return CampaignCard(
        id=row.id,
        plan=plan_of(row, row.agent_ids),
        status=row.status,
        reason=row.reason,
        caller_number=row.caller_number,
        list_name=row.list_name,
        group_name=row.group_name,
        target_count=row.target_count,
        made_by=row.made_by,
        created_at=row.created_at,
        actions=tuple(actions),
    )
