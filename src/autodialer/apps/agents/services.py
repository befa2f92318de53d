"""Writes to groups, their members and agents' devices."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import ProtectedError

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account, User
from autodialer.apps.accounts.permissions import (
    Permission,
    require,
    require_profile,
)
from autodialer.apps.accounts.queries import user as user_of
from autodialer.apps.accounts.queries import users_by_id
from autodialer.apps.accounts.services import new_user
from autodialer.apps.agents import queries
from autodialer.apps.agents.models import AgentDevice, DeviceKind, Group, GroupMember
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.contacts.numbers import parse_number
from autodialer.apps.events import hint_phones, hint_sessions
from autodialer.apps.texts import clean_name
from autodialer.apps.versions import require_unchanged
from autodialer.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from autodialer.ports.phones import REALM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Role

NAMES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class PhoneAccount:
    """What a phone registers with. The secret is told once and stored nowhere."""

    user: str
    secret: str = field(repr=False)
    realm: str = REALM


class DeviceInUseError(ConflictError):
    """A device belongs to one agent of the account: a phone cannot ring for two at once."""

    code = "device_in_use"


@transaction.atomic(durable=True)
def create_group(
    *,
    account: Account,
    name: str,
    now: datetime,
    member_ids: Iterable[int] = (),
    actor: Actor = OPERATOR,
) -> Group:
    """Make a group. Raises ConflictError when the name is taken, NotFoundError for a stranger."""
    require(actor, Permission.EDIT_GROUPS)
    cleaned = clean_name(name)
    group, is_new = Group.objects.get_or_create(
        account=account, name=cleaned, defaults={"created_at": now}
    )
    if not is_new:
        raise _name_taken(cleaned)
    _add(account, group, member_ids)
    _record(group, actor, "create", {}, now)
    return group


@transaction.atomic(durable=True)
def rename_group(
    *, account: Account, group_id: int, name: str, now: datetime, actor: Actor = OPERATOR
) -> Group:
    """Give a group another name. Raises NotFoundError, or ConflictError when it is taken."""
    require(actor, Permission.EDIT_GROUPS)
    group = _locked_group(account, group_id)
    before = queries.group_facts(group)
    _rename(group, name)
    _record(group, actor, "rename", before, now)
    return group


@transaction.atomic(durable=True)
def edit_group(
    *,
    account: Account,
    group_id: int,
    name: str,
    user_ids: Iterable[int],
    now: datetime,
    seen: str | None = None,
    actor: Actor = OPERATOR,
) -> Group:
    """Rename a group and make these users its members; who leaves finishes the present call.

    `seen` is the version of `queries.group_facts` that was looked at. Raises NotFoundError,
    ChangedMeanwhileError, or ConflictError when the name is taken.
    """
    require(actor, Permission.EDIT_GROUPS)
    group = _locked_group(account, group_id)
    before = queries.group_facts(group)
    require_unchanged(before, seen)
    _rename(group, name)
    _set_members(group, user_ids)
    _record(group, actor, "edit", before, now)
    return group


@transaction.atomic(durable=True)
def delete_group(
    *, account: Account, group_id: int, now: datetime, actor: Actor = OPERATOR
) -> None:
    """Delete a group that no campaign was made for. Raises NotFoundError, ConflictError."""
    require(actor, Permission.EDIT_GROUPS)
    group = _locked_group(account, group_id)
    _record(group, actor, "delete", queries.group_facts(group), now)
    try:
        group.delete()
    except ProtectedError as error:
        used = ", ".join(sorted(repr(str(one)) for one in error.protected_objects)[:NAMES_SHOWN])
        raise ConflictError(
            f"The group belongs to campaigns ({used}): remove its members instead."
        ) from error


@transaction.atomic(durable=True)
def add_group_members(
    *,
    account: Account,
    group_id: int,
    user_ids: Iterable[int],
    now: datetime,
    actor: Actor = OPERATOR,
) -> None:
    """Add users to a group; it counts at once, also in running campaigns. Repeatable."""
    require(actor, Permission.EDIT_GROUPS)
    group = _locked_group(account, group_id)
    before = queries.group_facts(group)
    _add(account, group, user_ids)
    _record(group, actor, "change_members", before, now)


@transaction.atomic(durable=True)
def remove_group_members(
    *,
    account: Account,
    group_id: int,
    user_ids: Iterable[int],
    now: datetime,
    actor: Actor = OPERATOR,
) -> None:
    """Take users out of a group; who talks finishes the call and is released. Repeatable."""
    require(actor, Permission.EDIT_GROUPS)
    group = _locked_group(account, group_id)
    before = queries.group_facts(group)
    GroupMember.objects.filter(group=group, user__in=set(user_ids)).delete()
    _record(group, actor, "change_members", before, now)
    hint_sessions()


@transaction.atomic(durable=True)
def set_group_members(
    *,
    account: Account,
    group_id: int,
    user_ids: Iterable[int],
    now: datetime,
    actor: Actor = OPERATOR,
) -> None:
    """Make these users the group. Who leaves it finishes the present call and is released."""
    require(actor, Permission.EDIT_GROUPS)
    group = _locked_group(account, group_id)
    before = queries.group_facts(group)
    _set_members(group, user_ids)
    _record(group, actor, "change_members", before, now)


@transaction.atomic(durable=True)
def invite_user(
    *,
    account: Account,
    email: str,
    name: str,
    role: Role,
    password: str,
    now: datetime,
    phone: str = "",
    actor: Actor = OPERATOR,
) -> User:
    """Make a user who is called on this telephone, or in the browser when it is empty.

    Raises what `create_user` and `add_device` raise; then nobody was made.
    """
    user = new_user(
        account=account,
        email=email,
        name=name,
        role=role,
        password=password,
        now=now,
        actor=actor,
    )
    new_device(
        account=account,
        user_id=user.pk,
        kind=DeviceKind.PHONE if phone else DeviceKind.BROWSER,
        address=phone,
        now=now,
        actor=actor,
    )
    return user


def new_device(
    *,
    account: Account,
    user_id: int,
    kind: DeviceKind,
    now: datetime,
    address: str = "",
    is_default: bool = True,
    actor: Actor = OPERATOR,
) -> AgentDevice:
    """Add where an agent is called: a telephone number, or a phone with a SIP account of ours.

    Inside a transaction of the caller; by itself it is `add_device`. An account gets a name that
    nobody can guess, and no secret yet. The first device is the default one. Raises NumberError
    or InvalidInputError when the address cannot be dialled, DeviceInUseError when somebody of
    the account has it already, and NotAllowedError.
    """
    # Of two agents who add one phone at once the second finds the first.
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    user = _locked_owner(account, actor, user_id)
    checked = check_address(kind, address, account.region) or _new_name()
    _check_free(account, user, kind, checked)
    devices = AgentDevice.objects.filter(user=user)
    if is_default:
        devices.filter(is_default=True).update(is_default=False)
    device = AgentDevice.objects.create(
        user=user,
        kind=kind.value,
        address=checked,
        is_default=is_default or not devices.exists(),
        created_at=now,
    )
    _note_device(device, actor, "add", now, after=_device_facts(device))
    return device


add_device = transaction.atomic(durable=True)(new_device)


@transaction.atomic(durable=True)
def set_default_device(
    *, account: Account, user_id: int, device_id: int, now: datetime, actor: Actor = OPERATOR
) -> None:
    """Call the user on this device from the next Start on. Raises NotFoundError."""
    device = _device(account, _locked_owner(account, actor, user_id), device_id)
    AgentDevice.objects.filter(user=user_id, is_default=True).update(is_default=False)
    before = _device_facts(device)
    device.is_default = True
    device.save(update_fields=["is_default"])
    _note_device(device, actor, "default", now, before=before, after=_device_facts(device))


@transaction.atomic(durable=True)
def move_phone(
    *,
    account: Account,
    user_id: int,
    device_id: int,
    number: str,
    now: datetime,
    actor: Actor = OPERATOR,
) -> None:
    """Give a telephone of a user another number; who is connected on it stays connected.

    Raises NumberError, DeviceInUseError, ConflictError for a SIP account, or NotFoundError.
    """
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    user = _locked_owner(account, actor, user_id)
    device = _device(account, user, device_id)
    if device.kind != DeviceKind.PHONE:
        raise ConflictError("A SIP account has no number: add a telephone as another device.")
    e164 = parse_number(number, account.region)
    if e164 == device.address:
        return
    _check_free(account, user, DeviceKind.PHONE, e164)
    before = _device_facts(device)
    device.address = e164
    device.save(update_fields=["address"])
    _note_device(device, actor, "move", now, before=before, after=_device_facts(device))


@transaction.atomic(durable=True)
def remove_device(
    *, account: Account, user_id: int, device_id: int, now: datetime, actor: Actor = OPERATOR
) -> None:
    """Remove a device; of the rest the oldest becomes the default one where none is.

    An agent who is connected on it stays connected. Raises NotFoundError.
    """
    device = _device(account, _locked_owner(account, actor, user_id), device_id)
    _note_device(device, actor, "remove", now, before=_device_facts(device))
    device.delete()
    if device.kind != DeviceKind.PHONE:
        hint_phones(device.address)
    oldest = queries.device(account, user_id)
    if oldest is not None and not oldest.is_default:
        oldest.is_default = True
        oldest.save(update_fields=["is_default"])


@transaction.atomic(durable=True)
def issue_phone_secret(
    *, account: Account, user_id: int, device_id: int, now: datetime, actor: Actor = OPERATOR
) -> PhoneAccount:
    """Give a SIP account a new secret; the one before is refused within moments.

    That of a browser is for its owner's page alone, which asks for one whenever it is opened.
    Raises NotFoundError, NotAllowedError, or ConflictError for a telephone.
    """
    device = _device(account, user_of(account, user_id), device_id)
    _check_secret_is_for(actor, device)
    issued = PhoneAccount(device.address, secrets.token_urlsafe(24))
    AgentDevice.objects.filter(pk=device.pk).update(digest=_digest(issued))
    hint_phones(device.address)
    if device.kind == DeviceKind.SIP:  # a page asks for one at each opening: that is no news
        _note_device(device, actor, "new_secret", now, after=_device_facts(device))
    return issued


def check_address(kind: DeviceKind, address: str, region: str) -> str:
    """Return the number as it is stored, "" for an account, whose name is generated.

    Raises NumberError or InvalidInputError.
    """
    if kind is DeviceKind.PHONE:
        return parse_number(address, region)
    if address:
        raise InvalidInputError(
            "address",
            "The name of a SIP account is generated: leave the address empty.",
            "address_is_generated",
        )
    return ""


def _new_name() -> str:
    """Return a name of 80 random bits; a letter first, because some phones want one."""
    return f"a{secrets.token_hex(10)}"


def _digest(issued: PhoneAccount) -> str:
    """Return what SIP's digest authentication compares; MD5 is what every phone can."""
    text = f"{issued.user}:{issued.realm}:{issued.secret}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _check_secret_is_for(actor: Actor, device: AgentDevice) -> None:
    if device.kind == DeviceKind.PHONE:
        raise ConflictError("A telephone has no account here: it is called over the trunk.")
    if device.kind == DeviceKind.SIP:
        require(actor, Permission.MANAGE_SIP_SECRETS)
    elif not actor.is_operator and actor.user != device.user:
        raise NotAllowedError("The phone in a browser is for the person who is signed in there.")


def _record(
    group: Group, actor: Actor, verb: str, before: Mapping[str, object], now: datetime
) -> None:
    record(
        account=group.account,
        actor=actor,
        action=f"group.{verb}",
        subject=Subject("group", group.pk),
        before=before,
        after={} if verb == "delete" else queries.group_facts(group),
        now=now,
    )


def _check_free(account: Account, user: User, kind: DeviceKind, address: str) -> None:
    """Raise DeviceInUseError when the device is somebody's.

    No constraint says so: a person may work for two accounts with one phone.
    """
    same = AgentDevice.objects.filter(user__account=account, kind=kind.value, address=address)
    holder = same.select_related("user").first()
    if holder is None:
        return
    if holder.user == user:
        raise DeviceInUseError(f"{user.name} has this device already.")
    raise DeviceInUseError(
        f"{address} is the device of {holder.user.name}: remove it there first, or use another."
    )


def _device_facts(device: AgentDevice) -> dict[str, object]:
    return {
        "user": device.user_id,
        "kind": device.kind,
        "address": device.address,
        "is_default": device.is_default,
    }


def _note_device(
    device: AgentDevice,
    actor: Actor,
    verb: str,
    now: datetime,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    record(
        account=device.user.account,
        actor=actor,
        action=f"device.{verb}",
        subject=Subject("device", device.pk),
        before=before,
        after=after,
        now=now,
    )


def _locked_group(account: Account, group_id: int) -> Group:
    """Return the group, locked until commit: two who set its members come one after the other."""
    queries.group(account, group_id)
    return Group.objects.select_for_update(no_key=True).get(pk=group_id)


def _locked_owner(account: Account, actor: Actor, user_id: int) -> User:
    """Return the user, locked until commit; everybody may change their own devices."""
    user = user_of(account, user_id)
    require_profile(actor, user)
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _device(account: Account, user: User, device_id: int) -> AgentDevice:
    device = queries.device(account, user.pk, device_id)
    if device is None:
        raise NotFoundError(f"{user.name} has no device {device_id}: see `autodialer device list`.")
    return device


def _rename(group: Group, name: str) -> None:
    cleaned = clean_name(name)
    if Group.objects.filter(account=group.account, name=cleaned).exclude(pk=group.pk).exists():
        raise _name_taken(cleaned)
    group.name = cleaned
    group.save(update_fields=["name"])


def _set_members(group: Group, user_ids: Iterable[int]) -> None:
    wanted = set(user_ids)
    GroupMember.objects.filter(group=group).exclude(user__in=wanted).delete()
    _add(group.account, group, wanted)
    hint_sessions()


def _name_taken(name: str) -> ConflictError:
    return ConflictError(f"There is a group called {name!r} already: choose another name.")


def _add(account: Account, group: Group, user_ids: Iterable[int]) -> None:
    users = users_by_id(account, user_ids)
    members = [GroupMember(group=group, user=user) for user in users]
    GroupMember.objects.bulk_create(members, ignore_conflicts=True)
