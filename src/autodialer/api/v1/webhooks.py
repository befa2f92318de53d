"""Webhooks: endpoints, what was delivered to them, and sending it again.

Secrets sign what is sent; a person reads and renews them on the page, no key does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import HttpResponse
from ninja import Query, Router, Status

from autodialer.api.fields import Id, Page
from autodialer.api.operations import check_match, operation, tagged
from autodialer.api.request import ApiRequest
from autodialer.api.v1.parts import answer_part
from autodialer.api.v1.webhook_schemas import (
    ORDER,
    DeliveriesAsked,
    DeliveryDetailReply,
    DeliveryReply,
    EndpointBody,
    EndpointChanges,
    EndpointReply,
    EndpointsReply,
    ReplayBody,
    ReplayedReply,
    delivery_reply,
    detail_reply,
    endpoint_reply,
)
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.keyset import PlaceError
from autodialer.apps.webhooks import queries, services

if TYPE_CHECKING:
    from autodialer.apps.keyset import Place

router: Final = Router()
_P = Permission
_ALL: Final = "/webhooks"
_ONE: Final = f"{_ALL}/{{endpoint_id}}"
_DELIVERY: Final = "/webhook-deliveries/{delivery_id}"


@operation(router, "GET", _ALL, _P.VIEW_WEBHOOKS, replies={200: EndpointsReply})
def list_webhooks(request: ApiRequest) -> EndpointsReply:
    """List the endpoints of the account, the oldest first."""
    rows = queries.endpoints(request.account, request.actor)
    return EndpointsReply(items=[endpoint_reply(row) for row in rows])


@operation(router, "POST", _ALL, _P.EDIT_WEBHOOKS, replies={201: EndpointReply})
def create_webhook(
    request: ApiRequest, body: EndpointBody, response: HttpResponse
) -> Status[EndpointReply]:
    """Make an endpoint, which is told of what happens from now on."""
    made = services.add_endpoint(
        account=request.account,
        actor=request.actor,
        url=body.url,
        kinds=body.kinds,
        description=body.description,
        now=request.now,
    )
    response["Location"] = f"{request.path}/{made.pk}"
    return Status(201, _answer(request, made.pk, response))


@operation(router, "GET", _ONE, _P.VIEW_WEBHOOKS, replies={200: EndpointReply}, refuses=(404,))
def get_webhook(request: ApiRequest, endpoint_id: Id, response: HttpResponse) -> EndpointReply:
    """Read an endpoint and its health."""
    return _answer(request, endpoint_id, response)


@operation(
    router,
    "PATCH",
    _ONE,
    _P.EDIT_WEBHOOKS,
    replies={200: EndpointReply},
    refuses=(404,),
    is_matched=True,
)
def change_webhook(
    request: ApiRequest, endpoint_id: Id, body: EndpointChanges, response: HttpResponse
) -> EndpointReply:
    """Change where events are sent, or which."""
    row = queries.endpoint_row(request.account, request.actor, endpoint_id)
    check_match(request, row.version)
    services.change_endpoint(
        account=request.account,
        actor=request.actor,
        endpoint_id=endpoint_id,
        seen=row.version,
        now=request.now,
        **body.model_dump(exclude_unset=True),
    )
    return _answer(request, endpoint_id, response)


@operation(router, "DELETE", _ONE, _P.EDIT_WEBHOOKS, replies={204: None}, refuses=(404,))
def delete_webhook(request: ApiRequest, endpoint_id: Id) -> Status[None]:
    """Delete an endpoint; what waits for it is sent no more."""
    services.delete_endpoint(
        account=request.account, actor=request.actor, endpoint_id=endpoint_id, now=request.now
    )
    return Status(204, None)


@operation(
    router, "POST", f"{_ONE}/enable", _P.EDIT_WEBHOOKS, replies={200: EndpointReply}, refuses=(404,)
)
def enable_webhook(request: ApiRequest, endpoint_id: Id, response: HttpResponse) -> EndpointReply:
    """Tell an endpoint of what happens from now on. Repeatable."""
    services.enable_endpoint(
        account=request.account, actor=request.actor, endpoint_id=endpoint_id, now=request.now
    )
    return _answer(request, endpoint_id, response)


@operation(
    router,
    "POST",
    f"{_ONE}/disable",
    _P.EDIT_WEBHOOKS,
    replies={200: EndpointReply},
    refuses=(404,),
)
def disable_webhook(request: ApiRequest, endpoint_id: Id, response: HttpResponse) -> EndpointReply:
    """Tell an endpoint nothing more; what waits for it fails and can be replayed. Repeatable."""
    services.disable_endpoint(
        account=request.account, actor=request.actor, endpoint_id=endpoint_id, now=request.now
    )
    return _answer(request, endpoint_id, response)


@operation(
    router,
    "POST",
    f"{_ONE}/test",
    _P.REPLAY_WEBHOOKS,
    replies={202: DeliveryDetailReply},
    refuses=(404,),
)
def test_webhook(request: ApiRequest, endpoint_id: Id) -> Status[DeliveryDetailReply]:
    """Send a test to an endpoint; reading the delivery says what became of it."""
    sent = services.send_test(
        account=request.account, actor=request.actor, endpoint_id=endpoint_id, now=request.now
    )
    return Status(202, _detail(request, sent.pk))


@operation(
    router,
    "POST",
    f"{_ONE}/replay",
    _P.REPLAY_WEBHOOKS,
    replies={202: ReplayedReply},
    refuses=(404,),
)
def replay_webhook(request: ApiRequest, endpoint_id: Id, body: ReplayBody) -> Status[ReplayedReply]:
    """Send again all that failed at an endpoint since then, with the same ids."""
    count = services.replay_failed(
        account=request.account,
        actor=request.actor,
        endpoint_id=endpoint_id,
        since=body.since,
        now=request.now,
    )
    return Status(202, ReplayedReply(replayed=count))


@operation(
    router,
    "GET",
    f"{_ONE}/deliveries",
    _P.VIEW_WEBHOOKS,
    replies={200: Page[DeliveryReply]},
    refuses=(404,),
)
def list_webhook_deliveries(
    request: ApiRequest, endpoint_id: Id, asked: Query[DeliveriesAsked]
) -> Page[DeliveryReply]:
    """List what was delivered to an endpoint, or waits, or failed; newest first, for 30 days."""
    return answer_part(
        Page[DeliveryReply],
        request,
        asked,
        order=ORDER,
        fetch=lambda after, limit: queries.endpoint_deliveries(
            request.account,
            request.actor,
            endpoint_id,
            status=asked.status,
            before_id=_id_of(after),
            limit=limit,
        ),
        show=delivery_reply,
    )


@operation(
    router,
    "GET",
    "/campaigns/{campaign_id}/deliveries",
    _P.VIEW_WEBHOOKS,
    replies={200: Page[DeliveryReply]},
    refuses=(404,),
)
def list_campaign_deliveries(
    request: ApiRequest, campaign_id: Id, asked: Query[DeliveriesAsked]
) -> Page[DeliveryReply]:
    """List what was sent to the popup and passthru URLs of a campaign, newest first."""
    return answer_part(
        Page[DeliveryReply],
        request,
        asked,
        order=ORDER,
        fetch=lambda after, limit: queries.campaign_deliveries(
            request.account,
            request.actor,
            campaign_id,
            status=asked.status,
            before_id=_id_of(after),
            limit=limit,
        ),
        show=delivery_reply,
    )


@operation(
    router,
    "GET",
    _DELIVERY,
    _P.VIEW_WEBHOOKS,
    replies={200: DeliveryDetailReply},
    refuses=(404,),
)
def get_delivery(request: ApiRequest, delivery_id: Id) -> DeliveryDetailReply:
    """Read a delivery: what it says, and how each try ended."""
    return _detail(request, delivery_id)


@operation(
    router,
    "POST",
    f"{_DELIVERY}/replay",
    _P.REPLAY_WEBHOOKS,
    replies={202: DeliveryDetailReply},
    refuses=(404,),
)
def replay_delivery(request: ApiRequest, delivery_id: Id) -> Status[DeliveryDetailReply]:
    """Send a delivery again, with the same id; one that waits is left as it is."""
    services.replay_delivery(
        account=request.account, actor=request.actor, delivery_id=delivery_id, now=request.now
    )
    return Status(202, _detail(request, delivery_id))


def _answer(request: ApiRequest, endpoint_id: int, response: HttpResponse) -> EndpointReply:
    row = queries.endpoint_row(request.account, request.actor, endpoint_id)
    tagged(response, row.version)
    return endpoint_reply(row)


def _detail(request: ApiRequest, delivery_id: int) -> DeliveryDetailReply:
    found = queries.delivery_detail(request.account, request.actor, delivery_id, now=request.now)
    return detail_reply(found)


def _id_of(place: Place | None) -> int | None:
    """Return the id of the row after which a part begins. Raises PlaceError."""
    if place is None:
        return None
    if len(place) != 1 or not isinstance(place[0], int):
        raise PlaceError
    return place[0]
