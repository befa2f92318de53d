from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from django.db import transaction
from pytest_django import DjangoDbBlocker

from autodialer.adapters.pg.store import PgStore
from tests.support import stack
from tests.support.database import Databases, django_on
from tests.support.pg_world import PgWorld


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command sets the log of the whole process: let the next test begin as this one did."""
    before = structlog.get_config() if structlog.is_configured() else None
    yield
    structlog.reset_defaults()
    if before is not None:
        structlog.configure(**before)


@pytest.fixture(scope="session")
def databases(
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Databases]:
    """One embedded server a session, with the migrated template."""
    with stack.forgetful_postgres() as server:
        made = Databases(server.url)
        made.make_template(django_db_blocker)
        yield made


@pytest.fixture(scope="session")
def django_db_setup(databases: Databases) -> Iterator[None]:
    """Give the `db` fixture (a transaction per test, rolled back) a copy of the template."""
    with databases.copy() as url, django_on(url):
        yield


@pytest.fixture(scope="module")
def module_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A transaction around all tests of a file, for what they share: each one's `db` is inside."""
    around = transaction.atomic()
    # As Django's TestCase says it, so that services which must commit by themselves may run in it.
    around._from_testcase = True  # type: ignore[attr-defined]
    with django_db_blocker.unblock(), around:
        yield
        transaction.set_rollback(True)


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A fresh migrated database for one test that commits; Django does not know it."""
    with databases.copy() as url:
        yield url


@pytest.fixture
def live_database(database_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """As `database_url`, and Django works in it with real commits. Not together with `db`."""
    with django_on(database_url), django_db_blocker.unblock():
        yield database_url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PgStore]:
    """The store on a fresh database; tests of another store override this."""
    async with PgStore(database_url) as opened:
        yield opened


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[PgWorld]:
    """The people around `store`, by SQL."""
    async with PgWorld.open(database_url) as opened:
        yield opened
