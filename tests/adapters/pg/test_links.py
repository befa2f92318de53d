"""The connections of the store's adapter over a link that fails without a word."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from autodialer.adapters.pg.database import Database, Step
from autodialer.ports.store import StoreUnavailableError
from tests.support.proxy import Proxy, link_to_socket

if TYPE_CHECKING:
    from collections.abc import Iterator

ASK: Final = Step(b"SELECT 1 AS one", ())
# Its own limit is 3.5 s; without it psycopg waits for 5 to 10 s more.
GIVEN_UP_WITHIN_S: Final = 6.0


@pytest.fixture
def link(database_url: str) -> Iterator[Proxy]:
    (folder,) = parse_qs(urlsplit(database_url).query)["host"]
    with link_to_socket(Path(folder) / ".s.PGSQL.5432") as link:
        yield link


@pytest.fixture
def url(database_url: str, link: Proxy) -> str:
    parts = urlsplit(database_url)
    who = parts.netloc.partition("@")[0]
    return parts._replace(netloc=f"{who}@127.0.0.1:{link.port}", query="").geturl()


async def test_a_connection_that_is_half_open_is_given_up_and_another_is_made(
    link: Proxy, url: str
) -> None:
    database = Database(url, size=2)
    await database.open()
    try:
        assert await database.run(ASK) == [[{"one": 1}]]
        made = link.accepted
        link.lose()
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(StoreUnavailableError):
            await database.run(ASK)
        assert loop.time() - began < GIVEN_UP_WITHIN_S
        # The other one may be asked next: it is as dead.
        for _ in range(4):
            try:
                assert await database.run(ASK) == [[{"one": 1}]]
            except StoreUnavailableError:
                continue
            break
        else:
            pytest.fail("no connection was made anew")
        assert link.accepted > made
    finally:
        await database.close()
