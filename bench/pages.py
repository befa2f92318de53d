"""The part `pages`: how long each page takes, how many fragments a second, how big a first visit.

One account with 2,000 campaigns, ten of them with 100,000 numbers, and 5 million calls; the web
process as in production; an admin, who is signed in and asks for one page after the other.
Times are those of the client on loopback, from the request to the last byte of the answer.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.db import connection

from autodialer.domain.errors import InvariantError
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import free_port
from autodialer.ops.web import WebProcess
from bench.load import LoadMeter
from bench.office import Office
from bench.pages_data import AGENTS, APART, FIRST_AGENT, FIRST_CUSTOMER, FULL, QUICK, fill
from bench.part import Outcome
from bench.rows import Row, markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.load import Usage
    from bench.part import Options

ROUNDS: Final = 30
CLIENTS: Final = 8
WINDOW_S: Final = 8.0
# What the server does for a file that it has in memory, and for a page without data.
FLOOR: Final = "/static/icon.svg"
_TIMEOUT_S: Final = 60.0
_OK: Final = 200
# What the head of a page loads, and what it shows: an icon's own part of the file is no request.
_LOADED: Final = re.compile(r'(?:src|href)="(/static/[^"#]+)')


def run(options: Options) -> Outcome:
    """Make the data, start the web process, and ask it."""
    size = QUICK if options.quick else FULL
    with ExitStack() as stack:
        paths = Paths.below(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pages-"))))
        server = EmbeddedPostgres(paths)
        server.start()
        stack.callback(server.stop)
        office = Office.open(server.url, FIRST_AGENT, AGENTS)
        began = time.monotonic()
        fill(office, size)
        options.tell(f"pages: {size.calls:,} calls made in {time.monotonic() - began:.0f} s")
        visitor = Visitor(_web(paths, server.url, stack), _sign_in(office))
        connection.close()
        return _measured(visitor, server, options)


def _measured(visitor: Visitor, server: EmbeddedPostgres, options: Options) -> Outcome:
    rounds, window_s = (5, 2.0) if options.quick else (ROUNDS, WINDOW_S)
    addresses = _addresses()
    meter = LoadMeter({"web": visitor.web.pid or 0, "postgres": server.pid or 0})
    meter.start()
    times = {name: visitor.times(where, rounds) for name, where in addresses.items()}
    usage = meter.stop()
    floor = visitor.times(Where(FLOOR), rounds)
    fragments = visitor.rate(addresses["campaign_counts"], window_s)
    least = visitor.rate(Where(FLOOR), window_s)
    first = visitor.first_load(addresses["campaign"])
    rows = [
        Row(
            "page_p95_ms", _p95([one for each in times.values() for one in each]), "ms", _p95(floor)
        ),
        *(
            Row(f"page_{name}_p95_ms", _p95(found), "ms", _p95(floor))
            for name, found in times.items()
        ),
        Row("fragments_per_s", fragments, "1/s", least),
        Row("first_load_kb", first / 1_000, "kB"),
    ]
    _tell(options.tell, usage, rows)
    return Outcome(rows, _table(times, rows))


def _tell(tell: Callable[[str], None], usage: Mapping[str, Usage], rows: Sequence[Row]) -> None:
    spent = ", ".join(f"{name} {one.cpu_pct:.0f} %" for name, one in usage.items())
    tell(f"pages: {spent} of one core, one page after the other")
    for row in rows:
        if not row.name.startswith("page_"):
            tell(f"pages: {row.name} {row.value:,.0f} {row.unit}")


def _table(times: Mapping[str, Sequence[float]], rows: Sequence[Row]) -> str:
    lines = [
        (name, f"{statistics.median(found):,.1f}", f"{_p95(found):,.1f}", f"{max(found):,.1f}")
        for name, found in times.items()
    ]
    table = markdown(("page", "p50 ms", "p95 ms", "most ms"), lines)
    whole = (rows[0], *rows[-2:])
    cells = [
        (row.name, f"{row.value:,.1f}", "" if row.floor is None else f"{row.floor:,.1f}", row.unit)
        for row in whole
    ]
    return f"{table}\n\n{markdown(('row', 'value', 'floor', 'unit'), cells)}"


def _p95(found: Sequence[float]) -> float:
    """Nearest rank."""
    ordered = sorted(found)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]


# What is asked for ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """An address; `part`: htmx asks for this element of the page."""

    path: str
    part: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What the browser says about itself."""
        htmx = {} if self.part is None else {"HX-Request": "true", "HX-Target": self.part}
        return {"Accept-Encoding": "gzip, br", **htmx}


def _addresses() -> Mapping[str, Where]:
    """Return all that is asked for, by the name of its row."""
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.apps.contacts.models import ContactList

    large, small = (
        Campaign.objects.order_by(by).values_list("pk", flat=True)[0]
        for by in ("-target_count", "target_count")
    )
    listed = ContactList.objects.order_by("-size").values_list("pk", flat=True)[0]
    one = f"/campaigns/{large}/"
    some = str(FIRST_CUSTOMER + large * APART + 4711)
    return {
        "campaigns": Where("/"),
        "campaigns_last": Where("/?page=70"),
        "campaigns_completed": Where("/?status=completed", "campaigns"),
        "campaigns_search": Where("/?q=renewals+1", "campaigns"),
        "campaigns_by_name": Where("/?sort=name", "campaigns"),
        "campaigns_by_status": Where("/?sort=status", "campaigns"),
        "campaign": Where(one),
        "campaign_small": Where(f"/campaigns/{small}/"),
        "campaign_counts": Where(f"{one}counts/", "campaign-counts"),
        "calls": Where(one, "calls"),
        "calls_failed": Where(f"{one}?status=failed", "calls"),
        "calls_oldest": Where(f"{one}?sort=date", "calls"),
        "calls_of_number": Where(f"{one}?number={some}", "calls"),
        "calls_of_digits": Where(f"{one}?number={some[-4:]}", "calls"),
        "why_number": Where(f"{one}why/?number=%2B{some}", "why"),
        "work": Where(f"{one}agent/"),
        "report_dialog": Where(f"{one}report/", "dialog-content"),
        "new_campaign": Where("/campaigns/new/", "dialog-content"),
        "lists": Where("/lists/"),
        "list": Where(f"/lists/{listed}/"),
        "contacts": Where("/lists/contacts/"),
        "people": Where("/people/"),
        "dnd": Where("/dnd/"),
        "audit": Where("/audit/"),
        "settings": Where("/settings/"),
    }


# Who asks ----------------------------------------------------------------------------------------


def _web(paths: Paths, url: str, stack: ExitStack) -> WebProcess:
    from django.conf import settings

    secret = {"AUTODIALER_SECRET_KEY": settings.SECRET_KEY}
    web = WebProcess(paths, url, port=free_port(), extra=secret)
    web.start()
    stack.callback(web.stop)
    return web


def _sign_in(office: Office) -> str:
    """Make an admin, who may see every page, and return the cookie of their session."""
    from django.test import Client

    from autodialer.apps.accounts.models import User

    user = User.objects.create(
        account=office.account,
        email="admin@bench.example",
        name="Admin",
        role="admin",
        password="!",  # noqa: S106 - no password fits it
        created_at=office.created_at,
    )
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in browser, as far as a server can tell."""

    web: WebProcess
    session: str

    def times(self, where: Where, rounds: int) -> Sequence[float]:
        """Return the milliseconds of each of so many visits, after one that is not counted."""
        browser = self._connect()
        self._fetch(browser, where)
        return [self._timed(browser, where) for _ in range(rounds)]

    def rate(self, where: Where, window_s: float) -> float:
        """Return how many answers a second CLIENTS get together, each with one connection."""
        stop_at = time.monotonic() + window_s
        counts = [0] * CLIENTS

        def visit(place: int) -> None:
            browser = self._connect()
            while time.monotonic() < stop_at:
                self._fetch(browser, where)
                counts[place] += 1

        threads = [threading.Thread(target=visit, args=(place,)) for place in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / window_s

    def first_load(self, where: Where) -> int:
        """Return the bytes of a page and of all that it loads, as they come over the wire."""
        browser = self._connect()
        page = self._fetch(browser, Where(where.path), "identity").decode()
        files = sorted(set(_LOADED.findall(page)))
        if not files:
            raise InvariantError(f"{where.path} loads no script and no style.")
        return sum(len(self._fetch(browser, Where(path))) for path in (where.path, *files))

    def _connect(self) -> HTTPConnection:
        return HTTPConnection(self.web.host, self.web.port, timeout=_TIMEOUT_S)

    def _timed(self, browser: HTTPConnection, where: Where) -> float:
        began = time.perf_counter()
        self._fetch(browser, where)
        return 1_000 * (time.perf_counter() - began)

    def _fetch(self, browser: HTTPConnection, where: Where, coding: str = "") -> bytes:
        headers = {**where.headers, "Cookie": f"sessionid={self.session}"}
        browser.request("GET", where.path, headers=headers | _accepting(coding))
        answer = browser.getresponse()
        body = answer.read()
        if answer.status != _OK:
            raise InvariantError(f"{where.path} answered {answer.status}.")
        return body


def _accepting(coding: str) -> dict[str, str]:
    return {"Accept-Encoding": coding} if coding else {}
