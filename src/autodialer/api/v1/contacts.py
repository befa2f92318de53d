"""Contacts: one by one, and thousands at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import HttpResponse
from ninja import Query, Router, Status

from autodialer.api.fields import Id, ListAsked, Page
from autodialer.api.operations import operation, tagged
from autodialer.api.request import ApiRequest
from autodialer.api.v1.contact_schemas import (
    CONTACT_ORDERS,
    LIST_ORDERS,
    ContactChanges,
    ContactIds,
    ContactReply,
    ContactsAsked,
    ContactsBody,
    DeletedReply,
    ListReply,
    NewContactBody,
    Outcome,
    SavedContact,
    SavedContacts,
    contact_reply,
    list_reply,
)
from autodialer.api.v1.parts import answer_part, no_such, number_asked, seen_by
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts import browse, queries, services
from autodialer.apps.versions import version_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodialer.apps.contacts.batch import Saved

router: Final = Router()
_P = Permission
_ONE: Final = "/contacts/{contact_id}"


@operation(router, "GET", "/contacts", _P.VIEW_LIST, replies={200: Page[ContactReply]})
def list_contacts(request: ApiRequest, asked: Query[ContactsAsked]) -> Page[ContactReply]:
    """List the contacts of the account."""
    number = number_asked(request, asked.number)
    order = CONTACT_ORDERS[asked.sort]
    return answer_part(
        Page[ContactReply],
        request,
        asked,
        order=order,
        fetch=lambda after, limit: browse.contacts_part(
            request.account,
            request.actor,
            search=asked.search,
            e164=number,
            order=order,
            after=after,
            limit=limit,
        ),
        show=contact_reply,
    )


@operation(
    router,
    "POST",
    "/contacts",
    _P.CREATE_LIST,
    replies={201: ContactReply},
    refuses=(404, 409),
)
def create_contact(
    request: ApiRequest, body: NewContactBody, response: HttpResponse
) -> Status[ContactReply]:
    """Make a contact, at the end of a list if one is given. A known number is a conflict."""
    made = services.create_contact(
        account=request.account,
        number=body.number,
        person=body.person(),
        list_id=body.list_id,
        now=request.now,
        actor=request.actor,
    )
    tagged(response, version_of(queries.contact_facts(made)))
    response["Location"] = f"{request.path}/{made.pk}"
    return Status(201, contact_reply(queries.row_of(made)))


@operation(
    router, "POST", "/contacts/batch", _P.CREATE_LIST, replies={200: SavedContacts}, refuses=(404,)
)
def save_contacts(request: ApiRequest, body: ContactsBody) -> SavedContacts:
    """Make or update up to 5,000 contacts: all of them, or none.

    A known number is updated and no value of it wiped out. Everything that is wrong is told at
    once, each error with its place in the request.
    """
    saved = services.add_contacts(
        account=request.account,
        contacts=[one.contact() for one in body.contacts],
        list_id=body.list_id,
        now=request.now,
        actor=request.actor,
    )
    found = list(_outcomes(saved))
    return SavedContacts(
        created=sum(one.outcome is Outcome.CREATED for one in found),
        updated=sum(one.outcome is Outcome.UPDATED for one in found),
        contacts=found,
    )


@operation(router, "POST", "/contacts/delete", _P.DELETE_LIST, replies={200: DeletedReply})
def delete_contacts(request: ApiRequest, body: ContactIds) -> DeletedReply:
    """Delete contacts, also from their lists: all of them, or none."""
    ids = body.contact_ids
    if missing := browse.missing_contacts(request.account, request.actor, ids):
        raise no_such("contact_ids", ids, missing)
    services.delete_contacts(
        account=request.account, contact_ids=ids, now=request.now, actor=request.actor
    )
    return DeletedReply(deleted=len(set(ids)))


@operation(router, "GET", _ONE, _P.VIEW_LIST, replies={200: ContactReply}, refuses=(404,))
def get_contact(request: ApiRequest, contact_id: Id, response: HttpResponse) -> ContactReply:
    """Read a contact."""
    found = queries.contact(request.account, request.actor, contact_id)
    tagged(response, version_of(queries.contact_facts(found)))
    return contact_reply(queries.row_of(found))


@operation(
    router,
    "PATCH",
    _ONE,
    _P.EDIT_LIST,
    replies={200: ContactReply},
    refuses=(404, 409),
    is_matched=True,
)
def change_contact(
    request: ApiRequest, contact_id: Id, body: ContactChanges, response: HttpResponse
) -> ContactReply:
    """Change what is known of a contact; campaigns keep what they copied."""
    found = queries.contact(request.account, request.actor, contact_id)
    changed = services.edit_contact(
        account=request.account,
        contact_id=contact_id,
        person=body.person(),
        number=body.number if "number" in body.model_fields_set else None,
        seen=seen_by(request, queries.contact_facts(found)),
        now=request.now,
        actor=request.actor,
    )
    tagged(response, version_of(queries.contact_facts(changed)))
    return contact_reply(queries.row_of(changed))


@operation(router, "DELETE", _ONE, _P.DELETE_LIST, replies={204: None}, refuses=(404,))
def delete_contact(request: ApiRequest, contact_id: Id) -> Status[None]:
    """Delete a contact, also from its lists; campaigns keep what they copied."""
    services.delete_contacts(
        account=request.account, contact_ids=[contact_id], now=request.now, actor=request.actor
    )
    return Status(204, None)


@operation(
    router,
    "GET",
    f"{_ONE}/lists",
    _P.VIEW_LIST,
    replies={200: Page[ListReply]},
    refuses=(404,),
)
def list_lists_of_contact(
    request: ApiRequest, contact_id: Id, asked: Query[ListAsked]
) -> Page[ListReply]:
    """List the lists in which a contact stands, the newest first."""
    queries.contact(request.account, request.actor, contact_id)
    return answer_part(
        Page[ListReply],
        request,
        asked,
        order=LIST_ORDERS["-created"],
        fetch=lambda after, limit: browse.lists_part(
            request.account, request.actor, contact_id=contact_id, after=after, limit=limit
        ),
        show=list_reply,
    )


def _outcomes(saved: Sequence[Saved]) -> Iterator[SavedContact]:
    seen: set[int] = set()
    for one in saved:
        first = Outcome.CREATED if one.is_new else Outcome.UPDATED
        outcome = Outcome.DUPLICATE if one.id in seen else first
        yield SavedContact(id=str(one.id), number=one.e164, outcome=outcome)
        seen.add(one.id)
