"""A web process with an account, for the clients that people use as they come from the index."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

from autodialer.api.exotel.sids import sid_of
from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.accounts.services import change_account
from autodialer.apps.keys.services import create_key
from autodialer.ops.paths import Paths
from autodialer.ops.process import free_port
from autodialer.ops.web import WebProcess
from tests.support.book import Book, make_book
from tests.support.database import Databases, django_on


@dataclass(frozen=True, slots=True)
class Office:
    """An account on a running web process, and the key of a program that works for it."""

    book: Book
    url: str
    port: int
    key: str
    sid: str


def basic(key: str, user: str = "any") -> dict[str, str]:
    """The header of a client that sends user name and password."""
    credentials = base64.b64encode(f"{user}:{key}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def real_now() -> datetime:
    """The real time: the web process runs on it."""
    return datetime.now(UTC)  # noqa: TID251  the shell around everything


def zone_at_noon(now: datetime) -> str:
    """The zone on whose clocks it is the hour after noon: the calling window is open there."""
    return f"Etc/GMT{now.hour - 12:+d}"


def change_zone(book: Book) -> None:
    """Move the account to where its calling window is open now."""
    now = real_now()
    change_account(account=book.account, zone=zone_at_noon(now), now=now)
    book.account.refresh_from_db()


@pytest.fixture(scope="module")
def port(
    databases: Databases,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[int]:
    """A web process for the tests of a file, each of which has an account of its own."""
    with databases.copy() as url, django_on(url), django_db_blocker.unblock():
        web = WebProcess(
            Paths.below(tmp_path_factory.mktemp("web")),
            url,
            port=free_port(),
            extra={"AUTODIALER_SECRET_KEY": settings.SECRET_KEY},
        )
        web.start()
        yield web.port
        web.stop()


@pytest.fixture
def office(port: int) -> Office:
    book, now = make_book(f"Acme{uuid4().hex[:8]}"), real_now()
    change_zone(book)
    made = create_key(
        account=book.account, actor=OPERATOR, name="CRM", scopes=list(KeyScope), now=now
    )
    key, sid = str(made.token), sid_of(book.account.pk)
    return Office(book, f"http://127.0.0.1:{port}", port, key, sid)
