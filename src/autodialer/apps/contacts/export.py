"""A list as a spreadsheet that becomes the same list when it is imported again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import connection

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.contacts.queries import list_row
from autodialer.apps.sheets import Section, distinct
from autodialer.apps.spreadsheet import shield
from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.sheets import Value

COLUMNS: Final = ("number", "first_name", "last_name", "company", "email", "tag")
ROWS_AT_ONCE: Final = 2_000


def export_list(account: Account, actor: Actor, list_id: int, now: datetime) -> Section:
    """Return the contacts of a list in its order, with a column for each field of their own.

    Leaves an entry in the audit log, and raises, as `note_export` does.
    """
    note_export(account, actor, list_id, now)
    return contacts_of(list_id)


def note_export(account: Account, actor: Actor, list_id: int, now: datetime) -> None:
    """Note that a copy of a list leaves the house. Raises NotFoundError, NotAllowedError."""
    found = list_row(account, actor, list_id, Permission.EXPORT_CONTACTS)
    record(
        account=account,
        actor=actor,
        action="list.export",
        subject=Subject("list", found.id),
        after={"name": found.name, "contacts": found.contacts},
        now=now,
    )


def contacts_of(list_id: int) -> Section:
    """Return the contacts of a list as `export_list` does, for those who have asked whose it is."""
    own = [heading for (heading,) in _rows("export_fields", list_id)]
    return Section("contacts", distinct((*COLUMNS, *own)), _members(list_id, own))


def for_workbook(section: Section) -> Section:
    """Return the table so that a workbook of it is imported unchanged.

    A text that looks shielded gets one more "'", which the import takes away.
    """
    columns = [str(_kept(heading)) for heading in section.columns]
    rows = ([_kept(value) for value in row] for row in section.rows)
    return Section(section.name, columns, rows)


def _kept(value: Value) -> Value:
    return shield(value) if isinstance(value, str) and value.startswith("'") else value


def _members(list_id: int, own: Sequence[str]) -> Iterator[Sequence[Value]]:
    for *known, stored in _rows("export_members", list_id):
        fields = orjson.loads(stored)
        yield (*known, *(fields.get(heading, "") for heading in own))


def _rows(name: str, list_id: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement from a cursor on the server: few are here at a time."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement("contacts", name), {"list_id": list_id})
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows
