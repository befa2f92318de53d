"""The part `webhooks`: how fast one worker delivers a backlog, and what then happens to the rest.

A real worker process and a receiver on this machine that answers at once. First a backlog of
100,000 deliveries to one endpoint; meanwhile events happen for this endpoint and for another one,
whose arrival is timed. Then the same with three endpoints that never answer.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import psycopg
from django.db import connection

from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.worker import WorkerProcess
from bench.office import Office, now
from bench.part import Outcome
from bench.rows import Row, markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.part import Options

BACKLOG: Final = 100_000
QUICK: Final = 10_000
WINDOW_S: Final = 15.0
HANGING: Final = 3
_WARM_UP_S: Final = 3.0
_BETWEEN_S: Final = 0.25
_GIVE_UP_S: Final = 30.0
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ENDPOINT: Final = """
INSERT INTO webhooks_endpoint (account_id, url, description, kinds, salt, old_salt, disabled_reason,
                               created_at, changed_at)
VALUES (%(account)s, %(url)s, '', '{}', 'salt', '', '', %(now)s, %(now)s) RETURNING id"""
_EVENTS: Final = """
WITH events AS (
    INSERT INTO webhooks_event (id, account_id, kind, at)
    SELECT coalesce(%(id)s::uuid, gen_random_uuid()), %(account)s, 'webhook.test', %(now)s
      FROM generate_series(1, %(count)s)
    RETURNING id
)
INSERT INTO webhooks_delivery (event_id, account_id, purpose, endpoint_id, lane, due_at)
SELECT id, %(account)s, 'webhook', %(endpoint)s, 'e' || %(endpoint)s, %(now)s FROM events"""
# What the dialer tells beside its calls.
_HINT: Final = "SELECT pg_notify('autodialer_screens', '[]')"


@dataclass(slots=True)
class Receiver:
    """Answers 200 at once, or never below /hang; knows when each id came first."""

    heard: dict[str, float] = field(default_factory=dict)
    count: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer all requests of one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = dict(
                    line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:-2]
                )
                await reader.readexactly(int(headers.get("content-length", 0)))
                if b" /hang" in head:
                    await reader.read()
                    return
                self.count += 1
                self.begun.set()
                self.heard.setdefault(headers["webhook-id"], time.monotonic())
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class Scene:
    """What one round came to; the times are milliseconds from the event to its arrival."""

    per_s: float
    same: Sequence[float]
    other: Sequence[float]


@dataclass(frozen=True, slots=True)
class Floor:
    """The database, the account and the receiver of one measurement."""

    database: psycopg.AsyncConnection[tuple[int]]
    account_id: int
    port: int
    receiver: Receiver

    async def endpoint(self, path: str) -> int:
        """Make an endpoint at the receiver."""
        url = f"http://127.0.0.1:{self.port}{path}"
        values = {"account": self.account_id, "url": url, "now": now()}
        row = await (await self.database.execute(ENDPOINT, values)).fetchone()
        if row is None:
            raise LookupError("The endpoint was not made.")
        return row[0]

    async def happen(self, endpoint: int, count: int, event: UUID | None = None) -> None:
        """Let events happen for an endpoint."""
        values = {
            "id": event,
            "account": self.account_id,
            "endpoint": endpoint,
            "count": count,
            "now": now(),
        }
        await self.database.execute(_EVENTS, values)
        await self.database.execute(_HINT)

    async def measure(self, same: int, other: int, seconds: float) -> Scene:
        """Count what arrives in this time, and time single events for both endpoints."""
        times: dict[int, list[float]] = {same: [], other: []}
        began, before = time.monotonic(), self.receiver.count
        while time.monotonic() < began + seconds:
            for endpoint, found in times.items():
                found.append(await self._time_one(endpoint))
            await asyncio.sleep(_BETWEEN_S)
        rate = (self.receiver.count - before) / (time.monotonic() - began)
        return Scene(rate, times[same], times[other])

    async def _time_one(self, endpoint: int) -> float:
        event = uuid4()
        began = time.monotonic()
        await self.happen(endpoint, 1, event)
        name = f"msg_{event.hex}"
        while name not in self.receiver.heard:
            if time.monotonic() > began + _GIVE_UP_S:
                return _GIVE_UP_S * 1_000
            await asyncio.sleep(0.001)
        return (self.receiver.heard[name] - began) * 1_000


def run(options: Options) -> Outcome:
    """Measure with one worker, first alone with its backlog, then with endpoints that hang."""
    backlog, seconds = (QUICK, 4.0) if options.quick else (BACKLOG, WINDOW_S)
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webhooks-")))
        paths = Paths.below(var)
        server = EmbeddedPostgres(paths)
        server.start()
        stack.callback(server.stop)
        account = Office.open(server.url, 918_040_000_000, 1).account
        type(account).objects.filter(pk=account.pk).update(allows_http=True)
        connection.close()
        options.tell(f"a backlog of {backlog:,} deliveries")
        alone, hanging = asyncio.run(_both(paths, server.url, account.pk, backlog, seconds))
    return _outcome(backlog, alone, hanging)


async def _both(
    paths: Paths, url: str, account_id: int, backlog: int, seconds: float
) -> tuple[Scene, Scene]:
    receiver = Receiver()
    listening = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    worker = WorkerProcess(paths, url, {"AUTODIALER_OUTBOUND_ALLOW": f"127.0.0.1:{port}"})
    async with (
        listening,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as database,
    ):
        floor = Floor(database, account_id, port, receiver)
        same, other = await floor.endpoint("/same"), await floor.endpoint("/other")
        await floor.happen(same, backlog)
        worker.start()
        try:
            await asyncio.wait_for(receiver.begun.wait(), _GIVE_UP_S)
            await asyncio.sleep(_WARM_UP_S)
            alone = await floor.measure(same, other, seconds)
            for at in range(HANGING):
                await floor.happen(await floor.endpoint(f"/hang/{at}"), 1_000)
            await floor.happen(same, backlog // 4)
            hanging = await floor.measure(same, other, seconds)
        finally:
            worker.kill()
    return alone, hanging


def _p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100, method="inclusive")[98]


def _outcome(backlog: int, alone: Scene, hanging: Scene) -> Outcome:
    rows = [
        Row("webhook_deliveries_per_s", alone.per_s, "1/s"),
        Row("webhook_deliveries_per_s_hanging", hanging.per_s, "1/s"),
        Row("webhook_fresh_p99", _p99(alone.same), "ms"),
        Row("webhook_other_p99", _p99(alone.other), "ms"),
        Row("webhook_other_p99_hanging", _p99(hanging.other), "ms"),
    ]
    header = ("", "deliveries/s", "same endpoint p50/p99 ms", "another p50/p99 ms")
    lines = [
        (
            name,
            f"{scene.per_s:,.0f}",
            f"{quantiles(scene.same)[1]:,.0f} / {_p99(scene.same):,.0f}",
            f"{quantiles(scene.other)[1]:,.0f} / {_p99(scene.other):,.0f}",
        )
        for name, scene in (
            (f"backlog of {backlog:,}", alone),
            (f"and {HANGING} endpoints that hang", hanging),
        )
    ]
    return Outcome(rows, markdown(header, lines))
