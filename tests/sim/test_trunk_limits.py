"""Nodes that share a trunk with limits: all together keep them, at every INVITE, come what may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.pacing import Limits
from autodialer.domain.session import EndReason
from tests.sim.test_nodes import AGENTS, LOST_AFTER, Office, play, talks, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autodialer.adapters.sim.switch import Seen

    Story = Callable[[Office], Awaitable[None]]

TELEPHONES: Final = tuple(f"+9199000000{n:02}" for n in range(1, 7))
# Each node has heard of a change, and given back what was too much: a few renewals.
SETTLED_S: Final = 10.0


@dataclass
class Carrier:
    """Counts what reaches it from all nodes, as it would: by its own clock, over any second."""

    office: Office
    limits: Limits
    are_agents_called: bool = False
    most_at_once: int = 0
    most_in_a_second: int = 0
    starts: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.office.tables.trunks[FIRST_TRUNK] = self.limits
        for machine in self.office.machines.values():
            machine.switch.watch = self.invited

    def invited(self, seen: Seen) -> None:
        self.starts.append(seen.invited_s)
        self.look()

    async def follow_agents(self) -> None:
        """Look at the lines between the calls to customers, too: those of agents last long."""
        while True:
            self.look()
            await asyncio.sleep(0.1)

    def look(self) -> None:
        """Count what is there now."""
        now = asyncio.get_running_loop().time()
        switches = [machine.switch for machine in self.office.machines.values()]
        live = sum(len(switch.live_customers) for switch in switches)
        starts = self.starts
        if self.are_agents_called:
            live += sum(len(switch.live_agents) for switch in switches)
            starts = [*starts, *(at for switch in switches for at in switch.agents_called)]
        recent = sum(at > now - 1 for at in starts)
        self.most_at_once = max(self.most_at_once, live)
        self.most_in_a_second = max(self.most_in_a_second, recent)
        if self.limits.calls_at_once is not None and live > self.limits.calls_at_once:
            self.broken.append(f"{now:.3f}: {live} at once")
        if self.limits.calls_per_second is not None and recent > self.limits.calls_per_second:
            self.broken.append(f"{now:.3f}: {recent} in a second")


def over_a_trunk(
    seed: int,
    limits: Limits,
    story: Story,
    *names: str,
    by_phone: bool = False,
    deadline_s: float = 7200,
) -> Carrier:
    """Work the campaign over a trunk with limits while the story happens, and judge both."""
    carriers: list[Carrier] = []

    async def told(office: Office) -> None:
        carriers.append(Carrier(office, limits, by_phone))
        if not by_phone:
            await story(office)
            return
        office.tables.telephones.update(office.agents)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(carriers[0].follow_agents(), name="agents")
            await story(office)
            await until(lambda: office.campaign.is_over, deadline_s)
            following.cancel()

    play(seed, told, *names, agents=TELEPHONES if by_phone else AGENTS)
    (carrier,) = carriers
    assert carrier.broken == []
    return carrier


async def quiet(_office: Office) -> None:
    """Nothing happens."""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limits", [Limits(2, 3), Limits(1, None), Limits(None, 1)], ids=str)
def test_all_nodes_together_keep_the_limits_and_the_list_is_worked(
    limits: Limits, seed: int
) -> None:
    carrier = over_a_trunk(seed, limits, quiet, "north", "south", "east")
    if limits.calls_at_once:
        assert carrier.most_at_once == limits.calls_at_once
    if limits.calls_per_second == 1:
        assert carrier.most_in_a_second == 1


@pytest.mark.parametrize("seed", range(2))
def test_without_limits_the_same_agents_call_more_at_once(seed: int) -> None:
    carrier = over_a_trunk(seed, Limits(), quiet, "north", "south", "east")
    assert carrier.most_at_once == len(AGENTS)


@pytest.mark.parametrize("seed", range(6))
def test_they_are_kept_while_a_node_dies_or_is_cut_off_and_comes_back(seed: int) -> None:
    async def story(office: Office) -> None:
        north, _south = office.machines.values()
        await asyncio.sleep(office.luck.uniform(5, 60))
        await until(lambda: talks(north), 300)
        if seed % 2:
            north.kill()
            await until(lambda: not north.sessions(), LOST_AFTER.total_seconds() + 15)
        else:
            north.is_cut_off = True
            await asyncio.sleep(office.luck.uniform(1, 60))
            north.is_cut_off = False

    over_a_trunk(seed, Limits(2, 3), story, "north", "south")


@pytest.mark.parametrize("seed", range(3))
def test_a_dialer_that_takes_over_counts_the_calls_that_it_finds(seed: int) -> None:
    async def story(office: Office) -> None:
        (north,) = office.machines.values()
        await until(lambda: len(north.switch.live_customers) == 3 and talks(north), 300)
        north.kill()
        async with asyncio.TaskGroup() as group:
            north.dialing = group.create_task(north.run(), name="north again")
            await until(lambda: office.campaign.is_over, 7200)
            north.kill()

    over_a_trunk(seed, Limits(None, 3), story, "north")


@pytest.mark.parametrize("seed", range(3))
def test_agents_called_by_telephone_count_and_leave_lines_to_customers(seed: int) -> None:
    carrier = over_a_trunk(seed, Limits(2, 4), quiet, "north", by_phone=True)
    assert carrier.most_at_once == 4
    assert carrier.office.ends()[EndReason.TRUNK_BUSY] >= 1


@pytest.mark.parametrize("seed", range(3))
def test_limits_that_are_set_while_calls_live_hold_after_a_few_renewals(seed: int) -> None:
    limits = Limits(1, 2)
    carriers: list[Carrier] = []

    async def story(office: Office) -> None:
        await asyncio.sleep(office.luck.uniform(5, 40))
        office.tables.trunks[FIRST_TRUNK] = limits
        await asyncio.sleep(SETTLED_S)
        # Who talks may go on; no call is added to those that are too many.
        carriers.append(Carrier(office, limits))
        await asyncio.sleep(60)
        assert carriers[0].broken == []
        assert carriers[0].starts
        del office.tables.trunks[FIRST_TRUNK]

    office = play(seed, story, "north", "south")
    assert not office.tables.trunks
