"""Contacts that come many at a time: all are checked before one of them is saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from django.db import connection

from autodialer.apps.contacts.numbers import NumberError, parse_number
from autodialer.apps.contacts.person import NOBODY
from autodialer.apps.contacts.queries import own_numbers
from autodialer.apps.statements import statement
from autodialer.domain.errors import Complaints

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.models import Account, User
    from autodialer.apps.contacts.person import Person

MOST_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact to be: its number as it was written, and who that is."""

    number: str
    person: Person = NOBODY


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one contact of many; `is_new` is False for a number that was known."""

    id: int
    e164: str
    is_new: bool


def callable_number(account: Account, number: str, ours: frozenset[str] | None = None) -> str:
    """Return the E.164 form of a number that the account may dial; `ours` are `own_numbers`.

    Raises NumberError.
    """
    e164 = parse_number(number, account.region)
    if e164 in (own_numbers(account) if ours is None else ours):
        raise NumberError(
            "number_is_ours",
            "This is a caller id or an agent's phone of this account: we would call ourselves.",
        )
    return e164


def check_contact(
    account: Account, one: NewContact, ours: frozenset[str] | None = None
) -> dict[str, object]:
    """Return the values of a contact as they are stored. Raises InvalidInputError."""
    values: dict[str, object] = {}
    complaints = Complaints()
    with complaints.at():
        values["e164"] = callable_number(account, one.number, ours)
    with complaints.at():
        values |= one.person.changes()
    complaints.check()
    return values


def check_contacts(
    account: Account, given: Sequence[NewContact], where: str = "contacts"
) -> list[dict[str, object]]:
    """Return the values of each contact as they are stored, in order.

    Raises InvalidInputError, which names every value that cannot be kept; `where` begins its place.
    """
    ours = own_numbers(account)
    found: list[dict[str, object]] = []
    complaints = Complaints()
    for at, one in enumerate(given):
        with complaints.at(f"{where}/{at}/"):
            found.append(check_contact(account, one, ours))
    complaints.check()
    return found


def save_contacts(
    account: Account,
    contacts: Iterable[Mapping[str, object]],
    now: datetime,
    *,
    by: User | None,
    owner: User | None = None,
) -> dict[str, Saved]:
    """Put checked contacts into the address book, in the caller's transaction; return by number.

    A known number is updated, and no value is wiped out; with an `owner` only their contacts are.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            statement("contacts", "save_contacts"),
            {
                "account_id": account.pk,
                "contacts": orjson.dumps(list(contacts)).decode(),
                "user_id": by.pk if by else None,
                "owner_id": owner.pk if owner else None,
                "now": now,
            },
        )
        return {e164: Saved(pk, e164, is_new) for pk, e164, is_new in cursor.fetchall()}
