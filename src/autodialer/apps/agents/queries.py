"""What pages and commands read of groups and devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Prefetch, Q

from autodialer.apps import keyset
from autodialer.apps.accounts.models import User
from autodialer.apps.agents.models import AgentDevice, DeviceKind, Group, GroupMember
from autodialer.apps.contacts.numbers import NumberError, parse_caller_id
from autodialer.apps.texts import storable
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.keyset import Place
    from autodialer.domain.people import Role


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with the names of its members."""

    id: int
    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """A group with the number of its members."""

    id: int
    name: str
    size: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user with the devices on which they are called; the default one first."""

    id: int
    name: str
    email: str
    role: str
    is_active: bool
    called_on: tuple[DeviceRow, ...]

    @property
    def devices(self) -> tuple[str, ...]:
        """Kind and address of each, for terminals and programs."""
        return tuple(f"{one.kind} {one.address}" for one in self.called_on)


def group_rows(account: Account) -> list[GroupRow]:
    """Return the groups of the account by name."""
    members = Prefetch("members", User.objects.order_by("name"))
    groups = Group.objects.filter(account=account).prefetch_related(members).order_by("name")
    return [
        GroupRow(group.pk, group.name, tuple(user.name for user in group.members.all()))
        for group in groups
    ]


def groups_part(
    account: Account,
    *,
    search: str = "",
    user_id: int | None = None,
    after: Place | None = None,
    limit: int,
) -> list[GroupSummary]:
    """Return groups by id, after a place: all, or those that a user is in.

    `search` is a part of the name.
    """
    groups = _counted_groups(account)
    if user_id is not None:
        groups = groups.filter(pk__in=GroupMember.objects.filter(user=user_id).values("group"))
    if search.strip():
        groups = groups.filter(name__icontains=search.strip())
    return [_summary(one) for one in keyset.part(groups, keyset.OLDEST_FIRST, after, limit)]


def group_summary(account: Account, group_id: int) -> GroupSummary:
    """Return one group of the account. Raises NotFoundError."""
    found = _counted_groups(account).filter(pk=group_id).first()
    if found is None:
        raise no_such_group(group_id)
    return _summary(found)


def _counted_groups(account: Account) -> QuerySet[Group]:
    return Group.objects.filter(account=account).annotate(size=Count("members"))


def _summary(found: Group) -> GroupSummary:
    size: int = found.size  # type: ignore[attr-defined]  # annotated in _counted_groups
    return GroupSummary(found.pk, found.name, size, found.created_at)


def users_part(
    account: Account,
    *,
    search: str = "",
    role: Role | None = None,
    is_active: bool | None = None,
    group_id: int | None = None,
    after: Place | None = None,
    limit: int,
) -> list[UserRow]:
    """Return users by id, after a place; `search` is a part of the name or the e-mail address.

    With a group, its members. Raises NotFoundError for a group that is not there.
    """
    found = _users(account)
    if search.strip():
        text = search.strip()
        found = found.filter(Q(name__icontains=text) | Q(email__icontains=text))
    if role is not None:
        found = found.filter(role=role.value)
    if is_active is not None:
        found = found.filter(is_active=is_active)
    if group_id is not None:
        found = found.filter(dialer_groups=group(account, group_id))
    return [_user_row(one) for one in keyset.part(found, keyset.OLDEST_FIRST, after, limit)]


def missing_users(account: Account, ids: Sequence[int]) -> frozenset[int]:
    """Return which of these users the account does not have."""
    seen = User.objects.filter(account=account, pk__in=set(ids)).values_list("pk", flat=True)
    return frozenset(ids) - frozenset(seen)


def user_rows(account: Account) -> list[UserRow]:
    """Return the users of the account by name."""
    return [_user_row(user) for user in _users(account)]


def user_row(account: Account, user_id: int) -> UserRow:
    """Return one user of the account. Raises NotFoundError."""
    found = _users(account).filter(pk=user_id).first()
    if found is None:
        raise NotFoundError(f"There is no user {user_id}.")
    return _user_row(found)


def user_names(account: Account) -> list[tuple[int, str]]:
    """Return id and name of every enabled user of the account, by name."""
    enabled = User.objects.filter(account=account, is_active=True)
    return list(enabled.order_by("name", "pk").values_list("pk", "name"))


def _users(account: Account) -> QuerySet[User]:
    devices = Prefetch("devices", AgentDevice.objects.order_by("-is_default", "pk"))
    return User.objects.filter(account=account).prefetch_related(devices).order_by("name", "pk")


def _user_row(user: User) -> UserRow:
    return UserRow(
        id=user.pk,
        name=user.name,
        email=user.email,
        role=user.role,
        is_active=user.is_active,
        called_on=tuple(_device_row(device) for device in user.devices.all()),
    )


def groups_of(account: Account, user_id: int) -> list[str]:
    """Return the names of the groups that a user is in."""
    found = Group.objects.filter(account=account, members=user_id)
    return list(found.order_by("name").values_list("name", flat=True))


def group(account: Account, group_id: int) -> Group:
    """Return a group of the account. Raises NotFoundError."""
    found = Group.objects.filter(account=account, pk=group_id).first()
    if found is None:
        raise no_such_group(group_id)
    return found


def no_such_group(group_id: int) -> NotFoundError:
    """Return the error for a group that is not there."""
    return NotFoundError(f"There is no group {group_id}: see `autodialer group list`.")


def group_facts(group: Group) -> dict[str, object]:
    """Return what the audit log keeps of a group, and what its version stands for."""
    members = GroupMember.objects.filter(group=group).order_by("user")
    return {"name": group.name, "members": list(members.values_list("user", flat=True))}


def device(account: Account, user_id: int, device_id: int | None = None) -> AgentDevice | None:
    """Return this device of the user, or the default one; None when there is none."""
    devices = AgentDevice.objects.filter(user__account=account, user=user_id)
    if device_id is not None:
        return devices.filter(pk=device_id).first()
    return devices.order_by("-is_default", "pk").first()


def device_at(account: Account, address: str) -> AgentDevice | None:
    """Return the device with this telephone number or SIP name, of an enabled user; None: none.

    The number may be written as people write it.
    """
    devices = AgentDevice.objects.filter(user__account=account, user__is_active=True)
    try:
        e164 = parse_caller_id(address, account.region)
    except NumberError:
        name = address.strip().removeprefix("sip:")
        found = devices.exclude(kind=DeviceKind.PHONE.value).filter(address=name)
        return found.first() if storable(name) else None
    return devices.filter(kind=DeviceKind.PHONE.value, address=e164).first()


def device_problem(device: AgentDevice) -> str:
    """Return why this device cannot be called now, as a sentence for its owner; "" when it can.

    A telephone's state is known when it is called, not before.
    """
    if device.kind == DeviceKind.PHONE or device.registered_at is not None:
        return ""
    if device.kind == DeviceKind.BROWSER:
        return "Your phone is not registered: open it in this browser and allow the microphone."
    if not device.digest:
        return "Your phone is not registered: ask an admin for its account name and secret."
    return "Your phone is not registered: check that it is switched on and has the right secret."


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device of a user. `is_ready` says that it can be called as far as is known."""

    id: int
    user: str
    kind: str
    address: str
    is_default: bool
    is_ready: bool = True


def device_rows(account: Account, user_id: int | None = None) -> list[DeviceRow]:
    """Return the devices of one user or of all, by user, the default one first."""
    found = AgentDevice.objects.filter(user__account=account).select_related("user")
    if user_id is not None:
        found = found.filter(user=user_id)
    return [_device_row(one) for one in found.order_by("user__name", "user", "-is_default", "pk")]


def _device_row(one: AgentDevice) -> DeviceRow:
    return DeviceRow(
        one.pk,
        one.user.name,
        one.kind,
        one.address,
        one.is_default,
        is_ready=not device_problem(one),
    )


def devices(account: Account, user_id: int) -> list[tuple[int, str]]:
    """Return id and address of the user's devices, the default one first."""
    found = AgentDevice.objects.filter(user__account=account, user=user_id)
    return list(found.order_by("-is_default", "pk").values_list("pk", "address"))
