"""Rows on their way into the address book: checked, but seen by nobody until they are saved."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import connection

from autodialer.apps.accounts.models import Role
from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from autodialer.apps.accounts.models import Account, User
    from autodialer.apps.contacts.models import ContactList

KNOWN_FIELDS: Final = ("first_name", "last_name", "company", "email", "tag")


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A contact to be; `known` follows KNOWN_FIELDS, `others` is a JSON object."""

    line: int
    e164: str
    known: tuple[str, ...]
    others: str
    raw: str

    @property
    def is_fixed(self) -> bool:
        """Whether the number was written with more or less than its digits."""
        return not self.e164.endswith(self.raw.removeprefix("+"))


def transaction_id() -> str:
    """Return the `xmin` of what the present transaction writes, `@`, and the database cluster."""
    with connection.cursor() as cursor:
        cursor.execute(statement("contacts", "transaction_id"))
        return str(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class Outlook:
    """What saving would do, in distinct numbers.

    `fixed` were written oddly, `known` stand in the address book already, `members` in the list
    that they would join, `forbidden` on the do-not-call registry.
    """

    numbers: int = 0
    fixed: int = 0
    known: int = 0
    members: int = 0
    forbidden: int = 0


class Staging:
    """A table that only this connection sees; it vanishes with the connection."""

    def add(self, rows: Iterable[StagedRow]) -> None:
        """Stream rows in; may be called again and again."""
        copy_rows = statement("contacts", "import_copy")
        with connection.cursor() as cursor, cursor.copy(copy_rows) as copy:
            for row in rows:
                copy.write_row((row.line, row.e164, *row.known, row.others, row.is_fixed))

    def outlook(self, account: Account, list_id: int | None) -> Outlook:
        """Return what saving into this list, or into a new one, would do."""
        values = {"account_id": account.pk, "list_id": list_id}
        with connection.cursor() as cursor:
            cursor.execute(statement("contacts", "import_outlook"), values)
            return Outlook(*cursor.fetchone())

    def save(self, contact_list: ContactList, now: datetime, by: User | None) -> int:
        """Put the rows into the address book and at the end of the list; return how many joined.

        The first row of a number counts. An agent's rows change no contact of somebody else.
        Call it in the transaction that makes or locks the list.
        """
        values = {
            "account_id": contact_list.account_id,
            "list_id": contact_list.pk,
            "user_id": by.pk if by else None,
            "now": now,
        }
        with connection.cursor() as cursor:
            if by is not None and by.role == Role.AGENT:
                cursor.execute(statement("contacts", "import_respect_others"), values)
            cursor.execute(statement("contacts", "import_save"), values)
            return int(cursor.rowcount)


@contextmanager
def staging() -> Iterator[Staging]:
    """Yield an empty staging table. One at a time in a connection."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.import_row")
        cursor.execute(statement("contacts", "import_table"))
    yield Staging()
    with connection.cursor() as cursor:  # after an error the connection ends, or the next one drops
        cursor.execute("DROP TABLE pg_temp.import_row")
