"""Several nodes on one store: spread, drained, cut off, and gone for good, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from autodialer.adapters.memory.store import Fault, MemoryStore, Weather
from autodialer.adapters.memory.tables import CampaignRow, NodeRow, Tables
from autodialer.adapters.sim.loop import run_virtual, wall_clock
from autodialer.adapters.sim.switch import SimSwitch
from autodialer.domain.errors import ConflictError
from autodialer.domain.ids import CampaignId, SessionId
from autodialer.domain.nodes import SURELY_OVER_MARGIN
from autodialer.domain.outcome import CallStatus
from autodialer.domain.retry import RetryPolicy
from autodialer.domain.session import EndReason
from autodialer.domain.target import TERMINAL
from autodialer.domain.window import CallWindow
from autodialer.engine.config import EngineConfig
from autodialer.engine.dialer import Dialer
from autodialer.ports.store import LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from autodialer.adapters.memory.tables import SessionRow
    from autodialer.adapters.sim.switch import Seen

START: Final = datetime(2026, 11, 23, 6, tzinfo=UTC)
RING: Final = timedelta(seconds=12)
MAX_TALK: Final = timedelta(seconds=60)
RETRIES: Final = 1
AGENTS: Final = tuple(f"agent-{n}" for n in range(6))
# Talks of 3 to 60 s, busy, no answer, and a number that does not exist.
NUMBERS: Final = tuple(f"+91980000{n:03}{'0123'[n % 4]}{'0013579'[n % 7]}" for n in range(60))
LOST_AFTER: Final = EngineConfig("any", "any").node_lost
OVER_AFTER: Final = RING + MAX_TALK + SURELY_OVER_MARGIN


class Machine:
    """One node: its switch, its way to the store, and its dialer while there is one."""

    def __init__(self, office: Office, name: str) -> None:
        self.office, self.name = office, name
        self.switch = SimSwitch(len(name), clock=office.clock)
        self.store = MemoryStore(office.tables, self._weather)
        self.is_cut_off = False
        self.processes = 0
        self.dialing: asyncio.Task[None] | None = None

    def _weather(self, _request: str) -> Weather:
        way = self.office.luck.uniform(0, 0.01)
        return Weather(way, way, Fault.NOT_REACHED if self.is_cut_off else Fault.NONE)

    async def run(self) -> None:
        """Run one dialer after the other, as a supervisor does."""
        while True:
            self.processes += 1
            config = EngineConfig(self.name, f"{self.name}-{self.processes}", capacity=6)
            office = self.office
            dialer = Dialer(config, self.store, self.switch, office.clock, new_id=office.new_id)
            with suppress_lease_lost():
                await dialer.run()

    @property
    def row(self) -> NodeRow:
        return self.office.tables.nodes[self.name]

    def kill(self) -> None:
        """End the dialer for good; the switch lives on."""
        assert self.dialing is not None
        self.dialing.cancel()

    def sessions(self) -> list[SessionRow]:
        live = self.office.tables.open_sessions()
        return [session for session in live if session.node_id == self.row.node_id]


class suppress_lease_lost:  # noqa: N801  reads as a statement
    """A dialer that was fenced stops, and its supervisor starts the next one."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, BaseExceptionGroup):
            return False
        return error.split(LeaseLostError)[1] is None


class Office:
    """A campaign, its agents, who press Start whenever they are free, and some machines."""

    def __init__(self, seed: int, names: tuple[str, ...], agents: Sequence[str] = AGENTS) -> None:
        self.luck = Random(seed)  # noqa: S311  a simulation
        self.agents = agents
        self.clock = wall_clock(START)
        self.tables = Tables()
        self.machines = {name: Machine(self, name) for name in names}
        every = frozenset({CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED})
        self.campaign = CampaignRow(
            campaign_id=CampaignId(self.tables.new_id()),
            account=self.tables.add_account(),
            caller_id="+918047112233",
            agents=set(agents),
            policy=RetryPolicy(RETRIES, every, timedelta(seconds=5)),
            window=CallWindow(ZoneInfo("Asia/Kolkata")),
            starts_at=START,
            ends_at=START + timedelta(days=1),
            ring_timeout=RING,
            max_talk=MAX_TALK,
        )
        self.tables.add_campaign(self.campaign, NUMBERS, START)
        # No rest between two calls to a number: only the present call keeps others off it.
        self.tables.redial_gaps[self.campaign.account] = timedelta()

    def new_id(self) -> UUID:
        return UUID(int=self.luck.getrandbits(128))

    async def agent(self, name: str) -> None:
        while True:
            with suppress(ConflictError):
                self.tables.queue_session(
                    SessionId(self.new_id()), self.campaign.campaign_id, name, self.clock()
                )
            await asyncio.sleep(self.luck.uniform(2, 6))

    def seen(self) -> Iterator[Seen]:
        for machine in self.machines.values():
            yield from machine.switch.calls.values()

    async def watch(self) -> None:
        """I2 on the wire, at every second: never two calls to a number, at whatever node.

        Nor may a call be closed while its phone is on the line, which frees the number: whether
        somebody calls it again in time is chance.
        """
        while True:
            await asyncio.sleep(1)
            now = asyncio.get_running_loop().time()
            alive = [seen for seen in self.seen() if seen.ended_s > now]
            calls = Counter(seen.number for seen in alive)
            assert [number for number, count in calls.items() if count > 1] == []
            kept = {row.call.attempt_id for row in self.tables.live_attempts()}
            assert [seen for seen in alive if seen.attempt_id not in kept] == []

    def check(self) -> None:
        for machine in self.machines.values():
            assert (machine.switch.breaches, machine.store.breaches) == ([], [])
        sent = Counter(seen.number for seen in self.seen())
        for target in self.campaign.targets:
            assert sent[target.e164] <= target.tries <= 1 + RETRIES
            assert target.status in TERMINAL
        assert not list(self.tables.live_attempts())

    def ends(self) -> Counter[EndReason | None]:
        return Counter(session.end for session in self.tables.sessions.values())


async def until(holds: Callable[[], object], deadline_s: float) -> None:
    async with asyncio.timeout(deadline_s):
        while not holds():  # noqa: ASYNC110  the tables have no event to wait for
            await asyncio.sleep(0.1)


def play(
    seed: int,
    story: Callable[[Office], Awaitable[None]],
    *names: str,
    deadline_s: float = 3600,
    agents: Sequence[str] = AGENTS,
) -> Office:
    """Work the campaign to its end while the story happens to the machines, and judge."""

    async def main() -> Office:
        office = Office(seed, names, agents)
        async with asyncio.TaskGroup() as group:
            for machine in office.machines.values():
                machine.dialing = group.create_task(machine.run(), name=machine.name)
            others = [group.create_task(office.agent(name), name=name) for name in agents]
            others.append(group.create_task(office.watch(), name="watch"))
            await story(office)
            await until(lambda: office.campaign.is_over, deadline_s)
            for each in (*others, *(m.dialing for m in office.machines.values())):
                assert each is not None
                each.cancel()
        office.check()
        return office

    return run_virtual(main())


def talks(machine: Machine) -> bool:
    attempts = machine.office.tables.live_attempts()
    ours = {session.session_id for session in machine.sessions()}
    return any(row.session_id in ours and row.answered_at for row in attempts)


@pytest.mark.parametrize("seed", range(6))
def test_agents_are_spread_and_the_list_is_worked_by_all_nodes(seed: int) -> None:
    async def story(office: Office) -> None:
        await until(lambda: len(office.tables.open_sessions()) == len(AGENTS), 20)
        await asyncio.sleep(3)
        loads = [len(machine.sessions()) for machine in office.machines.values()]
        assert max(loads) - min(loads) <= 1

    office = play(seed, story, "north", "south", "east")
    assert all(machine.switch.calls for machine in office.machines.values())


@pytest.mark.parametrize("seed", range(12))
def test_a_node_that_dies_for_good_loses_its_calls_but_no_numbers(seed: int) -> None:
    async def story(office: Office) -> None:
        north, south = office.machines.values()
        await asyncio.sleep(office.luck.uniform(5, 60))
        await until(lambda: talks(north), 60)
        lost = north.sessions()
        north.kill()
        await until(lambda: not north.sessions(), LOST_AFTER.total_seconds() + 15)
        assert {session.end for session in lost} <= {EndReason.NODE_LOST, EndReason.AGENT_LEFT}
        agents = {session.agent for session in lost}
        # "At once" is when they press Start: in this office every 2 to 6 s.
        await until(lambda: agents <= {session.agent for session in south.sessions()}, 15)

    office = play(seed, story, "north", "south")
    reasons = Counter(row.result.reason for row in office.tables.attempts.values() if row.result)
    estimated = sum(row.estimated for row in office.tables.attempts.values())
    assert estimated >= 1, reasons
    assert office.ends()[EndReason.NODE_LOST] >= 1


@pytest.mark.parametrize("seed", range(12))
def test_a_node_that_is_cut_off_from_the_store_is_given_up_and_fits_in_again(seed: int) -> None:
    async def story(office: Office) -> None:
        north, south = office.machines.values()
        await asyncio.sleep(office.luck.uniform(5, 60))
        await until(lambda: talks(north), 60)
        north.is_cut_off = True
        await until(lambda: not north.sessions(), LOST_AFTER.total_seconds() + 15)
        assert south.processes == 1
        await asyncio.sleep(office.luck.uniform(0, 90))
        left = north.switch.live_customers
        north.is_cut_off = False
        await until(lambda: north.processes == 2 or office.campaign.is_over, 30)
        # Their agents have gone elsewhere: whoever is left is hung up.
        await until(lambda: not left & north.switch.live_customers, 30)

    office = play(seed, story, "north", "south")
    assert office.ends()[EndReason.NODE_LOST] >= 1


@pytest.mark.parametrize("seed", range(6))
def test_a_talk_that_the_store_never_heard_of_keeps_its_number(seed: int) -> None:
    async def story(office: Office) -> None:
        north, _ = office.machines.values()
        await until(lambda: about_to_answer(north), 300)
        north.is_cut_off = True
        await until(lambda: not north.sessions(), LOST_AFTER.total_seconds() + 15)

    office = play(seed, story, "north", "south")
    reasons = Counter(row.result.reason for row in office.tables.attempts.values() if row.result)
    assert reasons["node_lost"] >= 1


def about_to_answer(machine: Machine) -> bool:
    """Whether somebody's phone rings who will stay on the line as long as they may."""
    ours = {session.session_id for session in machine.sessions()}
    return any(
        row.session_id in ours and row.answered_at is None and row.call.e164.endswith("1")
        for row in machine.office.tables.live_attempts()
    )


@pytest.mark.parametrize("seed", range(6))
def test_after_an_outage_of_the_store_no_node_is_given_up(seed: int) -> None:
    async def story(office: Office) -> None:
        await asyncio.sleep(office.luck.uniform(5, 60))
        for machine in office.machines.values():
            machine.is_cut_off = True
        await asyncio.sleep(4 * LOST_AFTER.total_seconds())
        for machine in office.machines.values():
            await asyncio.sleep(office.luck.uniform(0, 5))  # not all notice at once
            machine.is_cut_off = False

    office = play(seed, story, "north", "south", "east")
    assert EndReason.NODE_LOST not in office.ends()


@pytest.mark.parametrize("seed", range(6))
def test_a_drained_node_is_left_by_its_agents_after_their_present_calls(seed: int) -> None:
    async def story(office: Office) -> None:
        north, south = office.machines.values()
        await asyncio.sleep(office.luck.uniform(5, 60))
        await until(lambda: talks(north), 60)
        here = {session.agent for session in north.sessions()}
        north.row.is_draining = True
        await until(lambda: not north.sessions(), (MAX_TALK + RING).total_seconds() + 15)
        await until(lambda: here <= {session.agent for session in south.sessions()}, 15)
        calls = len(north.switch.calls)
        await asyncio.sleep(30)
        assert (north.sessions(), len(north.switch.calls)) == ([], calls)

    office = play(seed, story, "north", "south")
    assert office.ends()[EndReason.NODE_DRAINED] >= 1
    assert not any(row.estimated for row in office.tables.attempts.values())


@pytest.mark.parametrize("seed", range(4))
def test_a_node_that_is_said_to_be_off_frees_its_numbers_at_once(seed: int) -> None:
    async def story(office: Office) -> None:
        north, _ = office.machines.values()
        await until(lambda: talks(north), 120)
        north.kill()
        north.switch.restart(10_000)
        north.row.is_removed = True
        await until(lambda: not north.sessions(), 10)
        ours = {
            s.session_id for s in office.tables.sessions.values() if s.node_id == north.row.node_id
        }
        live = office.tables.live_attempts
        await until(lambda: not any(row.session_id in ours for row in live()), 10)

    play(seed, story, "north", "south")
