"""Nodes that share the calls per second of a trunk: in no history do they send one too many.

What a dialer does (`engine/lease.py`, `engine/trunk.py`) is spelled out, with the rules of the
domain and the store of the simulator, so that each message can be late, lost or overtaken, and
each process frozen, at every moment.
"""

from __future__ import annotations

import asyncio
from asyncio import Event
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.adapters.memory import nodes, trunk
from autodialer.adapters.memory.store import Fault, MemoryStore, Weather
from autodialer.adapters.memory.tables import NodeRow, Tables
from autodialer.adapters.sim.loop import run_virtual, wall_clock
from autodialer.domain import pacing
from autodialer.domain.ids import SessionId
from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.pacing import ROUND_S, SECOND_S, Limits, Pace, Use, Waiter
from autodialer.engine.config import EngineConfig
from autodialer.engine.gate import Gate
from autodialer.engine.lease import STORE_TIMEOUT_S, LeaseKeeper
from autodialer.engine.trunk import Lines
from autodialer.ports.meters import Unmetered
from autodialer.ports.store import Lease

if TYPE_CHECKING:
    from collections.abc import Callable

    Deed = tuple[float, int, str]

START: Final = datetime(2026, 11, 23, 6, tzinfo=UTC)
NODES: Final = 3
CALLER: Final = Waiter("asha")
# The shortest that may be set, that of the tests on real parts, and the usual one.
LEASES: Final = (1.0, 2.0, 10.0)
# The part of a lease in which calls may leave (docs/explanation/leases.md).
SAFE: Final = 0.7


@dataclass(frozen=True)
class Renewal:
    """A request for the lease on its way to the store; the answer, once there is one."""

    asked_at: float
    epoch: int
    use: Use
    share: Limits | None = None


@dataclass
class Site:
    """The store, the wall clock, and what the carrier has seen."""

    limit: int
    lease_s: float
    now: float = 0.0
    tables: Tables = field(default_factory=Tables)
    sent: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tables.trunks[FIRST_TRUNK] = Limits(calls_per_second=self.limit)

    def wall(self, at: float) -> datetime:
        return START + timedelta(seconds=at)

    def most_in_a_second(self) -> int:
        ends = (bisect_left(self.sent, at + 1.0) for at in self.sent)
        return max((end - n for n, end in enumerate(ends)), default=0)


class Process:
    """A dialer from its lease to its end."""

    def __init__(self, site: Site, lease: Lease) -> None:
        self.site, self.epoch = site, lease.epoch
        self.pace = Pace()
        self.gate_until = site.now + SAFE * site.lease_s
        self.number = 0
        self.unsent: list[str] = []

    @property
    def may_send(self) -> bool:
        return self.site.now < self.gate_until

    def claim(self) -> bool:
        """Let a call through if one may be sent now."""
        now = self.site.now
        self.pace, wait = pacing.may_call(self.pace, CALLER, now)
        if wait > 0 or not self.may_send:
            self.pace = pacing.left(self.pace, CALLER.session)
            return False
        self.number += 1
        self.unsent.append(f"call {self.number}")
        self.pace = pacing.asked(self.pace, CALLER, self.unsent[-1], now)
        return True

    def send(self) -> None:
        """Send the first of those that were let through, if that is still right."""
        if not self.unsent:
            return
        call = self.unsent.pop(0)
        if self.may_send:
            self.site.sent.append(self.site.now)
            self.pace = pacing.sent(self.pace, call, self.site.now)
        self.pace = pacing.gone(self.pace, call)

    def ask(self) -> Renewal:
        if not self.may_send:
            self.pace = pacing.lapsed(self.pace)
        return Renewal(self.site.now, self.epoch, pacing.use_of(self.pace, self.site.now))

    def answered(self, renewal: Renewal) -> None:
        if self.site.now >= renewal.asked_at + STORE_TIMEOUT_S:
            return
        self.gate_until = renewal.asked_at + SAFE * self.site.lease_s
        if renewal.share is not None:
            self.pace = pacing.settled(self.pace, renewal.share, self.site.now)


class Node:
    """A row of the store, its dialer while there is one, and the messages between them."""

    def __init__(self, site: Site, number: int) -> None:
        self.site = site
        self.row = NodeRow(number)
        site.tables.nodes[str(number)] = self.row
        self.processes = 0
        self.dialer: Process | None = None
        self.is_frozen = self.holds = False
        # Requests under way, the last one last, and the answer to it.
        self.requests: list[Renewal] = []
        self.answer: Renewal | None = None

    def do(self, deed: str) -> None:
        """Let something happen; the network and the store go on while a dialer is frozen."""
        deeds: dict[str, Callable[[], None]] = {
            "start": self.start,
            "kill": self.kill,
            "freeze": partial(setattr, self, "is_frozen", True),
            "wake": partial(setattr, self, "is_frozen", False),
            "hold": partial(setattr, self, "holds", True),
            "let go": partial(setattr, self, "holds", False),
            "reach": self.reach,
            "meet another": partial(self.reach, is_served=False),
            "late": partial(self.reach, 0),
        }
        of_who_is_awake: dict[str, Callable[[Process], None]] = {
            "ask": self.ask,
            "answer": self.take_answer,
            "renew": self.renew,
            "renew unserved": partial(self.renew, is_served=False),
            "restart": self.restart,
            "stop": self.stop,
        }
        if deed in deeds:
            deeds[deed]()
        elif self.dialer is not None and not self.is_frozen:
            of_who_is_awake[deed](self.dialer)

    def send_all(self) -> None:
        """Let the dialer send as many calls as it may, or claim them and send them later."""
        if self.dialer is None or self.is_frozen:
            return
        while not self.holds and self.dialer.unsent:
            self.dialer.send()
        while self.dialer.claim():
            if not self.holds:
                self.dialer.send()

    def revive(self) -> None:
        """Let the node be as if nothing had ever happened to it."""
        self.is_frozen = self.holds = False
        self.requests.clear()
        self.answer = None
        self.start()

    def start(self) -> None:
        if self.dialer is not None:
            return
        self.processes += 1
        now, ttl = self.site.wall(self.site.now), timedelta(seconds=self.site.lease_s)
        lease = nodes.acquire(self.row, f"process {self.processes}", now, ttl, 9)
        if isinstance(lease, Lease):
            self.dialer = Process(self.site, lease)

    def ask(self, dialer: Process) -> None:
        self.requests.append(dialer.ask())
        self.answer = None

    def reach(self, which: int = -1, *, is_served: bool = True) -> None:
        """Let a request reach the store; without being served the share stays as it is."""
        if not self.requests:
            return
        is_last = which == -1 or len(self.requests) == 1
        renewal = self.requests.pop(which)
        if renewal.epoch != self.row.epoch:
            return
        asked_at = self.site.wall(renewal.asked_at)
        trunk.note(self.row, asked_at + timedelta(seconds=self.site.lease_s), renewal.use)
        share = trunk.settle(self.site.tables, self.row, asked_at) if is_served else None
        if is_last and self.dialer is not None and self.dialer.epoch == renewal.epoch:
            self.answer = Renewal(renewal.asked_at, renewal.epoch, renewal.use, share)

    def take_answer(self, dialer: Process) -> None:
        if self.answer is not None:
            dialer.answered(self.answer)
            self.answer = None

    def renew(self, dialer: Process, *, is_served: bool = True) -> None:
        self.ask(dialer)
        self.reach(is_served=is_served)
        self.take_answer(dialer)

    def restart(self, dialer: Process) -> None:
        self.stop(dialer)
        self.start()

    def stop(self, dialer: Process) -> None:
        """End cleanly: what is in hand is finished, and the lease is given back."""
        while dialer.unsent:
            dialer.send()
        if dialer.epoch == self.row.epoch:
            self.row.holder, self.row.until = None, self.site.wall(self.site.now)
            self.row.epoch += 1
        self.dialer = None

    def kill(self) -> None:
        self.dialer = None


GAPS: Final = (0.0, 0.01, 0.1, 0.2, 0.3, 0.5, SECOND_S, 2.0)
# All that are awake keep their leases, each in its turn; the rest happens to one of them.
DEEDS: Final = (
    *("all renew", "all renew", "renew", "ask", "reach", "meet another", "answer", "late"),
    *("renew unserved", "freeze", "wake", "hold", "let go", "restart", "stop", "kill", "start"),
)
STORIES: Final = st.lists(
    st.tuples(st.sampled_from(GAPS), st.integers(0, NODES - 1), st.sampled_from(DEEDS)),
    max_size=60,
)


def play(site: Site, fleet: list[Node], story: list[Deed]) -> None:
    """Let it happen, while each node sends whatever it may."""
    for gap, which, deed in story:
        site.now += gap
        for node in fleet if deed == "all renew" else [fleet[which]]:
            node.do("renew" if deed == "all renew" else deed)
        for node in fleet:
            node.send_all()


def opened(site: Site) -> list[Node]:
    """All nodes, with their shares, and all calls counted."""
    fleet = [Node(site, number) for number in range(NODES)]
    for node in fleet:
        node.do("start")
    site.now += SECOND_S
    for _ in range(4):
        for node in fleet:
            node.do("renew")
        site.now += site.lease_s / 20
    site.now += SECOND_S
    return fleet


@settings(max_examples=600)
@given(st.integers(1, 7), st.sampled_from(LEASES), STORIES)
def test_no_second_has_more_calls_than_the_limit_whatever_happens_to_the_nodes(
    limit: int, lease_s: float, story: list[Deed]
) -> None:
    site = Site(limit, lease_s)
    play(site, opened(site), story)
    assert site.most_in_a_second() <= limit


@given(st.integers(NODES, 7), st.sampled_from(LEASES), STORIES)
def test_once_nothing_happens_any_more_the_nodes_send_all_that_the_trunk_takes(
    limit: int, lease_s: float, story: list[Deed]
) -> None:
    site = Site(limit, lease_s)
    fleet = opened(site)
    play(site, fleet, story)
    # Long enough for a change to be told and given back; the turn does not move on meanwhile.
    site.now += ROUND_S - site.now % ROUND_S
    for node in fleet:
        node.revive()
    for _ in range(60):
        site.now += 0.1
        for node in fleet:
            node.do("renew")
    site.sent.clear()
    began = site.now
    while site.now < began + SECOND_S:
        for node in fleet:
            node.do("renew")
            node.send_all()
        site.now += 0.01
    assert len(site.sent) == limit


# The keeper of the lease -------------------------------------------------------------------------


class Busy(MemoryStore):
    """A store that serves another node whenever this one renews."""

    async def renew_lease(
        self, lease: Lease, now: datetime, ttl: timedelta, use: Use | None = None
    ) -> Limits | None:
        await super().renew_lease(lease, now, ttl, use)
        return None


def test_who_was_away_for_longer_than_its_lease_calls_nobody_before_it_is_told_its_share() -> None:
    run_virtual(_wake_after_the_lease())


async def _wake_after_the_lease() -> None:
    config, gate, lines = EngineConfig("north", "one"), Gate(), Lines(Unmetered(), Event())
    faults = [Fault.NONE]
    store = Busy(Tables(), lambda _: Weather(fault=faults[-1]))
    keeper = LeaseKeeper(config, store, gate, wall_clock(START))
    lease = await keeper.take(Event())
    assert lease is not None
    lines.counted()
    lines.settled(Limits(calls_per_second=2), None)

    def may_call() -> bool:
        return lines.may_call(SessionId(UUID(int=1)), lambda: None)

    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(keeper.keep(lease, lines), name="lease")
        await asyncio.sleep(5)
        assert may_call()
        faults.append(Fault.NOT_REACHED)
        await asyncio.sleep(config.lease_ttl.total_seconds())
        assert not gate.has_lease
        faults.pop()
        await asyncio.sleep(5)
        assert (gate.has_lease, may_call()) == (True, False)
        keeping.cancel()
