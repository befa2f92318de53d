"""The address book from a count on, with totals: for clients that turn pages by offset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models.functions import Lower

from autodialer.apps.contacts.access import visible_contacts, visible_lists
from autodialer.apps.contacts.queries import (
    ContactRow,
    ListRow,
    list_row,
    list_row_of,
    member_page,
    row_of,
)
from autodialer.apps.texts import storable

if TYPE_CHECKING:
    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account


def lists_at(
    account: Account,
    actor: Actor,
    *,
    name: str,
    by_name: bool,
    down: bool,
    offset: int,
    limit: int,
) -> tuple[list[ListRow], int]:
    """Return a part of the lists whose name holds `name`, and how many there are of them."""
    if not storable(name):
        return [], 0
    found = visible_lists(account, actor).select_related("created_by")
    if name:
        found = found.filter(name__icontains=name)
    column = Lower("name") if by_name else "created_at"
    ordered = found.order_by(column, "pk")
    part = (ordered.reverse() if down else ordered)[offset : offset + limit]
    return [list_row_of(one) for one in part], found.count()


def contacts_at(
    account: Account, actor: Actor, *, offset: int, limit: int
) -> tuple[list[ContactRow], int]:
    """Return a part of the contacts, the oldest first, and how many there are."""
    found = visible_contacts(account, actor)
    part = found.order_by("pk")[offset : offset + limit]
    return [row_of(one) for one in part], found.count()


def members_at(
    account: Account, actor: Actor, list_id: int, *, offset: int, limit: int
) -> tuple[list[ContactRow], int]:
    """Return a part of a list in its order, and how many contacts it has. Raises NotFoundError."""
    rows = member_page(account, actor, list_id, offset=offset, limit=limit)
    return [row.contact for row in rows], list_row(account, actor, list_id).contacts
