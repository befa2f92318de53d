"""What a hand-written statement reads, for pages and programs that ask too often for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection
from psycopg.rows import namedtuple_row

from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping


def rows(app: str, name: str, values: Mapping[str, Any]) -> list[Any]:
    """Return the rows that a statement of an app reads, each with the names of its columns."""
    with connection.cursor() as cursor:
        cursor.cursor.row_factory = namedtuple_row
        cursor.execute(statement(app, name), values)
        found: list[Any] = cursor.fetchall()
        return found
