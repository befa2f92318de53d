"""The part `claims`: how many calls a second the store can claim, and hand over, at full speed.

Fifty sessions of one account, on the dialer's pool of connections. Claims: all fifty claim at
once, again and again; only the time of the claims counts, not that of ending the calls between.
Hand-overs: each session ends an answered call and claims the next one in one round trip, as the
dialer does. No telephone is involved.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from django.db import connection

from autodialer.adapters.pg.store import PgStore
from autodialer.domain.money import PaymentMode, Rate
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from bench.desks import Desk, open_desks
from bench.load import OTHER, LoadMeter
from bench.office import TARGETS, Office, now
from bench.part import Outcome
from bench.rows import Row, markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.part import Options

SESSIONS: Final = 50
FULL: Final = 100_000
MILLION: Final = 1_000_000
WINDOW_S: Final = 8.0
CALLER_ID: Final = "+918030000000"
FIRST_AGENT: Final = 918_040_000_000
# Each scene dials numbers of its own.
_FIRST_CUSTOMER: Final = 919_000_000_000
_APART: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Scene:
    """What is claimed: from a list of so many targets, while a report is read, for money."""

    name: str
    targets: int
    report_open: bool = False
    prepaid: bool = False


@dataclass(frozen=True, slots=True)
class Speed:
    """What a scene came to. Processor time is that of one hand-over, in microseconds."""

    claims_per_s: float
    handovers_per_s: float
    server_us: float
    dialer_us: float
    other_pct: float


def run(options: Options) -> Outcome:
    """Measure each scene; the same database, one campaign each."""
    seconds = 2.0 if options.quick else WINDOW_S
    small = TARGETS if options.quick else FULL
    long = options.targets or (small if options.quick else MILLION)
    scenes = [
        Scene("", small),
        Scene("_report_open", small, report_open=True),
        Scene("_long_list", long),
        # The last: a metered account stays so.
        Scene("_prepaid", small, prepaid=True),
    ]
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claims-")))
        server = EmbeddedPostgres(Paths.below(var))
        server.start()
        stack.callback(server.stop)
        office = Office.open(server.url, FIRST_AGENT, SESSIONS)
        speeds = []
        for at, scene in enumerate(scenes):
            options.tell(f"{scene.name.strip('_') or 'claims'}: {scene.targets:,} targets")
            speeds.append(_measure(office, server, scene, at, seconds))
        connection.close()
    return _outcome(scenes, speeds)


def _outcome(scenes: Sequence[Scene], speeds: Sequence[Speed]) -> Outcome:
    rows = [
        row
        for scene, speed in zip(scenes, speeds, strict=True)
        for row in (
            Row(f"claims_per_s{scene.name}", speed.claims_per_s, "1/s"),
            Row(f"handovers_per_s{scene.name}", speed.handovers_per_s, "1/s"),
        )
    ]
    header = ("", "targets", "claims/s", "hand-overs/s", "server us", "dialer us", "other %")
    lines = [
        (
            scene.name.strip("_").replace("_", " ") or "one list",
            f"{scene.targets:,}",
            f"{speed.claims_per_s:,.0f}",
            f"{speed.handovers_per_s:,.0f}",
            f"{speed.server_us:,.0f}",
            f"{speed.dialer_us:,.0f}",
            f"{speed.other_pct:,.0f}",
        )
        for scene, speed in zip(scenes, speeds, strict=True)
    ]
    return Outcome(rows, markdown(header, lines))


def _measure(
    office: Office, server: EmbeddedPostgres, scene: Scene, at: int, seconds: float
) -> Speed:
    first = _FIRST_CUSTOMER + at * _APART
    if scene.prepaid:
        _pay(office)
    campaign = office.campaign(SESSIONS, first, CALLER_ID, targets=scene.targets)
    office.start_sessions(campaign, SESSIONS, 0.0)
    with ExitStack() as stack:
        if scene.report_open:
            reader = stack.enter_context(psycopg.connect(server.url))
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            reader.execute("SELECT count(*) FROM campaigns_campaign")
        return asyncio.run(_dial(server, scene.name or "claims", seconds))


def _pay(office: Office) -> None:
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.billing import services

    account = office.account
    rates = {"+91": Rate(60, 60, 60, 60)}
    mode = PaymentMode.PREPAID
    services.set_payment_mode(account=account, mode=mode, actor=OPERATOR, now=now())
    services.set_tariffs(account=account, rates=rates, actor=OPERATOR, now=now())
    services.top_up(account=account, amount=10**12, reference="b", actor=OPERATOR, now=now())


async def _dial(server: EmbeddedPostgres, node: str, seconds: float) -> Speed:
    """Claim for half of the time, hand over for the other half."""
    async with PgStore(server.url) as store:
        desks = await open_desks(store, node, SESSIONS)
        claims_per_s = await _claims_per_s(desks, seconds / 2)
        meter = LoadMeter({"server": server.pid or 0})
        meter.start()
        dialer_s = time.process_time()
        until = time.monotonic() + seconds / 2
        calls = sum(await asyncio.gather(*(_work(desk, until) for desk in desks)))
        dialer_s = time.process_time() - dialer_s
        used = meter.stop()
        for desk in desks:
            await desk.end()
    rate = calls / (seconds / 2)
    return Speed(
        claims_per_s=claims_per_s,
        handovers_per_s=rate,
        server_us=used["server"].cpu_pct * 1e4 / rate,
        dialer_us=dialer_s * 1e6 / calls,
        other_pct=max(0.0, used[OTHER].cpu_pct - 100 * dialer_s / (seconds / 2)),
    )


async def _claims_per_s(desks: Sequence[Desk], seconds: float) -> float:
    claims, spent = 0, 0.0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        calls = await asyncio.gather(*(desk.claim() for desk in desks))
        spent += time.monotonic() - began
        claims += len(calls)
        await asyncio.gather(*(desk.finish(call) for desk, call in zip(desks, calls, strict=True)))
    return claims / spent


async def _work(desk: Desk, until: float) -> int:
    """End and claim until the time; return how often."""
    calls, call = 0, await desk.claim()
    while time.monotonic() < until:
        call = await desk.hand_over(call)
        calls += 1
    await desk.finish(call)
    return calls
