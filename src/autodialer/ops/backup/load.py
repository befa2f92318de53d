"""Restoring a backup: all of it in one transaction, and nothing of it calls anybody.

The tables are made by our own migrations, never by the file: it holds rows, and rows only.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction
from psycopg import errors, sql

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.everyone import record_for_all
from autodialer.apps.accounts.models import Account
from autodialer.apps.audit.services import Subject
from autodialer.apps.campaigns.services import pause_restored
from autodialer.ops.backup import tables
from autodialer.ops.backup.settle import end_what_was_live, take_nodes
from autodialer.ops.errors import BackupVersionError, RestoreRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import psycopg

    from autodialer.ops.backup.archive import Reader

# Pages and workers that still hold a table are asked to be stopped, not waited for.
_PATIENCE: Final = "SET LOCAL lock_timeout = '10s'"
# No dialer takes a node between our look and our end: one that is about to is waited for.
_KEEP_DIALERS_OUT: Final = "LOCK TABLE calls_node IN EXCLUSIVE MODE"
_HOLDERS: Final = (
    "SELECT name FROM calls_node WHERE holder <> '' AND lease_until > %s ORDER BY name"
)
_EPOCHS: Final = "SELECT epoch FROM calls_node UNION ALL SELECT 0"
# Numbers that were given out, here or before the backup, are not given out again.
_GO_ON: Final = """
SELECT setval(quote_ident(sequencename)::regclass, greatest(last_value, %s))
  FROM pg_sequences WHERE schemaname = current_schema() AND sequencename = %s
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back, and what it stopped."""

    made_at: datetime
    rows: int
    recordings: int
    campaigns_paused: int
    sessions_ended: int
    calls_ended: int


def restore(backup: Reader, recordings: Path, now: datetime, *, replace: bool = False) -> Restored:
    """Put the rows and recordings of a verified backup here; all of it, or nothing.

    Only into an empty database unless `replace`, and while no dialer drives a node. Afterwards
    every campaign that ran or waited is paused. Raises RestoreRefusedError, BackupVersionError.
    """
    made_at = datetime.fromisoformat(backup.manifest["made_at"])
    with _files_placed(backup, recordings) as placed, _refusing_busy_tables(), _alone() as raw:
        _check_version(backup, raw)
        raw.execute(_KEEP_DIALERS_OUT)
        _check_place(raw, now, replace=replace)
        above = max(epoch for (epoch,) in raw.execute(_EPOCHS))
        rows = _fill(backup, raw)
        nodes = take_nodes(above)
        ended = end_what_was_live(nodes, made_at)
        paused = pause_restored(actor=OPERATOR, now=now)
        backed_up = Subject("backup", made_at.isoformat())
        record_for_all(action="backup.restore", subject=backed_up, now=now)
    return Restored(made_at, rows, placed, paused, ended.sessions, ended.calls)


@contextmanager
def _alone() -> Iterator[psycopg.Connection[Any]]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        raw: psycopg.Connection[Any] = connection.connection
        yield raw


@contextmanager
def _refusing_busy_tables() -> Iterator[None]:
    try:
        yield
    except errors.LockNotAvailable as error:
        raise RestoreRefusedError(
            "Something works in this database: stop the pages, the workers and the dialers first."
        ) from error


def _check_version(backup: Reader, raw: psycopg.Connection[Any]) -> None:
    saved, here = set(backup.manifest["steps"]), set(tables.steps(raw))
    made_by = backup.manifest["version"]
    if saved - here:
        raise BackupVersionError(
            f"This backup was made by a newer version ({made_by}): install that one first."
        )
    if here - saved:
        raise BackupVersionError(
            f"This backup was made by an older version ({made_by}): restore it with that one, "
            "then upgrade."
        )
    expected = [(each["name"], tuple(each["columns"])) for each in backup.manifest["tables"]]
    if sorted(expected) != sorted((each.name, each.columns) for each in tables.saved_tables(raw)):
        raise BackupVersionError(
            f"The tables of this backup are not those of this version (it was made by {made_by})."
        )


def _check_place(raw: psycopg.Connection[Any], now: datetime, *, replace: bool) -> None:
    holders = [name for (name,) in raw.execute(_HOLDERS, [now])]
    if holders:
        raise RestoreRefusedError(
            f"A dialer drives {', '.join(holders)}: stop it, wait until its lease has ended "
            "(10 seconds), and restore then."
        )
    if not replace and Account.objects.exists():
        raise RestoreRefusedError(
            "This database is not empty: restore into a new one, or use --replace, which deletes "
            "everything that is here."
        )


def _fill(backup: Reader, raw: psycopg.Connection[Any]) -> int:
    """Put the rows in place of what is there; return how many."""
    everything = tables.all_tables(raw)
    # What triggers would write was saved too, and history is emptied only here.
    _triggers(raw, everything, "DISABLE")
    raw.execute(sql.SQL("TRUNCATE {}").format(tables.names(everything)))
    rows = {each["name"]: each["rows"] for each in backup.manifest["tables"]}
    for table in tables.saved_tables(raw):
        _fill_one(backup, raw, table, rows[table.name])
    for name, last in backup.manifest["sequences"].items():
        raw.execute(_GO_ON, [last, name])
    raw.execute("SET CONSTRAINTS ALL IMMEDIATE")
    _triggers(raw, everything, "ENABLE")
    return sum(rows.values())


def _fill_one(
    backup: Reader, raw: psycopg.Connection[Any], table: tables.Table, expected: int
) -> None:
    with raw.cursor() as cursor:
        with cursor.copy(table.copy("FROM STDIN")) as rows:
            for block in backup.blocks(f"tables/{table.name}"):
                rows.write(block)
        if cursor.rowcount != expected:
            raise BackupVersionError(
                f"{table.name} took {cursor.rowcount} rows instead of {expected}."
            )


def _triggers(raw: psycopg.Connection[Any], everything: Sequence[tables.Table], verb: str) -> None:
    for table in everything:
        statement = sql.SQL("ALTER TABLE {} {} TRIGGER USER")
        raw.execute(statement.format(sql.Identifier(table.name), sql.SQL(verb)))


@contextmanager
def _files_placed(backup: Reader, folder: Path) -> Iterator[int]:
    """Put the recordings into their folder, and take them away again if the block fails.

    A file that is there already is left as it is: its name is that of one call.
    """
    with ExitStack() as placed:
        for name in backup.names("recordings"):
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / name).exists():
                placed.callback((folder / name).unlink, missing_ok=True)
                _place(backup, name, folder)
        yield len(backup.names("recordings"))
        placed.pop_all()  # nothing failed: they stay


def _place(backup: Reader, name: str, folder: Path) -> None:
    """Put a recording into the folder: whole, or not under its name."""
    draft = folder / f".{name}.restored"
    draft.unlink(missing_ok=True)  # of a restore that was killed
    try:
        with draft.open("xb") as file:
            backup.extract(f"recordings/{name}", file)
        draft.rename(folder / name)
    finally:
        draft.unlink(missing_ok=True)
