"""The part `hooks`: what webhooks cost the hand-off, also when their endpoint never answers.

The same dialer, worker and calls, in turns: no endpoint wants to hear of calls, one hears of all
and answers at once, one hears of all and never answers.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from django.db import connection

from autodialer.ops.worker import WorkerProcess
from bench.carrier import ABOUT_A_SECOND
from bench.load import OTHER
from bench.office import Office, now
from bench.part import Outcome
from bench.rows import Row, markdown
from bench.sides import FIRST_AGENT, Product
from bench.stack import Measured, Scene, stack
from bench.webhooks import ENDPOINT, Receiver
from bench.wire import percentile

if TYPE_CHECKING:
    from bench.part import Options

AGENTS: Final = 50
_ROUNDS: Final = 3
_PERCENTILES: Final = (50, 95, 99)
# Which endpoint is told of calls, by its path.
NOBODY, ANSWERS, HANGS = "", "/same", "/hang"
_TITLES: Final = {NOBODY: "nobody listens", ANSWERS: "one answers", HANGS: "one hangs"}
# An endpoint that wants only this hears nothing of calls.
_NO_CALLS: Final = ["campaign.archived"]
_LISTEN: Final = "UPDATE webhooks_endpoint SET kinds = %s WHERE id = %s"


def run(options: Options) -> Outcome:
    """Measure all three in turns; a full run takes about 4 minutes, a quick one about one."""
    options.paths.bench.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="hooks-", dir=options.paths.bench))
    settle_s, window_s, rounds = (1.0, 3.0, 1) if options.quick else (2.5, 10.0, _ROUNDS)
    scene = Scene(AGENTS, ABOUT_A_SECOND, settle_s, window_s)
    found: dict[str, list[Measured]] = {path: [] for path in _TITLES}
    try:
        with ExitStack() as running:
            parts = running.enter_context(stack(folder, options.paths.asterisk_prefix))
            office = Office.open(parts.postgres.url, FIRST_AGENT, AGENTS)
            type(office.account).objects.filter(pk=office.account.pk).update(allows_http=True)
            connection.close()
            port = running.enter_context(_receiving())
            url = parts.postgres.url
            allow = {"AUTODIALER_OUTBOUND_ALLOW": f"127.0.0.1:{port}"}
            worker = WorkerProcess(parts.paths, url, allow)
            worker.start()
            running.callback(worker.kill)
            database = running.enter_context(psycopg.connect(url, autocommit=True))
            endpoints = _endpoints(database, office.account.pk, port)
            for _ in range(rounds):
                for path, measured in found.items():
                    for each, endpoint in endpoints.items():
                        kinds = [] if each == path else _NO_CALLS
                        database.execute(_LISTEN, [kinds, endpoint])
                    measured.append(parts.measure(Product(parts, office), scene))
                    options.tell(_progress(path, measured[-1]))
    finally:
        shutil.rmtree(folder)
    return _outcome(found)


@contextmanager
def _receiving() -> Iterator[int]:
    """The port of a receiver in a thread of its own."""
    loop = asyncio.new_event_loop()
    serving = asyncio.start_server(Receiver().answer, "127.0.0.1", 0)
    listening = loop.run_until_complete(serving)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield listening.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    listening.close()


def _endpoints(
    database: psycopg.Connection[tuple[int]], account_id: int, port: int
) -> Mapping[str, int]:
    made = {}
    for path in (ANSWERS, HANGS):
        url = f"http://127.0.0.1:{port}{path}"
        values = {"account": account_id, "url": url, "now": now()}
        ((made[path],),) = database.execute(ENDPOINT, values).fetchall()
    return made


def _gap(rounds: list[Measured], percent: int) -> float:
    return statistics.median(percentile(each.handoffs.gaps_ms, percent) for each in rounds)


def _outcome(found: Mapping[str, list[Measured]]) -> Outcome:
    rows = [
        Row(f"handoff_p{percent}_ms_{name}", _gap(found[path], percent), "ms", floor)
        for percent in _PERCENTILES
        for floor in [_gap(found[NOBODY], percent)]
        for name, path in (("webhooks", ANSWERS), ("hanging_endpoint", HANGS))
    ]
    lines = [
        [_TITLES[path], *(f"{_gap(rounds, percent):.1f}" for percent in _PERCENTILES)]
        for path, rounds in found.items()
    ]
    return Outcome(rows, markdown(["hand-off, ms", "p50", "p95", "p99"], lines))


def _progress(path: str, found: Measured) -> str:
    gaps = found.handoffs.gaps_ms
    shown = "/".join(f"{percentile(gaps, percent):.1f}" for percent in _PERCENTILES)
    return (
        f"{_TITLES[path]:<15}  {found.calls_per_s:5.1f} calls/s  gap {shown} ms  n={len(gaps)}"
        f"  other {found.usage[OTHER].cpu_pct:.0f} %"
    )
