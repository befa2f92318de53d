"""The part `dialwhom`: what a campaign by URL costs at each hand-off, beside the URL's own time.

The same dialer works a list and a URL in turns; the URL is answered by a thread of this process.
"""

from __future__ import annotations

import itertools
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.carrier import ABOUT_A_SECOND
from bench.office import Office
from bench.part import Outcome
from bench.rows import Row, markdown
from bench.sides import FIRST_AGENT, Product, next_block
from bench.stack import Measured, Scene, stack
from bench.wire import percentile

if TYPE_CHECKING:
    from bench.part import Options

AGENTS: Final = 5
# What the URL needs for an answer, as a quick CRM would.
THINKS_S: Final = 0.02
_ROUNDS: Final = 3
_SETTLE_S: Final = 2.5
_WINDOW_S: Final = 8.0


class Url(ThreadingHTTPServer):
    """Hands out numbers that nobody was called at before; keeps how long each answer took."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.numbers = itertools.count(next_block())
        self.took_ms: list[float] = []


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Url

    def parse_request(self) -> bool:
        """Read the rest of a request; the URL's own time begins here."""
        self.began = time.perf_counter()
        return super().parse_request()

    def do_GET(self) -> None:
        time.sleep(THINKS_S)
        body = f"+{next(self.server.numbers)}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.took_ms.append((time.perf_counter() - self.began) * 1_000)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def run(options: Options) -> Outcome:
    """Measure both in turns; a full run takes about 2 minutes, a quick one about half a minute."""
    rounds = 1 if options.quick else _ROUNDS
    options.paths.bench.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="dialwhom-", dir=options.paths.bench))
    scene = Scene(AGENTS, ABOUT_A_SECOND, _SETTLE_S, _WINDOW_S)
    listed: list[Measured] = []
    asked: list[Measured] = []
    try:
        with stack(folder, options.paths.asterisk_prefix) as parts, _serving() as url:
            office = Office.open(parts.postgres.url, FIRST_AGENT, AGENTS)
            address = f"127.0.0.1:{url.server_port}"
            by_list = Product(parts, office)
            by_url = Product(parts, office, url=f"http://{address}/next", allow=address)
            for _ in range(rounds):
                for side, found in ((by_list, listed), (by_url, asked)):
                    found.append(parts.measure(side, scene))
                    options.tell(_progress(side.name, found[-1]))
            return _outcome(listed, asked, statistics.median(url.took_ms))
    finally:
        shutil.rmtree(folder)


@contextmanager
def _serving() -> Iterator[Url]:
    with Url() as url:
        thread = threading.Thread(target=url.serve_forever, daemon=True)
        thread.start()
        yield url
        url.shutdown()


def _outcome(listed: list[Measured], asked: list[Measured], answer_ms: float) -> Outcome:
    lines, extra = [], {}
    for percent in (50, 95):
        by_list, by_url = (_gap(side, percent) for side in (listed, asked))
        extra[percent] = by_url - by_list - answer_ms
        cells = (by_list, by_url, answer_ms, extra[percent])
        lines.append([f"p{percent}", *(f"{cell:.1f}" for cell in cells)])
    table = markdown(["hand-off, ms", "list", "URL", "the URL's own answer", "extra"], lines)
    return Outcome([Row("dial_whom_extra_ms", extra[50], "ms")], table)


def _gap(rounds: list[Measured], percent: int) -> float:
    return statistics.median(percentile(found.handoffs.gaps_ms, percent) for found in rounds)


def _progress(name: str, found: Measured) -> str:
    gaps = found.handoffs.gaps_ms
    shown = "/".join(f"{percentile(gaps, percent):.1f}" for percent in (50, 95))
    return f"{name:<7}  {found.calls_per_s:5.1f} calls/s  gap {shown} ms  n={len(gaps)}"
