"""What Prometheus reads of a process. Names, units and labels: docs/reference/metrics.md.

No label takes a value that grows with the customers: no account, campaign, number or person.
"""

from __future__ import annotations

import asyncio
import math
import platform
import shutil
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

# What must be read first may keep a scrape waiting for so long, and no process at all.
_READ_WITHIN_S: Final = 3.0


class Exposition:
    """All metrics of one process; `reads` bring those up to date that are not here already."""

    def __init__(
        self,
        *registries: CollectorRegistry,
        reads: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._registries, self._reads = registries, reads

    async def __call__(self) -> tuple[bytes, str]:
        """Return what Prometheus is told, and its media type."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_READ_WITHIN_S):
                for read in self._reads:
                    await read()
        told = b"".join(generate_latest(registry) for registry in self._registries)
        return told, CONTENT_TYPE_LATEST


def process_registry(process: str, node: str = "") -> CollectorRegistry:
    """Return a registry with what every process tells: its version, memory, files and time."""
    # When each series began: nobody asks, and it doubles their number.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the one function without types
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    labels = ("process", "version", "python", "node")
    build = Gauge("autodialer_build_info", "What runs here; always 1.", labels, registry=registry)
    build.labels(process, _version(), platform.python_version(), node).set(1)
    return registry


def meter_disk(registry: CollectorRegistry, folder: Path) -> None:
    """Tell how much room there is for recordings; NaN where there is no such folder."""

    def gauge(name: str, what: str, figure: str) -> None:
        made = Gauge(f"autodialer_recordings_{name}_bytes", what, registry=registry)
        made.set_function(lambda: _usage(folder, figure))

    gauge("free", "Room left for recordings.", "free")
    gauge("size", "Size of the file system that recordings are on.", "total")


def _usage(folder: Path, figure: str) -> float:
    try:
        return float(getattr(shutil.disk_usage(folder), figure))
    except OSError:
        return math.nan


def _version() -> str:
    try:
        return version("autodialer")
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
