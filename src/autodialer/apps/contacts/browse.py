"""The address book part by part, for programs that go through all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autodialer.apps import keyset
from autodialer.apps.contacts.access import sees_all, visible_contacts, visible_lists
from autodialer.apps.contacts.models import Contact, DndEntry, ListMember
from autodialer.apps.contacts.queries import (
    ContactRow,
    MemberRow,
    dnd_row_of,
    holding,
    in_number,
    list_row_of,
    no_such_list,
    row_of,
)
from autodialer.apps.rows import rows
from autodialer.apps.texts import storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.queries import DndRow, ListRow
    from autodialer.apps.keyset import Place

LIST_ORDER: Final = ("-created_at", "-id")
DND_ORDER: Final = ("-added_at", "-id")
MEMBER_ORDER: Final = ("seq",)  # no two members of a list have the same


def contacts_part(
    account: Account,
    actor: Actor,
    *,
    search: str = "",
    e164: str | None = None,
    order: Sequence[str] = keyset.NEWEST_FIRST,
    after: Place | None = None,
    limit: int,
) -> list[ContactRow]:
    """Return contacts after a place; `search` as for `contact_rows`, `e164` is the whole number."""
    if not search and e164 is None and order == keyset.NEWEST_FIRST and sees_all(actor):
        return _newest(account, after, limit)
    wanted = holding(search)
    if wanted is None:
        return []
    found = visible_contacts(account, actor).filter(wanted)
    if e164 is not None:
        found = found.filter(e164=e164)
    return [row_of(one) for one in keyset.part(found, order, after, limit)]


def _newest(account: Account, after: Place | None, limit: int) -> list[ContactRow]:
    """Return the contacts of the account after a place, as programs mostly read them."""
    (last,) = keyset.values_of(Contact, keyset.NEWEST_FIRST, after)
    values = {"account_id": account.pk, "id": last, "limit": limit}
    found = rows("contacts", "newest_contacts", values, is_planned_anew=True)
    return [ContactRow(*row) for row in found]


def lists_part(
    account: Account,
    actor: Actor,
    *,
    search: str = "",
    contact_id: int | None = None,
    order: Sequence[str] = LIST_ORDER,
    after: Place | None = None,
    limit: int,
) -> list[ListRow]:
    """Return lists after a place whose name holds `search`, or in which a contact stands."""
    if not storable(search):
        return []
    found = visible_lists(account, actor).select_related("created_by")
    if search.strip():
        found = found.filter(name__icontains=search.strip())
    if contact_id is not None:
        found = found.filter(members__contact=contact_id)
    return [list_row_of(one) for one in keyset.part(found, order, after, limit)]


def members_part(
    account: Account,
    actor: Actor,
    list_id: int,
    *,
    search: str = "",
    after: Place | None = None,
    limit: int,
) -> list[MemberRow]:
    """Return the contacts of a list in its order, after a place. Raises NotFoundError."""
    if not visible_lists(account, actor).filter(pk=list_id).exists():
        raise no_such_list(list_id)
    wanted = holding(search, "contact__")
    if wanted is None:
        return []
    members = ListMember.objects.filter(wanted, contact_list=list_id).select_related("contact")
    found = keyset.part(members, MEMBER_ORDER, after, limit)
    return [MemberRow(member.seq, row_of(member.contact)) for member in found]


def dnd_part(
    account: Account,
    *,
    search: str = "",
    e164: str | None = None,
    after: Place | None = None,
    limit: int,
) -> list[DndRow]:
    """Return the do-not-call registry after a place, newest first."""
    if not storable(search):
        return []
    entries = DndEntry.objects.filter(account=account).select_related("added_by")
    if search.strip():
        entries = entries.filter(e164__contains=in_number(search))
    if e164 is not None:
        entries = entries.filter(e164=e164)
    return [dnd_row_of(one) for one in keyset.part(entries, DND_ORDER, after, limit)]


def missing_contacts(account: Account, actor: Actor, ids: Sequence[int]) -> frozenset[int]:
    """Return which of these contacts the actor does not find."""
    seen = visible_contacts(account, actor).filter(pk__in=set(ids)).values_list("pk", flat=True)
    return frozenset(ids) - frozenset(seen)
