"""The part `api`: authenticated reads and writes a second on one web process, and their times.

One account with 200 campaigns; the web process as in production with its quota out of the way;
the requests come from this process, eight connections that are kept open. Reads go round a
campaign with its counts, a page of campaigns, calls, and a page of contacts; writes make a
contact, pause a campaign and resume it. Times are those of the client at half of the rates that
are to be reached, from the request to the last byte.
"""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from autodialer.domain.errors import InvariantError
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import free_port
from autodialer.ops.web import WebProcess
from bench.load import LoadMeter
from bench.office import Office
from bench.pages_data import AGENTS, FIRST_AGENT, QUICK, fill
from bench.part import Outcome
from bench.rows import Row, markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.part import Options

CLIENTS: Final = 8
WINDOW_S: Final = 10.0
HALF_OF_READS, HALF_OF_WRITES = 200.0, 50.0
FLOOR: Final = "/static/icon.svg"
_OK: Final = range(200, 300)
_TIMEOUT_S: Final = 30.0
_MANY: Final = {"AUTODIALER_API_REQUESTS_PER_MINUTE": "1000000"}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    path: str
    body: object = None


@dataclass(slots=True)
class Client:
    """One connection of a program; `times` are the milliseconds of its requests."""

    web: WebProcess
    key: str
    times: list[float] = field(default_factory=list)

    def work(self, asks: Iterator[Ask], due: float, stop_at: float, pause_s: float) -> None:
        """Ask one after the other from `due` on, each begun `pause_s` after the one before."""
        http = HTTPConnection(self.web.host, self.web.port, timeout=_TIMEOUT_S)
        while (now := time.perf_counter()) < stop_at:
            if now < due:
                time.sleep(due - now)
            due += pause_s
            began = time.perf_counter()
            self._send(http, next(asks))
            self.times.append(1_000 * (time.perf_counter() - began))
        http.close()

    def _send(self, http: HTTPConnection, ask: Ask) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        body = b"" if ask.body is None else json.dumps(ask.body).encode()
        http.request(ask.method, ask.path, body, headers)
        answer = http.getresponse()
        told = answer.read()
        if answer.status not in _OK:
            raise InvariantError(f"{ask.method} {ask.path}: {answer.status} {told[:200]!r}")


def run(options: Options) -> Outcome:
    """Make the data, start the web process, and ask it."""
    with ExitStack() as stack:
        paths = Paths.below(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="api-"))))
        server = EmbeddedPostgres(paths)
        server.start()
        stack.callback(server.stop)
        office = Office.open(server.url, FIRST_AGENT, AGENTS)
        fill(office, QUICK)
        key, campaigns = _key(office), _campaigns()
        web = WebProcess(paths, server.url, port=free_port(), extra=_MANY)
        web.start()
        stack.callback(web.stop)
        connection.close()
        meter = LoadMeter({"web": web.pid or 0, "postgres": server.pid or 0})
        meter.start()
        outcome = _measured(web, key, campaigns, 2.0 if options.quick else WINDOW_S)
        spent = ", ".join(f"{name} {one.cpu_pct:.0f} %" for name, one in meter.stop().items())
        options.tell(f"api: {spent} of one core")
        return outcome


def _measured(web: WebProcess, key: str, campaigns: Sequence[int], window_s: float) -> Outcome:
    numbers = count(919_700_000_000)
    _load(web, key, _readers(campaigns), 1.0)  # warm
    floor = len(_load(web, key, [cycle([Ask("GET", FLOOR)])] * CLIENTS, window_s)) / window_s
    reads = len(_load(web, key, _readers(campaigns), window_s)) / window_s
    # They go on where they were: a campaign that was left paused is resumed first.
    writers = _writers(campaigns, numbers)
    writes = len(_load(web, key, writers, window_s)) / window_s
    read_times = _load(web, key, _readers(campaigns), window_s, HALF_OF_READS)
    write_times = _load(web, key, writers, window_s, HALF_OF_WRITES)
    rows = [
        Row("api_reads_per_s", reads, "1/s", floor),
        Row("api_writes_per_s", writes, "1/s", floor),
        Row("api_p95_ms", _p95([*read_times, *write_times]), "ms"),
    ]
    cells = [(row.name, f"{row.value:,.1f}", row.unit) for row in rows]
    return Outcome(rows, markdown(("row", "value", "unit"), cells))


def _load(
    web: WebProcess,
    key: str,
    asks: Sequence[Iterator[Ask]],
    window_s: float,
    rate: float | None = None,
) -> Sequence[float]:
    """Return the times of all requests of the window, as fast as it goes or at this rate."""
    clients = [Client(web, key) for _ in asks]
    began = time.perf_counter()
    step_s = 0.0 if rate is None else 1 / rate  # evenly: programs know nothing of each other
    with ThreadPoolExecutor(len(clients)) as threads:
        work = [
            threads.submit(
                client.work, each, began + at * step_s, began + window_s, len(clients) * step_s
            )
            for at, (client, each) in enumerate(zip(clients, asks, strict=True))
        ]
    for each in work:
        each.result()  # of a client that was refused there would be too few times
    return [one for client in clients for one in client.times]


def _readers(campaigns: Sequence[int]) -> list[Iterator[Ask]]:
    return [cycle(_reads(campaign)) for campaign in campaigns[:CLIENTS]]


def _reads(campaign: int) -> list[Ask]:
    one = f"/api/v1/campaigns/{campaign}"
    paths = (
        one,
        "/api/v1/campaigns?limit=20",
        f"{one}/calls?limit=20",
        "/api/v1/contacts?limit=20",
    )
    return [Ask("GET", path) for path in paths]


def _writers(campaigns: Sequence[int], numbers: Iterator[int]) -> list[Iterator[Ask]]:
    return [_writes(campaign, numbers) for campaign in campaigns[:CLIENTS]]


def _writes(campaign: int, numbers: Iterator[int]) -> Iterator[Ask]:
    while True:
        yield Ask("POST", f"/api/v1/campaigns/{campaign}/pause")
        yield Ask("POST", "/api/v1/contacts", {"number": f"+{next(numbers)}"})
        yield Ask("POST", f"/api/v1/campaigns/{campaign}/resume")


def _key(office: Office) -> str:
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.accounts.scopes import KeyScope
    from autodialer.apps.keys.services import create_key

    made = create_key(
        account=office.account,
        actor=OPERATOR,
        name="bench",
        scopes=list(KeyScope),
        now=office.created_at,
    )
    return str(made.token)


def _campaigns() -> Sequence[int]:
    """Return small campaigns that run, one for each client."""
    from autodialer.apps.campaigns.models import Campaign

    small: Any = Campaign.objects.order_by("target_count", "-pk")
    ids: list[int] = list(small.values_list("pk", flat=True)[:CLIENTS])
    Campaign.objects.filter(pk__in=ids).update(status="in-progress", final_counts=None)
    return ids


def _p95(found: Sequence[float]) -> float:
    """Nearest rank."""
    ordered = sorted(found)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
