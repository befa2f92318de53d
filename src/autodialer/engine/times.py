"""What time it is for a session, although the wall clock may be set while it lasts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

# What differs by less is rounding, or a clock that is led gently.
_SMALLEST_STEP: Final = timedelta(milliseconds=500)
_NONE: Final = timedelta()


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant by both clocks: the wall's, which may be set, and the loop's, which goes on."""

    wall: datetime
    steady_s: float


class Times:
    """Compares the wall clock with the loop's, and notes by how much it was set."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._last = self.now()
        # Altogether, since this was made.
        self.set_by = _NONE

    def now(self) -> Moment:
        """Return the present moment."""
        return Moment(self._clock(), asyncio.get_running_loop().time())

    def note(self, moment: Moment) -> timedelta:
        """Return by how much the clock was set between the last moment noted and this one."""
        passed = timedelta(seconds=moment.steady_s - self._last.steady_s)
        step = moment.wall - self._last.wall - passed
        self._last = moment
        if abs(step) < _SMALLEST_STEP:
            return _NONE
        self.set_by += step
        return step

    def seconds_until(self, at: datetime) -> float:
        """Return for how long to sleep until `at`, by the wall clock of the last moment noted."""
        passed = asyncio.get_running_loop().time() - self._last.steady_s
        return max(0.0, (at - self._last.wall).total_seconds() - passed)
