"""The store while PostgreSQL is away, and after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from autodialer.adapters.pg.store import PgStore
from autodialer.apps import hints
from autodialer.apps.statements import statement
from autodialer.domain.ids import CampaignId
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ports.store import (
    CampaignMoved,
    Hint,
    Lease,
    SessionsQueued,
    StoreUnavailableError,
)
from tests.contract.store_world import FIRST, NOW, SECOND, CampaignPlan, desk_for
from tests.support import stack
from tests.support.database import Databases
from tests.support.pg_world import PgWorld
from tests.support.proxy import Proxy, link_to_socket


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedPostgres]:
    """A server that only these tests kill."""
    with stack.forgetful_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def own_databases(own_server: EmbeddedPostgres, django_db_blocker: DjangoDbBlocker) -> Databases:
    made = Databases(own_server.url)
    made.make_template(django_db_blocker)
    return made


@pytest.fixture
def database_url(own_databases: Databases) -> Iterator[str]:
    with own_databases.copy() as url:
        yield url


async def first_answer(store: PgStore, lease: Lease) -> float:
    """Ask as the engine does until the store answers; return how long that took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with asyncio.timeout(20):
        while True:
            try:
                await store.renew_lease(lease, NOW, timedelta(days=1))
            except StoreUnavailableError:
                await asyncio.sleep(0.1)
            else:
                return loop.time() - started


async def test_the_store_goes_on_after_a_crash_of_postgresql(
    own_server: EmbeddedPostgres, store: PgStore, world: PgWorld
) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,)))
    call = await desk.call()
    await asyncio.gather(*(store.stop_orders(desk.lease) for _ in range(50)))  # all connections
    own_server.kill()
    with pytest.raises(StoreUnavailableError):
        await store.mark_answered(desk.lease, call.attempt_id, NOW)
    own_server.start()
    assert await first_answer(store, desk.lease) < 5
    await store.mark_answered(desk.lease, call.attempt_id, NOW + SECOND)
    (session,) = await store.live_sessions(desk.lease)
    assert session.call is not None
    assert session.call.answered_at == NOW + SECOND


async def test_a_restart_between_two_requests_is_not_even_noticed(
    own_server: EmbeddedPostgres, store: PgStore, world: PgWorld
) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,)))
    await asyncio.gather(*(store.stop_orders(desk.lease) for _ in range(50)))
    own_server.kill()
    own_server.start()
    call = await desk.call()
    assert call.tries == 1


async def test_a_statement_behind_a_lock_gives_up_in_time(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    desk = await desk_for(store, world, CampaignPlan((FIRST,)))
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("LOCK TABLE calls_attempt")
        started = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailableError):
            await desk.claim()
        assert asyncio.get_running_loop().time() - started < 3.5
    assert (await desk.call()).tries == 1


@pytest.fixture
def store_link(own_server: EmbeddedPostgres) -> Iterator[Proxy]:
    (folder,) = parse_qs(urlsplit(own_server.url).query)["host"]
    with link_to_socket(Path(folder) / ".s.PGSQL.5432") as link:
        yield link


async def test_half_open_connections_are_given_up_in_time_and_made_anew(
    database_url: str, store_link: Proxy
) -> None:
    user = urlsplit(database_url).netloc.partition("@")[0]
    address = f"{user}@127.0.0.1:{store_link.port}"
    url = urlsplit(database_url)._replace(netloc=address, query="").geturl()
    loop = asyncio.get_running_loop()
    async with PgStore(url) as store:
        lease = await store.acquire_lease("north", "one", NOW, timedelta(days=1), make=True)
        assert isinstance(lease, Lease)
        everyone = [store.stop_orders(lease) for _ in range(50)]
        await asyncio.gather(*everyone)  # each connection of the pool is made
        store_link.lose()
        lost = loop.time()
        with pytest.raises(StoreUnavailableError):
            await store.stop_orders(lease)
        assert loop.time() - lost < 5
        assert await first_answer(store, lease) < 5


async def next_hint(heard: AsyncIterator[Hint]) -> Hint:
    async with asyncio.timeout(10):
        return await anext(heard)


async def test_hints_arrive_and_go_on_after_a_crash(
    own_server: EmbeddedPostgres, database_url: str, store: PgStore
) -> None:
    heard = store.hints()
    campaign = CampaignMoved(CampaignId(7))
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(keep_telling(database_url, "nonsense", SessionsQueued()))
        assert await next_hint(heard) == SessionsQueued()
        telling.cancel()
    own_server.kill()
    own_server.start()
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(keep_telling(database_url, campaign))
        hint = await next_hint(heard)
        while hint == SessionsQueued():  # left over from before
            hint = await next_hint(heard)
        assert hint == campaign
        telling.cancel()


async def keep_telling(url: str, *told: Hint | str) -> None:
    """Notify until cancelled: nobody knows when the listener listens."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            for hint in told:
                payload = hint if isinstance(hint, str) else hints.encode(hint)
                await connection.execute(
                    statement("calls", "notify").encode(), {"payload": payload}
                )
            await asyncio.sleep(0.05)
