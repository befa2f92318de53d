"""Equal requests at the same moment and one after the other, with real commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier, Thread
from typing import Final

from django.db import connection, connections
from psycopg import sql

from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.webhooks.models import Delivery
from tests.api.client import Caller, caller
from tests.api.test_requests import told
from tests.support.book import make_book

MANY: Final = 6


def test_of_equal_requests_at_the_same_moment_one_is_carried_out(live_database: str) -> None:
    book = make_book()
    crm, start = caller(book.account), Barrier(MANY)
    wanted = {
        "name": "Diwali",
        "caller_id": str(book.caller_id.pk),
        "list_id": str(book.list_id),
        "group_id": str(book.group.pk),
    }
    statuses: list[int] = []

    def send() -> None:
        start.wait()
        answer = Caller(crm.key).post("/campaigns", wanted, Idempotency_Key="k1")
        statuses.append(answer.status_code)
        connections.close_all()

    threads = [Thread(target=send) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Campaign.objects.count() == 1
    assert set(statuses) <= {201, 409}
    assert 201 in statuses


def test_a_request_that_was_refused_may_be_sent_again(live_database: str) -> None:
    book = make_book()
    crm, path = caller(book.account), f"/campaigns/{book.campaign().pk}"
    assert crm.post(f"{path}/resume", Idempotency_Key="k1").status_code == 409
    assert crm.post(f"{path}/pause").status_code == 200
    assert crm.post(f"{path}/resume", Idempotency_Key="k1").status_code == 200


def test_what_was_carried_out_is_not_done_again_although_its_answer_failed(
    live_database: str,
) -> None:
    crm = caller(make_book().account)
    endpoint = crm.post("/webhooks", {"url": "https://crm.example/in"}).json()["id"]
    with unreadable("campaigns_callbacks", "content_type"):
        failed = crm.post(f"/webhooks/{endpoint}/test", Idempotency_Key="k1")
    assert told(failed) == (500, "internal_error")
    assert Delivery.objects.count() == 1
    again = crm.post(f"/webhooks/{endpoint}/test", Idempotency_Key="k1")
    assert told(again) == (409, "request_interrupted")
    assert Delivery.objects.count() == 1


@contextmanager
def unreadable(table: str, column: str) -> Iterator[None]:
    """Let each question about a column fail while the block runs."""
    moved = sql.Identifier(f"{column}_moved")
    names = sql.Identifier(table), sql.Identifier(column)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(*names, moved))
        yield
        cursor.execute(
            sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(names[0], moved, names[1])
        )
