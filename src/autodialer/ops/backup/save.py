"""Making a backup, while calls are made: every table as it was at one instant."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import IO, TYPE_CHECKING, Any, Final

from django.db import connection, transaction

from autodialer.ops.backup import tables
from autodialer.ops.backup.archive import PART, Seal, Writer, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    import psycopg

_BLOCK: Final = 1 << 20
# Calls that have ended: the file of one that goes on is not whole yet.
_RECORDINGS: Final = """
SELECT recording FROM calls_attempt
 WHERE state = 'ended' AND answered_at IS NOT NULL AND recording <> ''
 ORDER BY recording
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds: how many rows and recordings, and how many recordings were not there."""

    file: str
    made_at: datetime
    rows: int
    recordings: int
    missing_recordings: int
    bytes: int


def save(file: Path, seal: Seal, recordings: Path | None, now: datetime) -> Saved:
    """Write the backup `file`, with the recordings of that folder if one is given.

    Everything is of one instant, the beginning; calls that live go on meanwhile and are in it as
    live. The file is whole or is not there. Raises BackupExistsError.
    """
    with written(file, seal) as writer, transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        raw: psycopg.Connection[Any] = connection.connection
        rows = {each.name: _save_rows(raw, each, writer) for each in tables.saved_tables(raw)}
        kept, missing = 0, 0
        if recordings is not None:
            kept, missing = _save_recordings(raw, recordings, writer)
        writer.seal(_facts(raw, rows, now))
    return Saved(str(file), now, sum(rows.values()), kept, missing, file.stat().st_size)


def _facts(raw: psycopg.Connection[Any], rows: dict[str, int], now: datetime) -> dict[str, Any]:
    return {
        "version": _version(),
        "made_at": now.isoformat(),
        "steps": tables.steps(raw),
        "tables": [
            {"name": each.name, "columns": each.columns, "rows": rows[each.name]}
            for each in tables.saved_tables(raw)
        ],
        "sequences": tables.sequences(raw),
    }


def _version() -> str:
    with suppress(PackageNotFoundError):
        return version("autodialer")
    return "not installed"  # a checkout that is run as it is


def _save_rows(raw: psycopg.Connection[Any], table: tables.Table, writer: Writer) -> int:
    with raw.cursor() as cursor:
        with (
            writer.part(f"tables/{table.name}") as part,
            cursor.copy(table.copy("TO STDOUT")) as rows,
        ):
            for block in rows:
                part.write(block)
        return cursor.rowcount


def _save_recordings(raw: psycopg.Connection[Any], folder: Path, writer: Writer) -> tuple[int, int]:
    """Copy the files that the rows of this instant name; return how many are there, and are not."""
    wanted = [name for (name,) in raw.execute(_RECORDINGS)]
    kept = 0
    for name in wanted:
        if PART.fullmatch(f"recordings/{name}"):
            with suppress(FileNotFoundError), (folder / name).open("rb") as file:
                _save_file(file, f"recordings/{name}", writer)
                kept += 1
    return kept, len(wanted) - kept


def _save_file(file: IO[bytes], name: str, writer: Writer) -> None:
    with writer.part(name, compress=False) as part:  # speech hardly shrinks
        for block in _blocks(file):
            part.write(block)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
