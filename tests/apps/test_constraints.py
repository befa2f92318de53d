"""What PostgreSQL refuses by itself, whoever writes: each refusal has the name of its promise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import call_command

from autodialer.adapters.pg.store import PgStore
from autodialer.domain import outcome
from autodialer.domain.pacing import Limits
from autodialer.domain.retry import RetryPolicy
from tests.contract.store_world import (
    BUSY,
    FIRST,
    MINUTE,
    NOW,
    SECOND_NUMBER,
    CampaignPlan,
    Desk,
    desk_for,
    lease_of,
    sit_down,
)
from tests.support.pg_world import PgWorld

THREE_RETRIES = RetryPolicy(3, frozenset({BUSY.status}), timedelta(minutes=1))


@pytest.mark.django_db
def test_the_models_and_the_migrations_agree() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


async def refusal(world: PgWorld, query: str, **values: Any) -> str | None:
    """Return the name of what refused the statement."""
    with pytest.raises(psycopg.IntegrityError) as refused:
        await world.run(query, **values)
    return refused.value.diag.constraint_name


async def copy_of_attempt(world: PgWorld, attempt: object, **changes: object) -> str | None:
    """Insert a copy of an attempt with other values; return what refused it."""
    table = await world.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'calls_attempt'"
    )
    values = {"id": uuid4(), **changes}
    columns = [name for (name,) in table]
    chosen = [f"%({name})s" if name in values else name for name in columns]
    query = (
        f"INSERT INTO calls_attempt ({', '.join(columns)})"  # noqa: S608  names of our own table
        f" SELECT {', '.join(chosen)} FROM calls_attempt WHERE id = %(attempt)s"
    )
    return await refusal(world, query, attempt=attempt, **values)


async def ended_call(desk: Desk) -> object:
    call = await desk.call()
    await desk.finish(call, outcome.TALKED)
    return call.attempt_id


async def test_a_second_live_call_to_a_number_is_refused(store: PgStore, world: PgWorld) -> None:
    account, lease = await world.account(), await lease_of(store)
    one = await world.campaign(account, CampaignPlan((FIRST,)))
    two = await world.campaign(account, CampaignPlan((SECOND_NUMBER,), ("bina",)))
    call = await (await sit_down(store, world, lease, one)).call()
    other = await (await sit_down(store, world, lease, two, "bina")).call()
    name = await refusal(
        world,
        "UPDATE calls_attempt SET e164 = %(e164)s WHERE id = %(id)s",
        e164=call.e164,
        id=other.attempt_id,
    )
    assert name == "attempt_one_live_per_number"


async def test_a_second_customer_in_a_session_is_refused(store: PgStore, world: PgWorld) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,), policy=THREE_RETRIES))
    call = await desk.call()
    name = await copy_of_attempt(world, call.attempt_id, e164=SECOND_NUMBER, try_no=2)
    assert name == "attempt_one_live_per_session"


async def test_the_same_try_of_a_target_twice_is_refused(store: PgStore, world: PgWorld) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
    assert await copy_of_attempt(world, await ended_call(desk)) == "attempt_try_is_once"


async def test_a_fifth_try_is_refused(store: PgStore, world: PgWorld) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
    assert await copy_of_attempt(world, await ended_call(desk), try_no=5) == "attempt_try_1_to_4"


async def test_a_try_beyond_the_campaigns_retries_is_refused(
    store: PgStore, world: PgWorld
) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,)))
    await desk.call()
    query = "UPDATE campaigns_target SET tries = tries + 1 WHERE campaign_id = %(id)s"
    assert await refusal(world, query, id=desk.campaign) == "target_tries_within_limit"


async def test_a_talk_of_negative_length_is_refused(store: PgStore, world: PgWorld) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
    name = await copy_of_attempt(
        world, await ended_call(desk), try_no=2, answered_at=NOW + MINUTE, ended_at=NOW
    )
    assert name == "attempt_talk_is_not_negative"


async def test_a_second_session_of_an_agent_is_refused(store: PgStore, world: PgWorld) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,)))
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        await world.queue_session(desk.campaign, "asha", NOW)
    assert refused.value.diag.constraint_name == "session_one_live_per_agent"


@pytest.mark.parametrize("result", [outcome.TALKED, BUSY], ids=["completed", "failed"])
async def test_a_final_status_of_a_target_is_never_changed(
    store: PgStore, world: PgWorld, result: outcome.CallResult
) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
    await desk.finish(await desk.call(), result)
    query = (
        "UPDATE campaigns_target SET status = 'scheduled'"
        " WHERE campaign_id = %(id)s AND e164 = %(e164)s"
    )
    assert await refusal(world, query, id=desk.campaign, e164=FIRST) == "target_end_is_final"
    await world.run(query, id=desk.campaign, e164=SECOND_NUMBER)


async def test_the_end_of_an_attempt_is_never_changed(store: PgStore, world: PgWorld) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,)))
    attempt = await ended_call(desk)
    for change in ("ended_at = NULL, state = 'talking', status = ''", "reason = 'better'"):
        query = f"UPDATE calls_attempt SET {change} WHERE id = %(id)s"  # noqa: S608  our words
        assert await refusal(world, query, id=attempt) == "attempt_end_is_final"


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("campaigns_targetchange", "target_history_is_kept"),
        ("campaigns_campaignchange", "campaign_history_is_kept"),
    ],
)
@pytest.mark.parametrize("change", ["UPDATE {} SET reason = 'other'", "DELETE FROM {}"])
async def test_history_is_neither_changed_nor_deleted(
    store: PgStore, world: PgWorld, table: str, name: str, change: str
) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,)))
    await ended_call(desk)
    await store.advance_campaigns(NOW)
    assert await refusal(world, change.format(table)) == name


async def test_the_account_cannot_widen_the_laws_hours(world: PgWorld) -> None:
    account = await world.account()
    query = "UPDATE accounts_account SET window_closes = '21:30' WHERE id = %(id)s"
    assert await refusal(world, query, id=account) == "account_window_is_legal"


async def test_a_number_rests_for_an_hour_at_most(store: PgStore, world: PgWorld) -> None:
    await world.account()
    for seconds in (-1, 3601):
        query = "UPDATE accounts_account SET redial_gap_s = %(seconds)s"
        assert await refusal(world, query, seconds=seconds) == "account_redial_gap_0_to_3600"


@pytest.mark.parametrize(
    "limits", [Limits(0, None), Limits(1_001, 5), Limits(None, 0), Limits(5, 100_001)], ids=str
)
async def test_a_trunk_with_limits_out_of_bounds_is_refused(world: PgWorld, limits: Limits) -> None:
    await world.limit_trunk(Limits(1_000, 100_000))
    with pytest.raises(psycopg.IntegrityError) as refused:
        await world.limit_trunk(limits)
    assert refused.value.diag.constraint_name == "trunk_limits_are_in_bounds"
