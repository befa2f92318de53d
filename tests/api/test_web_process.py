"""The API on a real web process: live events of a campaign, and bodies over real sockets."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.campaigns.services import pause_campaign
from autodialer.apps.keys.models import ApiKey
from autodialer.apps.keys.services import revoke_key
from autodialer.ops.paths import Paths
from autodialer.ops.process import free_port
from autodialer.ops.web import WebProcess
from tests.api.client import caller, now
from tests.support.book import Book, make_book
from tests.support.database import Databases, django_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_django import DjangoDbBlocker

# A state is read at most once a second, and looked at every five seconds without news.
SOON_S: Final = 15.0
NUMBERS: Final = count()


@pytest.fixture(scope="module")
def database(databases: Databases, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with databases.copy() as url, django_on(url), django_db_blocker.unblock():
        yield url


@pytest.fixture(scope="module")
def web(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    paths = Paths.below(tmp_path_factory.mktemp("web"))
    process = WebProcess(paths, database, port=free_port())
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def book(database: str) -> Book:
    return make_book(f"Acme{next(NUMBERS)}")


class Watcher:
    """A client that watches a campaign."""

    def __init__(self, web: WebProcess, key: str, campaign_id: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=SOON_S)
        self._connection.request(
            "GET",
            f"/api/v1/campaigns/{campaign_id}/events",
            headers={"Authorization": f"Bearer {key}"},
        )
        self.answer = self._connection.getresponse()

    def next(self) -> Mapping[str, Any] | None:
        """The next state; None when the stream has ended."""
        while line := self.answer.readline():
            if line.startswith(b"data: "):
                state: Mapping[str, Any] = json.loads(line.removeprefix(b"data: "))
                return state
        return None

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


@pytest.fixture
def watchers() -> Iterator[list[Watcher]]:
    opened: list[Watcher] = []
    yield opened
    for each in opened:
        each.close()


def test_a_campaign_is_watched_until_the_key_is_revoked(
    web: WebProcess, book: Book, watchers: list[Watcher]
) -> None:
    campaign, crm = book.campaign(), caller(book.account)
    watcher = Watcher(web, crm.key, campaign.pk)
    watchers.append(watcher)
    assert watcher.answer.status == 200
    assert watcher.answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"
    assert watcher.answer.getheader("RateLimit", "").startswith('"default";r=199;')
    first = watcher.next()
    assert first is not None
    assert (first["status"], first["counts"]["total"]) == ("in-progress", 3)
    pause_campaign(account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=now())
    second = watcher.next()
    assert second is not None
    assert (second["status"], second["reason"]) == ("paused", "paused_by_user")
    key = ApiKey.objects.get(account=book.account)
    revoke_key(account=book.account, actor=OPERATOR, key_id=key.pk, now=now())
    assert watcher.next() is None
    late = Watcher(web, crm.key, campaign.pk)
    watchers.append(late)
    assert late.answer.status == 401


def test_a_campaign_of_another_account_is_not_there_to_watch(
    web: WebProcess, book: Book, watchers: list[Watcher]
) -> None:
    key = caller(make_book(f"Bharat{next(NUMBERS)}").account).key
    for campaign_id in (book.campaign().pk, 10**9):
        watcher = Watcher(web, key, campaign_id)
        watchers.append(watcher)
        assert watcher.answer.status == 404
        assert json.load(watcher.answer)["code"] == "not_found"


def test_who_asks_for_streams_too_often_is_told_when_to_go_on(web: WebProcess, book: Book) -> None:
    headers = {"Authorization": f"Bearer {caller(book.account).key}"}
    path = f"/api/v1/campaigns/{book.campaign().pk}/events"
    with closing(http.client.HTTPConnection("127.0.0.1", web.port, timeout=SOON_S)) as connection:
        for left in range(200, -1, -1):
            connection.request("POST", path, headers=headers)
            answer = connection.getresponse()
            problem = json.load(answer)
            assert answer.status == (405 if left else 429)
            assert answer.getheader("X-Request-ID") == problem["instance"]
            assert (int(answer.getheader("Retry-After", "0")) > 0) is (not left)


def test_a_body_in_chunks_is_read_and_head_has_none(web: WebProcess, book: Book) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=SOON_S)
    path = f"/api/v1/campaigns/{book.campaign().pk}"
    headers = {
        "Authorization": f"Bearer {caller(book.account).key}",
        "Content-Type": "application/json",
    }
    connection.request("POST", f"{path}/clone", b'{"name": "Holi"}', headers)
    made = connection.getresponse()
    assert (made.status, json.load(made)["name"]) == (201, "Holi")
    connection.request("HEAD", path, headers=headers)
    head = connection.getresponse()
    assert (head.status, head.read()) == (200, b"")
    connection.request("POST", f"{path}/clone", iter([b'{"name": ', b'"Onam"}']), headers)
    chunked = connection.getresponse()
    assert (chunked.status, json.load(chunked)["name"]) == (201, "Onam")
    connection.request("POST", f"{path}/clone", (b" " * 100_000 for _ in range(60)), headers)
    too_big = connection.getresponse()
    assert (too_big.status, json.load(too_big)["code"]) == (413, "too_big")
    connection.close()
