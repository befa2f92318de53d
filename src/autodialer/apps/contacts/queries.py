"""What pages and commands read of the address book; the account comes first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts.access import visible_contacts, visible_lists
from autodialer.apps.contacts.models import Contact, DndEntry, ListMember
from autodialer.apps.statements import statement
from autodialer.apps.texts import storable
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.models import ContactList

PAGE: Final = 100
FEWEST: Final = 3  # digits that are taken for a part of a number


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list as a table shows it."""

    id: int
    name: str
    contacts: int
    created_at: datetime
    made_by: str


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
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A contact and its place in a list."""

    seq: int
    contact: ContactRow


@dataclass(frozen=True, slots=True)
class DndRow:
    """A number that must not be called, since when and why; `added_by` is empty for operators."""

    id: int
    e164: str
    added_at: datetime
    added_by: str
    reason: str


def list_rows(
    account: Account,
    actor: Actor = OPERATOR,
    *,
    search: str = "",
    offset: int = 0,
    limit: int | None = None,
) -> list[ListRow]:
    """Return lists whose name holds `search`, newest first; for an agent their own."""
    if not storable(search):
        return []
    found = visible_lists(account, actor).select_related("created_by")
    if search.strip():
        found = found.filter(name__icontains=search.strip())
    newest_first = found.order_by("-created_at", "-pk")
    end = None if limit is None else offset + limit
    return [list_row_of(one) for one in newest_first[offset:end]]


def list_row(
    account: Account,
    actor: Actor,
    list_id: int,
    permission: Permission = Permission.VIEW_LIST,
) -> ListRow:
    """Return a list with which the actor may do this. Raises NotFoundError, NotAllowedError."""
    lists = visible_lists(account, actor, permission).select_related("created_by")
    found = lists.filter(pk=list_id).first()
    if found is None:
        raise no_such_list(list_id)
    return list_row_of(found)


def list_facts(name: str) -> dict[str, object]:
    """Return what can be changed of a list: for the audit log, and for its version."""
    return {"name": name}


def forbidden_members(account: Account, list_id: int) -> int:
    """Return how many numbers of a list are on the do-not-call registry at this moment."""
    with connection.cursor() as cursor:
        values = {"account_id": account.pk, "list_id": list_id}
        cursor.execute(statement("contacts", "forbidden_members"), values)
        return int(cursor.fetchone()[0])


def campaigns_of_list(account: Account, list_id: int, since: datetime | None = None) -> int:
    """Return how many campaigns were made from a list: each has its own copy (R12)."""
    with connection.cursor() as cursor:
        values = {"account_id": account.pk, "list_id": list_id, "since": since}
        cursor.execute(statement("contacts", "campaigns_of_list"), values)
        return int(cursor.fetchone()[0])


def member_rows(
    account: Account, actor: Actor, list_id: int, *, after_seq: int = 0, limit: int = PAGE
) -> list[MemberRow]:
    """Return the contacts of a list in its order, from a place on. Raises NotFoundError."""
    if not visible_lists(account, actor).filter(pk=list_id).exists():
        raise no_such_list(list_id)
    members = ListMember.objects.filter(contact_list=list_id, seq__gt=after_seq)
    in_order = members.select_related("contact").order_by("seq", "pk")[:limit]
    return [MemberRow(member.seq, row_of(member.contact)) for member in in_order]


def member_page(
    account: Account, actor: Actor, list_id: int, *, search: str = "", offset: int, limit: int
) -> list[MemberRow]:
    """Return a part of a list in its order; `search` as for `contact_rows`.

    Raises NotFoundError.
    """
    list_row(account, actor, list_id)
    members = ListMember.objects.filter(contact_list=list_id).order_by("seq", "pk")
    wanted = holding(search, "contact__")
    if wanted is None:
        return []
    # The part is cut before its contacts are looked up: page 1,000 is as quick as page 1.
    part = members.filter(wanted).values("pk")[offset : offset + limit]
    found = members.filter(pk__in=part).select_related("contact")
    return [MemberRow(member.seq, row_of(member.contact)) for member in found]


def contact_rows(
    account: Account, actor: Actor, *, search: str = "", after_id: int = 0, limit: int = PAGE
) -> list[ContactRow]:
    """Return contacts by id, from one on; for an agent their own.

    `search` is a part of the number, a name, the company, the e-mail address or the tag.
    """
    wanted = holding(search)
    if wanted is None:
        return []
    found = visible_contacts(account, actor).filter(wanted, pk__gt=after_id)
    return [row_of(one) for one in found.order_by("pk")[:limit]]


def contact_page(
    account: Account,
    actor: Actor,
    *,
    search: str = "",
    outside_list: int | None = None,
    offset: int,
    limit: int,
) -> list[ContactRow]:
    """Return contacts, newest first; `search` as for `contact_rows`, `outside_list`: not in it."""
    wanted = holding(search)
    if wanted is None:
        return []
    found = visible_contacts(account, actor).filter(wanted)
    if outside_list is not None:
        placed = ListMember.objects.filter(contact_list=outside_list, contact=OuterRef("pk"))
        found = found.filter(~Exists(placed))
    return [row_of(one) for one in found.order_by("-pk")[offset : offset + limit]]


def lists_of_contact(account: Account, actor: Actor, contact_id: int) -> list[ListRow]:
    """Return the lists in which a contact stands, as far as the actor may see them."""
    found = visible_lists(account, actor).filter(members__contact=contact_id)
    return [list_row_of(one) for one in found.select_related("created_by").order_by("name")]


def contact(account: Account, actor: Actor, contact_id: int) -> Contact:
    """Return a contact. Raises NotFoundError, also for an agent who did not make it."""
    found = visible_contacts(account, actor).filter(pk=contact_id).first()
    if found is None:
        raise no_such_contact(contact_id)
    return found


def contact_facts(contact: Contact) -> dict[str, object]:
    """Return what the audit log keeps of a contact, and what its version stands for."""
    names = ("first_name", "last_name", "company", "email", "tag", "fields")
    return {"number": contact.e164, **{name: getattr(contact, name) for name in names}}


def contact_row(account: Account, actor: Actor, contact_id: int) -> ContactRow:
    """Return a contact for showing. Raises NotFoundError as `contact` does."""
    return row_of(contact(account, actor, contact_id))


def contact_by_number(account: Account, e164: str) -> dict[str, Any]:
    """Return what the address book knows of a number, as targets keep it; empty: nothing."""
    found = Contact.objects.filter(account=account, e164=e164).first()
    names = ("first_name", "last_name", "company", "email", "tag", "fields")
    return {name: getattr(found, name) for name in names} if found else {}


def is_forbidden(account: Account, e164: str) -> bool:
    """Return whether a number stands on the do-not-call registry at this moment."""
    return DndEntry.objects.filter(account=account, e164=e164).exists()


def contact_rows_of(account: Account, actor: Actor, ids: Sequence[int]) -> Mapping[int, ContactRow]:
    """Return these contacts by their ids, as far as the actor may see them; one query."""
    found = visible_contacts(account, actor).filter(pk__in=set(ids))
    return {one.pk: row_of(one) for one in found}


def require_contacts(account: Account, actor: Actor, ids: Sequence[int]) -> None:
    """Raise NotFoundError unless the actor may see all of these contacts."""
    wanted = set(ids)
    seen = set(visible_contacts(account, actor).filter(pk__in=wanted).values_list("pk", flat=True))
    if wanted - seen:
        raise no_such_contact(min(wanted - seen))


def places_of(account: Account, ids: Sequence[int]) -> int:
    """Return in how many lists of the account these contacts stand, all lists counted."""
    members = ListMember.objects.filter(contact_list__account=account, contact__in=ids)
    return members.values("contact_list").distinct().count()


def dnd_rows(
    account: Account, *, search: str = "", offset: int = 0, limit: int = 1_000
) -> list[DndRow]:
    """Return the do-not-call registry, newest first; `search` is a part of a number."""
    if not storable(search):
        return []
    entries = DndEntry.objects.filter(account=account).select_related("added_by")
    if search.strip():
        entries = entries.filter(e164__contains=in_number(search))
    newest_first = entries.order_by("-added_at", "-pk")[offset : offset + limit]
    return [dnd_row_of(one) for one in newest_first]


def dnd_row(account: Account, entry_id: int) -> DndRow:
    """Return one entry of the registry. Raises NotFoundError."""
    entries = DndEntry.objects.filter(account=account).select_related("added_by")
    found = entries.filter(pk=entry_id).first()
    if found is None:
        raise NotFoundError("This number is not on the registry: it may be called.")
    return dnd_row_of(found)


def dnd_count(account: Account) -> int:
    """Return how many numbers stand on the registry."""
    return DndEntry.objects.filter(account=account).count()


def own_numbers(account: Account) -> frozenset[str]:
    """Return the account's caller ids and its agents' phones: never to be dialled as targets."""
    with connection.cursor() as cursor:
        cursor.execute(statement("contacts", "own_numbers"), {"account_id": account.pk})
        return frozenset(e164 for (e164,) in cursor.fetchall())


def no_such_list(wanted: int | str) -> NotFoundError:
    """Return the error for a list that is not there, or not for this actor."""
    return NotFoundError(f"There is no list {wanted!r}: see `autodialer list list`.")


def no_such_contact(contact_id: int) -> NotFoundError:
    """Return the error for a contact that is not there, or not for this actor."""
    return NotFoundError(f"There is no contact {contact_id}: see `autodialer contact list`.")


def in_number(text: str) -> str:
    """Return the part of an E.164 number that is meant, however people write it."""
    digits = re.sub(r"[\s()./\-]", "", text).removeprefix("0")
    return digits if digits.isdecimal() and len(digits) >= FEWEST else text.replace(" ", "")


def holding(search: str, path: str = "") -> Q | None:
    """Return the condition that a contact holds the text; None when it can stand nowhere."""
    text = search.strip()
    if not storable(text):
        return None
    if not text:
        return Q()
    anywhere = Q(**{f"{path}e164__contains": in_number(text)})
    for name in ("first_name", "last_name", "company", "email", "tag"):
        anywhere |= Q(**{f"{path}{name}__icontains": text})
    return anywhere


def list_row_of(found: ContactList) -> ListRow:
    """Return a list whose maker is loaded as the row that is shown."""
    made_by = found.created_by.name if found.created_by else ""
    return ListRow(found.pk, found.name, found.size, found.created_at, made_by)


def dnd_row_of(found: DndEntry) -> DndRow:
    """Return an entry, with who added it loaded, as the row that is shown."""
    added_by = found.added_by.name if found.added_by else ""
    return DndRow(found.pk, found.e164, found.added_at, added_by, found.reason)


def row_of(found: Contact) -> ContactRow:
    """Return a contact as the row that is shown."""
    return ContactRow(
        id=found.pk,
        e164=found.e164,
        first_name=found.first_name,
        last_name=found.last_name,
        company=found.company,
        email=found.email,
        tag=found.tag,
        fields=MappingProxyType(found.fields),
        created_at=found.created_at,
    )
