"""The part `live`: from a committed change to every open page that shows it.

One web process, 1,000 pages (streams) of 50 supervisors over 20 campaigns of 20,000 numbers. Each
campaign has an agent for whom calls are claimed and ended through the store, told to the screens
by the dialer's own task. A change counts as received when a page first shows it or a later one.

Alone: each campaign changes every 1.5 to 2.5 s, so that none waits for the pace of the counts (at
most five times a second). Busy: ten changes a second in each, of which pages see up to five.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from bisect import bisect_left
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from django.db import connection

from autodialer.adapters.pg.store import PgStore
from autodialer.domain import outcome
from autodialer.domain.errors import InvariantError
from autodialer.domain.ids import AttemptId
from autodialer.domain.retry import move_after_call
from autodialer.domain.session import Call, Claimed, EndReason, FinishCall
from autodialer.domain.target import TargetStatus
from autodialer.engine.screens import ScreenNews
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import Child, free_port
from autodialer.ops.web import WebProcess
from autodialer.ports.store import Lease, SessionOrder
from bench.load import LoadMeter, Usage
from bench.office import Office, now
from bench.part import Outcome
from bench.rows import Row, markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.domain.ids import SessionId
    from bench.part import Options

PAGES: Final = 1_000
CAMPAIGNS: Final = 20
SUPERVISORS: Final = 50
WINDOW_S: Final = 15.0
CALLER_ID: Final = "+918030000000"
FIRST_AGENT: Final = 918_040_000_000
FIRST_CUSTOMER: Final = 919_000_000_000
_APART: Final = 1_000_000
_READY_S: Final = 120.0
_LOOK_AGAIN_S: Final = 0.05


def run(options: Options) -> Outcome:
    """Measure both rhythms with all pages open."""
    window_s = 4.0 if options.quick else WINDOW_S
    pages = 200 if options.quick else PAGES
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="live-")))
        paths = Paths.below(var)
        server = EmbeddedPostgres(paths)
        server.start()
        stack.callback(server.stop)
        office = Office.open(server.url, FIRST_AGENT, CAMPAIGNS)
        options.tell("live: making campaigns")
        campaigns = [
            office.campaign(CAMPAIGNS, FIRST_CUSTOMER + at * _APART, CALLER_ID).pk
            for at in range(CAMPAIGNS)
        ]
        streams = _streams(office, campaigns, pages)
        web = _web(paths, server.url)
        stack.callback(web.stop)
        web.start()
        found = {
            name: asyncio.run(
                _measure(Scene(office, server, web, streams, pause, window_s), var / name)
            )
            for name, pause in (("alone", (1.5, 2.5)), ("busy", (0.08, 0.12)))
        }
        connection.close()
    return _outcome(found, pages)


def _streams(office: Office, campaigns: Sequence[int], pages: int) -> list[tuple[int, str]]:
    """Return campaign and session cookie of each page."""
    from django.test import Client

    from autodialer.apps.accounts.models import User

    supervisors = User.objects.bulk_create(
        User(
            account=office.account,
            email=f"supervisor{number}@bench.example",
            name=f"Supervisor {number}",
            role="supervisor",
            password="!",  # noqa: S106 - no password fits it
            created_at=office.created_at,
        )
        for number in range(SUPERVISORS)
    )
    sessions = []
    for user in supervisors:
        client = Client()
        client.force_login(user)
        sessions.append(client.cookies["sessionid"].value)
    return [(campaigns[at % CAMPAIGNS], sessions[at % SUPERVISORS]) for at in range(pages)]


def _web(paths: Paths, url: str) -> WebProcess:
    from django.conf import settings

    secret = {"AUTODIALER_SECRET_KEY": settings.SECRET_KEY}
    return WebProcess(paths, url, port=free_port(), module="bench.live_site", extra=secret)


@dataclass(frozen=True, slots=True)
class Found:
    """What one rhythm showed; latencies in milliseconds, sorted."""

    latencies: Sequence[float]
    changes: int
    usage: Mapping[str, Usage]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is measured: the pages, how long after a change the next one comes, for how long."""

    office: Office
    server: EmbeddedPostgres
    web: WebProcess
    streams: Sequence[tuple[int, str]]
    pause: tuple[float, float]
    window_s: float


async def _measure(scene: Scene, folder: Path) -> Found:
    """Open the pages, change every campaign in this rhythm, and compare the times."""
    office, server, web, streams = scene.office, scene.server, scene.web, scene.streams
    browsers = _open_pages(web, streams, folder)
    meter = LoadMeter({"web": web.pid or 0, "postgres": server.pid or 0})
    try:
        await asyncio.to_thread(browsers.wait_ready, (folder / "ready").exists, _READY_S)
        async with PgStore(server.url) as store:
            desks = await _desks(office, store, [campaign for campaign, _ in streams], folder.name)
            news, stop_at = ScreenNews(), time.monotonic() + scene.window_s
            meter.start()
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(news.tell(store))
                working = [
                    tasks.create_task(desk.work(news, scene.pause, stop_at)) for desk in desks
                ]
                await asyncio.wait(working)
                usage = meter.stop()
                await asyncio.sleep(2.0)  # what was committed last
                telling.cancel()
            for desk in desks:
                await desk.end()
    finally:
        browsers.stop()
    events = json.loads((folder / "events.json").read_text())
    latencies = _latencies(desks, events, len(streams))
    return Found(latencies, sum(len(desk.committed) for desk in desks), usage)


def _open_pages(web: WebProcess, streams: Sequence[tuple[int, str]], folder: Path) -> Child:
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({"port": web.port, "streams": streams}))
    argv = [sys.executable, "-m", "bench.live_pages", str(folder)]
    browsers = Child("browsers", argv, log=folder / "browsers.log")
    browsers.start()
    return browsers


async def _desks(
    office: Office, store: PgStore, campaigns: Sequence[int], node: str
) -> list[_Desk]:
    """Connect one agent to each campaign, on a node of its own."""
    lease = await store.acquire_lease(node, "bench", now(), timedelta(hours=1))
    if not isinstance(lease, Lease):
        raise InvariantError("The node of the benchmark is taken.")
    desks = []
    for at, campaign_id in enumerate(dict.fromkeys(campaigns)):
        await asyncio.to_thread(_press_start, office, campaign_id, at)
        order = await _taken(store, lease)
        await store.mark_ready(lease, order.session_id, now())
        steps = await asyncio.to_thread(_steps_so_far, office, campaign_id)
        desks.append(_Desk(store, lease, order.session_id, campaign_id, steps))
    return desks


async def _taken(store: PgStore, lease: Lease) -> SessionOrder:
    """Take the session that waits. Two nodes share agents: the other one's turn may come first."""
    while True:
        for order in await store.take_sessions(lease, 1, now()):
            return order
        await asyncio.sleep(_LOOK_AGAIN_S)


def _press_start(office: Office, campaign_id: int, at: int) -> None:
    from autodialer.apps.calls.services import start_session

    user_id = office.agents[at].pk
    start_session(account=office.account, campaign_id=campaign_id, user_id=user_id, now=now())
    connection.close()


def _steps_so_far(office: Office, campaign_id: int) -> int:
    from autodialer.apps.campaigns.queries import campaign_counts

    counts = campaign_counts(office.account, campaign_id)
    connection.close()
    return counts.total - counts[TargetStatus.SCHEDULED] + counts[TargetStatus.COMPLETED]


@dataclass(slots=True)
class _Desk:
    """One agent's session, whose calls begin and end; `committed` has the time of each step."""

    store: PgStore
    lease: Lease
    session_id: SessionId
    campaign_id: int
    first_step: int
    committed: list[float] = field(default_factory=list)

    async def work(self, news: ScreenNews, pause: tuple[float, float], until: float) -> None:
        """Claim and finish in turn; each is a step that the counts show."""
        call = None
        luck = random.Random(self.campaign_id)  # noqa: S311
        while time.monotonic() < until or call is not None:
            await asyncio.sleep(luck.uniform(*pause))
            if call is None:
                found = await self.store.claim(
                    self.lease, self.session_id, AttemptId(uuid4()), now()
                )
                if not isinstance(found, Claimed):
                    raise InvariantError(f"The list ended before the time: {found}.")
                call = found.call
            else:
                await self._finish(call)
                call = None
            self.committed.append(time.monotonic())
            news.moved(self.session_id)

    async def _finish(self, call: Call) -> None:
        at = now()
        move = move_after_call(outcome.TALKED, call.tries, call.policy, at)
        finish = FinishCall(call.attempt_id, outcome.TALKED, move, at, False, answered_at=at)
        await self.store.finish(self.lease, finish, None)

    async def end(self) -> None:
        await self.store.end_session(self.lease, self.session_id, EndReason.STOPPED, now())


def _latencies(
    desks: Sequence[_Desk], events: Sequence[tuple[float, int, int, int]], pages: int
) -> list[float]:
    """Return the milliseconds from each commit to each page that shows its campaign, sorted.

    Raises InvariantError when a page never showed the last step.
    """
    seen: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
    for came, stream, campaign_id, step in events:
        seen[stream, campaign_id].append((came, step))
    if len(seen) != pages:
        raise InvariantError(f"{pages - len(seen)} pages showed nothing.")
    by_campaign = {desk.campaign_id: desk for desk in desks}
    found: list[float] = []
    for (_, campaign_id), shown in seen.items():
        desk = by_campaign[campaign_id]
        steps = [step for _, step in shown]
        for number, committed in enumerate(desk.committed, desk.first_step + 1):
            at = bisect_left(steps, number)
            if at == len(steps):
                raise InvariantError(f"A page never showed step {number}.")
            found.append((shown[at][0] - committed) * 1_000)
    return sorted(found)


def _outcome(found: Mapping[str, Found], pages: int) -> Outcome:
    rows = [
        Row(f"live_p95_ms_{pages}_pages", _percentile(found["alone"].latencies, 95), "ms"),
        Row(f"live_p95_ms_{pages}_pages_busy", _percentile(found["busy"].latencies, 95), "ms"),
        Row(f"live_web_mb_{pages}_pages", found["busy"].usage["web"].memory_mb, "MB"),
    ]
    header = ("changes", "seen", "p50 ms", "p95 ms", "p99 ms", "web %", "web MB", "PostgreSQL %")
    lines = [
        (
            f"{name}: {one.changes:,}",
            f"{len(one.latencies):,}",
            *(f"{_percentile(one.latencies, p):,.0f}" for p in (50, 95, 99)),
            f"{one.usage['web'].cpu_pct:,.0f}",
            f"{one.usage['web'].memory_mb:,.0f}",
            f"{one.usage['postgres'].cpu_pct:,.0f}",
        )
        for name, one in found.items()
    ]
    return Outcome(rows, markdown(header, lines))


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Nearest rank."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
