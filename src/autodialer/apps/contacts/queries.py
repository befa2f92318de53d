"""What pages and commands read of the address book; the account comes first."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from django.db import connection
from django.db.models import Count, Q

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.contacts.access import visible_contacts, visible_lists
from autodialer.apps.contacts.models import DndEntry, ListMember
from autodialer.apps.statements import statement
from autodialer.apps.texts import storable
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.models import Contact

PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list as a table shows it."""

    id: int
    name: str
    contacts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact with the fields of its own."""

    id: int
    e164: str
    first_name: str
    last_name: str
    company: str
    email: str
    tag: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A contact and its place in a list."""

    seq: int
    contact: ContactRow


@dataclass(frozen=True, slots=True)
class DndRow:
    """A number that must not be called."""

    e164: str
    added_at: datetime


def list_rows(account: Account, actor: Actor = OPERATOR) -> list[ListRow]:
    """Return the lists of the account, newest first; for an agent their own."""
    lists = visible_lists(account, actor).annotate(contacts=Count("members"))
    return [
        ListRow(found.pk, found.name, found.contacts, found.created_at)
        for found in lists.order_by("-created_at", "-pk")
    ]


def member_rows(
    account: Account, actor: Actor, list_id: int, *, after_seq: int = 0, limit: int = PAGE
) -> list[MemberRow]:
    """Return the contacts of a list in its order, from a place on. Raises NotFoundError."""
    if not visible_lists(account, actor).filter(pk=list_id).exists():
        raise no_such_list(list_id)
    members = ListMember.objects.filter(contact_list=list_id, seq__gt=after_seq)
    in_order = members.select_related("contact").order_by("seq", "pk")[:limit]
    return [MemberRow(member.seq, _row(member.contact)) for member in in_order]


def contact_rows(
    account: Account, actor: Actor, *, search: str = "", after_id: int = 0, limit: int = PAGE
) -> list[ContactRow]:
    """Return contacts by id, from one on; for an agent their own.

    `search` is a part of the number, a name, the company, the e-mail address or the tag.
    """
    found = visible_contacts(account, actor).filter(pk__gt=after_id)
    text = search.strip()
    if not storable(text):  # then it stands nowhere
        return []
    if text:
        anywhere = Q(e164__contains=text.replace(" ", ""))
        for name in ("first_name", "last_name", "company", "email", "tag"):
            anywhere |= Q(**{f"{name}__icontains": text})
        found = found.filter(anywhere)
    return [_row(one) for one in found.order_by("pk")[:limit]]


def contact(account: Account, actor: Actor, contact_id: int) -> Contact:
    """Return a contact. Raises NotFoundError, also for an agent who did not make it."""
    found = visible_contacts(account, actor).filter(pk=contact_id).first()
    if found is None:
        raise _no_such_contact(contact_id)
    return found


def contact_row(account: Account, actor: Actor, contact_id: int) -> ContactRow:
    """Return a contact for showing. Raises NotFoundError as `contact` does."""
    return _row(contact(account, actor, contact_id))


def require_contacts(account: Account, actor: Actor, ids: Sequence[int]) -> None:
    """Raise NotFoundError unless the actor may see all of these contacts."""
    wanted = set(ids)
    seen = set(visible_contacts(account, actor).filter(pk__in=wanted).values_list("pk", flat=True))
    if wanted - seen:
        raise _no_such_contact(min(wanted - seen))


def dnd_rows(account: Account, *, search: str = "", limit: int = 1_000) -> list[DndRow]:
    """Return the do-not-call registry, newest first; `search` is a part of a number."""
    if not storable(search):
        return []
    entries = DndEntry.objects.filter(account=account, e164__contains=search.strip())
    return [
        DndRow(entry.e164, entry.added_at) for entry in entries.order_by("-added_at", "-pk")[:limit]
    ]


def own_numbers(account: Account) -> frozenset[str]:
    """Return the account's caller ids and its agents' phones: never to be dialled as targets."""
    with connection.cursor() as cursor:
        cursor.execute(statement("contacts", "own_numbers"), {"account_id": account.pk})
        return frozenset(e164 for (e164,) in cursor.fetchall())


def no_such_list(wanted: int | str) -> NotFoundError:
    """Return the error for a list that is not there, or not for this actor."""
    return NotFoundError(f"There is no list {wanted!r}: see `autodialer list list`.")


def _no_such_contact(contact_id: int) -> NotFoundError:
    return NotFoundError(f"There is no contact {contact_id}: see `autodialer contact list`.")


def _row(found: Contact) -> ContactRow:
    return ContactRow(
        id=found.pk,
        e164=found.e164,
        first_name=found.first_name,
        last_name=found.last_name,
        company=found.company,
        email=found.email,
        tag=found.tag,
        fields=MappingProxyType(found.fields),
    )
