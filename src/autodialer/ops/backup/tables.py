"""What of the database a backup holds: whose rows, in which order, and of which version."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

# Sign-ins end with the installation that they were made in, and what is only remembered for speed
# is asked again. A workbook's file is kept for a day, outside the database.
LEFT_OUT: Final = frozenset(
    {
        "django_session",
        "usersessions_usersession",
        "web_cache",
        "exports_export",
        "procrastinate_workers",
    }
)
VERSION_TABLE: Final = "django_migrations"

# Every table of ours with its columns; what PostgreSQL computes itself is left out.
_TABLES: Final = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attgenerated = ''
 GROUP BY c.relname
 ORDER BY c.relname
"""
# The keys that are looked at after each statement, not at the end of the transaction.
_KEYS: Final = """
SELECT conrelid::regclass::text, confrelid::regclass::text
  FROM pg_constraint
 WHERE contype = 'f' AND NOT condeferrable AND conrelid <> confrelid
   AND connamespace = current_schema()::regnamespace
"""
# How far the numbers of new rows have come.
_SEQUENCES: Final = """
SELECT sequencename::text, last_value FROM pg_sequences
 WHERE schemaname = current_schema() AND last_value IS NOT NULL
 ORDER BY sequencename
"""
# Which steps the tables have gone through.
_STEPS: Final = "SELECT app || '.' || name FROM django_migrations ORDER BY 1"


@dataclass(frozen=True, slots=True)
class Table:
    """A table and those of its columns that hold something."""

    name: str
    columns: tuple[str, ...]

    def copy(self, direction: str) -> sql.Composed:
        """Return the COPY of its rows, `TO STDOUT` or `FROM STDIN`."""
        return sql.SQL("COPY {} ({}) {}").format(
            sql.Identifier(self.name),
            sql.SQL(", ").join(map(sql.Identifier, self.columns)),
            sql.SQL(direction),
        )


def all_tables(connection: psycopg.Connection[Any]) -> list[Table]:
    """Return every table but that of the version, each after those that it points to."""
    found = {name: tuple(columns) for name, columns in connection.execute(_TABLES)}
    found.pop(VERSION_TABLE, None)
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(found, ()))
    for table, target in connection.execute(_KEYS):
        order.add(table, target)
    return [Table(name, found[name]) for name in order.static_order() if name in found]


def saved_tables(connection: psycopg.Connection[Any]) -> list[Table]:
    """Return the tables whose rows a backup holds, in the order in which they can be filled."""
    return [table for table in all_tables(connection) if table.name not in LEFT_OUT]


def steps(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the migrations that the tables have gone through."""
    return [name for (name,) in connection.execute(_STEPS)]


def sequences(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the last number that each sequence has given out."""
    return dict(connection.execute(_SEQUENCES).fetchall())


def names(tables: Sequence[Table]) -> sql.Composed:
    """Return the names of tables as a statement lists them."""
    return sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
