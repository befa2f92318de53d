"""The part `recovery`: how soon calls go out again after a part was killed.

Agents work through calls of a second; a part is killed, and started again at once, as a
supervisor does. The dialer keeps its default lease, so its successor waits for the end of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autodialer.ops.dialer import DialerProcess
from autodialer.ops.errors import ProcessError
from autodialer.ops.process import wait_until
from bench.carrier import ABOUT_A_SECOND, carrier
from bench.office import Office, now
from bench.part import Outcome
from bench.rows import Row, markdown
from bench.sides import FIRST_AGENT, STAGGER_S, next_block
from bench.stack import CALLER_ID, Stack, stack

if TYPE_CHECKING:
    from autodialer.apps.campaigns.models import Campaign
    from bench.part import Options

AGENTS: Final = 5
_ROUNDS: Final = 5
_DEADLINE_S: Final = 60.0
# What is promised, in seconds (docs/reference/faults.md).
LIMITS: Final = {"dialer": 15, "ari": 5, "postgres": 10}
_CASES: Final = {
    "dialer": "dialer killed, until the next call",
    "ari": "Asterisk killed; from its ARI being back until compared with the store",
    "postgres": "PostgreSQL restarted (immediate); from its start until the next call",
}


@dataclass(slots=True)
class Floor:
    """Agents at work, and the dialer that calls for them."""

    parts: Stack
    office: Office
    campaign: Campaign
    dialer: DialerProcess = field(init=False)

    def __post_init__(self) -> None:
        self.dialer = self._new_dialer()

    def open(self) -> None:
        """Start the dialer and the agents; return when calls go out."""
        self.dialer.start()
        self._wait("holds its lease", self.office.has_dialer)
        self.start_agents()

    def start_agents(self) -> None:
        """Press Start for everybody; return when calls go out."""
        began = now()
        self.office.start_sessions(self.campaign, AGENTS, STAGGER_S)
        self._wait("calls", lambda: self._calls_since(began))

    def dialer_dies(self) -> float:
        """Kill the dialer; return after how many seconds the next one calls."""
        self.dialer.kill()
        killed, began = now(), time.monotonic()
        self.dialer = self._new_dialer()
        self.dialer.start()
        self._wait("calls again", lambda: self._calls_since(killed))
        return time.monotonic() - began

    def asterisk_dies(self) -> float:
        """Kill Asterisk; return how long after its return the dialer has compared with it."""
        compared = self._comparisons()
        self.parts.asterisk.kill()
        self.parts.asterisk.start()
        began = time.monotonic()
        self._wait("has compared", lambda: self._comparisons() > compared)
        took_s = time.monotonic() - began
        counts = self.office.session_counts
        self._wait("ends the sessions", lambda: counts(self.campaign).keys() == {"ended"})
        self.start_agents()
        return took_s

    def postgres_dies(self) -> float:
        """Restart PostgreSQL as after a crash; return how long after that a call goes out."""
        postgres = self.parts.postgres
        if postgres.pid is None:
            raise ProcessError("PostgreSQL has ended before it was told to.")
        os.kill(postgres.pid, signal.SIGQUIT)
        wait_until(lambda: postgres.exit_code is not None, _DEADLINE_S, "PostgreSQL has ended")
        postgres.start()
        _forget_connection()
        back, began = now(), time.monotonic()
        self._wait("calls again", lambda: self._calls_since(back))
        return time.monotonic() - began

    def _new_dialer(self) -> DialerProcess:
        return DialerProcess(self.parts.paths, self.parts.postgres.url, self.parts.ari)

    def _calls_since(self, at: datetime) -> bool:
        from autodialer.apps.calls.models import Attempt

        return Attempt.objects.filter(placed_at__gt=at).exists()

    def _comparisons(self) -> int:
        return self.dialer.log.read_text().count('"reconciled"')

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        wait_until(condition, _DEADLINE_S, f"The dialer ({self.dialer.log}) {what}")


def run(options: Options) -> Outcome:
    """Kill each part some times; a full run takes about 3 minutes, a quick one about one."""
    options.paths.bench.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="recovery-", dir=options.paths.bench))
    try:
        with _working(folder, options) as floor:
            deaths = {
                "dialer": floor.dialer_dies,
                "ari": floor.asterisk_dies,
                "postgres": floor.postgres_dies,
            }
            found: dict[str, list[float]] = {name: [] for name in deaths}
            for _ in range(1 if options.quick else _ROUNDS):
                for name, die in deaths.items():
                    found[name].append(die())
                    options.tell(f"{name:<9} {found[name][-1]:5.1f} s")
            return _outcome(found)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _working(folder: Path, options: Options) -> Iterator[Floor]:
    with stack(folder, options.paths.asterisk_prefix) as parts:
        office = Office.open(parts.postgres.url, FIRST_AGENT, AGENTS)
        campaign = office.campaign(AGENTS, next_block(), CALLER_ID)
        floor = Floor(parts, office, campaign)
        with carrier(parts.carrier_port, ABOUT_A_SECOND, parts.paths.var):
            try:
                floor.open()
                yield floor
                office.stop_sessions(campaign)
            finally:
                floor.dialer.stop()


def _forget_connection() -> None:
    from django.db import connection

    connection.close()


def _outcome(found: dict[str, list[float]]) -> Outcome:
    rows, lines = [], []
    for name, took in found.items():
        middle, most = statistics.median(took), max(took)
        rows += [
            Row(f"recovery_{name}_s", middle, "s"),
            Row(f"recovery_{name}_max_s", most, "s"),
        ]
        cells = [f"{middle:.1f}", f"{most:.1f}", str(LIMITS[name]), str(len(took))]
        lines.append([_CASES[name], *cells])
    return Outcome(rows, markdown(["killed", "p50 s", "max s", "promised s", "rounds"], lines))
