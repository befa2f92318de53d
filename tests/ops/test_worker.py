"""A worker process delivers webhooks, whatever happens to it and to its database."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account
from autodialer.apps.imports.services import queue_import
from autodialer.apps.webhooks import services
from autodialer.apps.webhooks.models import Delivery, Endpoint
from autodialer.ops.paths import Paths
from autodialer.ops.worker import WorkerProcess
from autodialer.ports.failpoints import Failpoint
from tests.support.bad_server import BadServer, answer, hang
from tests.support.book import NOON, Book, make_book
from tests.support.outbox import endpoint, until
from tests.support.pg_world import PgWorld

MINUTE = timedelta(minutes=1)
IMPORTED = 300
LISTS = "SELECT count(*) FROM contacts_contactlist"
TELL = """
WITH event AS (
    INSERT INTO webhooks_event (id, account_id, kind, at)
    SELECT gen_random_uuid(), account_id, 'webhook.test', %(at)s FROM webhooks_endpoint
    RETURNING id, account_id
)
INSERT INTO webhooks_delivery (event_id, account_id, purpose, endpoint_id, lane, due_at)
SELECT event.id, event.account_id, 'webhook', e.id, 'e' || e.id, %(at)s
  FROM event, webhooks_endpoint AS e"""


@dataclass(frozen=True, slots=True)
class Told:
    """A server behind the only endpoint, and the database in which events happen."""

    server: BadServer
    world: PgWorld
    worker: Callable[..., WorkerProcess]

    async def happen(self) -> None:
        await self.world.run(TELL, at=NOON)

    async def until_heard(self, count: int) -> list[str]:
        await until(lambda: len(self.server.heard) >= count)
        return [each.headers["webhook-id"] for each in self.server.heard]

    async def until_delivered(self, count: int) -> None:
        query = "SELECT count(*) FROM webhooks_delivery WHERE status = 'delivered'"

        async def are_so_many() -> bool:
            return bool(await self.world.value(query) >= count)

        await until(are_so_many)


@pytest.fixture
def book(live_database: str) -> Book:
    made = make_book()
    Account.objects.update(allows_http=True)
    endpoint(made)
    return made


@pytest.fixture
async def told(
    book: Book, live_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Told]:
    _ = book
    running: list[WorkerProcess] = []

    def worker(**extra: str) -> WorkerProcess:
        running.append(WorkerProcess(Paths.below(tmp_path / "var"), live_database, extra))
        running[-1].start()
        return running[-1]

    async with BadServer().serve() as server, PgWorld.open(live_database) as world:
        monkeypatch.setenv("AUTODIALER_OUTBOUND_ALLOW", f"127.0.0.1:{server.port}")
        await world.run("UPDATE webhooks_endpoint SET url = %(url)s", url=server.url("/in"))
        try:
            yield Told(server, world, worker)
        finally:
            for each in running:
                each.kill()


async def test_a_worker_that_is_killed_in_a_delivery_leaves_it_to_the_next_with_one_id(
    told: Told,
) -> None:
    told.server.manners["/in"] = hang
    await told.happen()
    first = told.worker()
    await told.until_heard(1)
    first.kill()
    told.server.manners["/in"] = answer(200)
    # As if the minute of its lease had passed.
    await told.world.run("UPDATE webhooks_delivery SET taken_until = %(at)s", at=NOON)
    told.worker()
    sent = await told.until_heard(2)
    await told.until_delivered(1)
    assert len(sent) == 2
    assert len(set(sent)) == 1


async def test_a_worker_killed_when_it_has_sent_and_not_noted_is_followed_by_the_same_id(
    told: Told,
) -> None:
    told.server.manners["/in"] = answer(200)
    await told.happen()
    first = told.worker(AUTODIALER_KILL_AT=Failpoint.WEBHOOK_SENT.value)
    sent = await told.until_heard(1)
    await until(lambda: first.exit_code == -signal.SIGKILL)
    await told.world.run("UPDATE webhooks_delivery SET taken_until = %(at)s", at=NOON)
    told.worker()
    await told.until_delivered(1)
    assert await told.until_heard(2) == sent * 2


async def test_an_import_killed_while_it_saves_leaves_no_half_list_and_is_done_anew(
    told: Told, book: Book
) -> None:
    lists = await told.world.value(LISTS)
    await asyncio.to_thread(_queue, book)
    first = told.worker(AUTODIALER_KILL_AT=Failpoint.IMPORT_SAVING.value)
    await until(lambda: first.exit_code == -signal.SIGKILL)
    assert await told.world.value(LISTS) == lists
    # As if it had been silent for long enough to count as dead.
    await told.world.run("UPDATE procrastinate_workers SET last_heartbeat = %(at)s", at=NOON)
    told.worker()
    done = "SELECT status = 'done' AND ready = 300 FROM imports_listimport WHERE name = 'Killed'"

    async def is_done() -> bool:
        return bool(await told.world.value(done))

    await until(is_done, 40)
    assert await told.world.value(LISTS) == lists + 1
    members = "SELECT count(*) FROM contacts_contact WHERE e164 LIKE '+9198700%%'"
    assert await told.world.value(members) == IMPORTED


def _queue(book: Book) -> None:
    rows = "".join(f"+9198700{at:05d}\n" for at in range(IMPORTED))
    try:
        queue_import(
            account=book.account,
            actor=OPERATOR,
            file_name="leads.csv",
            data=f"number\n{rows}".encode(),
            name="Killed",
            now=NOON,
        )
    finally:
        connections.close_all()  # of this thread, which is not used again


async def test_a_worker_goes_on_when_all_its_connections_were_cut(told: Told) -> None:
    worker = told.worker()
    await told.happen()
    await told.until_delivered(1)
    for count in (2, 3):
        await told.world.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND usename = current_user"
        )
        await told.happen()
        await told.until_delivered(count)
    jobs = "SELECT count(*) FROM procrastinate_workers"

    async def takes_jobs() -> bool:
        return bool(await told.world.value(jobs))

    await until(takes_jobs)
    assert worker.is_alive()


async def test_a_worker_that_is_stopped_finishes_what_it_sends(told: Told) -> None:
    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)  # the manner itself
        await answer(200)(reader, writer)

    told.server.manners["/in"] = slowly
    worker = told.worker()
    await told.happen()
    await told.until_heard(1)
    assert await asyncio.to_thread(worker.stop) == 0
    await told.until_delivered(1)


def test_housekeeping_stops_what_only_fails_and_writes_to_the_admins(
    book: Book, mailoutbox: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.mail import EmailMessage

    from autodialer.ops import jobs

    later = NOON + timedelta(days=6)
    monkeypatch.setattr(jobs, "_now", lambda: later)
    made = Endpoint.objects.get()
    waits = services.send_test(account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON)
    Endpoint.objects.update(failing_since=NOON, failed_at=later)
    jobs.look_after_webhooks.func(0)
    jobs.look_after_webhooks.func(0)
    made.refresh_from_db()
    assert (made.disabled_reason, made.told_at) == ("failing", later)
    assert Delivery.objects.get(pk=waits.pk).outcome == "endpoint_disabled"
    (mail,) = mailoutbox
    assert isinstance(mail, EmailMessage)
    assert mail.to == [book.admin.email]
    assert f"/webhooks/{made.pk}/" in str(mail.body)
