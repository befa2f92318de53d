"""What pages and commands read of the address book; the account comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Count

from autodialer.apps.contacts.models import ContactList, DndEntry
from autodialer.apps.statements import statement
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.apps.accounts.models import Account


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list as a table shows it."""

    id: int
    name: str
    contacts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DndRow:
    """A number that must not be called."""

    e164: str
    added_at: datetime


def list_rows(account: Account) -> list[ListRow]:
    """Return the lists of the account, newest first."""
    lists = ContactList.objects.filter(account=account).annotate(contacts=Count("members"))
    return [
        ListRow(found.pk, found.name, found.contacts, found.created_at)
        for found in lists.order_by("-created_at", "-pk")
    ]


def list_by_name(account: Account, name: str) -> ContactList:
    """Return the list with this name. Raises NotFoundError."""
    found = ContactList.objects.filter(account=account, name=name).first()
    if found is None:
        raise NotFoundError(f"There is no list called {name!r}: see `autodialer list list`.")
    return found


def dnd_rows(account: Account, *, limit: int = 1_000) -> list[DndRow]:
    """Return the do-not-call registry of the account, newest first."""
    entries = DndEntry.objects.filter(account=account).order_by("-added_at", "-pk")[:limit]
    return [DndRow(entry.e164, entry.added_at) for entry in entries]


def own_numbers(account: Account) -> frozenset[str]:
    """Return the account's caller ids and its agents' phones: never to be dialled as targets."""
    with connection.cursor() as cursor:
        cursor.execute(statement("contacts", "own_numbers"), {"account_id": account.pk})
        return frozenset(e164 for (e164,) in cursor.fetchall())
