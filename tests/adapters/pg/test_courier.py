"""The courier on the real outbox, delivering to a real server that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from autodialer.adapters.pg.outbox import PgOutbox
from autodialer.bootstrap import courier_http as client
from autodialer.domain.parcels import Stationery
from autodialer.domain.signing import Keyring
from autodialer.domain.webhooks import SCHEDULE
from autodialer.engine.courier import LANE_AT_ONCE, LEASE, Courier
from autodialer.ports.http import Http, HttpReply, HttpRequest
from tests.adapters.safehttp.world import open_to
from tests.support.bad_server import BadServer, Manner, answer, hang
from tests.support.book import NOON, Book, make_book
from tests.support.outbox import until
from tests.support.pg_world import PgWorld

SECOND = timedelta(seconds=1)
ENDPOINT = """
INSERT INTO webhooks_endpoint (account_id, url, description, kinds, salt, old_salt, disabled_reason,
                               created_at, changed_at)
VALUES (%(account)s, %(url)s, '', '{}', 'salt', '', '', %(now)s, %(now)s) RETURNING id"""
MANY = """
WITH events AS (
    INSERT INTO webhooks_event (id, account_id, kind, at)
    SELECT gen_random_uuid(), %(account)s, 'webhook.test', %(at)s::timestamptz + n * interval '1 ms'
      FROM generate_series(1, %(count)s) AS n
    RETURNING id, at
)
INSERT INTO webhooks_delivery (event_id, account_id, purpose, endpoint_id, lane, due_at)
SELECT id, %(account)s, 'webhook', %(endpoint)s, 'e' || %(endpoint)s, at FROM events"""


class Faulty:
    """A client with a fault of ours, which one path finds."""

    def __init__(self, http: Http, path: str) -> None:
        self._http, self._path = http, path

    async def fetch(self, request: HttpRequest) -> HttpReply:
        if request.url.endswith(self._path):
            raise ZeroDivisionError
        return await self._http.fetch(request)


@dataclass(slots=True)
class Clock:
    """The courier's clock, which stands still until it is set."""

    now: datetime = NOON + SECOND


@dataclass(frozen=True, slots=True)
class Post:
    """Endpoints, the server behind them, and what became of their deliveries."""

    book: Book
    world: PgWorld
    server: BadServer
    clock: Clock
    url: str

    async def endpoint(self, path: str, manner: Manner | None = None) -> int:
        if manner is not None:
            self.server.manners[path] = manner
        account, url = self.book.account.pk, self.server.url(path)
        return int(await self.world.value(ENDPOINT, account=account, url=url, now=NOON))

    async def send(self, to: int, count: int = 1, at: datetime = NOON) -> None:
        account = self.book.account.pk
        await self.world.run(MANY, account=account, endpoint=to, count=count, at=at)

    async def statuses(self, of: int) -> dict[str, int]:
        rows = await self.world.rows(
            "SELECT status, count(*) FROM webhooks_delivery WHERE endpoint_id = %(id)s"
            " GROUP BY status",
            id=of,
        )
        return dict(rows)

    async def delivery(self, of: int) -> tuple[Any, ...]:
        (row,) = await self.world.rows(
            "SELECT status, outcome, tries FROM webhooks_delivery WHERE endpoint_id = %(id)s",
            id=of,
        )
        return row

    async def until_statuses(self, of: int, **wanted: int) -> None:
        async def are_so() -> bool:
            return await self.statuses(of) == wanted

        await until(are_so)

    def heard(self, path: str) -> list[str]:
        """The ids of what a path was sent, in order."""
        return [each.headers["webhook-id"] for each in self.server.heard if each.target == path]

    @asynccontextmanager
    async def courier(self, fault_at: str = "/nowhere") -> AsyncIterator[Courier]:
        async with (
            PgOutbox(self.url) as outbox,
            client(open_to(self.server.port)) as http,
            asyncio.TaskGroup() as tasks,
        ):
            paper = Stationery(Keyring(b"key"), "https://dialer.example")
            faulty = Faulty(http, fault_at)
            courier = Courier(outbox, faulty, paper, lambda: self.clock.now, lambda: 0.0)
            task = tasks.create_task(courier.run())
            yield courier
            courier.stop()
            if self.server.under_way:
                task.cancel()


@pytest.fixture
def book(live_database: str) -> Book:
    return make_book()


@pytest.fixture
async def post(book: Book, live_database: str) -> AsyncIterator[Post]:
    async with BadServer().serve() as server, PgWorld.open(live_database) as world:
        await world.run("UPDATE accounts_account SET allows_http = TRUE")
        yield Post(book, world, server, Clock(), live_database)


async def test_what_waits_is_delivered_once_and_signed(post: Post) -> None:
    to = await post.endpoint("/in")
    await post.send(to, 30)
    async with post.courier():
        await post.until_statuses(to, delivered=30)
    assert len(set(post.heard("/in"))) == len(post.server.heard) == 30
    (first, *_) = post.server.heard
    assert first.method == "POST"
    assert first.headers["webhook-signature"].startswith("v1,")
    assert first.headers["webhook-timestamp"] == str(int(post.clock.now.timestamp()))


async def test_what_fails_is_tried_at_the_hours_of_the_schedule_with_one_id(post: Post) -> None:
    to = await post.endpoint("/in", answer(500))
    await post.send(to)
    async with post.courier():
        for tries, pause in enumerate(SCHEDULE[1:], start=1):

            async def is_noted(tries: int = tries) -> bool:
                return bool((await post.delivery(to))[2] == tries)

            await until(is_noted)
            post.clock.now += pause
        await post.until_statuses(to, failed=1)
    assert len(post.heard("/in")) == len(SCHEDULE)
    assert len(set(post.heard("/in"))) == 1
    assert (await post.delivery(to))[1] == "http_500"


async def test_an_address_that_is_gone_is_told_nothing_more(post: Post) -> None:
    to = await post.endpoint("/410")
    await post.send(to)
    async with post.courier():
        await post.until_statuses(to, failed=1)
        await post.send(to, 20)
        await post.until_statuses(to, failed=21)
    assert len(post.heard("/410")) == 1
    found = await post.world.value(
        "SELECT disabled_reason FROM webhooks_endpoint WHERE id = %(id)s", id=to
    )
    assert found == "gone"


async def test_who_asks_to_wait_is_left_alone_until_then(post: Post) -> None:
    to = await post.endpoint("/429")
    await post.send(to, 10)
    async with post.courier():
        await until(lambda: bool(post.heard("/429")))
        post.clock.now += timedelta(minutes=59)
        await asyncio.sleep(1.5)  # the courier looks each second
        asked = len(post.heard("/429"))
        post.server.manners["/429"] = answer(200)
        post.clock.now += timedelta(minutes=2)
        await post.until_statuses(to, delivered=10)
    assert asked <= LANE_AT_ONCE


async def test_an_address_that_hangs_or_fails_holds_up_no_other(post: Post) -> None:
    stuck = [await post.endpoint(f"/stuck-{at}", hang) for at in range(3)]
    broken = await post.endpoint("/500")
    well = await post.endpoint("/in")
    for each in (*stuck, broken, well):
        await post.send(each, 200)
    async with post.courier():
        await post.until_statuses(well, delivered=200)
        assert all(len(post.heard(f"/stuck-{at}")) <= LANE_AT_ONCE for at in range(3))
        await post.send(well, 1)
        await post.until_statuses(well, delivered=201)


async def test_a_fault_of_ours_with_one_address_ends_no_delivery_to_others(post: Post) -> None:
    bad, well = await post.endpoint("/fault"), await post.endpoint("/in")
    await post.send(bad)
    async with post.courier(fault_at="/fault"):

        async def is_noted() -> bool:
            return bool((await post.delivery(bad))[2] == 1)

        await until(is_noted)
        await post.send(well)
        await post.until_statuses(well, delivered=1)
    assert await post.delivery(bad) == ("pending", "bad_answer", 1)


async def test_what_happens_now_is_not_held_up_by_a_backlog(post: Post) -> None:
    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)  # the manner itself
        await answer(200)(reader, writer)

    to = await post.endpoint("/in", slowly)
    await post.send(to, 5_000, at=NOON - timedelta(hours=1))
    async with post.courier():
        await until(lambda: len(post.heard("/in")) > 50)
        await post.send(to, 1, at=NOON)
        newest = await post.world.value(
            "SELECT 'msg_' || replace(id::text, '-', '') FROM webhooks_event"
            " ORDER BY at DESC LIMIT 1"
        )
        await until(lambda: newest in post.heard("/in"), 5.0)
        assert len(post.heard("/in")) < 2_500


async def test_what_a_courier_held_when_it_was_killed_is_sent_again_with_its_id(
    post: Post,
) -> None:
    to = await post.endpoint("/in", hang)
    await post.send(to)
    async with post.courier():
        await until(lambda: bool(post.heard("/in")))
    post.server.manners["/in"] = answer(200)
    async with post.courier():
        await asyncio.sleep(1.5)  # leased: nobody takes it
        assert len(post.heard("/in")) == 1
        post.clock.now += LEASE + SECOND
        await post.until_statuses(to, delivered=1)
    assert len(post.heard("/in")) == 2
    assert len(set(post.heard("/in"))) == 1


async def test_two_couriers_share_a_backlog_and_send_nothing_twice(post: Post) -> None:
    to = [await post.endpoint(f"/in-{at}") for at in range(3)]
    for each in to:
        await post.send(each, 200)
    async with post.courier(), post.courier():
        for each in to:
            await post.until_statuses(each, delivered=200)
    assert len(post.server.heard) == 600


async def test_failures_are_remembered_until_a_delivery(post: Post) -> None:
    to = await post.endpoint("/in", answer(500))
    await post.send(to)

    async def is_failing() -> bool:
        query = "SELECT failing_since FROM webhooks_endpoint WHERE id = %(id)s"
        return await post.world.value(query, id=to) is not None

    async with post.courier():
        await until(is_failing)
        post.server.manners["/in"] = answer(204)
        post.clock.now += 6 * SECOND
        await post.until_statuses(to, delivered=1)
        assert not await is_failing()


async def test_what_waited_six_hours_for_a_worker_says_when_it_happened_and_when_it_was_sent(
    post: Post,
) -> None:
    to = await post.endpoint("/in")
    await post.send(to, 3)
    post.clock.now += timedelta(hours=6)
    async with post.courier():
        await post.until_statuses(to, delivered=3)
    assert len(set(post.heard("/in"))) == len(post.server.heard) == 3
    for heard in post.server.heard:
        happened = datetime.fromisoformat(json.loads(heard.body)["timestamp"])
        assert abs(happened - NOON) < SECOND
        assert heard.headers["webhook-timestamp"] == str(int(post.clock.now.timestamp()))


async def test_a_popup_of_a_minute_ago_is_not_sent(post: Post) -> None:
    campaign = await sync_to_async(post.book.campaign)()
    await post.send(await post.endpoint("/other"))
    url = post.server.url("/in")
    await post.world.run("UPDATE campaigns_campaign SET popup_url = %(url)s", url=url)
    await post.world.run("UPDATE webhooks_event SET campaign_id = %(id)s", id=campaign.pk)
    await post.world.run(
        "UPDATE webhooks_delivery SET purpose = 'popup', endpoint_id = NULL, lane = 'c1:popup'"
    )
    post.clock.now += timedelta(minutes=2)
    async with post.courier():

        async def is_over() -> bool:
            query = "SELECT outcome FROM webhooks_delivery"
            return bool(await post.world.value(query) == "too_late")

        await until(is_over)
    assert post.server.heard == []


async def test_the_secret_before_a_rotation_signs_too_until_it_ends(post: Post) -> None:
    to = await post.endpoint("/in")
    until = post.clock.now + SECOND
    await post.world.run(
        "UPDATE webhooks_endpoint SET old_salt = 'before', old_salt_until = %(until)s",
        until=until,
    )
    await post.send(to)
    async with post.courier():
        await post.until_statuses(to, delivered=1)
        post.clock.now += 2 * SECOND
        await post.send(to)
        await post.until_statuses(to, delivered=2)
    both, one = (each.headers["webhook-signature"].split() for each in post.server.heard)
    assert (len(both), len(one)) == (2, 1)
