"""Whether PostgreSQL answers, and has the tables of this version."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import psycopg

from autodialer.adapters.pg.database import CONNECTION
from autodialer.apps.statements import statement
from autodialer.ports.health import Part

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

DEADLINE_S: Final = 2.0
# However many ask: each look is a connection of its own, as those of pages and jobs may be busy.
AT_MOST_EVERY_S: Final = 1.0

DATABASE: Final = "database"
SCHEMA: Final = "schema"


class PgHealth:
    """Looks for the database when it is asked. `wanted` are the migrations of this version."""

    def __init__(
        self,
        url: str,
        wanted: Collection[tuple[str, str]],
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._url, self._wanted, self._deadline_s = url, frozenset(wanted), deadline_s
        self._turn = asyncio.Lock()
        self._seen: Sequence[Part] = ()
        self._look_at_s = 0.0

    async def __call__(self) -> Sequence[Part]:
        """Return how it does at this moment, or did within the last second."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            if not self._seen or loop.time() >= self._look_at_s:
                self._seen = await self._look()
                self._look_at_s = loop.time() + AT_MOST_EVERY_S
            return self._seen

    async def _look(self) -> Sequence[Part]:
        try:
            async with asyncio.timeout(self._deadline_s):
                missing = self._wanted - await self._applied()
        except (psycopg.Error, TimeoutError) as error:
            return (Part(DATABASE, f"PostgreSQL does not answer ({type(error).__name__})"),)
        lacks = f"{len(missing)} migrations are missing: run autodialer db migrate"
        return (Part(DATABASE), Part(SCHEMA, lacks if missing else ""))

    async def _applied(self) -> set[tuple[str, str]]:
        connecting = psycopg.AsyncConnection.connect(self._url, autocommit=True, **CONNECTION)
        async with await connecting as connection:
            try:
                rows = await connection.execute(
                    statement("accounts", "applied_migrations").encode()
                )
            except psycopg.errors.UndefinedTable:  # a database that is quite empty
                return set()
            return {(app, name) for app, name in await rows.fetchall()}
