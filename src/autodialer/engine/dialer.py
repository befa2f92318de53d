"""One node's dialer: everything that runs while the node's lease is held."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from autodialer.engine.asker import Asker
from autodialer.engine.floor import Floor
from autodialer.engine.gate import Gate
from autodialer.engine.inquiries import Inquirer
from autodialer.engine.insist import insist
from autodialer.engine.lease import LeaseKeeper
from autodialer.engine.nodes import NodeWatch
from autodialer.engine.phones import PhoneBook
from autodialer.engine.reconcile import Reconciler
from autodialer.engine.registry import RegistryWatch
from autodialer.engine.runner import Tools
from autodialer.engine.trunk import Trunk, TrunkWatch
from autodialer.ports.failpoints import never
from autodialer.ports.health import Part
from autodialer.ports.meters import Figures, Unmetered
from autodialer.ports.phones import PhoneReport
from autodialer.ports.telephony import CallReport, SessionReport, SwitchDown, SwitchUp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from autodialer.domain.session import SwitchEvent
    from autodialer.engine.config import EngineConfig
    from autodialer.engine.runner import SessionRunner
    from autodialer.ports.details import GetContacts
    from autodialer.ports.failpoints import Killer
    from autodialer.ports.meters import Meters
    from autodialer.ports.numbers import DialWhom
    from autodialer.ports.phones import Phones
    from autodialer.ports.store import Lease, Store
    from autodialer.ports.telephony import SwitchReport, Telephony


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
        numbers: DialWhom | None = None,
        contacts: GetContacts | None = None,
        phones: Phones | None = None,
        meters: Meters | None = None,
    ) -> None:
        """Without `numbers` or `contacts` no such URL is asked, without `phones` agents' phones
        need no account."""
        self._config, self._store, self._switch = config, store, switch
        self._clock, self._new_id, self._kill = clock, new_id, kill
        self._numbers, self._contacts, self._phones = numbers, contacts, phones
        self._gate = Gate()
        self._keeper = LeaseKeeper(config, store, self._gate, clock)
        self._stopping = asyncio.Event()
        self._meters = meters or Unmetered()
        self._at_work: tuple[Tools, Floor] | None = None

    def stop(self) -> None:
        """Ask for a clean end: no new call, no call dropped, the next dialer adopts all."""
        self._gate.close()
        self._stopping.set()

    async def health(self) -> Sequence[Part]:
        """Return what calling needs. A stand-by lacks the lease, one that stops is not running."""
        gate = self._gate
        return (
            Part("running", "it is going to stop" if gate.is_closed else ""),
            Part("store", "" if self._keeper.store_answers else "the database does not answer"),
            Part("lease", "" if gate.has_lease else "another dialer may drive this node"),
            Part("switch", "" if gate.sees_switch else "not connected, or not compared yet"),
        )

    def figures(self) -> Figures:
        """Return how this dialer stands at this moment."""
        tools, floor = self._at_work or (None, None)
        sessions = [] if floor is None else [each.state for each in floor.runners.values()]
        renewed_at_s = self._keeper.renewed_at_s
        return Figures(
            epoch=0 if tools is None else tools.lease.epoch,
            has_lease=self._gate.has_lease,
            lease_age_s=renewed_at_s and asyncio.get_running_loop().time() - renewed_at_s,
            sees_switch=self._gate.sees_switch,
            is_trunk_silent=tools is not None and tools.trunk.is_silent,
            trunk_lines=0 if tools is None else tools.trunk.lines.taken,
            trunk_wait_s=0.0 if tools is None else tools.trunk.lines.longest_wait_s,
            phases=Counter(session.phase for session in sessions),
            waits=Counter(each.waiting_for for each in sessions if each.waiting_for is not None),
        )

    async def run(self) -> None:
        """Dial until `stop()`. Raises (in a group) LeaseLostError when the node was taken over."""
        keeper = self._keeper
        lease = await keeper.take(self._stopping)
        if lease is None:
            return
        tools = self._tools(lease)
        async with asyncio.TaskGroup() as outer:
            inner = asyncio.TaskGroup()
            floor = Floor(self._config, tools, inner)
            self._at_work = tools, floor
            work = outer.create_task(self._work(keeper, tools, floor, inner), name="work")
            await self._stopping.wait()
            # What is in hand is finished; the calls themselves are left to the next dialer.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.drain.total_seconds()):
                    await floor.idle()
            work.cancel()
        await keeper.release(lease)

    async def _work(
        self, keeper: LeaseKeeper, tools: Tools, floor: Floor, group: asyncio.TaskGroup
    ) -> None:
        """Run everything that needs the lease; if one part fails, all stop."""
        async with group as tasks:
            reconciler = Reconciler(self._config, tools, floor, tasks)
            tasks.create_task(keeper.keep(tools.lease, tools.trunk.lines), name="lease")
            await insist(floor.adopt)
            phones = self._phone_book(tools, tasks)
            reports = _Reports(tools, floor, reconciler, phones)
            tasks.create_task(reports.read(), name="switch-reports")
            tasks.create_task(floor.listen(), name="store-hints")
            tasks.create_task(floor.keep_order(), name="orders")
            tasks.create_task(reconciler.sweep(), name="sweep")
            registry = RegistryWatch(self._config, tools, floor)
            tasks.create_task(registry.run(), name="registry")
            tasks.create_task(NodeWatch(self._config, tools).run(), name="nodes")
            tasks.create_task(tools.screens.tell(tools.store), name="screens")
            tasks.create_task(tools.ringing.tell(tools.store, tools.lease), name="ringing")
            tasks.create_task(TrunkWatch(tools, floor).run(), name="trunk")
            if self._numbers is not None:
                asker = Asker(self._numbers, tools, floor, tasks)
                tasks.create_task(asker.run(), name="numbers")
                tasks.create_task(asker.look(), name="numbers-left")
            if self._contacts is not None:
                inquirer = Inquirer(self._contacts, tools, tasks)
                tasks.create_task(inquirer.run(), name="details")

    def _phone_book(self, tools: Tools, tasks: asyncio.TaskGroup) -> PhoneBook | None:
        if self._phones is None:
            return None
        book = PhoneBook(self._config, tools, self._phones)
        tasks.create_task(book.keep(), name="phones")
        return book

    def _tools(self, lease: Lease) -> Tools:
        return Tools(
            store=self._store,
            switch=self._switch,
            lease=lease,
            gate=self._gate,
            clock=self._clock,
            new_id=self._new_id,
            kill=self._kill,
            trunk=Trunk(self._meters),
            meters=self._meters,
        )


class _Reports:
    """Brings what the switch reports to the session that it concerns."""

    def __init__(
        self, tools: Tools, floor: Floor, reconciler: Reconciler, phones: PhoneBook | None
    ) -> None:
        self._tools, self._floor = tools, floor
        self._reconciler, self._phones = reconciler, phones

    async def read(self) -> None:
        """Dispatch for ever; the port reconnects by itself."""
        async for report in self._tools.switch.reports():
            self._dispatch(report)

    def _dispatch(self, report: SwitchReport) -> None:
        match report:
            case CallReport(event):
                _post(self._tools.by_attempt.get(event.attempt_id), event)
            case SessionReport(session_id, event):
                _post(self._floor.runners.get(session_id), event)
            case PhoneReport():
                if self._phones is not None:
                    self._phones.note(report)
            case SwitchUp():
                self._reconciler.switch_up(report)
                if self._phones is not None:
                    self._phones.look_again()
            case SwitchDown(dead):
                self._reconciler.switch_down(dead=dead)


def _post(runner: SessionRunner | None, event: SwitchEvent) -> None:
    """Hand over an event; one of a session or call that is no more concerns nobody."""
    if runner is not None:
        runner.post(event)
