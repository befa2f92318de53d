"""Stops the ring of a number that was put on the do-not-call registry after its claim."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from autodialer.domain.session import NumberForbidden, Phase
from autodialer.ports.store import StoreUnavailableError

if TYPE_CHECKING:
    from autodialer.engine.config import EngineConfig
    from autodialer.engine.floor import Floor
    from autodialer.engine.runner import Tools

log = structlog.get_logger()


class RegistryWatch:
    """Asks at each hint, and twice a poll while a phone rings. A talk goes on.

    So a ring ends within a second of the entry, also when its hint is lost, or comes while the
    claim that did not see the entry is still on its way.
    """

    def __init__(self, config: EngineConfig, tools: Tools, floor: Floor) -> None:
        self._tools, self._floor = tools, floor
        self._look_again_s = config.poll.total_seconds() / 2

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            self._tools.registry_grew.clear()
            if self._somebody_rings():
                with suppress(StoreUnavailableError):
                    await self._stop_forbidden()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_again_s):
                    await self._tools.registry_grew.wait()

    def _somebody_rings(self) -> bool:
        return any(runner.state.phase is Phase.DIALING for runner in self._floor.runners.values())

    async def _stop_forbidden(self) -> None:
        for attempt_id in await self._tools.store.forbidden_calls(self._tools.lease):
            runner = self._tools.by_attempt.get(attempt_id)
            if runner is not None:
                log.info("ring_forbidden", attempt=str(attempt_id))
                runner.post(NumberForbidden(attempt_id))
