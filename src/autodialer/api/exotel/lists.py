"""Lists, and which contacts stand in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autodialer.api.exotel.clock import v2_time
from autodialer.api.exotel.contacts import contact_data
from autodialer.api.exotel.envelope import Item, Reply, page, several
from autodialer.api.exotel.reading import (
    json_body,
    only,
    parameters,
    required,
    span,
    text,
    unwrapped,
)
from autodialer.api.exotel.sids import no_such, number_of, sid_of
from autodialer.api.exotel.words import sorting
from autodialer.apps.contacts import offsets
from autodialer.apps.contacts.browse import missing_contacts
from autodialer.apps.contacts.queries import list_row
from autodialer.apps.contacts.services import (
    add_to_list,
    create_list,
    delete_list,
    remove_from_list,
    rename_list,
)
from autodialer.domain.errors import AutodialerError, NotFoundError

if TYPE_CHECKING:
    from autodialer.api.exotel.reading import Body
    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.queries import ListRow

KIND: Final = "list"
MOST: Final = 500
_COLUMNS: Final = ("date_created", "name")


def list_data(account: Account, row: ListRow) -> dict[str, Any]:
    """Return a list as clients read it. Tags are not kept."""
    created = v2_time(account, row.created_at)
    return {
        "sid": sid_of(row.id),
        "account_sid": sid_of(account.pk),
        "name": row.name,
        "tag": None,
        "contacts": row.contacts,
        "date_created": created,
        "date_updated": created,
    }


def create(request: ApiRequest) -> Reply:
    """Make lists; of each is said whether it could be made."""
    wanted = unwrapped(json_body(request), "lists")
    return several([_made(request, one) for one in wanted])


def _made(request: ApiRequest, wanted: Body) -> Item:
    try:
        made = create_list(
            account=request.account,
            name=required(wanted, "name"),
            now=request.now,
            actor=request.actor,
        )
    except AutodialerError as error:
        return Item.of_error(error)
    return _shown(request, made.pk)


def index(request: ApiRequest) -> Reply:
    """Show lists, the oldest first unless asked otherwise."""
    asked = parameters(request)
    offset, limit = span(asked, most=MOST)
    column, down = sorting(text(asked, "sort_by"), _COLUMNS, "date_created:asc")
    rows, total = offsets.lists_at(
        request.account,
        request.actor,
        name=text(asked, "name"),
        by_name=column == "name",
        down=down,
        offset=offset,
        limit=limit,
    )
    shown = [list_data(request.account, row) for row in rows]
    return page(shown, total=total, offset=offset, limit=limit)


def show(request: ApiRequest, sid: str) -> Reply:
    """Show one list."""
    return Reply([_shown(request, number_of(sid, KIND))])


def change(request: ApiRequest, sid: str) -> Reply:
    """Give a list another name."""
    wanted = only(json_body(request), "lists")
    return Reply([_renamed(request, sid, required(wanted, "name"))])


def change_several(request: ApiRequest) -> Reply:
    """Give lists other names; of each is said whether it could be done."""
    wanted = unwrapped(json_body(request), "lists")
    return several([_changed(request, one) for one in wanted])


def _changed(request: ApiRequest, wanted: Body) -> Item:
    try:
        return _renamed(request, required(wanted, "sid"), required(wanted, "name"))
    except AutodialerError as error:
        return Item.of_error(error)


def _renamed(request: ApiRequest, sid: str, name: str) -> Item:
    found = rename_list(
        account=request.account,
        list_id=number_of(sid, KIND),
        name=name,
        now=request.now,
        actor=request.actor,
    )
    return _shown(request, found.pk)


def delete(request: ApiRequest, sid: str) -> Reply:
    """Delete a list; its contacts stay, and campaigns keep their copy."""
    item = _shown(request, number_of(sid, KIND))
    delete_list(
        account=request.account,
        list_id=number_of(sid, KIND),
        now=request.now,
        actor=request.actor,
    )
    return Reply([item])


def members(request: ApiRequest, sid: str) -> Reply:
    """Show the contacts of a list in its order."""
    offset, limit = span(parameters(request), most=MOST)
    list_id = number_of(sid, KIND)
    rows, total = offsets.members_at(
        request.account, request.actor, list_id, offset=offset, limit=limit
    )
    shown = [contact_data(request.account, row) for row in rows]
    return page(shown, total=total, offset=offset, limit=limit)


def add_members(request: ApiRequest, sid: str) -> Reply:
    """Put contacts at the end of a list; of each is said whether it is there."""
    list_id = number_of(sid, KIND)
    list_row(request.account, request.actor, list_id)
    wanted = [_contact_of(one) for one in unwrapped(json_body(request), "contact_references")]
    ids = [one for one in wanted if isinstance(one, int)]
    absent = missing_contacts(request.account, request.actor, ids)
    there = [one for one in ids if one not in absent]
    if there:
        add_to_list(
            account=request.account,
            list_id=list_id,
            contact_ids=there,
            now=request.now,
            actor=request.actor,
        )
    return several([_placed(sid, one, absent) for one in wanted])


def _contact_of(reference: Body) -> int | AutodialerError:
    try:
        return number_of(required(reference, "contact_sid"), "contact")
    except AutodialerError as error:
        return error


def _placed(list_sid: str, contact: int | AutodialerError, absent: frozenset[int]) -> Item:
    if isinstance(contact, AutodialerError):
        return Item.of_error(contact)
    if contact in absent:
        return Item.of_error(no_such("contact", sid_of(contact)))
    return Item({"sid": sid_of(contact), "list_id": list_sid})


def remove_member(request: ApiRequest, sid: str, contact_sid: str) -> Reply:
    """Take a contact out of a list; the contact stays."""
    removed = remove_from_list(
        account=request.account,
        list_id=number_of(sid, KIND),
        contact_ids=[number_of(contact_sid, "contact")],
        now=request.now,
        actor=request.actor,
    )
    if not removed:
        raise NotFoundError(f"The contact {contact_sid!r} does not stand in this list.")
    return Reply([Item({"sid": contact_sid, "list_id": sid})])


def _shown(request: ApiRequest, list_id: int) -> Item:
    return Item(list_data(request.account, list_row(request.account, request.actor, list_id)))
