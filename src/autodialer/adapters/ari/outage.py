"""Between two connections to Asterisk: when to try again, and when it is surely dead."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from random import Random

log = structlog.get_logger()

_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 5.0
# An Asterisk that is being restarted by its supervisor refuses for less than this.
_DEAD_AFTER_S: Final = 5.0


class Outage:
    """How long to wait for the next try to connect, and whether the switch is dead."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._tries = 0
        self._refused_since: float | None = None
        self._told_dead = False
        self._last_error = ""

    def note(self, error: Exception) -> None:
        """Take in why a try failed."""
        if not isinstance(error, ConnectionRefusedError):
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = asyncio.get_running_loop().time()
        if str(error) != self._last_error:
            self._last_error = str(error)
            log.warning("ari_not_reachable", error=self._last_error)

    def yield_to_another(self) -> None:
        """Another process took the application: let it, and look again at the slowest pace."""
        log.warning("ari_application_taken", retry_s=_LAST_RETRY_S)
        self._tries = math.ceil(math.log2(_LAST_RETRY_S / _FIRST_RETRY_S))

    def turned_deadly(self) -> bool:
        """Say, once, that every try for five seconds was refused: no process listens."""
        if self._told_dead or (left := self._until_dead()) is None:
            return False
        self._told_dead = left <= 0
        return self._told_dead

    def next_delay(self) -> float:
        """Return seconds: doubling from 0.1 to 5, less up to half at random."""
        delay = min(_LAST_RETRY_S, math.ldexp(_FIRST_RETRY_S, self._tries))
        self._tries = min(self._tries + 1, 16)
        delay *= self._random.uniform(0.5, 1.0)
        left = self._until_dead()
        return delay if left is None or left <= 0 else min(delay, left)

    def _until_dead(self) -> float | None:
        if self._refused_since is None:
            return None
        return self._refused_since + _DEAD_AFTER_S - asyncio.get_running_loop().time()
