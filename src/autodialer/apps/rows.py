"""What a hand-written statement reads, for pages and programs that ask too often for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping


def rows(
    app: str, name: str, values: Mapping[str, Any], *, is_planned_anew: bool = False
) -> list[Any]:
    """Return the rows that a statement of an app reads, each with the names of its columns.

    It is planned once for a connection, whatever the values; `is_planned_anew`: each time, because
    what is best for an account with nearly all rows of a table is slow for the others.
    """
    # Of our own backend (`config/postgresql`).
    cursors: Any = connection
    with cursors.statement_cursor(is_planned_anew=is_planned_anew) as cursor:
        cursor.execute(statement(app, name), values)
        found: list[Any] = cursor.fetchall()
        return found
