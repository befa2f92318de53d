"""The two that are compared: the bare loop and the product's dialer."""

from __future__ import annotations

import itertools
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from autodialer.domain.nodes import FIRST_NODE
from autodialer.ops.asterisk.run import Ari
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.errors import ProcessError
from autodialer.ops.paths import Paths
from autodialer.ops.process import Child, wait_until
from bench import floor
from bench.carrier import AGENT_PREFIX, ready_pid
from bench.office import Office
from bench.stack import CALLER_ID, Driven, Scene, Stack

READY_DEADLINE_S: Final = 30.0
FIRST_AGENT: Final = int(f"{AGENT_PREFIX}00000000")
FIRST_CUSTOMER: Final = 919800000000
STAGGER_S: Final = 1.0
# No side calls a number that another run has called: 99 runs of 100,000 numbers.
_blocks: Final = itertools.count()


def next_block() -> int:
    """The first of 100,000 customers' numbers (without the +) that no run has used yet."""
    return FIRST_CUSTOMER + 100_000 * next(_blocks)


class Floor:
    """The bare loop of bench/floor.py, against the same Asterisk and dialplan."""

    name = "floor"

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    @contextmanager
    def at_work(self, scene: Scene) -> Iterator[Driven]:
        """Dial until the block ends."""
        folder = self._stack.paths.var
        ready, result = folder / floor.READY_FILE, folder / floor.RESULT_FILE
        for leftover in (ready, result):
            leftover.unlink(missing_ok=True)
        child = Child(
            "floor",
            [sys.executable, "-m", "bench.floor", *self._arguments(scene)],
            log=self._stack.paths.log / "floor.log",
            env={floor.PASSWORD_VARIABLE: self._stack.ari.password},
            stop_signal=signal.SIGTERM,
        )
        child.start()
        try:
            driven = Driven(ready_pid(child, ready.exists, READY_DEADLINE_S))
            yield driven
        finally:
            child.stop()
        told = json.loads(result.read_text())
        driven.orders, driven.refused = told["orders"], told["refused"]

    def _arguments(self, scene: Scene) -> list[str]:
        paths = self._stack.paths
        paths.recordings.mkdir(exist_ok=True)
        values = {
            "port": self._stack.ari.port,
            "agents": scene.agents,
            "first-agent": FIRST_AGENT,
            "first-customer": next_block(),
            "caller-id": CALLER_ID,
            "stagger-s": STAGGER_S,
            "recordings": paths.recordings if scene.record else "",
            "folder": paths.var,
        }
        return [word for name, value in values.items() for word in (f"--{name}", str(value))]


@dataclass(frozen=True, slots=True)
class Pair:
    """A node: the name, the folders and the Asterisk of its dialer."""

    name: str
    paths: Paths
    ari: Ari


class Product:
    """The product's dialer process, against the same Asterisk and a PostgreSQL with fsync on."""

    name = "product"

    def __init__(
        self,
        stack: Stack,
        office: Office,
        *,
        url: str = "",
        allow: str = "",
        others: Sequence[Pair] = (),
    ) -> None:
        """With `url` its numbers come from there; `allow` is what the operator opens for it.

        `others` are further nodes, which share its agents.
        """
        self._stack = stack
        self._office = office
        self._url, self._allow = url, allow
        self._pairs = [Pair(FIRST_NODE, stack.paths, stack.ari), *others]
        if url:
            self.name = "by url"
        if others:
            self.name = f"{len(self._pairs)} nodes"

    @contextmanager
    def at_work(self, scene: Scene) -> Iterator[Driven]:
        """Start a dialer and the agents; stop both when the block ends."""
        office = self._office
        campaign = office.campaign(scene.agents, next_block(), CALLER_ID, self._url)
        with self._dialers() as dialer:
            office.start_sessions(campaign, scene.agents, STAGGER_S)
            ready = {"ready": scene.agents}
            _wait(dialer, "has every agent", lambda: office.session_counts(campaign) == ready)
            driven = Driven(_pid(dialer))
            yield driven
            office.stop_sessions(campaign)
            _wait(
                dialer,
                "has released every agent",
                lambda: office.session_counts(campaign).keys() == {"ended"},
            )
        driven.orders = office.orders(campaign)
        driven.refused = office.unclean_attempts(campaign)

    @contextmanager
    def _dialers(self) -> Iterator[DialerProcess]:
        """Start a dialer for each node; give the first."""
        extra = {"AUTODIALER_OUTBOUND_ALLOW": self._allow} if self._allow else None
        url, count = self._stack.postgres.url, len(self._pairs)
        dialers = [
            DialerProcess(pair.paths, url, pair.ari, node=pair.name, extra=extra)
            for pair in self._pairs
        ]
        with ExitStack() as running:
            for dialer in dialers:
                running.callback(dialer.stop)
                dialer.start()
            _wait(dialers[0], "holds its lease", lambda: self._office.dialers() == count)
            yield dialers[0]


def _wait(dialer: DialerProcess, what: str, condition: Callable[[], bool]) -> None:
    wait_until(condition, READY_DEADLINE_S, f"The dialer ({dialer.log}) {what}")


def _pid(dialer: DialerProcess) -> int:
    if dialer.pid is None:
        raise ProcessError(f"The dialer has ended; see {dialer.log}.")
    return dialer.pid
