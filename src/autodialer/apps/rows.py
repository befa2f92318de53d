"""What a hand-written statement reads, for pages and programs that ask too often for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping


def rows(app: str, name: str, values: Mapping[str, Any]) -> list[Any]:
    """Return the rows that a statement of an app reads, each with the names of its columns."""
    # Of our own backend (`config/postgresql`).
    with connection.statement_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement(app, name), values)
        found: list[Any] = cursor.fetchall()
        return found
