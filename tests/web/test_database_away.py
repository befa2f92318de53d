"""What a real web process answers while PostgreSQL is away, and when it is back."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from django.conf import settings
from django.test import Client

from autodialer.ops.paths import Paths
from autodialer.ops.process import free_port, wait_until
from autodialer.ops.web import WebProcess
from tests.api.client import caller
from tests.support import stack
from tests.support.book import make_book
from tests.support.database import Databases, django_on
from tests.support.site import reconnect_django

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import DjangoDbBlocker

    from autodialer.ops.postgres import EmbeddedPostgres

DEADLINE_S: Final = 30.0
PART: Final = {"HX-Request": "true"}


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in, and a program with a key."""

    web: WebProcess
    session: str
    key: str

    def page(self, **headers: str) -> tuple[int, str]:
        """The status and the text of the first page."""
        return self._get("/", {"Cookie": f"sessionid={self.session}", **headers})

    def stranger(self) -> tuple[int, str]:
        return self._get("/accounts/login/", {})

    def api(self) -> tuple[int, str]:
        return self._get("/api/v1/campaigns", {"Authorization": f"Bearer {self.key}"})

    def _get(self, path: str, headers: dict[str, str]) -> tuple[int, str]:
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=DEADLINE_S)
        ) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A server that only these tests end."""
    with stack.forgetful_postgres() as running:
        yield running


@pytest.fixture
def visitor(
    server: EmbeddedPostgres, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> Iterator[Visitor]:
    databases = Databases(server.url)
    databases.make_template(django_db_blocker)
    with databases.copy() as url, django_on(url), django_db_blocker.unblock():
        book, client = make_book(), Client()
        client.force_login(book.supervisor)
        extra = {"AUTODIALER_SECRET_KEY": settings.SECRET_KEY}
        web = WebProcess(Paths.below(tmp_path), url, port=free_port(), extra=extra)
        web.start()
        try:
            session = client.cookies["sessionid"].value
            yield Visitor(web, session, caller(book.account).key)
        finally:
            web.stop()


def test_pages_and_api_say_that_the_database_is_away_and_work_again_by_themselves(
    visitor: Visitor, server: EmbeddedPostgres
) -> None:
    assert [visitor.page()[0], visitor.api()[0], visitor.stranger()[0]] == [200, 200, 200]
    server.kill()
    for _ in range(2):  # the connection that was lost, and then no new one
        for status, text in (visitor.page(), visitor.page(**PART)):
            assert (status, "The database does not answer" in text) == (503, True)
        status, text = visitor.api()
        assert (status, json.loads(text)["code"]) == (503, "database_unavailable")
    server.start()
    reconnect_django()
    for ask in (visitor.page, visitor.api, visitor.stranger):
        wait_until(lambda ask=ask: ask()[0] == 200, DEADLINE_S, ask.__name__)  # type: ignore[misc]
