"""Campaigns: list and read them."""

from __future__ import annotations

from typing import Final

from ninja import Query, Router

from autodialer.api.cursors import next_page, place_of
from autodialer.api.fields import Id, Page
from autodialer.api.operations import operation
from autodialer.api.request import ApiRequest
from autodialer.api.v1.campaign_schemas import (
    CampaignReply,
    CampaignsAsked,
    CampaignWithCounts,
    campaign_fields,
    counts_reply,
)
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.campaigns import pages
from autodialer.apps.campaigns.listing import Order, Wanted
from autodialer.apps.campaigns.queries import campaign_counts

router: Final = Router()
_P = Permission


@operation(router, "GET", "/campaigns", _P.LIST_CAMPAIGNS, replies={200: Page[CampaignReply]})
def list_campaigns(request: ApiRequest, asked: Query[CampaignsAsked]) -> Page[CampaignReply]:
    """List the campaigns of the account."""
    order = Order(asked.sort)
    after = place_of(asked.cursor, order)
    wanted = Wanted(asked.status, asked.search, order)
    found, place = pages.cards(
        request.account, request.actor, wanted, after=after, limit=asked.limit
    )
    items = [CampaignReply(**campaign_fields(each)) for each in found]
    return Page[CampaignReply](items=items, next=next_page(request, order, place))


@operation(
    router,
    "GET",
    "/campaigns/{campaign_id}",
    _P.VIEW_CAMPAIGN,
    replies={200: CampaignWithCounts},
    refuses=(404,),
)
def get_campaign(request: ApiRequest, campaign_id: Id) -> CampaignWithCounts:
    """Read a campaign with its counts."""
    found = pages.card(request.account, request.actor, campaign_id)
    counts = counts_reply(campaign_counts(request.account, campaign_id))
    return CampaignWithCounts(**campaign_fields(found), counts=counts)
