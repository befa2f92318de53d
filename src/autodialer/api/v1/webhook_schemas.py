"""Webhooks as JSON: endpoints and what was delivered to them. Secrets are told to people alone."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from autodialer.api.fields import WORD, Body, Instant, ListAsked, Reply
from autodialer.apps.webhooks.services import DESCRIPTION_LENGTH
from autodialer.domain.webhooks import (
    KINDS,
    DeliveryStatus,
    DisabledReason,
    EventKind,
    Purpose,
)

if TYPE_CHECKING:
    from autodialer.apps.webhooks.queries import DeliveryDetail, DeliveryRow, EndpointRow


def _chosen(kind: EventKind) -> EventKind:
    if kind not in KINDS:
        raise PydanticCustomError("unknown_value", "Choose one of the kinds of events")
    return kind


Kind = Annotated[EventKind, WORD, AfterValidator(_chosen)]
Kinds = Annotated[list[Kind], Field(max_length=len(KINDS))]
Description = Annotated[str, Field(max_length=DESCRIPTION_LENGTH)]
Url = Annotated[str, Field(max_length=2_048)]
ORDER: Final = ("-id",)


class EndpointBody(Body):
    """Where events are sent, and which: no kinds means all of them."""

    url: Url
    kinds: Kinds = Field([])
    description: Description = ""


class EndpointChanges(Body):
    """What shall be otherwise; what is not sent stays."""

    url: Url = ""
    kinds: Kinds = Field([])
    description: Description = ""


class EndpointReply(Reply):
    """An endpoint and its health. `kinds` empty: all. `disabled` null: it is told."""

    id: str
    url: str
    kinds: list[EventKind]
    description: str
    disabled: DisabledReason | None
    disabled_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    failing_since: datetime | None
    created_at: datetime
    changed_at: datetime


class EndpointsReply(Reply):
    """All endpoints of the account, the oldest first; there are at most twenty."""

    items: list[EndpointReply]


class DeliveriesAsked(ListAsked):
    """Which deliveries."""

    status: Annotated[DeliveryStatus, WORD] | None = None


class DeliveryReply(Reply):
    """A delivery. `outcome` is that of the last try: `http_<status>`, or the kind of failure."""

    id: str
    message_id: str = Field(description="The `webhook-id`: the same in all tries.")
    kind: EventKind
    happened_at: datetime
    purpose: Purpose
    endpoint_id: str | None
    campaign_id: str | None
    status: DeliveryStatus
    tries: int
    due_at: datetime
    outcome: str
    done_at: datetime | None


class TryReply(Reply):
    """One try of a delivery; `took_ms` 0: it was not sent."""

    at: datetime
    outcome: str
    took_ms: int


class DeliveryDetailReply(DeliveryReply):
    """A delivery with what it says and all of its tries."""

    url: str
    payload: str
    log: list[TryReply]


class ReplayBody(Body):
    """Since when what failed is sent again."""

    since: Instant


class ReplayedReply(Reply):
    """How many deliveries are sent again."""

    replayed: int


def endpoint_reply(row: EndpointRow) -> EndpointReply:
    """Return an endpoint as JSON."""
    return EndpointReply(
        id=str(row.id),
        url=row.url,
        kinds=list(row.kinds),
        description=row.description,
        disabled=row.disabled,
        disabled_at=row.disabled_at,
        delivered_at=row.delivered_at,
        failed_at=row.failed_at,
        failing_since=row.failing_since,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def delivery_reply(row: DeliveryRow) -> DeliveryReply:
    """Return a delivery as JSON."""
    return DeliveryReply(
        id=str(row.id),
        message_id=row.message_id,
        kind=row.kind,
        happened_at=row.happened_at,
        purpose=row.purpose,
        endpoint_id=None if row.endpoint_id is None else str(row.endpoint_id),
        campaign_id=None if row.campaign_id is None else str(row.campaign_id),
        status=row.status,
        tries=row.tries,
        due_at=row.due_at,
        outcome=row.outcome,
        done_at=row.done_at,
    )


def detail_reply(detail: DeliveryDetail) -> DeliveryDetailReply:
    """Return a delivery with what it says as JSON."""
    return DeliveryDetailReply(
        **dict(delivery_reply(detail.row)),
        url=detail.url,
        payload=detail.payload,
        log=[TryReply(at=one.at, outcome=one.outcome, took_ms=one.took_ms) for one in detail.tries],
    )
