"""When a session was last used is noted now and then, and costs no page a commit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autodialer.web import middleware
from autodialer.web.recent import Recent
from tests.support.book import make_book


@pytest.fixture
def asha() -> Client:
    client = Client()
    client.force_login(make_book().supervisor)
    return client


def notes(client: Client, address: str = "127.0.0.1") -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get("/lists/", REMOTE_ADDR=address).status_code == 200
    return sum("usersessions_usersession" in query["sql"][:60] for query in asked)


@pytest.mark.django_db
def test_a_second_page_within_a_minute_notes_nothing(asha: Client) -> None:
    assert notes(asha) > 0
    assert notes(asha) == 0


@pytest.mark.django_db
def test_a_session_that_moves_to_another_address_is_noted_at_once(asha: Client) -> None:
    notes(asha)
    assert notes(asha, "127.0.0.2") > 0


@pytest.mark.django_db
def test_a_session_is_noted_again_when_the_time_has_come(
    asha: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes(asha)
    monkeypatch.setattr(middleware, "NOTED_EACH", timedelta(0))
    assert notes(asha) > 0


def test_only_what_is_not_known_is_made_and_all_of_it_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autodialer.web.recent.KEPT_TIMES", 1e12)
    recent: Recent[int, str] = Recent()
    made: list[list[int]] = []

    def make(keys: object) -> dict[int, str]:
        assert isinstance(keys, list)
        made.append(keys)
        return {key: str(key) for key in keys}

    recent.get(1, lambda: "one")
    assert recent.get_all([1, 2, 3], make) == {1: "one", 2: "2", 3: "3"}
    assert recent.get_all([2, 3], make) == {2: "2", 3: "3"}
    assert made == [[2, 3]]
