"""Agents made and changed by programs: invited without a password, enabled, given phones.

Admins and supervisors, roles, passwords and SIP secrets are in the hands of people alone.
"""

from __future__ import annotations

from typing import Annotated, Final

from django.http import HttpResponse
from ninja import Status
from pydantic import Field

from autodialer.api.fields import WORD, Body, Id
from autodialer.api.operations import operation
from autodialer.api.request import ApiRequest
from autodialer.api.v1.people import (
    DeviceReply,
    DevicesReply,
    Name,
    UserReply,
    device_reply,
    user_reply,
    users,
)
from autodialer.apps.accounts import services as accounts
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.agents import queries, services
from autodialer.domain.errors import NotFoundError
from autodialer.domain.people import DeviceKind, Role

# Addresses of `people` take more methods here: one router answers both.
router: Final = users
_P = Permission
_USER: Final = "/users/{user_id}"
_DEVICES: Final = f"{_USER}/devices"
_DEVICE: Final = f"{_DEVICES}/{{device_id}}"


class NewAgentBody(Body):
    """An agent, called on this telephone, or in the browser when there is none."""

    name: Name
    email: Annotated[str, Field(max_length=254)]
    phone: Annotated[str, Field(max_length=64)] = ""


class RenameBody(Body):
    """Another name."""

    name: Name


class DeviceBody(Body):
    """Where an agent is called: a telephone with its number, or a phone with an account here."""

    kind: Annotated[DeviceKind, WORD]
    number: Annotated[str, Field(max_length=64)] = ""
    is_default: bool = True


@operation(router, "POST", "/users", _P.MANAGE_AGENTS, replies={201: UserReply})
def create_agent(
    request: ApiRequest, body: NewAgentBody, response: HttpResponse
) -> Status[UserReply]:
    """Make an agent, who can be called at once and signs in once an admin has set a password."""
    made = services.invite_user(
        account=request.account,
        email=body.email,
        name=body.name,
        role=Role.AGENT,
        password="",
        phone=body.phone,
        now=request.now,
        actor=request.actor,
    )
    response["Location"] = f"{request.path}/{made.pk}"
    return Status(201, _user(request, made.pk))


@operation(
    router, "POST", f"{_USER}/rename", _P.MANAGE_AGENTS, replies={200: UserReply}, refuses=(404,)
)
def rename_agent(request: ApiRequest, user_id: Id, body: RenameBody) -> UserReply:
    """Give an agent another name."""
    accounts.rename_user(
        account=request.account,
        user_id=user_id,
        name=body.name,
        now=request.now,
        actor=request.actor,
    )
    return _user(request, user_id)


@operation(
    router, "POST", f"{_USER}/enable", _P.MANAGE_AGENTS, replies={200: UserReply}, refuses=(404,)
)
def enable_agent(request: ApiRequest, user_id: Id) -> UserReply:
    """Let an agent in again. Repeatable."""
    return _set_active(request, user_id, active=True)


@operation(
    router, "POST", f"{_USER}/disable", _P.MANAGE_AGENTS, replies={200: UserReply}, refuses=(404,)
)
def disable_agent(request: ApiRequest, user_id: Id) -> UserReply:
    """Keep an agent out; who is talking finishes the call and is released. Repeatable."""
    return _set_active(request, user_id, active=False)


@operation(router, "POST", _DEVICES, _P.MANAGE_AGENTS, replies={201: DeviceReply}, refuses=(404,))
def add_device(
    request: ApiRequest, user_id: Id, body: DeviceBody, response: HttpResponse
) -> Status[DeviceReply]:
    """Add where an agent is called; an admin reads the secret of an account on its page."""
    made = services.add_device(
        account=request.account,
        user_id=user_id,
        kind=body.kind,
        address=body.number,
        is_default=body.is_default,
        now=request.now,
        actor=request.actor,
    )
    response["Location"] = f"{request.path}/{made.pk}"
    return Status(201, _device(request, user_id, made.pk))


@operation(router, "GET", _DEVICE, _P.VIEW_PEOPLE, replies={200: DeviceReply}, refuses=(404,))
def get_device(request: ApiRequest, user_id: Id, device_id: Id) -> DeviceReply:
    """Read where somebody is called."""
    return _device(request, user_id, device_id)


@operation(
    router,
    "POST",
    f"{_DEVICE}/default",
    _P.MANAGE_AGENTS,
    replies={200: DevicesReply},
    refuses=(404,),
)
def set_default_device(request: ApiRequest, user_id: Id, device_id: Id) -> DevicesReply:
    """Call an agent on this device from the next start on."""
    services.set_default_device(
        account=request.account,
        user_id=user_id,
        device_id=device_id,
        now=request.now,
        actor=request.actor,
    )
    rows = queries.device_rows(request.account, user_id)
    return DevicesReply(items=[device_reply(row) for row in rows])


@operation(router, "DELETE", _DEVICE, _P.MANAGE_AGENTS, replies={204: None}, refuses=(404,))
def remove_device(request: ApiRequest, user_id: Id, device_id: Id) -> Status[None]:
    """Remove a device; an agent who is connected on it stays connected."""
    services.remove_device(
        account=request.account,
        user_id=user_id,
        device_id=device_id,
        now=request.now,
        actor=request.actor,
    )
    return Status(204, None)


def _set_active(request: ApiRequest, user_id: int, *, active: bool) -> UserReply:
    accounts.set_user_active(
        account=request.account,
        user_id=user_id,
        active=active,
        now=request.now,
        actor=request.actor,
    )
    return _user(request, user_id)


def _user(request: ApiRequest, user_id: int) -> UserReply:
    return user_reply(queries.user_row(request.account, user_id))


def _device(request: ApiRequest, user_id: int, device_id: int) -> DeviceReply:
    queries.user_row(request.account, user_id)
    for row in queries.device_rows(request.account, user_id):
        if row.id == device_id:
            return device_reply(row)
    raise NotFoundError("This user has no such device.")
