"""After any gap: ask the switch what lives, settle the rest, and only then call again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.domain.recovery import LegState, catch_up
from autodialer.domain.session import CustomerAbandoned, Phase
from autodialer.engine.insist import insist
from autodialer.ports.failpoints import Failpoint
from autodialer.ports.meters import LegKind
from autodialer.ports.telephony import Legs, SwitchUnavailableError

if TYPE_CHECKING:
    from autodialer.engine.config import EngineConfig
    from autodialer.engine.floor import Floor
    from autodialer.engine.runner import SessionRunner, Tools
    from autodialer.ports.telephony import SwitchUp

log = structlog.get_logger()

_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 2.0
# Who moved during a comparison is compared again, but a floor that never stands still must not
# keep everybody from dialling: the sweep finds the rest.
_LOOKS: Final = 4
_LOOK_AGAIN_S: Final = 0.1


class Reconciler:
    """Keeps what the sessions believe and what the switch has in agreement."""

    def __init__(
        self, config: EngineConfig, tools: Tools, floor: Floor, tasks: asyncio.TaskGroup
    ) -> None:
        self._config, self._tools, self._floor, self._tasks = config, tools, floor, tasks
        self._present: asyncio.Task[None] | None = None

    def switch_up(self, up: SwitchUp) -> None:
        """Begin to reconcile this connection; an earlier one's reconciling ends."""
        self._lose_sight()
        self._present = self._tasks.create_task(self._reconcile(up), name="reconcile")

    def switch_down(self, *, dead: bool) -> None:
        """Place no call; when the switch is surely dead, so are its legs."""
        self._lose_sight()
        log.warning("switch_down", dead=dead)
        self._tools.meters.switch_lost()
        if dead:
            self._floor.media_server_lost()

    async def sweep(self) -> None:
        """Find, for ever, what no report told: legs without a session and the reverse."""
        while True:
            await asyncio.sleep(self._config.sweep.total_seconds())
            if self._tools.gate.is_open:
                with suppress(SwitchUnavailableError):
                    patience = self._config.sweep_patience.total_seconds()
                    await self._compare(apart_s=patience, repair=False)

    def _lose_sight(self) -> None:
        """Place no call until the present connection has been compared with the store."""
        self._tools.gate.switch_ready(ready=False)
        if self._present is not None:
            self._present.cancel()

    async def _reconcile(self, up: SwitchUp) -> None:
        self._tools.kill(Failpoint.RECOVERING)
        store, lease = self._tools.store, self._tools.lease
        known = await insist(lambda: store.switch_instance(lease))
        if known not in {"", up.instance}:
            # Stored only when all losses are settled: a crash in between must find them again.
            for runner in self._floor.media_server_lost():
                await runner.ended.wait()
        await insist(lambda: store.remember_switch(lease, up.instance, up.sip_url))
        await self._compare_until_answered()
        self._tools.gate.switch_ready(ready=True)
        log.info("reconciled", sessions=len(self._floor.runners), same_switch=known == up.instance)
        self._tools.meters.reconciled()
        self._floor.wake()

    async def _compare_until_answered(self) -> None:
        delay = _FIRST_RETRY_S
        while True:
            try:
                await self._compare_all()
            except SwitchUnavailableError:
                log.warning("switch_not_compared", retry_in_s=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY_S)
            else:
                return

    async def _compare_all(self) -> None:
        for _ in range(_LOOKS):
            if await self._compare(apart_s=0.0, repair=True):
                return
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _compare(self, *, apart_s: float, repair: bool) -> bool:
        """Tell each session what it missed, judged by two looks; return whether all were judged.

        A leg is missed when both looks lack it and its session has not moved meanwhile: a report
        that was on its way at the first look, and not later than the second, is not forestalled.
        """
        runners = self._floor.runners.values()
        still = {runner: runner.state for runner in runners if not runner.busy}
        before = await self._tools.switch.legs()
        await asyncio.sleep(apart_s)
        now = await self._tools.switch.legs()
        await self._hang_up_orphans(now)
        legs = Legs({**before.agents, **now.agents}, {**before.customers, **now.customers})
        judged = 0
        for runner, state in still.items():
            if runner.state is state and not runner.busy:
                await _settle(runner, legs, repair=repair)
                judged += 1
        return judged == len(runners)

    async def _hang_up_orphans(self, legs: Legs) -> None:
        for attempt_id in legs.customers.keys() - self._tools.by_attempt.keys():
            log.warning("orphan_customer_leg", attempt=str(attempt_id))
            self._tools.meters.orphan(LegKind.CUSTOMER)
            await self._tools.switch.hang_up_customer(attempt_id)
        for session_id in legs.agents.keys() - self._floor.runners.keys():
            log.warning("orphan_agent_leg", session=str(session_id))
            self._tools.meters.orphan(LegKind.AGENT)
            await self._tools.switch.release_agent(session_id)


async def _settle(runner: SessionRunner, legs: Legs, *, repair: bool) -> None:
    call = runner.state.call
    agent = legs.agents.get(runner.session_id)
    customer = legs.customers.get(call.attempt_id) if call else None
    runner.state, events = catch_up(runner.state, agent, customer)
    if agent is not None:
        runner.answered_unseen = False
    elif call is not None and customer is LegState.UP and runner.answered_unseen:
        runner.post(CustomerAbandoned(call.attempt_id))
    nailed = agent is LegState.UP and runner.state.phase is not Phase.CALLING_AGENT
    if nailed and repair:
        await runner.restore_bridge()
    for event in events:
        runner.post(event)
