"""Restores that are killed, that a dialer gets in the way of, and of nodes that were lost."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import psycopg
import pytest

from autodialer.adapters.pg.store import PgStore
from autodialer.apps.billing.models import Hold
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.promises import broken_promises
from autodialer.ops.backup.archive import Reader, verified
from autodialer.ops.backup.load import Restored, restore
from autodialer.ops.backup.save import save
from autodialer.ops.errors import RestoreRefusedError
from autodialer.ops.process import wait_until
from tests.contract.store_world import lease_of
from tests.ops.test_backup import HELLO, RESTORED_AT, SAVED_AT, SEAL, Office, make_office
from tests.support.database import Databases, django_on

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

PATIENCE_S: Final = 30.0


@pytest.fixture(scope="module")
def office(
    databases: Databases,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Office]:
    """A site whose node was given up in the middle of two calls."""
    with databases.copy() as url, django_on(url), django_db_blocker.unblock():
        made = make_office(url, tmp_path_factory.mktemp("recordings"))
        asyncio.run(_give_up(url))
        yield made


async def _give_up(url: str) -> None:
    async with PgStore(url) as store:
        south = await lease_of(store, "south")
        (north,) = await store.other_nodes(south)
        assert len(await store.give_up_node(south, north, SAVED_AT)) == 2
        await store.release_lease(south, SAVED_AT)


@pytest.fixture(scope="module")
def backup(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backup") / "backup.zip"
    save(file, SEAL, office.recordings, SAVED_AT)
    return file


@pytest.fixture
def there(databases: Databases, office: Office) -> Iterator[str]:
    """Another, empty installation, in whose database Django works."""
    with databases.copy() as url, django_on(url):
        yield url


def bring_back(backup: Path, folder: Path) -> Restored:
    with verified(backup, SEAL) as found:
        return restore(found, folder, RESTORED_AT)


class Killed(Reader):
    """A backup in whose first recording the restore is killed."""

    def extract(self, name: str, to: IO[bytes]) -> None:
        to.write(HELLO[:3])
        to.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def be_killed(backup: Path, folder: Path) -> None:
    with verified(backup, SEAL) as found:
        restore(Killed(found._archive, found.manifest), folder, RESTORED_AT)


def test_a_restore_that_was_killed_leaves_no_half_recording_to_the_next(
    office: Office, backup: Path, there: str, tmp_path: Path
) -> None:
    if (child := os.fork()) == 0:
        try:
            be_killed(backup, tmp_path)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    bring_back(backup, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [office.answered]
    assert (tmp_path / office.answered).read_bytes() == HELLO


def test_calls_of_a_lost_node_are_ended_too(backup: Path, there: str, tmp_path: Path) -> None:
    done = bring_back(backup, tmp_path)
    assert (done.sessions_ended, done.calls_ended) == (1, 2)
    assert set(Attempt.objects.values_list("state", flat=True)) == {"ended"}
    assert not Session.objects.exclude(status="ended").exists()
    assert not Hold.objects.filter(status="open").exists()
    assert broken_promises(RESTORED_AT) == []


def test_a_dialer_that_takes_its_node_at_this_moment_is_waited_for_and_seen(
    backup: Path, there: str, tmp_path: Path
) -> None:
    Node.objects.create(name="north", created_at=SAVED_AT)
    refused: list[RestoreRefusedError] = []

    def try_to_restore() -> None:
        with django_on(there):
            try:
                bring_back(backup, tmp_path)
            except RestoreRefusedError as error:
                refused.append(error)

    with psycopg.connect(there) as dialer:
        dialer.execute(
            "UPDATE calls_node SET epoch = epoch + 1, holder = 'dialer', lease_until = %s",
            [RESTORED_AT + (RESTORED_AT - SAVED_AT)],
        )
        restoring = threading.Thread(target=try_to_restore)
        restoring.start()
        wait_until(lambda: _waits(there), PATIENCE_S, "the restore waits for the dialer")
        dialer.commit()
    restoring.join(PATIENCE_S)
    assert [str(error)[:21] for error in refused] == ["A dialer drives north"]


def _waits(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as raw:
        row = raw.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return row is not None and row[0] > 0
