"""Campaigns: list, read, make, change and steer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import HttpResponse
from ninja import Query, Router, Status

from autodialer.api.cursors import next_page, place_of
from autodialer.api.events import state_of
from autodialer.api.fields import Id, Page
from autodialer.api.operations import check_match, operation, tagged
from autodialer.api.problems import fields_called
from autodialer.api.request import ApiRequest
from autodialer.api.v1.campaign_schemas import (
    CampaignBody,
    CampaignChange,
    CampaignReply,
    CampaignsAsked,
    CampaignWithCounts,
    CloneBody,
    CountsReply,
    campaign_fields,
    changed_plan,
    counts_reply,
)
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.campaigns import pages, services
from autodialer.apps.campaigns.access import check_visible
from autodialer.apps.campaigns.listing import Order, Wanted
from autodialer.apps.campaigns.queries import campaign_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodialer.apps.campaigns.pages import CampaignCard

router: Final = Router()
_P = Permission
_ONE: Final = "/campaigns/{campaign_id}"
EVENTS: Final = "text/event-stream"
_EVENT: Final = {
    "description": "Each event.",
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"const": "campaign"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "type": "object",
                "required": ["id", "status", "reason", "counts"],
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string"},
                    "reason": {"type": "string"},
                    "counts": {"$ref": "#/components/schemas/CountsReply"},
                },
            },
        },
    },
}
# What services call a field that the body calls otherwise.
_FIELDS: Final = {
    "list": "list_id",
    "dial_numbers": "list_id",
    "group": "group_id",
    "participants": "group_id",
    "agents": "agent_ids",
    "window": "window_opens",
}


@operation(router, "GET", "/campaigns", _P.LIST_CAMPAIGNS, replies={200: Page[CampaignReply]})
def list_campaigns(request: ApiRequest, asked: Query[CampaignsAsked]) -> Page[CampaignReply]:
    """List the campaigns of the account."""
    order = Order(asked.sort)
    after = place_of(asked.cursor, order)
    wanted = Wanted(asked.status, asked.search, order)
    found, place = pages.cards(
        request.account, request.actor, wanted, after=after, limit=asked.limit
    )
    items = [_reply(each) for each in found]
    return Page[CampaignReply](items=items, next=next_page(request, order, place))


@operation(router, "GET", _ONE, _P.VIEW_CAMPAIGN, replies={200: CampaignWithCounts}, refuses=(404,))
def get_campaign(
    request: ApiRequest, campaign_id: Id, response: HttpResponse
) -> CampaignWithCounts:
    """Read a campaign with its counts.

    The `ETag` stands for what can be changed.
    """
    found = pages.card(request.account, request.actor, campaign_id)
    tagged(response, found.version)
    counts = counts_reply(campaign_counts(request.account, campaign_id))
    return CampaignWithCounts(**campaign_fields(found), counts=counts)


@operation(
    router,
    "GET",
    f"{_ONE}/counts",
    _P.VIEW_CAMPAIGN,
    replies={200: CountsReply},
    refuses=(404,),
)
def get_counts(request: ApiRequest, campaign_id: Id) -> CountsReply:
    """Read the ten counts of a campaign, all of one instant."""
    check_visible(request.account, request.actor, campaign_id)
    return counts_reply(campaign_counts(request.account, campaign_id))


@operation(
    router,
    "GET",
    f"{_ONE}/events",
    _P.VIEW_CAMPAIGN,
    replies={200: None},
    refuses=(404, 405),
    produces=EVENTS,
    documented={200: {"description": "The stream.", "content": {EVENTS: {"schema": _EVENT}}}},
)
def watch_campaign(request: ApiRequest, campaign_id: Id) -> HttpResponse:
    """Watch a campaign: server-sent events with its status and counts, whenever they change.

    Each event `campaign` is the whole state. Every few seconds a comment shows that the stream
    lives. It ends when the key stops working; connect again after any end.
    """
    # The web process answers in its event loop (`api/events.py`); elsewhere this is one event.
    state = state_of(request.account, request.actor, campaign_id)
    return HttpResponse(state, content_type=f"{EVENTS}; charset=utf-8")


@operation(router, "POST", "/campaigns", _P.CREATE_CAMPAIGN, replies={201: CampaignReply})
def create_campaign(
    request: ApiRequest, body: CampaignBody, response: HttpResponse
) -> Status[CampaignReply]:
    """Make a campaign.

    It takes a list or a Dial-Whom URL, and a group or single agents. The list is copied; the
    campaign starts by itself at its start.
    """
    with fields_called(_FIELDS):
        made = services.create_campaign(
            account=request.account,
            actor=request.actor,
            name=body.name,
            caller_id=body.caller_id,
            list_id=body.list_id,
            dial_whom_url=body.dial_whom_url,
            group_id=body.group_id,
            agent_ids=body.agent_ids,
            terms=body.terms(),
            now=request.now,
        )
    return _made(request, made.pk, response)


@operation(
    router,
    "POST",
    f"{_ONE}/clone",
    _P.CLONE_CAMPAIGN,
    replies={201: CampaignReply},
    refuses=(404,),
)
def clone_campaign(
    request: ApiRequest, campaign_id: Id, body: CloneBody, response: HttpResponse
) -> Status[CampaignReply]:
    """Make a campaign like another one, of any status, that lasts as long.

    It starts now unless told otherwise and gets the next free name unless given one.
    """
    with fields_called(_FIELDS):
        made = services.clone_campaign(
            account=request.account,
            actor=request.actor,
            campaign_id=campaign_id,
            name=body.name or "",
            starts_at=body.starts_at,
            now=request.now,
        )
    return _made(request, made.pk, response)


@operation(
    router,
    "PATCH",
    _ONE,
    _P.EDIT_CAMPAIGN,
    replies={200: CampaignReply},
    refuses=(404, 409),
    is_matched=True,
)
def edit_campaign(
    request: ApiRequest, campaign_id: Id, body: CampaignChange, response: HttpResponse
) -> CampaignReply:
    """Change a campaign that has not started; what is left out stays.

    Another list is copied anew, the same one only with `copy_again`.
    """
    present = pages.card(request.account, request.actor, campaign_id)
    check_match(request, present.version)
    with fields_called(_FIELDS):
        services.edit_campaign(
            account=request.account,
            actor=request.actor,
            campaign_id=campaign_id,
            plan=changed_plan(present.plan, body),
            copy_again=body.copy_again,
            seen=present.version,
            now=request.now,
        )
    return _answered(request, campaign_id, response)


def _steer(
    act: Callable[..., None], request: ApiRequest, campaign_id: int, response: HttpResponse
) -> CampaignReply:
    act(account=request.account, actor=request.actor, campaign_id=campaign_id, now=request.now)
    return _answered(request, campaign_id, response)


@operation(
    router,
    "POST",
    f"{_ONE}/pause",
    _P.PAUSE_CAMPAIGN,
    replies={200: CampaignReply},
    refuses=(404,),
)
def pause_campaign(request: ApiRequest, campaign_id: Id, response: HttpResponse) -> CampaignReply:
    """Stop new calls from starting; what rings or talks goes on."""
    return _steer(services.pause_campaign, request, campaign_id, response)


@operation(
    router,
    "POST",
    f"{_ONE}/resume",
    _P.RESUME_CAMPAIGN,
    replies={200: CampaignReply},
    refuses=(404,),
)
def resume_campaign(request: ApiRequest, campaign_id: Id, response: HttpResponse) -> CampaignReply:
    """Let a paused campaign call again."""
    return _steer(services.resume_campaign, request, campaign_id, response)


@operation(
    router,
    "POST",
    f"{_ONE}/complete",
    _P.COMPLETE_CAMPAIGN,
    replies={200: CampaignReply},
    refuses=(404,),
)
def complete_campaign(
    request: ApiRequest, campaign_id: Id, response: HttpResponse
) -> CampaignReply:
    """End a paused campaign and finish what waits in it; live calls are not cut."""
    return _steer(services.complete_campaign, request, campaign_id, response)


@operation(
    router,
    "POST",
    f"{_ONE}/archive",
    _P.ARCHIVE_CAMPAIGN,
    replies={200: CampaignReply},
    refuses=(404,),
)
def archive_campaign(request: ApiRequest, campaign_id: Id, response: HttpResponse) -> CampaignReply:
    """Put away a campaign that is completed or has not started."""
    return _steer(services.archive_campaign, request, campaign_id, response)


def _made(request: ApiRequest, campaign_id: int, response: HttpResponse) -> Status[CampaignReply]:
    response["Location"] = f"/api/v1/campaigns/{campaign_id}"
    return Status(201, _answered(request, campaign_id, response))


def _answered(request: ApiRequest, campaign_id: int, response: HttpResponse) -> CampaignReply:
    found = pages.card(request.account, request.actor, campaign_id)
    tagged(response, found.version)
    return _reply(found)


def _reply(card: CampaignCard) -> CampaignReply:
    return CampaignReply(**campaign_fields(card))
