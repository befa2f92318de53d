"""Run services in order, start again those that end, stop them in reverse order."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from autodialer.ops.errors import OperationError

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
STEADY_AFTER_S: Final = 60.0  # a service that ran this long has forgotten its earlier failures
LOOK_EVERY_S: Final = 0.2


class Service(Protocol):
    """Something that runs until it is stopped, such as a Child, a database or a switch."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""

    def start(self) -> None:
        """Return once it is ready to be used; raise OperationError when it cannot be."""

    def stop(self) -> object:
        """End it; repeatable."""


@dataclass(slots=True)
class _Run:
    name: str
    service: Service
    started_at: float = 0.0
    start_again_at: float | None = None
    pause_s: float = field(default=FIRST_PAUSE_S)


class Supervisor:
    """Keeps services running. `report` gets one line for each change of a service.

    Runs in the main thread, which is also the parent that children die with.
    """

    def __init__(self, services: Mapping[str, Service], report: Callable[[str], None]) -> None:
        self._runs = [_Run(name, service) for name, service in services.items()]
        self._report = report
        self._stopping = threading.Event()

    def run(self) -> None:
        """Start all in order, keep them running until SIGTERM, SIGINT or `stop`, then stop all.

        Raises OperationError when one cannot be started the first time: that needs a person.
        One that ends later is started again after 1, 2, 4 ... 30 s.
        """
        with self._stopping_on_signals():
            started: list[_Run] = []
            try:
                for run in self._runs:
                    if self._stopping.is_set():
                        return
                    started.append(run)
                    self._start(run)
                while not self._stopping.wait(LOOK_EVERY_S):
                    for run in self._runs:
                        self._look_at(run, time.monotonic())
            finally:
                self._stop_all(started)

    def stop(self) -> None:
        """Let `run` end; returns at once, may be called from any thread or signal handler."""
        self._stopping.set()

    def _start(self, run: _Run) -> None:
        run.service.start()
        run.started_at = time.monotonic()
        self._report(f"{run.name}: running")

    def _look_at(self, run: _Run, now: float) -> None:
        if run.start_again_at is not None:
            if now >= run.start_again_at and not self._stopping.is_set():
                self._start_again(run)
        elif run.service.exit_code is not None:
            if now - run.started_at >= STEADY_AFTER_S:
                run.pause_s = FIRST_PAUSE_S
            self._plan(run, f"ended with code {run.service.exit_code}")

    def _start_again(self, run: _Run) -> None:
        run.start_again_at = None
        try:
            self._start(run)
        except OperationError as error:
            self._plan(run, f"does not start: {error}")

    def _plan(self, run: _Run, why: str) -> None:
        self._report(f"{run.name}: {why}; starting again in {run.pause_s:g} s")
        run.start_again_at = time.monotonic() + run.pause_s
        run.pause_s = min(2 * run.pause_s, LONGEST_PAUSE_S)

    def _stop_all(self, started: list[_Run]) -> None:
        for run in reversed(started):
            run.service.stop()
            self._report(f"{run.name}: stopped")

    @contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: object) -> None:
            self.stop()

        wanted = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, stop) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
