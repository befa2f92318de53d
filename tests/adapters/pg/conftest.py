from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from autodialer.adapters.pg.store import PgStore
from tests.support.pg_world import PgWorld


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PgStore]:
    async with PgStore(database_url) as opened:
        yield opened


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[PgWorld]:
    async with PgWorld.open(database_url) as opened:
        yield opened
