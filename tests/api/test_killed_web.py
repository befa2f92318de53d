"""A web process that is killed while it answers, and the same request sent to the next one."""

from __future__ import annotations

import http.client
import json
from contextlib import closing, contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.keys.models import KeptReply
from autodialer.ops.paths import Paths
from autodialer.ops.process import free_port, wait_until
from autodialer.ops.web import WebProcess
from tests.api.client import caller, now
from tests.support.book import make_book

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEADLINE_S: Final = 30.0
# Stops a request where a test wants to kill it: at a write, as long as the test holds the lock.
STOPS: Final = """
CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4711);
    RETURN NEW;
END $$;
"""
BEFORE_THE_COMMIT: Final = """
CREATE TRIGGER stops BEFORE INSERT ON campaigns_campaign FOR EACH ROW EXECUTE FUNCTION stop_here();
"""
BEFORE_THE_ANSWER: Final = """
CREATE TRIGGER stops BEFORE UPDATE ON keys_keptreply FOR EACH ROW
    WHEN (NEW.http_status IS NOT NULL) EXECUTE FUNCTION stop_here();
"""
WAITS: Final = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
# PostgreSQL does not see that a client has gone while its statement waits.
GONE: Final = """
SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
"""


class Dialer:
    """A web process, and a program that sends it one request again and again."""

    def __init__(self, url: str, folder: Path) -> None:
        self.book = make_book()
        self._key = caller(self.book.account).key
        self._path = f"/api/v1/campaigns/{self.book.campaign().pk}/clone"
        self._web = WebProcess(Paths.below(folder), url, port=free_port())
        self._web.start()

    def send(self) -> tuple[int, str]:
        """The status of the answer, and its code or what was made."""
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Idempotency-Key": "k1",
        }
        with closing(
            http.client.HTTPConnection("127.0.0.1", self._web.port, timeout=DEADLINE_S)
        ) as connection:
            connection.request("POST", self._path, b'{"name": "Onam"}', headers)
            answer = connection.getresponse()
            said = json.load(answer)
        return answer.status, said.get("code") or said["name"]

    def send_in_vain(self) -> None:
        """Send it, and get no answer."""
        with suppress(OSError, http.client.HTTPException):
            self.send()

    def kill(self) -> None:
        """End the process at once and start the next one."""
        self._web.kill()
        self._web.start()

    def close(self) -> None:
        self._web.stop()


@pytest.fixture
def dialer(live_database: str, tmp_path: Path) -> Iterator[Dialer]:
    made = Dialer(live_database, tmp_path)
    yield made
    made.close()


@contextmanager
def stopped(url: str, where: str) -> Iterator[psycopg.Connection[tuple[int]]]:
    """Requests stop there until the block ends."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STOPS + where)
        connection.execute("SELECT pg_advisory_lock(4711)")
        yield connection


def killed_in_the_middle(dialer: Dialer, url: str, where: str) -> None:
    with stopped(url, where) as connection:
        sender = Thread(target=dialer.send_in_vain)
        sender.start()
        wait_until(lambda: connection.execute(WAITS).fetchone() == (1,), DEADLINE_S, "the stop")
        dialer.kill()
        sender.join()
        connection.execute(GONE)
        assert dialer.send() == (409, "request_in_flight")


def test_what_was_not_committed_is_carried_out_when_it_is_sent_again(
    dialer: Dialer, live_database: str
) -> None:
    killed_in_the_middle(dialer, live_database, BEFORE_THE_COMMIT)
    assert Campaign.objects.filter(name="Onam").count() == 0
    KeptReply.objects.update(held_until=now())
    assert dialer.send() == (201, "Onam")
    assert dialer.send() == (201, "Onam")
    assert Campaign.objects.filter(name="Onam").count() == 1


def test_what_was_committed_is_never_carried_out_again(dialer: Dialer, live_database: str) -> None:
    killed_in_the_middle(dialer, live_database, BEFORE_THE_ANSWER)
    KeptReply.objects.update(held_until=now())
    assert dialer.send() == (409, "request_interrupted")
    assert Campaign.objects.filter(name="Onam").count() == 1
