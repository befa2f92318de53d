"""Users and the devices on which they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autodialer.api.exotel import words
from autodialer.api.exotel.clock import v2_time
from autodialer.api.exotel.envelope import Item, Reply, page
from autodialer.api.exotel.problems import DEVICE_OFF
from autodialer.api.exotel.reading import (
    flag,
    json_body,
    optional,
    parameters,
    required,
    span,
    text,
)
from autodialer.api.exotel.sids import no_such, number_of, sid_of
from autodialer.apps.accounts.services import change_role, rename_user, set_user_active
from autodialer.apps.agents.coworkers import CoWorker, Phone, coworker, coworkers_at
from autodialer.apps.agents.services import invite_user, move_phone, set_default_device
from autodialer.apps.calls.queries import engaged
from autodialer.domain.errors import ConflictError
from autodialer.domain.people import DeviceKind, Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from autodialer.api.exotel.reading import Body
    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.models import Account

KIND: Final = "user"
MOST: Final = 50


class DeviceOffError(ConflictError):
    """The only device of a user cannot be switched off; the user decides by pressing Start."""

    code = DEVICE_OFF


def create(request: ApiRequest) -> Reply:
    """Make a user, called on the telephone that is given, else in the browser."""
    body = json_body(request)
    first, last = required(body, "first_name"), text(body, "last_name")
    made = invite_user(
        account=request.account,
        email=required(body, "email"),
        name=f"{first} {last}".strip(),
        role=words.role(text(body, "role", "user")),
        password="",
        phone=text(body, "device_contact_uri"),
        now=request.now,
        actor=request.actor,
    )
    return _shown(request, made.pk)


def index(request: ApiRequest) -> Reply:
    """Show the enabled users, the oldest first. `fields` needs not be asked for: all are there."""
    offset, limit = span(parameters(request), most=MOST, usual=MOST)
    found, total = coworkers_at(request.account, offset=offset, limit=limit)
    busy = engaged(request.account, [one.id for one in found])
    shown = [user_data(request.account, one, busy) for one in found]
    return page(shown, total=total, offset=offset, limit=limit)


def show(request: ApiRequest, sid: str) -> Reply:
    """Show one user."""
    return _shown(request, number_of(sid, KIND))


def change(request: ApiRequest, sid: str) -> Reply:
    """Change the name or the role of a user; the e-mail address stays what it is."""
    body, found = json_body(request), coworker(request.account, number_of(sid, KIND))
    if text(body, "email", found.email).casefold() != found.email.casefold():
        raise ConflictError("The e-mail address of a user cannot be changed.")
    _rename(request, found, body)
    if (written := optional(body, "role")) and words.role(written) is not Role(found.role):
        change_role(
            account=request.account,
            user_id=found.id,
            role=words.role(written),
            now=request.now,
            actor=request.actor,
        )
    return _shown(request, found.id)


def _rename(request: ApiRequest, found: CoWorker, body: Body) -> None:
    first, last = words.names(found.name)
    name = f"{text(body, 'first_name', first)} {text(body, 'last_name', last)}".strip()
    if name != found.name:
        rename_user(
            account=request.account,
            user_id=found.id,
            name=name,
            now=request.now,
            actor=request.actor,
        )


def delete(request: ApiRequest, sid: str) -> Reply:
    """Keep a user out for good: what they did is kept, so the user is disabled, not deleted."""
    reply = _shown(request, number_of(sid, KIND))
    set_user_active(
        account=request.account,
        user_id=number_of(sid, KIND),
        active=False,
        now=request.now,
        actor=request.actor,
    )
    return reply


def change_device(request: ApiRequest, sid: str, device_sid: str) -> Reply:
    """Choose the device on which a user is called, or give a telephone another number.

    Clients say it in the address or in the body.
    """
    asked = {**parameters(request), **json_body(request)}
    found = coworker(request.account, number_of(sid, KIND))
    phone = _phone_of(found, number_of(device_sid, "device"), device_sid)
    if number := text(asked, "contact_uri"):
        move_phone(
            account=request.account,
            user_id=found.id,
            device_id=phone.id,
            number=number,
            now=request.now,
            actor=request.actor,
        )
    wanted = flag(asked, "available")
    if wanted is not None and wanted != phone.is_default:
        _call_on(request, found, phone if wanted else _other(found, phone))
    return _shown(request, found.id)


def _phone_of(user: CoWorker, device_id: int, device_sid: str) -> Phone:
    for phone in user.phones:
        if phone.id == device_id:
            return phone
    raise no_such("device", device_sid)


def _other(user: CoWorker, phone: Phone) -> Phone:
    """Return the device that is called when this one is not. Raises DeviceOffError."""
    for other in user.phones:
        if other != phone:
            return other
    raise DeviceOffError(
        f"This is the only device of {user.name}, who is called only after pressing Start."
    )


def _call_on(request: ApiRequest, user: CoWorker, phone: Phone) -> None:
    set_default_device(
        account=request.account,
        user_id=user.id,
        device_id=phone.id,
        now=request.now,
        actor=request.actor,
    )


def _shown(request: ApiRequest, user_id: int) -> Reply:
    account = request.account
    found = coworker(account, user_id)
    return Reply(Item(user_data(account, found, engaged(account, [user_id]))))


def user_data(account: Account, user: CoWorker, busy: Mapping[int, UUID | None]) -> dict[str, Any]:
    """Return a user as clients read it; of the devices one is available, the one that is called."""
    first, last = words.names(user.name)
    call = busy.get(user.id)
    return {
        "id": sid_of(user.id),
        "first_name": first,
        "last_name": last,
        "email": user.email,
        "role": words.ROLES[Role(user.role)],
        "devices": [device_data(phone, is_busy=user.id in busy) for phone in user.phones],
        "active_call": {"call_sid": call.hex} if call else None,
        "last_login": v2_time(account, user.last_login),
        "date_created": v2_time(account, user.created_at),
    }


def device_data(phone: Phone, *, is_busy: bool) -> dict[str, Any]:
    """Return a device as clients read it."""
    is_telephone = phone.kind is DeviceKind.PHONE
    return {
        "id": sid_of(phone.id),
        "name": phone.kind.value,
        "contact_uri": phone.address if is_telephone else f"sip:{phone.address}",
        "type": "tel" if is_telephone else "sip",
        "available": phone.is_default,
        "verified": phone.is_ready,
        "status": "busy" if is_busy and phone.is_default else "free",
    }
