"""What pages and the API read of webhooks; the account comes first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.rows import rows
from autodialer.apps.versions import version_of
from autodialer.apps.webhooks.facts import parcel_of
from autodialer.apps.webhooks.lanes import lane_of_endpoint, lanes_of_campaign
from autodialer.apps.webhooks.models import Delivery, Endpoint
from autodialer.domain import callbacks, notices, passthru
from autodialer.domain.errors import NotFoundError
from autodialer.domain.webhooks import (
    CALLBACKS,
    DeliveryStatus,
    DisabledReason,
    EventKind,
    Purpose,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.domain.parcels import Parcel


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint and its health. `kinds` empty: all. `disabled` None: it is enabled.

    `failing_since` is the first failure after the last delivery, None when all is well. `version`
    stands for what `change_endpoint` can change.
    """

    id: int
    url: str
    description: str
    kinds: Sequence[EventKind]
    disabled: DisabledReason | None
    disabled_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    failing_since: datetime | None
    old_secret_until: datetime | None
    version: str
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery. `outcome` is that of the last try: `http_<status>` or the kind of failure."""

    id: int
    message_id: str
    kind: EventKind
    happened_at: datetime
    purpose: Purpose
    endpoint_id: int | None
    campaign_id: int | None
    status: DeliveryStatus
    tries: int
    due_at: datetime
    outcome: str
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a delivery; `took_ms` 0: it was not sent."""

    at: datetime
    outcome: str
    took_ms: int


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """A delivery with what it says. `payload`: the JSON of a webhook, or the query of a GET."""

    row: DeliveryRow
    url: str
    payload: str
    tries: Sequence[Try]


def endpoints(account: Account, actor: Actor) -> list[EndpointRow]:
    """Return the account's endpoints, oldest first. Raises NotAllowedError."""
    require(actor, Permission.VIEW_WEBHOOKS)
    return [
        _endpoint_row(found) for found in Endpoint.objects.filter(account=account).order_by("pk")
    ]


def endpoint_row(account: Account, actor: Actor, endpoint_id: int) -> EndpointRow:
    """Return one endpoint. Raises NotFoundError, NotAllowedError."""
    require(actor, Permission.VIEW_WEBHOOKS)
    return _endpoint_row(endpoint_of(account, endpoint_id))


def endpoint_of(account: Account, endpoint_id: int) -> Endpoint:
    """Return the account's endpoint. Raises NotFoundError."""
    found = Endpoint.objects.filter(account=account, pk=endpoint_id).first()
    if found is None:
        raise NotFoundError(f"There is no webhook endpoint {endpoint_id}: see the webhooks page.")
    return found


def endpoint_facts(found: Endpoint) -> dict[str, object]:
    """Return what people change of an endpoint."""
    return {"url": found.url, "description": found.description, "kinds": found.kinds}


def stopped_by_themselves(account: Account) -> int:
    """Return how many endpoints were disabled because they failed or were gone."""
    stopped = Endpoint.objects.filter(account=account).exclude(
        disabled_reason__in=["", DisabledReason.BY_HAND.value]
    )
    return stopped.count()


def endpoint_deliveries(
    account: Account,
    actor: Actor,
    endpoint_id: int,
    *,
    status: DeliveryStatus | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[DeliveryRow]:
    """Return deliveries to an endpoint, newest first; `before_id` goes on where a page ended.

    Raises NotFoundError, NotAllowedError.
    """
    require(actor, Permission.VIEW_WEBHOOKS)
    endpoint_of(account, endpoint_id)
    lanes = [lane_of_endpoint(endpoint_id)]
    return _deliveries(account, lanes, status, before_id, limit)


def campaign_deliveries(
    account: Account,
    actor: Actor,
    campaign_id: int,
    *,
    status: DeliveryStatus | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[DeliveryRow]:
    """Return what was sent to the popup and passthru URLs of a campaign, newest first.

    Raises NotFoundError, NotAllowedError.
    """
    visible_campaign(account, actor, campaign_id, Permission.VIEW_WEBHOOKS)
    return _deliveries(account, lanes_of_campaign(campaign_id), status, before_id, limit)


def delivery_detail(
    account: Account, actor: Actor, delivery_id: int, *, now: datetime
) -> DeliveryDetail:
    """Return a delivery with its payload as it would be sent now. Raises NotFoundError."""
    require(actor, Permission.VIEW_WEBHOOKS)
    found = delivery_of(account, delivery_id)
    parcel = _parcel(found.pk, now)
    return DeliveryDetail(_delivery_row(found), parcel.url, _payload(parcel, now), _tries(found))


def delivery_of(account: Account, delivery_id: int) -> Delivery:
    """Return the account's delivery with its event. Raises NotFoundError."""
    deliveries = Delivery.objects.select_related("event").filter(account=account)
    found = deliveries.filter(pk=delivery_id).first()
    if found is None:
        raise NotFoundError(f"There is no delivery {delivery_id}: it may be too old to be kept.")
    return found


def message_id_of(event_id: UUID) -> str:
    """Return the `webhook-id` of an event."""
    return f"msg_{event_id.hex}"


def _deliveries(
    account: Account,
    lanes: Sequence[str],
    status: DeliveryStatus | None,
    before_id: int | None,
    limit: int,
) -> list[DeliveryRow]:
    found = Delivery.objects.select_related("event").filter(account=account, lane__in=lanes)
    if status is not None:
        found = found.filter(status=status.value)
    if before_id is not None:
        found = found.filter(pk__lt=before_id)
    return [_delivery_row(each) for each in found.order_by("-pk")[:limit]]


def _parcel(delivery_id: int, now: datetime) -> Parcel:
    (row,) = rows("webhooks", "facts", {"ids": [delivery_id]})
    return parcel_of(row._asdict(), now)


def _endpoint_row(found: Endpoint) -> EndpointRow:
    return EndpointRow(
        id=found.pk,
        url=found.url,
        description=found.description,
        kinds=tuple(EventKind(kind) for kind in found.kinds),
        disabled=DisabledReason(found.disabled_reason) if found.disabled_reason else None,
        disabled_at=found.disabled_at,
        delivered_at=found.delivered_at,
        failed_at=found.failed_at,
        failing_since=found.failing_since,
        old_secret_until=found.old_salt_until,
        version=version_of(endpoint_facts(found)),
        created_at=found.created_at,
        changed_at=found.changed_at,
    )


def _delivery_row(found: Delivery) -> DeliveryRow:
    return DeliveryRow(
        id=found.pk,
        message_id=message_id_of(found.event_id),
        kind=EventKind(found.event.kind),
        happened_at=found.event.at,
        purpose=Purpose(found.purpose),
        endpoint_id=found.endpoint_id,
        campaign_id=found.event.campaign_id,
        status=DeliveryStatus(found.status),
        tries=found.tries,
        due_at=found.due_at,
        outcome=found.outcome,
        done_at=found.done_at,
    )


def _tries(found: Delivery) -> list[Try]:
    return [Try(datetime.fromisoformat(at), outcome, ms) for at, outcome, ms in found.log]


def _payload(parcel: Parcel, now: datetime) -> str:
    notice = parcel.notice
    match parcel.purpose:
        case purpose if purpose in CALLBACKS and parcel.callback is not None:
            return callbacks.posted(notice, parcel.callback, callbacks.NOWHERE)[1].decode()
        case Purpose.WEBHOOK:
            return json.dumps(json.loads(notices.body(notice)), indent=2, ensure_ascii=False)
        case _ if notice.call is None:
            return ""
        case Purpose.POPUP:
            pairs = passthru.popup(notice, notice.call, now)
        case _:
            pairs = passthru.ended_call(notice, notice.call, now)
    return "\n".join(f"{key}={value}" for key, value in pairs)
