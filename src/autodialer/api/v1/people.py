"""People: users, the devices on which they are called, and groups of agents.

What programs change of agents is in `staff`; the rest people do.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import Field

from autodialer.api.fields import WORD, Body, Id, ListAsked, Page, Reply
from autodialer.api.operations import operation, tagged
from autodialer.api.request import ApiRequest
from autodialer.api.v1.parts import answer_part, no_such, seen_by
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.agents import queries, services
from autodialer.apps.keyset import OLDEST_FIRST
from autodialer.apps.versions import version_of
from autodialer.domain.errors import NotFoundError
from autodialer.domain.people import DeviceKind, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.agents.queries import DeviceRow, GroupSummary, UserRow

users: Final = Router()
groups: Final = Router()
_P = Permission
_USER: Final = "/users/{user_id}"
_GROUP: Final = "/groups/{group_id}"
_MEMBERS: Final = f"{_GROUP}/members"
_MOST: Final = 5_000
Name = Annotated[str, Field(max_length=100)]


class UsersAsked(ListAsked):
    """Which users."""

    search: str = Field("", max_length=100, description="Part of the name or e-mail address.")
    role: Annotated[Role, WORD] | None = None
    is_active: bool | None = None


class UserReply(Reply):
    """A person of the account."""

    id: str
    name: str
    email: str
    role: Role
    is_active: bool


class DeviceReply(Reply):
    """Where somebody is called. Names and secrets of SIP accounts are told to nobody here."""

    id: str
    kind: DeviceKind
    number: str | None = Field(description="E.164; null unless it is a telephone.")
    is_default: bool
    is_ready: bool = Field(description="Whether it can be called now, as far as is known.")


class DevicesReply(Reply):
    """The devices of a user, the default one first."""

    items: list[DeviceReply]


class GroupsAsked(ListAsked):
    """Which groups."""

    search: str = Field("", max_length=100, description="Part of the name.")
    user_id: Id | None = Field(None, description="Those that this user is in.")


class GroupReply(Reply):
    """A group of agents."""

    id: str
    name: str
    members: int
    created_at: datetime


class NewGroupBody(Body):
    """A group and its members."""

    name: Name
    member_ids: list[Id] = Field([], max_length=_MOST)


class GroupChanges(Body):
    """What shall be otherwise; what is not sent stays. `member_ids` replaces all members."""

    name: Name = ""
    member_ids: list[Id] = Field([], max_length=_MOST)


class UserIds(Body):
    """Several users."""

    user_ids: list[Id] = Field(min_length=1, max_length=_MOST)


@operation(users, "GET", "/users", _P.VIEW_PEOPLE, replies={200: Page[UserReply]})
def list_users(request: ApiRequest, asked: Query[UsersAsked]) -> Page[UserReply]:
    """List the people of the account."""
    return answer_part(
        Page[UserReply],
        request,
        asked,
        order=OLDEST_FIRST,
        fetch=lambda after, limit: queries.users_part(
            request.account,
            search=asked.search,
            role=asked.role,
            is_active=asked.is_active,
            after=after,
            limit=limit,
        ),
        show=user_reply,
    )


@operation(users, "GET", _USER, _P.VIEW_PEOPLE, replies={200: UserReply}, refuses=(404,))
def get_user(request: ApiRequest, user_id: Id) -> UserReply:
    """Read a person."""
    return user_reply(queries.user_row(request.account, user_id))


@operation(
    users,
    "GET",
    f"{_USER}/devices",
    _P.VIEW_PEOPLE,
    replies={200: DevicesReply},
    refuses=(404,),
)
def list_devices(request: ApiRequest, user_id: Id) -> DevicesReply:
    """List where a person is called, the default device first."""
    queries.user_row(request.account, user_id)
    rows = queries.device_rows(request.account, user_id)
    return DevicesReply(items=[device_reply(row) for row in rows])


@operation(groups, "GET", "/groups", _P.VIEW_PEOPLE, replies={200: Page[GroupReply]})
def list_groups(request: ApiRequest, asked: Query[GroupsAsked]) -> Page[GroupReply]:
    """List the groups of the account."""
    return answer_part(
        Page[GroupReply],
        request,
        asked,
        order=OLDEST_FIRST,
        fetch=lambda after, limit: queries.groups_part(
            request.account,
            search=asked.search,
            user_id=asked.user_id,
            after=after,
            limit=limit,
        ),
        show=_group,
    )


@operation(groups, "POST", "/groups", _P.EDIT_GROUPS, replies={201: GroupReply})
def create_group(
    request: ApiRequest, body: NewGroupBody, response: HttpResponse
) -> Status[GroupReply]:
    """Make a group."""
    _require_users(request, "member_ids", body.member_ids)
    made = services.create_group(
        account=request.account,
        name=body.name,
        member_ids=body.member_ids,
        now=request.now,
        actor=request.actor,
    )
    response["Location"] = f"{request.path}/{made.pk}"
    return Status(201, _answer(request, made.pk, response))


@operation(groups, "GET", _GROUP, _P.VIEW_PEOPLE, replies={200: GroupReply}, refuses=(404,))
def get_group(request: ApiRequest, group_id: Id, response: HttpResponse) -> GroupReply:
    """Read a group; its members are a list of their own."""
    return _answer(request, group_id, response)


@operation(
    groups,
    "PATCH",
    _GROUP,
    _P.EDIT_GROUPS,
    replies={200: GroupReply},
    refuses=(404, 409),
    is_matched=True,
)
def change_group(
    request: ApiRequest, group_id: Id, body: GroupChanges, response: HttpResponse
) -> GroupReply:
    """Rename a group, or make other users its members; it counts at once."""
    present = queries.group_facts(queries.group(request.account, group_id))
    seen = seen_by(request, present)
    _require_users(request, "member_ids", body.member_ids)
    wanted = {**present, **body.model_dump(exclude_unset=True)}
    services.edit_group(
        account=request.account,
        group_id=group_id,
        name=wanted["name"],
        user_ids=wanted.get("member_ids", wanted["members"]),
        seen=seen,
        now=request.now,
        actor=request.actor,
    )
    return _answer(request, group_id, response)


@operation(groups, "DELETE", _GROUP, _P.EDIT_GROUPS, replies={204: None}, refuses=(404, 409))
def delete_group(request: ApiRequest, group_id: Id) -> Status[None]:
    """Delete a group that no campaign was made for."""
    services.delete_group(
        account=request.account, group_id=group_id, now=request.now, actor=request.actor
    )
    return Status(204, None)


@operation(groups, "GET", _MEMBERS, _P.VIEW_PEOPLE, replies={200: Page[UserReply]}, refuses=(404,))
def list_group_members(
    request: ApiRequest, group_id: Id, asked: Query[ListAsked]
) -> Page[UserReply]:
    """List who is in a group."""
    return answer_part(
        Page[UserReply],
        request,
        asked,
        order=OLDEST_FIRST,
        fetch=lambda after, limit: queries.users_part(
            request.account, group_id=group_id, after=after, limit=limit
        ),
        show=user_reply,
    )


@operation(groups, "POST", _MEMBERS, _P.EDIT_GROUPS, replies={200: GroupReply}, refuses=(404,))
def add_group_members(
    request: ApiRequest, group_id: Id, body: UserIds, response: HttpResponse
) -> GroupReply:
    """Add users to a group; they may start in its campaigns at once. Repeatable."""
    queries.group(request.account, group_id)
    _require_users(request, "user_ids", body.user_ids)
    services.add_group_members(
        account=request.account,
        group_id=group_id,
        user_ids=body.user_ids,
        now=request.now,
        actor=request.actor,
    )
    return _answer(request, group_id, response)


@operation(
    groups,
    "DELETE",
    f"{_MEMBERS}/{{user_id}}",
    _P.EDIT_GROUPS,
    replies={204: None},
    refuses=(404,),
)
def remove_group_member(request: ApiRequest, group_id: Id, user_id: Id) -> Status[None]:
    """Take a user out of a group; who talks finishes the call and is released."""
    facts = queries.group_facts(queries.group(request.account, group_id))
    members = facts["members"]
    if not isinstance(members, list) or user_id not in members:
        raise NotFoundError("This user is not in the group.")
    services.remove_group_members(
        account=request.account,
        group_id=group_id,
        user_ids=[user_id],
        now=request.now,
        actor=request.actor,
    )
    return Status(204, None)


def _require_users(request: ApiRequest, field: str, ids: Sequence[int]) -> None:
    if missing := queries.missing_users(request.account, ids):
        raise no_such(field, ids, missing)


def _answer(request: ApiRequest, group_id: int, response: HttpResponse) -> GroupReply:
    facts = queries.group_facts(queries.group(request.account, group_id))
    tagged(response, version_of(facts))
    return _group(queries.group_summary(request.account, group_id))


def user_reply(row: UserRow) -> UserReply:
    """Return a person as JSON."""
    return UserReply(
        id=str(row.id),
        name=row.name,
        email=row.email,
        role=Role(row.role),
        is_active=row.is_active,
    )


def device_reply(row: DeviceRow) -> DeviceReply:
    """Return a device as JSON."""
    kind = DeviceKind(row.kind)
    return DeviceReply(
        id=str(row.id),
        kind=kind,
        number=row.address if kind is DeviceKind.PHONE else None,
        is_default=row.is_default,
        is_ready=row.is_ready,
    )


def _group(row: GroupSummary) -> GroupReply:
    return GroupReply(id=str(row.id), name=row.name, members=row.size, created_at=row.created_at)
