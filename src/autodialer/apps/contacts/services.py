"""Writes to the address book: lists, imports and the do-not-call registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection, transaction

from autodialer.apps.contacts import queries
from autodialer.apps.contacts.columns import find_columns
from autodialer.apps.contacts.csv_file import open_csv
from autodialer.apps.contacts.csv_import import (
    GoodRow,
    NothingToImportError,
    RejectedRow,
    check_rows,
)
from autodialer.apps.contacts.models import ContactList, DndEntry
from autodialer.apps.contacts.numbers import parse_caller_id
from autodialer.apps.contacts.problems import FileError
from autodialer.apps.statements import statement
from autodialer.apps.texts import clean_name
from autodialer.domain.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.models import Account, User


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a file. `imported` + `duplicates` + the rejected rows are its rows."""

    list_id: int
    imported: int
    duplicates: int
    rejected: tuple[RejectedRow, ...]
    headings: tuple[str, ...]
    has_header: bool
    number_column: str
    encoding: str
    separator: str


@transaction.atomic(durable=True)
def create_list(
    *, account: Account, name: str, now: datetime, created_by: User | None = None
) -> ContactList:
    """Make an empty list. Raises ConflictError when the name is taken."""
    return _new_list(account, name, now, created_by)


@transaction.atomic(durable=True)
def import_list(
    *,
    account: Account,
    name: str,
    data: bytes,
    now: datetime,
    number_column: str | None = None,
    created_by: User | None = None,
) -> ImportResult:
    """Make a list of the rows of a CSV file that can be dialled; all of them or nothing at all.

    Known numbers update their contact. Rows with errors are left out and returned. Raises
    FileError when the file cannot be read, NothingToImportError when no row is good, and
    ConflictError when the name is taken.
    """
    file = open_csv(data)
    columns = find_columns(file, account.region, number_column)
    made = _new_list(account, name, now, created_by)
    ours = queries.own_numbers(account)
    rejected: list[RejectedRow] = []
    rows = check_rows(file, columns, account.region, ours)
    accepted = _copy(_good_rows(rows, rejected))
    if not accepted:
        if not rejected:
            raise FileError("file_no_rows")
        raise NothingToImportError(rejected, columns.headings)
    imported = _save(account, made, now, created_by)
    return ImportResult(
        list_id=made.pk,
        imported=imported,
        duplicates=accepted - imported,
        rejected=tuple(rejected),
        headings=columns.headings,
        has_header=columns.has_header,
        number_column=columns.headings[columns.number],
        encoding=file.encoding,
        separator=file.separator,
    )


@transaction.atomic(durable=True)
def add_dnd_numbers(
    *, account: Account, numbers: Sequence[str], now: datetime, added_by: User | None = None
) -> int:
    """Forbid calls to these numbers from this instant on; return how many were new.

    All or nothing: raises NumberError for the first text that is no telephone number.
    """
    entries = [
        DndEntry(account=account, e164=e164, added_by=added_by, added_at=now)
        for e164 in sorted({parse_caller_id(number, account.region) for number in numbers})
    ]
    before = DndEntry.objects.filter(account=account).count()
    DndEntry.objects.bulk_create(entries, ignore_conflicts=True)
    return DndEntry.objects.filter(account=account).count() - before


@transaction.atomic(durable=True)
def remove_dnd_numbers(*, account: Account, numbers: Sequence[str]) -> int:
    """Allow calls to these numbers again; return how many were on the registry."""
    wanted = {parse_caller_id(number, account.region) for number in numbers}
    removed, _ = DndEntry.objects.filter(account=account, e164__in=wanted).delete()
    return removed


def _new_list(account: Account, name: str, now: datetime, created_by: User | None) -> ContactList:
    cleaned = clean_name(name)
    made, is_new = ContactList.objects.get_or_create(
        account=account, name=cleaned, defaults={"created_at": now, "created_by": created_by}
    )
    if not is_new:
        raise ConflictError(f"There is a list called {cleaned!r} already: choose another name.")
    return made


def _good_rows(
    rows: Iterable[GoodRow | RejectedRow], rejected: list[RejectedRow]
) -> Iterator[GoodRow]:
    for row in rows:
        if isinstance(row, GoodRow):
            yield row
        else:
            rejected.append(row)


def _copy(rows: Iterable[GoodRow]) -> int:
    """Stream the rows into the transaction's private table; return how many there were."""
    count = 0
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.import_row")
        cursor.execute(statement("contacts", "import_table"))
        with cursor.copy(statement("contacts", "import_copy")) as copy:
            for row in rows:
                count += 1
                copy.write_row((row.line, row.e164, *row.known, row.others))
    return count


def _save(account: Account, made: ContactList, now: datetime, created_by: User | None) -> int:
    values = {
        "account_id": account.pk,
        "list_id": made.pk,
        "user_id": created_by.pk if created_by else None,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("contacts", "import_save"), values)
        return int(cursor.rowcount)
