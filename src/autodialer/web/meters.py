"""What the web process counts: requests by the pattern of their address, never by the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

_REQUESTS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# One for the process, as Django makes the middleware that counts.
REGISTRY: Final = CollectorRegistry()
_REQUESTS: Final = Counter(
    "autodialer_http_requests",
    "Requests that were answered by pages and API, by the pattern of their address.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
_TOOK: Final = Histogram(
    "autodialer_http_request_seconds",
    "Until the answer was ready to be sent.",
    ["method", "route"],
    buckets=_REQUESTS_S,
    registry=REGISTRY,
)
_STREAMS: Final = Gauge(
    "autodialer_streams",
    "Live streams that are open, of pages (live) and of the API (events).",
    ["kind"],
    registry=REGISTRY,
)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request; `route` is the pattern of its address, "" when there is none."""
    known, route = method if method in _METHODS else "other", route or "none"
    _REQUESTS.labels(known, route, f"{status // 100}xx").inc()
    _TOOK.labels(known, route).observe(seconds)


def follow_streams(kind: str, count: Callable[[], int]) -> None:
    """Tell how many streams of a kind are open, whenever somebody asks."""
    _STREAMS.labels(kind).set_function(count)
