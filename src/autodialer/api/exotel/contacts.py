"""Contacts: one a number, made or changed many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autodialer.api.exotel.clock import v2_time
from autodialer.api.exotel.envelope import Item, Reply, page, several
from autodialer.api.exotel.reading import (
    json_body,
    only,
    optional,
    parameters,
    required,
    section,
    span,
    text,
    unwrapped,
)
from autodialer.api.exotel.sids import number_of, sid_of
from autodialer.apps.contacts import offsets
from autodialer.apps.contacts.batch import NewContact
from autodialer.apps.contacts.person import Person
from autodialer.apps.contacts.queries import contact_row, contact_rows_of
from autodialer.apps.contacts.services import add_contacts, delete_contacts, edit_contact
from autodialer.domain.errors import AutodialerError, InvalidInputError, ManyInvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.api.exotel.reading import Body
    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.queries import ContactRow

KIND: Final = "contact"
MOST: Final = 500


def contact_data(account: Account, row: ContactRow) -> dict[str, Any]:
    """Return a contact as clients read it. When it was changed last is not kept."""
    created = v2_time(account, row.created_at)
    return {
        "sid": sid_of(row.id),
        "account_sid": sid_of(account.pk),
        "number": row.e164,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "company_name": row.company,
        "email": row.email,
        "tag": row.tag,
        "custom": dict(row.fields),
        "date_created": created,
        "date_updated": created,
    }


def create(request: ApiRequest) -> Reply:
    """Make contacts; a known number is changed. Of each is said whether it could be done."""
    wanted = unwrapped(json_body(request), "contacts")
    items: dict[int, Item] = {}
    good: dict[int, NewContact] = {}
    for at, one in enumerate(wanted):
        try:
            good[at] = NewContact(required(one, "number"), person_of(one))
        except InvalidInputError as error:
            items[at] = Item.of_error(error)
    items |= _saved(request, good)
    return several([items[at] for at in range(len(wanted))])


def _saved(request: ApiRequest, wanted: Mapping[int, NewContact]) -> dict[int, Item]:
    """Save the contacts that can be saved, and return what became of each by its place."""
    places = list(wanted)
    if not places:
        return {}
    try:
        saved = add_contacts(
            account=request.account,
            contacts=list(wanted.values()),
            now=request.now,
            actor=request.actor,
        )
    except ManyInvalidError as refused:
        bad = {places[at]: Item.of_error(error) for at, error in _by_place(refused).items()}
        return bad | _saved(request, {at: wanted[at] for at in places if at not in bad})
    rows = contact_rows_of(request.account, request.actor, [one.id for one in saved])
    return {
        at: Item(contact_data(request.account, rows[one.id]))
        for at, one in zip(places, saved, strict=True)
    }


def _by_place(refused: ManyInvalidError) -> dict[int, InvalidInputError]:
    """Return the first error of each contact by its place; fields are `contacts/17/number`."""
    found: dict[int, InvalidInputError] = {}
    for error in refused.errors:
        _, place, _ = error.field.split("/", 2)
        found.setdefault(int(place), error)
    return found


def person_of(body: Body) -> Person:
    """Return what is said of the person of a contact. Raises InvalidInputError."""
    custom = section(body, "custom")
    return Person(
        first_name=optional(body, "first_name"),
        last_name=optional(body, "last_name"),
        company=optional(body, "company_name"),
        email=optional(body, "email"),
        tag=optional(body, "tag"),
        fields={name: text(custom, name) for name in custom} if "custom" in body else None,
    )


def index(request: ApiRequest) -> Reply:
    """Show contacts, the oldest first."""
    offset, limit = span(parameters(request), most=MOST)
    rows, total = offsets.contacts_at(request.account, request.actor, offset=offset, limit=limit)
    shown = [contact_data(request.account, row) for row in rows]
    return page(shown, total=total, offset=offset, limit=limit)


def show(request: ApiRequest, sid: str) -> Reply:
    """Show one contact."""
    return Reply([_shown(request, number_of(sid, KIND))])


def change(request: ApiRequest, sid: str) -> Reply:
    """Change one contact."""
    return Reply([_changed(request, sid, only(json_body(request), "contacts"))])


def change_several(request: ApiRequest) -> Reply:
    """Change contacts by their sids; of each is said whether it could be done."""
    items = []
    for one in unwrapped(json_body(request), "contacts"):
        try:
            items.append(_changed(request, required(one, "sid"), one))
        except AutodialerError as error:
            items.append(Item.of_error(error))
    return several(items)


def _changed(request: ApiRequest, sid: str, wanted: Body) -> Item:
    found = edit_contact(
        account=request.account,
        contact_id=number_of(sid, KIND),
        now=request.now,
        person=person_of(wanted),
        number=optional(wanted, "number"),
        actor=request.actor,
    )
    return _shown(request, found.pk)


def delete(request: ApiRequest, sid: str) -> Reply:
    """Delete a contact, also from its lists."""
    item = _shown(request, number_of(sid, KIND))
    delete_contacts(
        account=request.account,
        contact_ids=[number_of(sid, KIND)],
        now=request.now,
        actor=request.actor,
    )
    return Reply([item])


def _shown(request: ApiRequest, contact_id: int) -> Item:
    row = contact_row(request.account, request.actor, contact_id)
    return Item(contact_data(request.account, row))
