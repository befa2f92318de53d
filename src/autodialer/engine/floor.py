"""The sessions that this node runs: taken, adopted, told to stop, woken."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.domain import session as domain
from autodialer.domain.recovery import rebuild
from autodialer.domain.session import Phase, Wait
from autodialer.domain.step import start
from autodialer.engine.contained import contained
from autodialer.engine.runner import SessionRunner
from autodialer.ports.store import (
    PhonesChanged,
    RegistryGrew,
    StoreUnavailableError,
)
from autodialer.ports.telephony import AgentDial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.domain.ids import SessionId
    from autodialer.domain.recovery import StoredSession
    from autodialer.engine.config import EngineConfig
    from autodialer.engine.runner import Tools
    from autodialer.ports.store import SessionOrder

log = structlog.get_logger()

# The first hint is followed at once. Those of this pause gather: each is told to every node, and
# a thousand agents press Start in the same minutes.
_GATHER_S: Final = 0.2


class Floor:
    """Owns a runner for each live session of the node, each in a task of its own."""

    def __init__(self, config: EngineConfig, tools: Tools, tasks: asyncio.TaskGroup) -> None:
        self.runners: dict[SessionId, SessionRunner] = {}
        self._config, self._tools, self._tasks = config, tools, tasks
        self._adoption_due = False
        self._calendar_due_s = -inf
        self._wake = asyncio.Event()

    async def adopt(self) -> None:
        """Make runners for live sessions of this node that have none.

        At the start: what an earlier process left. Later: sessions whose taking was committed
        but whose reply was lost, and those whose runner failed.
        """
        stored = await self._tools.store.live_sessions(self._tools.lease)
        for session in stored:
            if session.session_id not in self.runners:
                log.info("session_adopted", session=str(session.session_id))
                self._tools.meters.session_adopted()
                self._count_lines(session)
                self._add(SessionRunner(rebuild(session, self._tools.clock()), self._tools))
        self._tools.trunk.lines.counted()

    async def keep_order(self) -> None:
        """Start queued sessions, obey stop orders and keep the campaigns' calendar, for ever."""
        while True:
            self._wake.clear()
            try:
                await self._carry_out_orders()
            except StoreUnavailableError:
                # A session may have been taken although its reply was lost.
                self._adoption_due = True
            await asyncio.sleep(_GATHER_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll.total_seconds()):
                    await self._wake.wait()

    async def listen(self) -> None:
        """Look again at each hint, for ever; polling finds what no hint told."""
        async for hint in self._tools.store.hints():
            match hint:
                case RegistryGrew():
                    self._tools.registry_grew.set()
                case PhonesChanged(name):
                    self._tools.phone_news.changed(name)
                case _:
                    self.wake()

    def wake(self) -> None:
        """Look for orders now, and let the agents who wait look for a target."""
        self._wake.set()
        for runner in self.runners.values():
            self._look_again(runner)

    def wake_held_back(self) -> None:
        """Let the agents look again whom the trunk kept from it; the others learnt nothing new."""
        for runner in self.runners.values():
            if runner.state.waiting_for is Wait.TRUNK_SILENT:
                self._look_again(runner)

    def media_server_lost(self) -> tuple[SessionRunner, ...]:
        """Tell every session that the switch died with its legs; return whom it concerns."""
        lost = tuple(self.runners.values())
        for runner in lost:
            runner.post(domain.MediaServerLost())
        return lost

    async def idle(self) -> None:
        """Return once no runner has an event or command in hand."""
        for runner in tuple(self.runners.values()):
            await runner.idle()

    async def _carry_out_orders(self) -> None:
        if self._adoption_due:
            await self.adopt()
            self._adoption_due = False
        await self._keep_calendar()
        await self._take_sessions()
        await self._obey_stop_orders()

    async def _keep_calendar(self) -> None:
        """Once a poll: only time moves it, not what hints tell."""
        now = asyncio.get_running_loop().time()
        if now >= self._calendar_due_s:
            await self._tools.store.advance_campaigns(self._tools.clock())
            self._calendar_due_s = now + self._config.poll.total_seconds()

    async def _take_sessions(self) -> None:
        room = self._config.capacity - len(self.runners)
        if room <= 0 or not self._tools.gate.is_open:
            return
        now = self._tools.clock()
        for order in await self._tools.store.take_sessions(self._tools.lease, room, now):
            state, first = start(order.session_id, order.idle_limit)
            self._add(SessionRunner(state, self._tools, _agent_dial(order)), first)
            self._tools.screens.moved(order.session_id)

    async def _obey_stop_orders(self) -> None:
        for order in await self._tools.store.stop_orders(self._tools.lease):
            runner = self.runners.get(order.session_id)
            if runner is not None:
                asked = domain.StopAsked if order.at_once else domain.LeaveAsked
                runner.post(asked(order.reason))

    def _count_lines(self, session: StoredSession) -> None:
        lines = self._tools.trunk.lines
        if session.is_by_trunk:
            lines.adopted(session.session_id, is_agent=True)
        if session.call is not None:
            lines.adopted(session.call.attempt_id)

    def _look_again(self, runner: SessionRunner) -> None:
        if runner.state.phase in (Phase.WAITING, Phase.HELD_BACK):
            runner.post(domain.Woken())

    def _add(self, runner: SessionRunner, first: Sequence[domain.Command] = ()) -> None:
        self.runners[runner.session_id] = runner
        self._tasks.create_task(self._own(runner, first), name=f"session-{runner.session_id}")

    async def _own(self, runner: SessionRunner, first: Sequence[domain.Command]) -> None:
        """Run one session. A fault in it ends it, not the others; adoption picks up the rest."""
        session_id = str(runner.session_id)
        try:
            if not await contained(runner.run(first), "session_failed", session=session_id):
                self._adoption_due = True
        finally:
            self._forget(runner)

    def _forget(self, runner: SessionRunner) -> None:
        del self.runners[runner.session_id]
        call = runner.state.call
        if call is not None:
            self._tools.by_attempt.pop(call.attempt_id, None)
        self._wake.set()


def _agent_dial(order: SessionOrder) -> AgentDial:
    return AgentDial(
        session_id=order.session_id,
        kind=order.device_kind,
        address=order.device_address,
        caller_id=order.caller_id,
        ring_timeout_s=int(order.ring_timeout.total_seconds()),
    )
