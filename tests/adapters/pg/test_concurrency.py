"""What only real transactions on real connections can show."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import psycopg
import pytest

from autodialer.adapters.pg.store import PgStore
from autodialer.apps.statements import statement
from autodialer.domain import outcome
from autodialer.domain.session import Claimed, NothingNow, Wait
from autodialer.domain.target import TargetStatus
from autodialer.ports.store import Lease, LeaseLostError
from tests.contract.store_world import (
    BUSY,
    FIRST,
    MINUTE,
    NOW,
    RETRY_BUSY,
    SECOND,
    TTL,
    CampaignPlan,
    Desk,
    claimed,
    desk_for,
    finishing,
    lease_of,
    sit_down,
)
from tests.support.pg_world import PgWorld


def numbers(count: int) -> tuple[str, ...]:
    return tuple(f"+9198000{n:05}" for n in range(count))


async def work_off(desk: Desk) -> list[str]:
    """Call until the list is empty; return the numbers that were called."""
    called: list[str] = []
    result = await desk.claim()
    while isinstance(result, Claimed):
        called.append(result.call.e164)
        finish = finishing(result.call, outcome.TALKED, NOW, then_claim=True)
        following = await desk.store.finish(desk.lease, finish, desk.next_claim(finish.at))
        assert following is not None
        result = following
    return called


async def test_six_sessions_on_two_nodes_call_each_target_once(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    plan = CampaignPlan(numbers(200), tuple("abcdef"))
    campaign = await world.campaign(await world.account(), plan)
    async with PgStore(database_url) as other:
        nodes = [(store, await lease_of(store)), (other, await lease_of(other, "south"))]
        desks = [
            await sit_down(nodes[n % 2][0], world, nodes[n % 2][1], campaign, agent)
            for n, agent in enumerate(plan.agents)
        ]
        called = [
            number for calls in await asyncio.gather(*map(work_off, desks)) for number in calls
        ]
    assert sorted(called) == sorted(plan.numbers)
    assert await world.counts(campaign) == {TargetStatus.COMPLETED: 200}
    assert {a.status for a in await world.attempts(campaign)} == {outcome.CallStatus.COMPLETED}


async def test_a_target_that_another_claim_holds_is_passed_by(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    plan = CampaignPlan(numbers(2))
    desk = await desk_for(store, world, plan)
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("SELECT FROM campaigns_target ORDER BY seq LIMIT 1 FOR UPDATE")
        assert (await desk.call()).e164 == plan.numbers[1]


async def test_a_number_in_two_campaigns_is_called_by_one_at_a_time(
    store: PgStore, world: PgWorld
) -> None:
    account, lease = await world.account(), await lease_of(store)
    await world.set_redial_gap(account, timedelta())  # else the number rests after each call
    desks = [
        await sit_down(
            store,
            world,
            lease,
            await world.campaign(account, CampaignPlan((FIRST,), (agent,))),
            agent,
        )
        for agent in "abcd"
    ]
    for rest in range(4, 0, -1):
        results = await asyncio.gather(*(desk.claim() for desk in desks[:rest]))
        winners = [
            (desk, r.call)
            for desk, r in zip(desks, results, strict=False)
            if isinstance(r, Claimed)
        ]
        ((winner, call),) = winners
        assert [r for r in results if r == NothingNow(Wait.NUMBERS_BUSY)] == [
            NothingNow(Wait.NUMBERS_BUSY)
        ] * (rest - 1)
        await winner.finish(call, outcome.TALKED)
        desks.remove(winner)
        desks.append(winner)


async def until_blocked(world: PgWorld) -> None:
    """Return when a statement waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(5):
        while not await world.value(waiting):  # noqa: ASYNC110  PostgreSQL has no event for it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("write", ["claim", "finish", "mark_answered", "mark_ready", "take"])
async def test_a_write_that_waited_for_a_takeover_is_refused(
    database_url: str, store: PgStore, world: PgWorld, write: str
) -> None:
    desk = await desk_for(store, world, CampaignPlan(numbers(3), ("asha", "bina")))
    call = await desk.call()
    ringing = await world.queue_session(desk.campaign, "bina", NOW)
    if write == "claim":
        await desk.finish(call, BUSY)
    if write == "mark_ready":
        await store.take_sessions(desk.lease, 1, NOW)
    late: dict[str, Callable[[], Awaitable[object]]] = {
        "claim": desk.claim,
        "finish": lambda: desk.finish(call, outcome.TALKED),
        "mark_answered": lambda: store.mark_answered(desk.lease, call.attempt_id, NOW),
        "mark_ready": lambda: store.mark_ready(desk.lease, ringing, NOW),
        "take": lambda: store.take_sessions(desk.lease, 5, NOW),
    }
    before = await everything(world)
    connect = psycopg.AsyncConnection.connect(database_url)
    async with await connect as takeover, asyncio.TaskGroup() as tasks:
        asked = {
            "node": "north",
            "holder": "two",
            "capacity": 1,
            "now": NOW + timedelta(days=2),
            "until": NOW,
            "second": SECOND,
        }
        await takeover.execute(statement("calls", "lock_node").encode(), asked)
        waiting = tasks.create_task(refused(late[write]))
        await until_blocked(world)
        await takeover.execute(statement("calls", "take_lease").encode(), asked)
        await takeover.commit()
        await waiting
    assert await everything(world) == before


async def refused(write: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(LeaseLostError):
        await write()


async def everything(world: PgWorld) -> list[object]:
    return [
        await world.rows(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608  our own tables
        for table in (
            "calls_session",
            "calls_attempt",
            "campaigns_target",
            "campaigns_targetchange",
        )
    ]


async def test_a_takeover_waits_for_the_claim_in_flight(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,)))
    connect = psycopg.AsyncConnection.connect(database_url)
    async with await connect as in_flight, asyncio.TaskGroup() as tasks:
        await in_flight.execute(
            "SELECT FROM calls_node WHERE id = %s FOR KEY SHARE", [desk.lease.node_id]
        )
        later = NOW + timedelta(days=2)
        taking = tasks.create_task(store.acquire_lease("north", "two", later, TTL))
        await until_blocked(world)
        await store.renew_lease(desk.lease, NOW, TTL)  # waits for nobody
        await in_flight.commit()
        assert isinstance(await taking, Lease)


async def test_completion_and_a_late_retry_leave_nothing_waiting(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    desk = await desk_for(store, world, CampaignPlan(numbers(2), policy=RETRY_BUSY))
    call = await desk.call()
    connect = psycopg.AsyncConnection.connect(database_url)
    async with await connect as completing, asyncio.TaskGroup() as tasks:
        await completing.execute(
            "UPDATE campaigns_campaign SET status = 'completed' WHERE id = %s", [desk.campaign]
        )
        finishing_late = tasks.create_task(desk.finish(call, BUSY, NOW + MINUTE))
        await until_blocked(world)
        leftovers = {"campaign_id": desk.campaign, "now": NOW}
        await completing.execute(statement("campaigns", "close_leftovers").encode(), leftovers)
        await completing.commit()
        await finishing_late
    assert await world.counts(desk.campaign) == {
        TargetStatus.FAILED: 1,
        TargetStatus.FAILED_NO_ATTEMPT: 1,
    }


async def test_two_sweeps_complete_a_campaign_once(store: PgStore, world: PgWorld) -> None:
    ends_at = NOW + MINUTE
    account = await world.account()
    for _ in range(5):
        await world.campaign(account, CampaignPlan(numbers(3), ends_at=ends_at))
    await asyncio.gather(*(store.advance_campaigns(ends_at) for _ in range(4)))
    changes = await world.rows("SELECT campaign_id, new FROM campaigns_campaignchange")
    assert len(changes) == len(set(changes)) == 5
    targets = Counter(await world.rows("SELECT new, reason FROM campaigns_targetchange"))
    assert targets == {("failed-no-attempt", "campaign_ended"): 15}


async def test_a_list_on_the_dnd_list_is_passed_in_large_steps(
    store: PgStore, world: PgWorld
) -> None:
    plan = CampaignPlan(numbers(1201))
    account = await world.account()
    campaign = await world.campaign(account, plan)
    desk = await sit_down(store, world, await lease_of(store), campaign)
    await world.run(
        "INSERT INTO contacts_dndentry (account_id, e164, added_at)"
        " SELECT account_id, e164, %(now)s FROM campaigns_target WHERE seq <= 1200",
        now=NOW,
    )
    assert claimed(await desk.claim()).e164 == plan.numbers[-1]
    assert (await world.counts(campaign))[TargetStatus.FAILED_DND] == 1200


async def test_a_session_whose_reply_was_lost_is_handed_out_again(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
    session = await world.queue_session(campaign, "asha", NOW)
    lease = await lease_of(store)
    async with PgStore(database_url) as unheard:
        await unheard.take_sessions(lease, 1, NOW)
    assert [order.session_id for order in await store.take_sessions(lease, 1, NOW)] == [session]
    assert await store.take_sessions(lease, 1, NOW) == []
