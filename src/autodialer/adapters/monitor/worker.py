"""What a worker delivers, and what waits for all workers together, as metrics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

from autodialer.domain.webhooks import DeliveryStatus
from autodialer.ports.outbox import Backlog
from autodialer.ports.store import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry

    from autodialer.ports.outbox import Tried

_DELIVERIES_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_RESULTS: Final = {
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.PENDING: "to_be_retried",
    DeliveryStatus.FAILED: "failed",
}


class PostMeters:
    """Counts tries of deliveries."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tries = Counter(
            "autodialer_webhook_deliveries",
            "Tries of webhooks and callbacks, by result; failed is not tried again.",
            ["result"],
            registry=registry,
        )
        self._took = Histogram(
            "autodialer_webhook_delivery_seconds",
            "Until the other system had answered.",
            buckets=_DELIVERIES_S,
            registry=registry,
        )
        for result in _RESULTS.values():
            self._tries.labels(result)

    def tried(self, tried: Tried) -> None:
        """Count one try; what is put off, and was not sent, is none."""
        if not tried.is_try and tried.verdict.status is DeliveryStatus.PENDING:
            return
        self._tries.labels(_RESULTS[tried.verdict.status]).inc()
        if tried.is_try:
            self._took.observe(tried.took_ms / 1_000)


class BacklogMeter:
    """Tells what waits, as read with each scrape. NaN: the database did not say."""

    def __init__(self, registry: CollectorRegistry, read: Callable[[], Awaitable[Backlog]]) -> None:
        self._read = read
        self._waiting = Gauge(
            "autodialer_webhook_backlog",
            "Deliveries that wait, those included that are tried again later.",
            registry=registry,
        )
        self._overdue = Gauge(
            "autodialer_webhook_overdue_seconds",
            "How long the oldest delivery that is due has been due; 0 when none is.",
            registry=registry,
        )
        self._jobs = Gauge(
            "autodialer_jobs",
            "Jobs in the database, such as imports, by queue and status.",
            ["queue", "status"],
            registry=registry,
        )

    async def look(self) -> None:
        """Read what waits at this moment."""
        try:
            self.show(await self._read())
        except StoreUnavailableError:
            self.show(Backlog(math.nan, math.nan, {}))

    def show(self, backlog: Backlog) -> None:
        """Tell this from now on."""
        self._jobs.clear()
        self._waiting.set(backlog.deliveries)
        self._overdue.set(backlog.overdue_s)
        for (queue, status), count in backlog.jobs.items():
            self._jobs.labels(queue, status).set(count)
