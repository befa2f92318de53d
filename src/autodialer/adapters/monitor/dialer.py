"""What a dialer counts and how it stands, as metrics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

from autodialer.domain.outcome import CallStatus, Reason
from autodialer.domain.session import EndReason, Phase, Wait
from autodialer.ports.meters import Asked, LegKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from autodialer.domain.outcome import CallResult
    from autodialer.ports.meters import Figures, PoolUse

_HANDOFFS_S: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REQUESTS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
# Networks have more final answers than a metric should have series.
_OTHER_CODE: Final = "sip_other"
_REASONS: Final = frozenset(Reason)


class CallMeters:
    """`ports.meters.Meters` of Prometheus. Safe to read from any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"autodialer_{name}", what, labels, registry=registry)

        self._placed = counter("calls_placed", "Calls that Asterisk has taken.")
        self._answered = counter("calls_answered", "Customers who answered.")
        self._ended = counter(
            "calls_ended",
            "Calls that are over and stored, by status and reason; outcome_unknown is a try that "
            "was spent because nobody knows what became of it.",
            "status",
            "reason",
        )
        handoff = "From the end of an agent's call to the next one placed, when one followed."
        self._handoff = Histogram(
            "autodialer_handoff_seconds", handoff, buckets=_HANDOFFS_S, registry=registry
        )
        self._store = Histogram(
            "autodialer_store_request_seconds",
            "Requests to the database while somebody waits on the line.",
            ["request"],
            buckets=_REQUESTS_S,
            registry=registry,
        )
        self._sessions_ended = counter("sessions_ended", "Sessions that are over.", "reason")
        self._adopted = counter(
            "sessions_adopted", "Sessions taken over from an earlier process or a failure."
        )
        self._reconciled = counter(
            "reconciles", "Times that Asterisk and the database were brought into agreement."
        )
        self._lost = counter("switch_losses", "Connections to Asterisk that broke.")
        self._trunk_waits = counter(
            "trunk_waits", "Calls that had to wait because of the limits of the trunk."
        )
        self._orphans = counter("orphan_legs", "Legs ended because they were nobody's.", "leg")
        # Looked up once: a label's value costs more than counting.
        self._took = {asked: self._store.labels(asked.value) for asked in Asked}
        for status in CallStatus:
            self._ended.labels(status.value, Reason.OUTCOME_UNKNOWN.value)
        for ending in EndReason:
            self._sessions_ended.labels(ending.value)
        for leg in LegKind:
            self._orphans.labels(leg.value)

    def placed(self, handoff_s: float | None) -> None:
        """See `Meters`."""
        self._placed.inc()
        if handoff_s is not None:
            self._handoff.observe(handoff_s)

    def answered(self) -> None:
        """See `Meters`."""
        self._answered.inc()

    def ended(self, result: CallResult) -> None:
        """See `Meters`."""
        reason = str(result.reason)
        known = reason if reason in _REASONS else _OTHER_CODE
        self._ended.labels(result.status.value, known).inc()

    def store_took(self, asked: Asked, seconds: float) -> None:
        """See `Meters`."""
        self._took[asked].observe(seconds)

    def session_ended(self, reason: EndReason) -> None:
        """See `Meters`."""
        self._sessions_ended.labels(reason.value).inc()

    def session_adopted(self) -> None:
        """See `Meters`."""
        self._adopted.inc()

    def reconciled(self) -> None:
        """See `Meters`."""
        self._reconciled.inc()

    def switch_lost(self) -> None:
        """See `Meters`."""
        self._lost.inc()

    def orphan(self, leg: LegKind) -> None:
        """See `Meters`."""
        self._orphans.labels(leg.value).inc()

    def trunk_waited(self) -> None:
        """See `Meters`."""
        self._trunk_waits.inc()


def meter_figures(
    registry: CollectorRegistry, figures: Callable[[], Figures], capacity: int
) -> None:
    """Tell how a dialer stands whenever somebody asks; between scrapes that costs nothing."""

    def gauge(name: str, what: str, value: Callable[[], float | None]) -> None:
        made = Gauge(f"autodialer_{name}", what, registry=registry)
        made.set_function(lambda: _number(value()))

    def phases_of(phase: Phase) -> float:
        return figures().phases.get(phase, 0)

    def waits_of(wait: Wait) -> float:
        return figures().waits.get(wait, 0)

    gauge("lease_held", "Whether this process drives its node.", lambda: figures().has_lease)
    gauge("lease_epoch", "Epoch of the lease; grows by each takeover.", lambda: figures().epoch)
    gauge("lease_age_seconds", "Since the lease was last renewed.", lambda: figures().lease_age_s)
    gauge(
        "switch_connected",
        "Whether Asterisk is connected and compared with the database.",
        lambda: figures().sees_switch,
    )
    gauge(
        "trunk_silent",
        "Whether dialling is held back because the trunk carries no calls.",
        lambda: figures().is_trunk_silent,
    )
    gauge("trunk_lines", "Calls of this node over its trunk now.", lambda: figures().trunk_lines)
    gauge(
        "trunk_wait_seconds",
        "How long the first call that waits for the trunk has been waiting; 0 when none does.",
        lambda: figures().trunk_wait_s,
    )
    gauge("session_capacity", "Agents that this node may connect.", lambda: capacity)
    by_phase = Gauge(
        "autodialer_sessions", "Agents' sessions of this node.", ["phase"], registry=registry
    )
    for phase in (each for each in Phase if each is not Phase.ENDED):
        by_phase.labels(phase.value).set_function(partial(phases_of, phase))
    waiting = Gauge(
        "autodialer_sessions_waiting",
        "Agents who wait for a number, by why there is none.",
        ["reason"],
        registry=registry,
    )
    for wait in Wait:
        waiting.labels(wait.value).set_function(partial(waits_of, wait))


def meter_pool(registry: CollectorRegistry, use: Callable[[], PoolUse]) -> None:
    """Tell how busy a pool of connections to the database is."""
    connections = Gauge(
        "autodialer_pool_connections", "Connections to PostgreSQL.", ["state"], registry=registry
    )
    connections.labels("idle").set_function(lambda: use().idle)
    connections.labels("busy").set_function(lambda: use().size - use().idle)
    waiting = Gauge(
        "autodialer_pool_waiting", "Requests that wait for a connection.", registry=registry
    )
    waiting.set_function(lambda: use().waiting)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
