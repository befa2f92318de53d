"""Every metric that the code makes: for the page about them, and for what names them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autodialer.adapters.monitor.dialer import CallMeters, meter_figures, meter_pool
from autodialer.adapters.monitor.metrics import meter_disk, process_registry
from autodialer.adapters.monitor.worker import BacklogMeter, PostMeters
from autodialer.domain.outcome import CallResult, CallStatus, Reason
from autodialer.ports.meters import Figures, PoolUse
from autodialer.ports.outbox import Backlog
from autodialer.web import meters as web

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

_BUCKET: Final = "le"
_STANDING: Final = Figures(1, True, 0.0, True, False, {}, {})
_BACKLOG: Final = Backlog(0, 0.0, {("imports", "todo"): 0})


@dataclass(frozen=True, slots=True)
class Known:
    """One metric, by the name that a query uses; a histogram's is that of its family."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> frozenset[str]:
        """The names of its series."""
        if self.kind != "histogram":
            return frozenset({self.name})
        return frozenset(f"{self.name}{part}" for part in ("_bucket", "_sum", "_count"))


def by_process() -> Mapping[str, tuple[Known, ...]]:
    """Return the metrics of each process, in the order of their names."""
    return {
        "dialer": _known(_dialer()),
        "web": tuple(sorted({*_known(_pages()), *_known(web.REGISTRY)}, key=lambda k: k.name)),
        "worker": _known(_worker()),
    }


def _known(registry: CollectorRegistry) -> tuple[Known, ...]:
    families = (each for each in registry.collect() if each.name.startswith("autodialer_"))
    return tuple(sorted(map(_one, families), key=lambda known: known.name))


def _one(family: Metric) -> Known:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = dict.fromkeys(label for sample in family.samples for label in sample.labels)
    labels.pop(_BUCKET, None)
    return Known(name, family.type, tuple(labels), family.documentation)


def _dialer() -> CollectorRegistry:
    registry = process_registry("dialer", "main")
    calls = CallMeters(registry)
    calls.ended(CallResult(CallStatus.COMPLETED, Reason.ANSWERED))
    meter_figures(registry, lambda: _STANDING, capacity=1)
    meter_pool(registry, lambda: PoolUse(1, 1, 0))
    meter_disk(registry, Path())
    return registry


def _pages() -> CollectorRegistry:
    registry = process_registry("web")
    meter_disk(registry, Path())
    web.count_request("GET", "campaigns/", 200, 0.0)
    web.follow_streams("live", int)
    return registry


def _worker() -> CollectorRegistry:
    registry = process_registry("worker")
    PostMeters(registry)
    meter = BacklogMeter(registry, _no_backlog)
    meter.show(_BACKLOG)
    return registry


async def _no_backlog() -> Backlog:
    return _BACKLOG


def rows() -> Iterator[str]:
    """Yield the tables of the page, one a process."""
    for process, metrics in by_process().items():
        yield f"## {process.capitalize()}"
        yield ""
        yield "| Metric | Type | Labels | Meaning |"
        yield "| --- | --- | --- | --- |"
        for each in metrics:
            labels = ", ".join(f"`{label}`" for label in each.labels)
            yield f"| `{each.name}` | {each.kind} | {labels} | {each.meaning} |"
        yield ""
