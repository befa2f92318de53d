"""Runs statements of `apps/*/sql` on a pool, and says in our words what goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import errors, sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from autodialer.apps.statements import statement
from autodialer.domain.errors import InvariantError
from autodialer.ports.meters import PoolUse
from autodialer.ports.store import StoreUnavailableError

Row: TypeAlias = DictRow
Connection: TypeAlias = psycopg.AsyncConnection[DictRow]
Heard: TypeAlias = Callable[[list[list[Row]]], None]

# More connections than this were no faster (docs/adr/0006-hot-path-sql.md).
POOL_SIZE: Final = 10
# A session must hear within seconds that the store is away: it stops dialling.
STATEMENT_TIMEOUT: Final = timedelta(seconds=2)
# Completing a campaign finishes up to 100,000 targets in one transaction.
BULK_TIMEOUT: Final = timedelta(seconds=60)
# For a server that is silent; a little longer than its own limit.
_DEADLINE_S: Final = STATEMENT_TIMEOUT.total_seconds() + 1.0
# psycopg then asks the server to cancel, and waits up to 10 s for a server that is gone.
_CANCEL_S: Final = 0.5
_REPEATABLE: Final = (errors.DeadlockDetected, errors.SerializationFailure)
# A server that only reads (a replica after a failover) cannot serve us either.
_AWAY: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    TimeoutError,
)
# A claim whose reply was lost may still be running when it is repeated; the second one then
# meets its row, and finds it when it asks again.
_REPEATED_CLAIM: Final = frozenset({"calls_attempt_pkey", "attempt_one_live_per_session"})

_PARAMETER: Final = re.compile(r"%\((\w+)\)s")

_SERVER_SETTINGS: Final[Mapping[str, str]] = {
    "statement_timeout": str(STATEMENT_TIMEOUT // timedelta(milliseconds=1)),
    # Planning a claim costs more than running it, and its plan never depends on the values.
    "plan_cache_mode": "force_generic_plan",
    # Each statement has its index. On a table that was empty when the plan was made, or is full
    # since a minute ago, statistics would say otherwise until the next ANALYZE.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "enable_material": "off",
    # Tables are joined in the order in which a statement names them, one row each.
    "join_collapse_limit": "1",
    "jit": "off",
    "timezone": "UTC",
}
# How the dialer connects, besides the address.
CONNECTION: Final[Mapping[str, Any]] = {
    "connect_timeout": 2,
    # A server that vanished without a word (milliseconds; seconds for the probes).
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "application_name": "autodialer dialer",
    "options": " ".join(f"-c {name}={value}" for name, value in _SERVER_SETTINGS.items()),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One statement with its values, in PostgreSQL's own notation: $1, $2, ..."""

    query: bytes
    values: tuple[Any, ...]


def step(app: str, name: str, **values: Any) -> Step:
    """Return the statement `name` of an app with its values."""
    query, names = _numbered(app, name)
    return Step(query, tuple(values[each] for each in names))


@cache
def _numbered(app: str, name: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with numbered parameters, and their names in that order.

    Once, here: psycopg would translate the longer ones anew at each execution.
    """
    text = statement(app, name)
    names = tuple(dict.fromkeys(_PARAMETER.findall(text)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
    return numbered.replace("%%", "%").encode(), names


class Database:
    """A pool of connections to one PostgreSQL, found again by itself after an outage."""

    def __init__(
        self,
        url: str,
        functions: Sequence[str] = (),
        rehearsal: Sequence[Step] = (),
        size: int = POOL_SIZE,
    ) -> None:
        """Connect to `url`; each new connection defines `functions`, then runs `rehearsal`.

        The rehearsal must change nothing. PostgreSQL plans a statement when a connection first
        runs it. For the hot path that takes several times as long as running it, and would fall
        on the first calls of each connection.
        """
        self._url, self._size = url, size
        self._functions, self._rehearsal = functions, rehearsal
        # A connection of its own, taken whenever it is free: a pool hands its connections out in
        # turn, and a backend that was asked a second ago is a millisecond slower than one that
        # was asked just now.
        self._first, self._others = self._make_pool(1), self._make_pool(size - 1)
        self._first_is_free = True

    def _make_pool(self, size: int) -> AsyncConnectionPool[Connection]:
        return AsyncConnectionPool(
            self._url,
            min_size=size,
            max_size=size,
            open=False,
            kwargs={
                **CONNECTION,
                "autocommit": True,
                "row_factory": dict_row,
                "cursor_factory": psycopg.AsyncRawCursor,
            },
            configure=self._prepare,
            timeout=STATEMENT_TIMEOUT.total_seconds(),
            # Then the next caller starts over, instead of a back-off that grows to minutes.
            reconnect_timeout=2.0,
        )

    async def open(self) -> None:
        """Start connecting; a server that is away is no error yet."""
        await self._first.open(wait=False)
        await self._others.open(wait=False)

    async def close(self) -> None:
        """End all connections."""
        await self._first.close()
        await self._others.close()

    @property
    def use(self) -> PoolUse:
        """How many connections there are, and are not at work."""
        first, others = self._first.get_stats(), self._others.get_stats()
        size, idle, waiting = (
            first.get(name, 0) + others.get(name, 0)
            for name in ("pool_size", "pool_available", "requests_waiting")
        )
        return PoolUse(size, idle, waiting)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        if not self._first_is_free:
            async with self._others.connection() as connection:
                yield connection
            return
        self._first_is_free = False
        try:
            async with self._first.connection() as connection:
                yield connection
        finally:
            self._first_is_free = True

    async def _prepare(self, connection: Connection) -> None:
        # Tables that are not there yet, or are of another version, are told by the real calls.
        with suppress(psycopg.ProgrammingError):
            for definition in self._functions:
                await connection.execute(definition.encode())
            for each in self._rehearsal:
                await _run(connection, [each])

    async def run(self, *steps: Step, heard: Heard | None = None) -> list[list[Row]]:
        """Run the statements as one transaction in one round trip; return each one's rows.

        `heard` is told the rows before they are committed, which takes a second round trip.
        The transaction is repeated after a deadlock or a lost connection, so it must have,
        repeated, the effect of one. Raises StoreUnavailableError.
        """
        async with _translated(_DEADLINE_S):
            for _ in range(self._size + 1):
                async with self._connection() as connection:
                    try:
                        if heard is None:
                            return await _run(connection, steps)
                        return await _run_telling(connection, steps, heard)
                    except errors.UniqueViolation as error:
                        if error.diag.constraint_name not in _REPEATED_CLAIM:
                            raise
                    except psycopg.OperationalError as error:
                        # After a restart each connection of the pool is found dead once.
                        if not (connection.closed or isinstance(error, _REPEATABLE)):
                            raise
            message = "PostgreSQL refused the same transaction several times."
            raise StoreUnavailableError(message)

    @asynccontextmanager
    async def bulk(self) -> AsyncIterator[Connection]:
        """A transaction that may take up to a minute. Raises StoreUnavailableError."""
        limit = str(BULK_TIMEOUT // timedelta(milliseconds=1))
        async with (
            _translated(BULK_TIMEOUT.total_seconds()),
            self._connection() as connection,
            connection.transaction(),
        ):
            await connection.execute("SELECT set_config('statement_timeout', $1, TRUE)", [limit])
            yield connection

    async def aside(self, asked: Step) -> list[Row]:
        """Run one statement beside the calls, whose warm connection is left to them.

        Raises StoreUnavailableError.
        """
        async with _translated(_DEADLINE_S), self._others.connection() as connection:
            return (await _run(connection, [asked]))[0]

    async def listen(self, channel: str) -> AsyncIterator[str]:
        """Yield the payloads of a channel until the connection is lost, then return."""
        async with listening(self._url, channel) as payloads:
            if payloads is not None:
                async for payload in payloads:
                    yield payload


@asynccontextmanager
async def listening(url: str, channel: str) -> AsyncIterator[AsyncIterator[str] | None]:
    """Listen to a channel; give its payloads, which end with the connection. None: no server.

    What is committed from the beginning of the block on is heard.
    """
    connection = await _listener(url, channel)
    try:
        yield None if connection is None else _payloads(connection)
    finally:
        if connection is not None:
            await connection.close()


async def _listener(url: str, channel: str) -> psycopg.AsyncConnection[Any] | None:
    with suppress(psycopg.OperationalError):
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, **CONNECTION)
        try:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        except psycopg.OperationalError:
            await connection.close()
            raise
        return connection
    return None


async def _payloads(connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[str]:
    with suppress(psycopg.OperationalError):
        async for notice in connection.notifies():
            yield notice.payload


@asynccontextmanager
async def _translated(deadline_s: float) -> AsyncIterator[None]:
    """Give up after the deadline, and raise our words for what PostgreSQL or the network says."""
    try:
        # The outer limit cuts the cancelling short, which closes the connection.
        async with asyncio.timeout(deadline_s + _CANCEL_S), asyncio.timeout(deadline_s):
            yield
    except psycopg.IntegrityError as error:
        message = f"PostgreSQL refused a write that breaks {error.diag.constraint_name}."
        raise InvariantError(message) from error
    except _AWAY as error:
        message = f"PostgreSQL does not answer ({type(error).__name__}): {error}"
        raise StoreUnavailableError(message) from error


async def _run(connection: Connection, steps: Sequence[Step]) -> list[list[Row]]:
    if len(steps) == 1:
        cursor = await connection.execute(steps[0].query, steps[0].values, prepare=True)
        return [await cursor.fetchall() if cursor.description else []]
    # Between two synchronisation points a pipeline is one transaction: no BEGIN is sent.
    async with connection.pipeline():
        cursors = [await connection.execute(s.query, s.values, prepare=True) for s in steps]
    return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]


async def _run_telling(
    connection: Connection, steps: Sequence[Step], heard: Heard
) -> list[list[Row]]:
    async with connection.pipeline(), connection.transaction():
        cursors = [await connection.execute(s.query, s.values, prepare=True) for s in steps]
        rows = [await cursor.fetchall() for cursor in cursors]
        heard(rows)
    return rows
