"""A trunk that carries no calls must not burn the list: the whole engine, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import pytest

from autodialer.adapters.memory.store import Weather
from autodialer.adapters.memory.tables import TargetRow
from autodialer.adapters.sim.carrier import Script
from autodialer.adapters.sim.loop import run_virtual
from autodialer.domain.breaker import MOST_UNHEARD, PROBE_EVERY_S
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.ids import SessionId, TargetId
from autodialer.domain.retry import RetryPolicy
from autodialer.domain.session import EndReason
from autodialer.domain.step import WAIT_POLL
from autodialer.domain.target import TargetStatus
from autodialer.ops.simulation.odds import Odds
from autodialer.ops.simulation.run import RING, Run

AGENTS: Final = 50
REFUSES: Final = Script(refuses_s=0.1, sip_code=503)
SILENT: Final = Script()
RINGS_AND_FAILS: Final = Script(rings_s=0.2, refuses_s=1.0, sip_code=503)
# The tables of the simulation are plain lists: a tenth of the largest campaign shows the same.
SIZE: Final = 1_000
MOST_TOUCHED: Final = 15


async def until(holds: Callable[[], object], deadline_s: float) -> None:
    async with asyncio.timeout(deadline_s):
        while not holds():  # noqa: ASYNC110  the tables have no event to wait for
            await asyncio.sleep(0.1)


def on_the_floor(story: Callable[[Run], Awaitable[None]], agents: int = AGENTS) -> Run:
    """Let agents press Start in a campaign of customers who talk for 3 s."""

    async def main() -> Run:
        run = Run(1, Odds())
        campaign = run.campaigns[0]
        campaign.agents = {f"agent-{at}" for at in range(agents)}
        campaign.policy = RetryPolicy()
        del run.store.tables.purses[run.account]
        campaign.idle_limit = timedelta(minutes=2)
        campaign.load(TargetRow(TargetId(at), f"+9198{at:05}030") for at in range(SIZE))
        for agent in sorted(campaign.agents):
            session_id = SessionId(run.new_id())
            run.store.tables.queue_session(session_id, campaign.campaign_id, agent, run.clock())
        async with asyncio.TaskGroup() as group:
            dialer = group.create_task(run.dialer().run(), name="dialer")
            await story(run)
            dialer.cancel()
        assert run.store.breaches == run.switch.breaches == []
        return run

    return run_virtual(main())


def touched(run: Run) -> int:
    return len(run.switch.invites)


def released(run: Run) -> bool:
    return all(session.end for session in run.store.tables.sessions.values())


@pytest.mark.parametrize("trunk", [REFUSES, SILENT], ids=["503 to everything", "silence"])
def test_a_dead_trunk_touches_fifteen_numbers_until_the_agents_are_released(trunk: Script) -> None:
    async def story(run: Run) -> None:
        run.switch.trunk = trunk
        await until(lambda: released(run), 600)

    run = on_the_floor(story)
    assert 0 < touched(run) <= MOST_TOUCHED
    ends = {session.end for session in run.store.tables.sessions.values()}
    assert ends == {EndReason.TRUNK_SILENT}


@pytest.mark.parametrize("trunk", [REFUSES, SILENT], ids=["503 to everything", "silence"])
def test_a_trunk_that_dies_in_the_middle_is_called_again_within_30_s_of_its_return(
    trunk: Script,
) -> None:
    async def story(run: Run) -> None:
        await until(lambda: touched(run) > 2 * AGENTS, 60)
        (node,) = run.store.tables.nodes.values()
        run.switch.trunk, before = trunk, touched(run)
        await until(lambda: node.trunk_silent_since, 60)
        await asyncio.sleep(60)
        assert touched(run) - before <= MOST_TOUCHED
        run.switch.trunk, before = None, touched(run)
        await until(lambda: node.trunk_silent_since is None, 31)
        await until(lambda: touched(run) >= before + AGENTS, 15)

    on_the_floor(story)


def test_a_trunk_that_rings_and_then_fails_costs_each_agent_a_number_and_no_list() -> None:
    async def story(run: Run) -> None:
        run.switch.trunk = RINGS_AND_FAILS
        await until(lambda: released(run), 600)

    # That it rings says that it carries calls: so all have called before the first one fails.
    assert AGENTS <= touched(on_the_floor(story)) <= AGENTS + MOST_TOUCHED


def test_a_trunk_that_rang_and_failed_is_called_again_when_a_call_has_ended_well() -> None:
    async def story(run: Run) -> None:
        run.switch.trunk = RINGS_AND_FAILS
        nodes = run.store.tables.nodes
        await until(lambda: any(node.trunk_silent_since for node in nodes.values()), 60)
        run.switch.trunk, before = None, touched(run)
        await until(lambda: touched(run) >= before + AGENTS, PROBE_EVERY_S + 15)

    on_the_floor(story)


def test_agents_who_wait_do_not_ask_in_a_tight_loop_while_silent_calls_leave_one_place() -> None:
    asked: Counter[str] = Counter()

    async def story(run: Run) -> None:
        weather = run.store.weather

        def counted(request: str) -> Weather:
            asked[request] += 1
            return weather(request)

        run.store.weather = counted
        silent, waiting = MOST_UNHEARD - 1, run.campaigns[0].targets
        for target in waiting[:silent]:
            target.e164 = f"{target.e164[:-2]}07"
        for target in waiting[silent:]:
            target.move(TargetStatus.IN_PROGRESS, "")
            target.move(TargetStatus.RETRY, "busy", run.clock() + timedelta(minutes=1))
        await asyncio.sleep(RING.total_seconds())

    on_the_floor(story)
    looks = 1 + RING / WAIT_POLL
    assert AGENTS <= asked["claim"] <= AGENTS * looks


def test_numbers_that_fail_here_and_there_hold_nobody_back() -> None:
    async def story(run: Run) -> None:
        for target in run.campaigns[0].targets[::4]:
            target.e164 = f"{target.e164[:-2]}06"
        await until(lambda: touched(run) == SIZE, 600)
        (node,) = run.store.tables.nodes.values()
        assert node.trunk_silent_since is None

    on_the_floor(story)


def test_agents_who_have_nobody_to_call_keep_nobody_from_finding_that_the_trunk_is_back() -> None:
    few, idle = 3, 40

    async def story(run: Run) -> None:
        other = run.campaigns[1]
        other.idle_limit = timedelta(minutes=10)
        other.agents = {f"idle-{at}" for at in range(idle)}
        for agent in sorted(other.agents):
            session_id = SessionId(run.new_id())
            run.store.tables.queue_session(session_id, other.campaign_id, agent, run.clock())
        await until(lambda: connected(run) == few + idle, 60)
        (node,) = run.store.tables.nodes.values()
        run.store.tables.move_campaign(other.campaign_id, CampaignStatus.PAUSED)
        run.switch.trunk = REFUSES
        await until(lambda: node.trunk_silent_since, 120)
        await asyncio.sleep(60)
        run.switch.trunk = None
        await until(lambda: node.trunk_silent_since is None, 31)

    on_the_floor(story, few)


def connected(run: Run) -> int:
    return sum(session.ready_at is not None for session in run.store.tables.open_sessions())
