"""Watches the trunk by its calls: holds new ones back while it carries none, and says so."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from autodialer.domain import breaker as rules
from autodialer.domain.breaker import Breaker
from autodialer.engine.insist import insist

if TYPE_CHECKING:
    from autodialer.domain.ids import AttemptId
    from autodialer.domain.outcome import CallResult
    from autodialer.engine.floor import Floor
    from autodialer.engine.runner import Tools

log = structlog.get_logger()


class Trunk:
    """One for a dialer, whose switch has one trunk. Reads the loop's clock only."""

    def __init__(self) -> None:
        self._breaker = Breaker()
        # Set when the trunk has fallen silent or is back, and when calls may go again.
        self.turned = asyncio.Event()

    @property
    def is_silent(self) -> bool:
        """Whether the trunk is known to carry no calls."""
        return self._breaker.is_open

    def lets_call(self) -> bool:
        """Return whether a target may be claimed now."""
        return self._breaker.lets_call(_now())

    def probe_in(self) -> timedelta | None:
        """Return how long no call is let through, None when that is not a matter of time."""
        at = self._breaker.probe_at
        return None if at is None else timedelta(seconds=max(at - _now(), 0.0))

    def asked(self, attempt_id: AttemptId) -> None:
        """Note that a target is claimed for this attempt."""
        self._become(rules.asked(self._breaker, attempt_id, _now()))

    def dropped(self, attempt_id: AttemptId) -> None:
        """Note that the claim brought no call."""
        self._become(rules.dropped(self._breaker, attempt_id))

    def heard(self, attempt_id: AttemptId) -> None:
        """Note that the customer's phone rings, or was answered."""
        self._become(rules.heard(self._breaker, attempt_id, _now()))

    def ended(self, attempt_id: AttemptId, result: CallResult) -> None:
        """Note how a call ended."""
        self._become(rules.ended(self._breaker, attempt_id, result, _now()))

    def _become(self, new: Breaker) -> None:
        old, self._breaker = self._breaker, new
        if old.is_open is not new.is_open:
            log.warning("trunk_silent" if new.is_open else "trunk_back")
        was_held, is_held = not old.lets_call(_now()), not new.lets_call(_now())
        if old.is_open is not new.is_open or (was_held and not is_held):
            self.turned.set()


class TrunkWatch:
    """Tells the store, the screens and the agents who wait when the trunk has turned."""

    def __init__(self, tools: Tools, floor: Floor) -> None:
        self._tools, self._floor = tools, floor

    async def run(self) -> None:
        """Watch for ever. A dialer that starts knows nothing against the trunk, and says so."""
        told: bool | None = None
        while True:
            self._tools.trunk.turned.clear()
            if told is not (is_silent := self._tools.trunk.is_silent):
                await self._tell(is_silent=is_silent)
                told = is_silent
            self._floor.wake_held_back()
            await self._tools.trunk.turned.wait()

    async def _tell(self, *, is_silent: bool) -> None:
        tools = self._tools
        since = tools.clock() if is_silent else None
        await insist(lambda: tools.store.note_trunk(tools.lease, since))
        for session_id in self._floor.runners:
            tools.screens.moved(session_id)


def _now() -> float:
    return asyncio.get_running_loop().time()
