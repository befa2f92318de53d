"""What the requests of a dialer cost PostgreSQL: the server's processor time, and the disk's."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from autodialer.adapters.pg.store import PgStore
from autodialer.domain.errors import InvariantError
from autodialer.engine.config import EngineConfig
from autodialer.ports.store import Lease
from bench.desks import Desk, open_desks
from bench.load import LoadMeter
from bench.office import now

if TYPE_CHECKING:
    from pathlib import Path

    from autodialer.ops.postgres import EmbeddedPostgres

_CONFIG: Final = EngineConfig(node="", holder="")
_LEASE: Final = timedelta(hours=1)
_FLUSHES: Final = 200
_TURNS: Final = 5
_BLOCK: Final = bytes(8_192)


@dataclass(frozen=True, slots=True)
class CallCosts:
    """Seconds of a core of the server: to store an answer, and to tell screens of one session."""

    answer: float
    telling: float


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose processor time is watched for `seconds` for each kind of request."""

    postgres: EmbeddedPostgres
    seconds: float

    async def of_calls(self, node: str, agents: int) -> CallCosts:
        """Measure what a call needs besides its hand-over, with so many agents who wait."""
        async with PgStore(self.postgres.url) as store:
            desks = await open_desks(store, node, agents)
            # In turns: the difference is small beside what the machine does from second to second.
            spent = [
                [await self._each(_rounds(desks, answered=each), agents) for each in (True, False)]
                for _ in range(_TURNS)
            ]
            with_answers, without = (statistics.median(each) for each in zip(*spent, strict=True))
            telling = await self._each(lambda: store.tell_screens([desks[0].session_id]), 1)
            for desk in desks:
                await desk.end()
        return CallCosts(answer=max(0.0, with_answers - without), telling=telling)

    async def of_a_node(self, node: str) -> float:
        """Measure what one node asks for in a second besides its calls, in seconds of a core."""
        async with PgStore(self.postgres.url) as store:
            lease = await store.acquire_lease(node, "bench", now(), _LEASE)
            if not isinstance(lease, Lease):
                raise InvariantError("The node of the benchmark is taken.")
            return sum(
                [
                    await self._each(request, 1) / period.total_seconds()
                    for request, period in _rhythm(store, lease)
                ]
            )

    async def _each(self, work: Callable[[], Awaitable[object]], times: int) -> float:
        """Repeat `work`, which does `times` things, and return the server's time for one."""
        await work()
        meter = LoadMeter({"server": self.postgres.pid or 0})
        meter.start()
        began, done = time.monotonic(), 0
        while time.monotonic() < began + self.seconds:
            await work()
            done += times
        spent = meter.stop()["server"].cpu_pct / 100 * (time.monotonic() - began)
        return spent / done


def _rounds(desks: list[Desk], *, answered: bool) -> Callable[[], Awaitable[object]]:
    async def one(desk: Desk) -> None:
        call = await desk.claim()
        if answered:
            await desk.answer(call)
        await desk.finish(call)

    return lambda: asyncio.gather(*(one(desk) for desk in desks))


def _rhythm(
    store: PgStore, lease: Lease
) -> list[tuple[Callable[[], Awaitable[object]], timedelta]]:
    """What the tasks of `engine.dialer` ask the store for by themselves, and how often."""
    watch = _CONFIG.lease_ttl / 5
    return [
        (lambda: store.renew_lease(lease, now(), _LEASE), watch),
        (lambda: store.other_nodes(lease), watch),
        (lambda: store.lost_calls(lease, now()), watch),
        (lambda: store.advance_campaigns(now()), _CONFIG.poll),
        (lambda: store.take_sessions(lease, 1, now()), _CONFIG.poll),
        (lambda: store.stop_orders(lease), _CONFIG.poll),
        (lambda: store.forbidden_calls(lease), _CONFIG.poll / 2),
        (store.phones, _CONFIG.phone_poll),
    ]


def flush_s(folder: Path) -> float:
    """The median time in which the disk below `folder` keeps a page of the log for good."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_FLUSHES):
            began = time.perf_counter()
            file.write(_BLOCK)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took)
