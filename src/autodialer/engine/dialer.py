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
from autodialer.domain.step import start
from autodialer.engine.config import Failpoint, never
from autodialer.engine.gate import Gate
from autodialer.engine.insist import insist
from autodialer.engine.runner import SessionRunner, Tools
from autodialer.ports.store import Lease, LeaseHeld, LeaseLostError, StoreUnavailableError
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
_FIRST_COMPARE_RETRY_S = 0.2
_STORE_TIMEOUT_S = 2.0


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
        self._reconciling: asyncio.Task[None] | None = None
        self._adoption_due = False
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
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(_STORE_TIMEOUT_S):
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
            await insist(self._adopt_sessions)
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
                async with asyncio.timeout(_STORE_TIMEOUT_S):
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
        """Make runners for live sessions of this node that have none.

        At the start: what an earlier process left. Later: sessions whose taking was committed
        but whose reply was lost, and those whose runner failed.
        """
        stored = await self._store.live_sessions(self._tools.lease)
        for session in stored:
            if session.session_id not in self._runners:
                log.info("session_adopted", session_id=str(session.session_id))
                self._add(SessionRunner(rebuild(session, self._clock()), self._tools))

    def _add(self, runner: SessionRunner, first: Sequence[domain.Command] = ()) -> None:
        self._runners[runner.session_id] = runner
        self._tasks.create_task(self._own(runner, first), name=f"session-{runner.session_id}")

    async def _own(self, runner: SessionRunner, first: Sequence[domain.Command]) -> None:
        """Run one session. A fault in it ends it, not the others; adoption picks up the rest."""
        try:
            await runner.run(first)
        except LeaseLostError:
            raise
        except Exception:
            log.exception("session_failed", session_id=str(runner.session_id))
            self._adoption_due = True
        finally:
            self._forget(runner)

    def _forget(self, runner: SessionRunner) -> None:
        del self._runners[runner.session_id]
        call = runner.state.call
        if call is not None:
            self._tools.by_attempt.pop(call.attempt_id, None)
        self._wake.set()

    async def _take_orders(self) -> None:
        """Start queued sessions, obey stop orders and keep the campaigns' calendar."""
        while True:
            self._wake.clear()
            try:
                await self._carry_out_orders()
            except StoreUnavailableError:
                # A session may have been taken although its reply was lost.
                self._adoption_due = True
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll.total_seconds()):
                    await self._wake.wait()

    async def _carry_out_orders(self) -> None:
        if self._adoption_due:
            await self._adopt_sessions()
            self._adoption_due = False
        await self._store.advance_campaigns(self._clock())
        await self._take_sessions()
        await self._obey_stop_orders()

    async def _take_sessions(self) -> None:
        room = self._config.capacity - len(self._runners)
        if room <= 0 or not self._gate.is_open:
            return
        now = self._clock()
        for order in await self._store.take_sessions(self._tools.lease, room, now):
            state, first = start(order.session_id, order.idle_limit)
            self._add(SessionRunner(state, self._tools, _agent_dial(order)), first)

    async def _obey_stop_orders(self) -> None:
        for order in await self._store.stop_orders(self._tools.lease):
            runner = self._runners.get(order.session_id)
            if runner is not None:
                asked = domain.StopAsked if order.at_once else domain.LeaveAsked
                runner.post(asked(order.reason))

    async def _read_hints(self) -> None:
        async for _hint in self._store.hints():
            self._wake_everybody()

    def _wake_everybody(self) -> None:
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
                self._lost_sight()
                self._reconciling = self._tasks.create_task(
                    self._reconcile(instance), name="reconcile"
                )
            case SwitchDown(dead):
                self._lost_sight()
                log.warning("switch_down", dead=dead)
                if dead:
                    self._media_server_lost()

    def _lost_sight(self) -> None:
        """Place no call until the present connection has been compared with the store."""
        self._gate.switch_ready(ready=False)
        if self._reconciling is not None:
            self._reconciling.cancel()

    async def _reconcile(self, instance: str) -> None:
        """After a gap: settle what happened meanwhile, then let calls out again."""
        self._kill(Failpoint.RECOVERING)
        lease = self._tools.lease
        known = await insist(lambda: self._store.switch_instance(lease))
        if known not in {"", instance}:
            await self._media_server_lost_and_settled()
        await insist(lambda: self._store.remember_switch(lease, instance))
        await self._compare_until_answered()
        self._gate.switch_ready(ready=True)
        log.info("reconciled", sessions=len(self._runners), same_switch=known == instance)
        self._wake_everybody()

    async def _compare_until_answered(self) -> None:
        delay = _FIRST_COMPARE_RETRY_S
        while True:
            try:
                await self._compare(patience=0.0, repair=True)
            except SwitchUnavailableError:
                log.warning("switch_not_compared", retry_in_s=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _STORE_TIMEOUT_S)
            else:
                return

    async def _media_server_lost_and_settled(self) -> None:
        """End all sessions of an older run of the switch; return when that is stored."""
        lost = self._media_server_lost()
        for runner in lost:
            await runner.ended.wait()

    def _media_server_lost(self) -> tuple[SessionRunner, ...]:
        lost = tuple(self._runners.values())
        for runner in lost:
            runner.post(domain.MediaServerLost())
        return lost

    async def _sweep(self) -> None:
        """Find what no report told: legs without a session, sessions without their legs."""
        while True:
            await asyncio.sleep(self._config.sweep.total_seconds())
            if self._gate.is_open:
                with suppress(SwitchUnavailableError):
                    patience = self._config.sweep_patience.total_seconds()
                    await self._compare(patience=patience, repair=False)

    async def _compare(self, *, patience: float, repair: bool) -> None:
        """Tell each session what it missed, judged by two looks at the switch.

        Two, because a report that was on its way at the first look is dispatched before the
        second: then its session has moved and is not judged by what we saw.
        """
        latest = asyncio.get_running_loop().time() - patience
        still = {runner: runner.state for runner in self._runners.values() if not runner.busy}
        await self._switch.legs()
        legs = await self._switch.legs()
        await self._hang_up_orphans(legs)
        for runner, state in still.items():
            if runner.state is state and not runner.busy and runner.still_since <= latest:
                await self._settle(runner, legs, repair=repair)

    async def _settle(self, runner: SessionRunner, legs: Legs, *, repair: bool) -> None:
        call = runner.state.call
        agent = legs.agents.get(runner.session_id)
        customer = legs.customers.get(call.attempt_id) if call else None
        runner.state, events = catch_up(runner.state, agent, customer)
        nailed = agent is LegState.UP and runner.state.phase is not Phase.CALLING_AGENT
        if nailed and (repair or runner.unbridged):
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
