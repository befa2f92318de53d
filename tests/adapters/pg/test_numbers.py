"""Answers of a Dial-Whom URL on real connections: at once, of one's own numbers, and too late."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from autodialer.adapters.pg.database import Database, Step, step
from autodialer.adapters.pg.store import PgStore
from autodialer.domain import outcome
from autodialer.domain.dial_whom import NumberRequest, SourceTrouble
from autodialer.domain.session import FinishCall, NothingNow
from autodialer.domain.target import TargetStatus
from autodialer.ports.store import LeaseLostError
from tests.contract.store_world import (
    NOW,
    CampaignPlan,
    Desk,
    claimed,
    desk_for,
    finishing,
    lease_of,
    sit_down,
)
from tests.support.pg_world import PgWorld

AGENTS = tuple("abcdef")


async def test_answers_that_come_at_once_add_each_number_once_and_in_one_row(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    campaign = await world.campaign(await world.account(), CampaignPlan((), AGENTS, by_url=True))
    lease = await lease_of(store)
    for agent in AGENTS:
        await sit_down(store, world, lease, campaign, agent)
    requests = await store.numbers_to_ask(lease, NOW)
    # Each answer shares half of its numbers with the next one.
    answers = [
        tuple(f"+9198000{n:05}" for n in range(10 * place, 10 * place + 20))
        for place, _ in enumerate(requests)
    ]
    pairs = zip(requests, answers, strict=True)
    await asyncio.gather(*(store.take_answer(lease, *pair, NOW) for pair in pairs))
    given = {number for answer in answers for number in answer}
    assert await world.counts(campaign) == {TargetStatus.SCHEDULED: len(given)}
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        places = await other.execute("SELECT seq FROM campaigns_target ORDER BY seq")
        assert [seq for (seq,) in await places.fetchall()] == list(range(1, len(given) + 1))
        size = await other.execute("SELECT target_count FROM campaigns_campaign")
        assert await size.fetchone() == (len(given),)


async def test_the_accounts_own_numbers_are_nothing_to_dial(store: PgStore, world: PgWorld) -> None:
    desk = await desk_for(store, world, CampaignPlan((), by_url=True))
    (request,) = await store.numbers_to_ask(desk.lease, NOW)
    await store.take_answer(desk.lease, request, (request.caller_id,), NOW)
    assert await world.counts(desk.campaign) == {}
    assert await world.source_trouble(desk.campaign) is SourceTrouble.NOTHING_TO_DIAL


async def test_a_dialer_that_has_lost_its_node_adds_nothing(store: PgStore, world: PgWorld) -> None:
    desk = await desk_for(store, world, CampaignPlan((), by_url=True))
    (request,) = await store.numbers_to_ask(desk.lease, NOW)
    await store.release_lease(desk.lease, NOW)
    await lease_of(store, holder="two")
    with pytest.raises(LeaseLostError):
        await store.take_answer(desk.lease, request, ("+919800000001",), NOW)
    wanted = desk.next_claim(NOW)
    with pytest.raises(LeaseLostError):
        await store.claim_answered(desk.lease, request, ("+919800000001",), wanted)
    assert await world.counts(desk.campaign) == {}


async def test_what_to_ask_is_told_before_the_end_of_the_call_is_on_the_disk(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    desk = await desk_for(store, world, CampaignPlan((), by_url=True))
    finish = await finish_of_a_number(desk)
    states = []

    def ask(_: NumberRequest) -> None:
        with psycopg.connect(database_url) as other:
            states.append(other.execute("SELECT state FROM calls_attempt").fetchall())

    await store.finish(desk.lease, finish, desk.next_claim(NOW), ask)
    assert states == [[("dialing",)]]
    assert [attempt.status for attempt in await world.attempts(desk.campaign)] == ["completed"]


async def test_a_dialer_that_has_lost_its_node_asks_nothing_at_the_end_of_a_call(
    store: PgStore, world: PgWorld
) -> None:
    desk = await desk_for(store, world, CampaignPlan((), by_url=True))
    finish = await finish_of_a_number(desk)
    await store.release_lease(desk.lease, NOW)
    await lease_of(store, holder="two")
    told: list[NumberRequest] = []
    with pytest.raises(LeaseLostError):
        await store.finish(desk.lease, finish, desk.next_claim(NOW), told.append)
    assert told == []
    assert [attempt.status for attempt in await world.attempts(desk.campaign)] == [None]


async def finish_of_a_number(desk: Desk) -> FinishCall:
    """Call a number of the URL, and return the end of that call."""
    waits = await desk.claim()
    assert isinstance(waits, NothingNow)
    assert waits.asks is not None
    wanted = desk.next_claim(NOW)
    given = ("+919800000001",)
    result = await desk.store.claim_answered(desk.lease, waits.asks, given, wanted)
    return finishing(claimed(result), outcome.TALKED, NOW, then_claim=True)


async def test_only_the_transaction_that_asks_for_it_is_committed_later(database_url: str) -> None:
    waits = Step(b"SELECT current_setting('synchronous_commit') AS waits", ())
    database = Database(database_url, size=2)
    await database.open()
    try:
        _, (within,) = await database.run(step("campaigns", "commit_later"), waits)
        ((afterwards,),) = await database.run(waits)
    finally:
        await database.close()
    assert (within["waits"], afterwards["waits"]) == ("off", "on")
