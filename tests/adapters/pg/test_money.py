"""Money under concurrency, and what PostgreSQL refuses whoever writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autodialer.adapters.pg.store import PgStore
from autodialer.apps.statements import statement
from autodialer.domain import outcome
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.money import HoldStatus, PaymentMode, Rate
from autodialer.domain.session import Claimed, NothingNow, Wait
from autodialer.domain.target import TargetStatus
from tests.contract.store_money import PER_MINUTE, RESERVED, TWO_MINUTES, Paying, paying
from tests.contract.store_world import (
    NOW,
    SECOND,
    CampaignPlan,
    Desk,
    finishing,
    lease_of,
    sit_down,
)
from tests.support.pg_world import PgWorld

AGENTS = tuple(f"agent{n}" for n in range(50))
NUMBERS = tuple(f"+9198000{n:05}" for n in range(120))


async def fifty_desks(store: PgStore, world: PgWorld, balance: int) -> tuple[Paying, list[Desk]]:
    paid = await paying(store, world, balance, plan=CampaignPlan(NUMBERS, AGENTS))
    desks = [paid.desk]
    for agent in AGENTS[1:]:
        desks.append(await sit_down(store, world, paid.desk.lease, paid.desk.campaign, agent))
    return paid, desks


async def test_fifty_agents_with_money_for_ten_calls_place_ten(
    store: PgStore, world: PgWorld
) -> None:
    paid, desks = await fifty_desks(store, world, 10 * RESERVED + RESERVED - 1)
    results = await asyncio.gather(*(desk.claim() for desk in desks))
    assert sum(isinstance(result, Claimed) for result in results) == 10
    assert results.count(NothingNow(Wait.PAUSED)) == 40
    assert await paid.balance() == (11 * RESERVED - 1, 10 * RESERVED)
    counts = await world.counts(paid.desk.campaign)
    assert counts[TargetStatus.FAILED_BALANCE] == 1
    assert counts[TargetStatus.IN_PROGRESS] == 10
    changes = await world.rows("SELECT new, reason, actor FROM campaigns_campaignchange")
    assert changes == [("paused", "low_balance", "billing")]


async def test_a_top_up_at_the_same_moment_loses_nothing(store: PgStore, world: PgWorld) -> None:
    paid, desks = await fifty_desks(store, world, 10 * RESERVED)
    top_ups = [world.top_up(paid.account, RESERVED) for _ in range(5)]
    claims = [desk.claim() for desk in desks]

    async def in_turn() -> None:
        for top_up in top_ups:  # one connection
            await top_up

    *results, _ = await asyncio.gather(*claims, in_turn())
    placed = sum(isinstance(result, Claimed) for result in results)
    assert 10 <= placed <= 15
    assert await paid.balance() == (15 * RESERVED, placed * RESERVED)
    assert (await world.counts(paid.desk.campaign))[TargetStatus.FAILED_BALANCE] == 1


async def work_off(desk: Desk) -> None:
    """Talk for a minute with whoever is called, until there is nothing more."""
    result = await desk.claim()
    while isinstance(result, Claimed):
        call = result.call
        await desk.store.mark_answered(desk.lease, call.attempt_id, NOW)
        finish = finishing(call, outcome.TALKED, NOW + 60 * SECOND, then_claim=True)
        following = await desk.store.finish(desk.lease, finish, desk.next_claim(finish.at))
        assert following is not None
        result = following


async def test_ten_agents_spend_the_balance_to_the_last_call(
    store: PgStore, world: PgWorld
) -> None:
    paid = await paying(
        store, world, 60 * 40 + RESERVED - 1, plan=CampaignPlan(NUMBERS, AGENTS[:10])
    )
    desks = [paid.desk]
    for agent in AGENTS[1:10]:
        desks.append(await sit_down(store, world, paid.desk.lease, paid.desk.campaign, agent))
    while (await world.money(paid.account)).balance >= RESERVED:
        # Money that live calls still reserve pauses early; what they release goes on at Resume.
        if await world.campaign_status(paid.desk.campaign) is CampaignStatus.PAUSED:
            await world.resume(paid.desk.campaign, NOW)
        await asyncio.gather(*map(work_off, desks))
    balance, held = await paid.balance()
    assert (held, balance) == (0, RESERVED - 1)
    assert await paid.holds() == {HoldStatus.SETTLED: 40}
    completed = (await world.counts(paid.desk.campaign))[TargetStatus.COMPLETED]
    assert completed == 40


async def test_a_pause_that_comes_after_the_top_up_does_not_happen(
    store: PgStore, world: PgWorld
) -> None:
    paid = await paying(store, world, RESERVED)
    target = await world.value("SELECT min(id) FROM campaigns_target")
    await world.resume(paid.desk.campaign, NOW)
    rows = await world.rows(
        statement("campaigns", "pause_for_money"),
        node_id=paid.desk.lease.node_id,
        epoch=paid.desk.lease.epoch,
        campaign_id=paid.desk.campaign,
        target_id=target,
        reason="low_balance",
        wanted=RESERVED,
        now=NOW,
    )
    assert rows == [(True, False)]
    assert await world.campaign_status(paid.desk.campaign) is CampaignStatus.IN_PROGRESS


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.builds(
        Rate,
        st.integers(1, 3600),
        st.integers(0, 10**7),
        st.integers(1, 3600),
        st.integers(0, 10**7),
    ),
    st.timedeltas(timedelta(), timedelta(hours=30)),
)
def test_sql_and_python_agree_on_each_price(
    cost_of: psycopg.Connection[Any], rate: Rate, talk: timedelta
) -> None:
    row = cost_of.execute(
        "SELECT billing_cost(%s, %s, %s, %s, extract(epoch FROM %s::interval))",
        [rate.first_s, rate.first_amount, rate.next_s, rate.next_amount, talk],
    ).fetchone()
    assert row == (rate.cost(talk),)


@pytest.fixture
def cost_of(database_url: str) -> Any:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


async def refusal(world: PgWorld, query: str, **values: Any) -> str | None:
    """Return the name of what refused the statement."""
    with pytest.raises(psycopg.IntegrityError) as refused:
        await world.run(query, **values)
    return refused.value.diag.constraint_name


_HOLD = """
INSERT INTO billing_hold (leg, kind, account_id, first_s, first_amount, next_s, next_amount,
                          reserved, status, charged, opened_at, closed_at)
VALUES (%(leg)s, 'customer', %(account)s, 60, 60, 60, 60, %(reserved)s, %(status)s, %(charged)s,
        %(now)s, %(closed)s)"""


def hold(account: object, **changes: object) -> dict[str, object]:
    plain = {"reserved": 10, "status": "open", "charged": 0, "now": NOW, "closed": None}
    return {"leg": uuid4(), "account": account, **plain, **changes}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"reserved": 1001}, "purse_covers_its_holds"),
        ({"reserved": -1}, "hold_covers_its_charge"),
        ({"status": "settled", "charged": 11, "closed": NOW}, "hold_covers_its_charge"),
        ({"status": "voided", "charged": 1, "closed": NOW}, "hold_charged_iff_settled"),
        ({"charged": 1}, "hold_charged_iff_settled"),
        ({"status": "settled", "charged": 1}, "hold_end_is_dated"),
        ({"status": "lost", "closed": NOW}, "hold_status_is_known"),
    ],
)
async def test_an_impossible_hold_is_refused(
    store: PgStore, world: PgWorld, changes: dict[str, object], name: str
) -> None:
    paid = await paying(store, world, 1000)
    assert await refusal(world, _HOLD, **hold(paid.account, **changes)) == name
    assert await paid.balance() == (1000, 0)


async def test_a_second_hold_of_an_attempt_is_refused(store: PgStore, world: PgWorld) -> None:
    paid = await paying(store, world, 1000)
    leg = (await paid.desk.call()).attempt_id
    assert await refusal(world, _HOLD, **hold(paid.account, leg=leg)) == "billing_hold_pkey"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE billing_hold SET status = 'open', closed_at = NULL",
        "UPDATE billing_hold SET charged = charged + 1",
        "UPDATE billing_hold SET status = 'voided', charged = 0",
    ],
)
async def test_a_hold_ends_once(store: PgStore, world: PgWorld, change: str) -> None:
    paid = await paying(store, world, 1000)
    call = await paid.desk.call()
    await store.mark_answered(paid.desk.lease, call.attempt_id, NOW)
    await paid.desk.finish(call, outcome.TALKED, NOW + SECOND)
    assert await refusal(world, change) == "hold_end_is_final"
    assert await refusal(world, "DELETE FROM billing_hold") == "hold_is_kept"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("UPDATE billing_purse SET balance = balance + 1", "purse_follows_ledger"),
        ("UPDATE billing_purse SET held = 0", "purse_follows_ledger"),
        ("UPDATE billing_ledgerentry SET amount = amount + 1", "ledger_is_kept"),
        ("DELETE FROM billing_ledgerentry", "ledger_is_kept"),
    ],
)
async def test_no_balance_moves_without_an_entry(
    store: PgStore, world: PgWorld, change: str, name: str
) -> None:
    paid = await paying(store, world, 1000)
    await paid.desk.call()
    assert await refusal(world, change) == name
    assert await paid.balance() == (1000, RESERVED)


_ENTRY = """
INSERT INTO billing_ledgerentry (account_id, kind, amount, leg, reference, actor, at)
VALUES (%(account)s, %(kind)s, %(amount)s, %(leg)s, %(reference)s, '', %(now)s)"""


@pytest.mark.parametrize(
    ("kind", "amount", "leg"),
    [
        ("top-up", -1, None),
        ("top-up", 0, None),
        ("top-up", 1, uuid4()),
        ("charge", 1, uuid4()),
        ("charge", -1, None),
        ("adjustment", 0, None),
        ("gift", 1, None),
    ],
)
async def test_an_impossible_entry_is_refused(
    world: PgWorld, kind: str, amount: int, leg: object
) -> None:
    account = await world.account()
    await world.meter(account, PaymentMode.PREPAID)
    entry = {"account": account, "kind": kind, "amount": amount, "leg": leg}
    name = await refusal(world, _ENTRY, **entry, reference="x", now=NOW)
    assert name == "entry_amount_fits_its_kind"


async def test_a_payment_and_a_charge_are_booked_once(store: PgStore, world: PgWorld) -> None:
    paid = await paying(store, world, 1000)
    values = {"account": paid.account, "now": NOW, "reference": "INV-7", "leg": None}
    await world.run(_ENTRY, kind="top-up", amount=5, **values)
    name = await refusal(world, _ENTRY, kind="top-up", amount=5, **values)
    assert name == "entry_reference_is_once"
    charge = values | {"leg": uuid4(), "reference": ""}
    await world.run(_ENTRY, kind="charge", amount=-5, **charge)
    assert (
        await refusal(world, _ENTRY, kind="charge", amount=-5, **charge) == "entry_charge_is_once"
    )
    assert await paid.balance() == (1000, 0)


async def test_an_account_without_a_purse_can_hold_and_book_nothing(world: PgWorld) -> None:
    account = await world.account()
    assert await refusal(world, _HOLD, **hold(account)) == "hold_has_a_purse"
    values = {"account": account, "now": NOW, "reference": "", "leg": None}
    refused = await refusal(world, _ENTRY, kind="top-up", amount=5, **values)
    assert refused == "entry_has_a_purse"


async def test_live_holds_are_released_after_a_change_to_postpaid(
    store: PgStore, world: PgWorld
) -> None:
    paid = await paying(store, world, 1000)
    call = await paid.desk.call()
    await world.meter(paid.account, PaymentMode.POSTPAID)
    await paid.desk.finish(call, outcome.TALKED, NOW)
    assert await paid.balance() == (1000, 0)


async def test_two_campaigns_of_one_account_share_its_money(store: PgStore, world: PgWorld) -> None:
    account, lease = await world.account(), await lease_of(store)
    await world.meter(account, PaymentMode.PREPAID)
    await world.price(account, "+91", PER_MINUTE)
    await world.top_up(account, 3 * RESERVED)
    desks = []
    for agent in AGENTS[:6]:
        plan = CampaignPlan(NUMBERS, (agent,), max_talk=TWO_MINUTES)
        campaign = await world.campaign(account, plan)
        desks.append(await sit_down(store, world, lease, campaign, agent))
    results = await asyncio.gather(*(desk.claim() for desk in desks))
    assert Counter(type(result).__name__ for result in results) == {"Claimed": 3, "NothingNow": 3}
    money = await world.money(account)
    assert money.held == money.balance == 3 * RESERVED
