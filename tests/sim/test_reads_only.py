"""A store that answers questions and takes no writes, as after a failover or with a full disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from autodialer.adapters.memory.store import Fault, Weather
from autodialer.domain.session import EndReason
from tests.sim.test_nodes import LOST_AFTER, play, until

if TYPE_CHECKING:
    from tests.sim.test_nodes import Machine, Office

READS = frozenset({"other_nodes", "live_sessions", "stop_orders", "lost_calls", "phones"})


def only_reads(machine: Machine) -> None:
    fair = machine.store.weather

    def weather(request: str) -> Weather:
        if request in READS:
            return fair(request)
        return Weather(0.0, 0.0, Fault.NOT_REACHED)

    machine.store.weather = weather


# When writes are taken again, the others' next renewals are still to come.
LASTS_S = [LOST_AFTER.total_seconds() + quarter / 4 for quarter in range(6, 11)]


@pytest.mark.parametrize("lasts_s", LASTS_S)
def test_no_node_is_given_up_because_nobody_could_renew(lasts_s: float) -> None:
    async def story(office: Office) -> None:
        await until(lambda: all(map(len, (m.sessions() for m in office.machines.values()))), 60)
        fair = {machine: machine.store.weather for machine in office.machines.values()}
        for machine in fair:
            only_reads(machine)
        await asyncio.sleep(lasts_s)
        for machine, weather in fair.items():
            machine.store.weather = weather

    office = play(1, story, "north", "south", "east")
    assert EndReason.NODE_LOST not in office.ends()
