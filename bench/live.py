"""The part `live`: from a committed change to every open page that shows it.

One web process, 1,000 pages (streams) of 50 supervisors over 20 campaigns of 20,000 numbers. Each
campaign has an agent for whom calls are claimed and ended through the store, told to the screens
by the dialer's own task. A change counts as received when a page first shows it or a later one.

Alone: each campaign changes every 1.5 to 2.5 s, so that none waits for the pace of the counts (at
most once a second). Busy: ten changes a second in each, of which pages see one a second.
"""

from __future__ import annotations

import asyncio
import json
import random
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
from autodialer.domain.session import Claimed, FinishCall
from autodialer.engine.screens import ScreenNews
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import Child, free_port
from autodialer.ops.web import WebProcess
from autodialer.ports.store import Lease
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


@dataclass(slots=True)
class Changes:
    """When each step of each campaign was committed; step n is the n-th change of a count."""

    at: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))


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
            name: asyncio.run(_measure(office, server, web, streams, var / name, pause, window_s))
            for name, pause in (("alone", (1.5, 2.5)), ("busy", (0.08, 0.12)))
        }
        connection.close()
    return _outcome(found, pages)
