"""An event loop whose time jumps: nothing sleeps, and each run goes the same way."""

from __future__ import annotations

import asyncio
import selectors
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from typing import Any

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what is ready; when nothing is, the clock jumps to the next timer.

    Raises RuntimeError when everything waits and no timer is set: that would be for ever.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let this much time pass at once."""
        self._now += seconds


class _JumpingSelector(selectors.SelectSelector):
    """Where an event loop would sleep until its next timer, time jumps there."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("Everything waits and no timer is set: this run is stuck.")
        if not timeout:
            return []  # callbacks are ready; who wakes the loop from outside is heard before a jump
        ready = super().select(0)
        if not ready:
            self._loop.jump(timeout)
        return ready


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def wall_clock(start: datetime) -> Callable[[], datetime]:
    """Return a clock that shows `start` now and follows the running loop's time."""
    begun = asyncio.get_running_loop().time()
    return lambda: start + timedelta(seconds=asyncio.get_running_loop().time() - begun)
