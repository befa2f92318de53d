"""Lists: what they are called, and who is in them in which order."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse
from ninja import Query, Router, Status

from autodialer.api.fields import Id, Page
from autodialer.api.operations import operation, tagged
from autodialer.api.request import ApiRequest
from autodialer.api.v1.contact_schemas import (
    LIST_ORDERS,
    AddedReply,
    ContactIds,
    ListBody,
    ListDetail,
    ListReply,
    ListsAsked,
    MemberReply,
    MembersAsked,
    RemovedReply,
    list_reply,
    member_reply,
)
from autodialer.api.v1.parts import answer_part, no_such, seen_by
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts import browse, queries, services
from autodialer.apps.versions import version_of
from autodialer.domain.errors import NotFoundError

router: Final = Router()
_P = Permission
_ONE: Final = "/lists/{list_id}"
_MEMBERS: Final = f"{_ONE}/contacts"


@operation(router, "GET", "/lists", _P.VIEW_LIST, replies={200: Page[ListReply]})
def list_lists(request: ApiRequest, asked: Query[ListsAsked]) -> Page[ListReply]:
    """List the lists of the account."""
    order = LIST_ORDERS[asked.sort]
    return answer_part(
        Page[ListReply],
        request,
        asked,
        order=order,
        fetch=lambda after, limit: browse.lists_part(
            request.account,
            request.actor,
            search=asked.search,
            order=order,
            after=after,
            limit=limit,
        ),
        show=list_reply,
    )


@operation(router, "POST", "/lists", _P.CREATE_LIST, replies={201: ListReply})
def create_list(request: ApiRequest, body: ListBody, response: HttpResponse) -> Status[ListReply]:
    """Make an empty list."""
    made = services.create_list(
        account=request.account, name=body.name, now=request.now, actor=request.actor
    )
    tagged(response, version_of(queries.list_facts(made.name)))
    response["Location"] = f"{request.path}/{made.pk}"
    return Status(201, list_reply(queries.list_row_of(made)))


@operation(router, "GET", _ONE, _P.VIEW_LIST, replies={200: ListDetail}, refuses=(404,))
def get_list(request: ApiRequest, list_id: Id, response: HttpResponse) -> ListDetail:
    """Read a list, and what calling it would mean."""
    row = queries.list_row(request.account, request.actor, list_id)
    tagged(response, version_of(queries.list_facts(row.name)))
    return ListDetail(
        **dict(list_reply(row)),
        forbidden=queries.forbidden_members(request.account, list_id),
        campaigns=queries.campaigns_of_list(request.account, list_id),
    )


@operation(
    router,
    "PATCH",
    _ONE,
    _P.EDIT_LIST,
    replies={200: ListReply},
    refuses=(404, 409),
    is_matched=True,
)
def rename_list(
    request: ApiRequest, list_id: Id, body: ListBody, response: HttpResponse
) -> ListReply:
    """Give a list another name."""
    row = queries.list_row(request.account, request.actor, list_id)
    renamed = services.rename_list(
        account=request.account,
        list_id=list_id,
        name=body.name,
        seen=seen_by(request, queries.list_facts(row.name)),
        now=request.now,
        actor=request.actor,
    )
    tagged(response, version_of(queries.list_facts(renamed.name)))
    return list_reply(queries.list_row_of(renamed))


@operation(router, "DELETE", _ONE, _P.DELETE_LIST, replies={204: None}, refuses=(404,))
def delete_list(request: ApiRequest, list_id: Id) -> Status[None]:
    """Delete a list; its contacts stay, and campaigns keep their copy."""
    services.delete_list(
        account=request.account, list_id=list_id, now=request.now, actor=request.actor
    )
    return Status(204, None)


@operation(router, "GET", _MEMBERS, _P.VIEW_LIST, replies={200: Page[MemberReply]}, refuses=(404,))
def list_contacts_of_list(
    request: ApiRequest, list_id: Id, asked: Query[MembersAsked]
) -> Page[MemberReply]:
    """List the contacts of a list in its order, which is that of dialling."""
    return answer_part(
        Page[MemberReply],
        request,
        asked,
        order=browse.MEMBER_ORDER,
        fetch=lambda after, limit: browse.members_part(
            request.account,
            request.actor,
            list_id,
            search=asked.search,
            after=after,
            limit=limit,
        ),
        show=member_reply,
    )


@operation(router, "POST", _MEMBERS, _P.EDIT_LIST, replies={200: AddedReply}, refuses=(404,))
def add_to_list(request: ApiRequest, list_id: Id, body: ContactIds) -> AddedReply:
    """Put up to 5,000 contacts at the end of a list; those that stand in it keep their place."""
    queries.list_row(request.account, request.actor, list_id)
    ids = body.contact_ids
    if missing := browse.missing_contacts(request.account, request.actor, ids):
        raise no_such("contact_ids", ids, missing)
    added = services.add_to_list(
        account=request.account,
        list_id=list_id,
        contact_ids=ids,
        now=request.now,
        actor=request.actor,
    )
    return AddedReply(added=added)


@operation(
    router,
    "POST",
    f"{_MEMBERS}/remove",
    _P.EDIT_LIST,
    replies={200: RemovedReply},
    refuses=(404,),
)
def remove_from_list(request: ApiRequest, list_id: Id, body: ContactIds) -> RemovedReply:
    """Take up to 5,000 contacts out of a list; they stay in the address book."""
    removed = services.remove_from_list(
        account=request.account,
        list_id=list_id,
        contact_ids=body.contact_ids,
        now=request.now,
        actor=request.actor,
    )
    return RemovedReply(removed=removed)


@operation(
    router,
    "DELETE",
    f"{_MEMBERS}/{{contact_id}}",
    _P.EDIT_LIST,
    replies={204: None},
    refuses=(404,),
)
def remove_contact_from_list(request: ApiRequest, list_id: Id, contact_id: Id) -> Status[None]:
    """Take a contact out of a list; it stays in the address book."""
    removed = services.remove_from_list(
        account=request.account,
        list_id=list_id,
        contact_ids=[contact_id],
        now=request.now,
        actor=request.actor,
    )
    if not removed:
        raise NotFoundError("This contact does not stand in the list.")
    return Status(204, None)
