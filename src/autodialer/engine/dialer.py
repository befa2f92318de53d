"""One node's dialer: holds the lease, runs the sessions, compares store and switch."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import structlog

from autodialer.domain import session as domain
from autodialer.domain.recovery import LegState, catch_up, rebuild
from autodialer.domain.session import Phase
from autodialer.engine.config import Failpoint, never
from autodialer.engine.gate import Gate
from autodialer.engine.insist import insist
from autodialer.engine.runner import SessionRunner, Tools
from autodialer.ports.store import Lease, LeaseHeld, StoreUnavailableError
from autodialer.ports.telephony import (
    AgentDial,
    CallReport,
    SessionReport,
    SwitchDown,
    SwitchUnavailableError,
    SwitchUp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from autodialer.domain.ids import SessionId
    from autodialer.engine.config import EngineConfig, Killer
    from autodialer.ports.store import SessionOrder, Store
    from autodialer.ports.telephony import Legs, SwitchReport, Telephony

log = structlog.get_logger()

_LEASE_RETRY_S = 0.5
_RENEW_TIMEOUT_S = 2.0


class Dialer:
    """Drives one switch against one store until it is stopped or loses its lease."""

    def __init__(
        self,
        config: EngineConfig,
        store: Store,
        switch: Telephony,
        clock: Callable[[], datetime],
        *,
        new_id: Callable[[], UUID] = uuid4,
        kill: Killer = never,
    ) -> None:
        self._config, self._store, self._switch = config, store, switch
        self._clock, self._new_id, self._kill = clock, new_id, kill
        self._gate = Gate()
        self._runners: dict[SessionId, SessionRunner] = {}
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask for a clean end: no new call, no call dropped, the next dialer adopts all."""
        self._gate.close()
        self._stopping.set()

    async def run(self) -> None:
        """Dial until `stop()`. Raises (in a group) LeaseLostError when the node was taken over."""
        lease = await self._take_lease()
        if lease is None:
            return
        log.info("lease_taken", node=self._config.node, epoch=lease.epoch)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(lease), name="work")
            await self._stopping.wait()
            await self._drain()
            work.cancel()
        with suppress(StoreUnavailableError):
            await self._store.release_lease(lease, self._clock())

    async def _work(self, lease: Lease) -> None:
        """Run everything that needs the lease; if one part fails, all stop."""
        self._tools = Tools(
            store=self._store,
            switch=self._switch,
            lease=lease,
            gate=self._gate,
            clock=self._clock,
            new_id=self._new_id,
            kill=self._kill,
        )
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._keep_lease(lease), name="lease")
            await self._adopt_sessions()
            self._tasks.create_task(self._read_reports(), name="switch-reports")
            self._tasks.create_task(self._read_hints(), name="store-hints")
            self._tasks.create_task(self._take_orders(), name="orders")
            self._tasks.create_task(self._sweep(), name="sweep")

    # The lease -------------------------------------------------------------------------------

    async def _take_lease(self) -> Lease | None:
        """Return the lease as soon as it is free; None when stopped before that."""
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            with suppress(StoreUnavailableError):
                lease = await self._store.acquire_lease(
                    self._config.node, self._config.holder, self._clock(), self._config.lease_ttl
                )
                if not isinstance(lease, LeaseHeld):
                    self._note_lease(started)
                    return lease
                log.info("lease_held_by_another", until=lease.until.isoformat())
            await self._pause(_LEASE_RETRY_S)
        return None

    async def _keep_lease(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(self._config.lease_ttl.total_seconds() / 5)
            started = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(_RENEW_TIMEOUT_S):
                    await self._store.renew_lease(lease, self._clock(), self._config.lease_ttl)
            except (StoreUnavailableError, TimeoutError):
                log.warning("lease_not_renewed")
            else:
                self._note_lease(started)

    def _note_lease(self, started: float) -> None:
        safe = self._config.lease_ttl - self._config.lease_margin
        self._gate.lease_renewed(started + safe.total_seconds())

    # Sessions --------------------------------------------------------------------------------

    async def _adopt_sessions(self) -> None:
        """Rebuild the runners of the sessions that an earlier process of this node left."""
        stored = await insist(lambda: self._store.live_sessions(self._tools.lease))
        for session in stored:
            state = rebuild(session, self._clock())
            self._add(SessionRunner(state, self._tools), ())
        log.info("sessions_adopted", count=len(stored))

    def _add(self, runner: SessionRunner, first: Sequence[domain.Command]) -> None:
        self._runners[runner.session_id] = runner
        self._tasks.create_task(self._own(runner, first), name=f"session-{runner.session_id}")

    async def _own(self, runner: SessionRunner, first: Sequence[domain.Command]) -> None:
        await runner.run(first)
        del self._runners[runner.session_id]
        self._wake.set()

    async def _take_orders(self) -> None:
        """Start queued sessions, obey stop orders and keep the campaigns' calendar."""
        while True:
            self._wake.clear()
            with suppress(StoreUnavailableError):
                await self._store.advance_campaigns(self._clock())
                await self._take_sessions()
                await self._obey_stop_orders()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll.total_seconds()):
                    await self._wake.wait()

    async def _take_sessions(self) -> None:
        room = self._config.capacity - len(self._runners)
        if room <= 0 or not self._gate.is_open:
            return
        now = self._clock()
        for order in await self._store.take_sessions(self._tools.lease, room, now):
            state, first = domain.start(order.session_id, order.idle_limit)
            self._add(SessionRunner(state, self._tools, _agent_dial(order)), first)

    async def _obey_stop_orders(self) -> None:
        for order in await self._store.stop_orders(self._tools.lease):
            runner = self._runners.get(order.session_id)
            if runner is not None:
                asked = domain.StopAsked if order.at_once else domain.LeaveAsked
                runner.post(asked(order.reason))

    async def _read_hints(self) -> None:
        async for _hint in self._store.hints():
            self._wake.set()
            for runner in self._runners.values():
                if runner.state.phase is Phase.WAITING:
                    runner.post(domain.Woken())

    # The switch ------------------------------------------------------------------------------

    async def _read_reports(self) -> None:
        async for report in self._switch.reports():
            self._dispatch(report)

    def _dispatch(self, report: SwitchReport) -> None:
        match report:
            case CallReport(event):
                attempt_id = getattr(event, "attempt_id", None)
                call_runner = self._tools.by_attempt.get(attempt_id) if attempt_id else None
                if call_runner is not None:
                    call_runner.post(event)
            case SessionReport(session_id, event):
                runner = self._runners.get(session_id)
                if runner is not None:
                    runner.post(event)
            case SwitchUp(instance):
                self._gate.switch_ready(ready=False)
                self._tasks.create_task(self._reconcile(instance), name="reconcile")
            case SwitchDown(dead):
                self._gate.switch_ready(ready=False)
                log.warning("switch_down", dead=dead)
                if dead:
                    self._media_server_lost()

    async def _reconcile(self, instance: str) -> None:
        """After a gap: settle what happened meanwhile, then let calls out again."""
        self._kill(Failpoint.RECOVERING)
        same = await insist(lambda: self._store.remember_switch(self._tools.lease, instance))
        if not same:
            self._media_server_lost()
        try:
            await self._compare(patience=0.0, repair=True)
        except SwitchUnavailableError:
            return  # The connection was lost again; the next SwitchUp starts over.
        self._gate.switch_ready(ready=True)
        self._wake.set()
        log.info("reconciled", sessions=len(self._runners), same_switch=same)

    def _media_server_lost(self) -> None:
        for runner in self._runners.values():
            runner.post(domain.MediaServerLost())

    async def _sweep(self) -> None:
        """Find what no report told: legs without a session, sessions without their legs."""
        while True:
            await asyncio.sleep(self._config.sweep.total_seconds())
            if self._gate.is_open:
                with suppress(SwitchUnavailableError):
                    patience = self._config.sweep_patience.total_seconds()
                    await self._compare(patience=patience, repair=False)

    async def _compare(self, *, patience: float, repair: bool) -> None:
        before = {runner: runner.state for runner in self._runners.values() if not runner.busy}
        latest = asyncio.get_running_loop().time() - patience
        legs = await self._switch.legs()
        await self._hang_up_orphans(legs)
        for runner, state in before.items():
            # A session that moved while we looked is not judged by what we saw.
            if runner.state is state and not runner.busy and runner.still_since <= latest:
                await self._settle(runner, legs, repair=repair)

    async def _settle(self, runner: SessionRunner, legs: Legs, *, repair: bool) -> None:
        call = runner.state.call
        agent = legs.agents.get(runner.session_id)
        customer = legs.customers.get(call.attempt_id) if call else None
        runner.state, events = catch_up(runner.state, agent, customer)
        if repair and agent is LegState.UP and runner.state.phase is not Phase.CALLING_AGENT:
            await runner.restore_bridge()
        for event in events:
            runner.post(event)

    async def _hang_up_orphans(self, legs: Legs) -> None:
        for attempt_id in legs.customers.keys() - self._tools.by_attempt.keys():
            log.warning("orphan_customer_leg", attempt_id=str(attempt_id))
            await self._switch.hang_up_customer(attempt_id)
        for session_id in legs.agents.keys() - self._runners.keys():
            log.warning("orphan_agent_leg", session_id=str(session_id))
            await self._switch.release_agent(session_id)

    # The end ---------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Let each runner finish the commands in its hands; the calls are left to the next."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain.total_seconds()):
                for runner in tuple(self._runners.values()):
                    await runner.idle()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _agent_dial(order: SessionOrder) -> AgentDial:
    return AgentDial(
        session_id=order.session_id,
        kind=order.device_kind,
        address=order.device_address,
        caller_id=order.caller_id,
        ring_timeout_s=int(order.ring_timeout.total_seconds()),
    )
