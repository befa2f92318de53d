"""Equal requests at the same moment, with real commits."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Final

from django.db import connections

from autodialer.apps.campaigns.models import Campaign
from tests.api.client import Caller, caller
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
