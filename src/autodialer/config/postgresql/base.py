"""Django's connection to PostgreSQL: a cheap look at its health, and statements planned once."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any, Self

from django.db.backends.postgresql import base, operations
from psycopg import ClientCursor, Cursor
from psycopg.pq import Format
from psycopg.rows import namedtuple_row

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper
    from psycopg.abc import Params


class _PlansAnew(Cursor[Any]):
    """A cursor whose statements are planned for their values, each time."""

    def execute(  # type: ignore[override]  # statements are text
        self, query: str, params: Params | None = None, **options: Any
    ) -> Self:
        """Run a statement."""
        return super().execute(query, params, **{**options, "prepare": False})


class DatabaseOperations(operations.DatabaseOperations):
    """What Django knows of PostgreSQL, and of statements whose values the server puts in."""

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """Return what was asked, for logs of queries."""
        if isinstance(cursor, ClientCursor):
            return super().last_executed_query(cursor, sql, params)
        return str(self.compose_sql(sql, params))


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of which an end is noticed before the next request uses it."""

    ops_class = DatabaseOperations

    def is_usable(self) -> bool:
        """Return whether the server has kept the connection open and said nothing meanwhile.

        Between two queries there is nothing to read but a farewell or the end of the connection.
        Django's own way is a query before the first one of each request.
        """
        if self.connection is None or self.connection.closed:
            return False
        line = select.poll()
        line.register(self.connection.fileno(), select.POLLIN)
        return not line.poll(0)

    def statement_cursor(self, *, is_planned_anew: bool = False) -> CursorWrapper:
        """Return a cursor for hand-written statements, whose rows have the names of the columns.

        A statement that comes again is planned once for a connection, where Django has each one
        planned anew; planning takes several times as long as running them. Rows come in binary,
        which is read at C speed; JSON as what it stands for, not as text.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            kind: type[Cursor[Any]] = _PlansAnew if is_planned_anew else Cursor
            cursor = kind(self.connection, row_factory=namedtuple_row)
            cursor.format = Format.BINARY
            # As Django's own `_cursor` does.
            made: CursorWrapper = self._prepare_cursor(cursor)  # type: ignore[attr-defined]
            return made
