"""Writes to groups, their members and agents' devices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from django.db import transaction

from autodialer.apps.accounts.queries import users_by_id
from autodialer.apps.agents import queries
from autodialer.apps.agents.models import AgentDevice, DeviceKind, Group, GroupMember
from autodialer.apps.contacts.numbers import parse_number
from autodialer.apps.events import hint_sessions
from autodialer.apps.texts import clean_name
from autodialer.domain.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from autodialer.apps.accounts.models import Account

# What reaches Asterisk as part of an endpoint's name: nothing that a dial string could mean.
_SIP_USER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@transaction.atomic(durable=True)
def create_group(
    *, account: Account, name: str, now: datetime, member_ids: Iterable[int] = ()
) -> Group:
    """Make a group. Raises ConflictError when the name is taken, NotFoundError for a stranger."""
    cleaned = clean_name(name)
    group, is_new = Group.objects.get_or_create(
        account=account, name=cleaned, defaults={"created_at": now}
    )
    if not is_new:
        raise ConflictError(f"There is a group called {cleaned!r} already: choose another name.")
    _add(account, group, member_ids)
    return group


@transaction.atomic(durable=True)
def add_group_members(*, account: Account, group_id: int, user_ids: Iterable[int]) -> None:
    """Add users to a group; it counts at once, also in running campaigns. Repeatable."""
    _add(account, queries.group(account, group_id), user_ids)


@transaction.atomic(durable=True)
def set_group_members(*, account: Account, group_id: int, user_ids: Iterable[int]) -> None:
    """Make these users the group. Who leaves it finishes the present call and is released."""
    group = queries.group(account, group_id)
    wanted = set(user_ids)
    GroupMember.objects.filter(group=group).exclude(user__in=wanted).delete()
    _add(account, group, wanted)
    hint_sessions()


@transaction.atomic(durable=True)
def add_device(
    *,
    account: Account,
    user_id: int,
    kind: DeviceKind,
    address: str,
    now: datetime,
    is_default: bool = True,
) -> AgentDevice:
    """Add where an agent is called: a telephone number, or the name of a SIP user of ours.

    Raises NumberError or InvalidInputError when the address cannot be dialled.
    """
    (user,) = users_by_id(account, [user_id])
    checked = check_address(kind, address, account.region)
    if is_default:
        AgentDevice.objects.filter(user=user, is_default=True).update(is_default=False)
    return AgentDevice.objects.create(
        user=user, kind=kind.value, address=checked, is_default=is_default, created_at=now
    )


def check_address(kind: DeviceKind, address: str, region: str) -> str:
    """Return the address as it is stored. Raises NumberError or InvalidInputError."""
    if kind is DeviceKind.PHONE:
        return parse_number(address, region)
    if not _SIP_USER.fullmatch(address.strip()):
        raise InvalidInputError(
            "address",
            "A SIP user has 1 to 64 letters, digits, dots, dashes and underscores.",
            "sip_user_invalid",
        )
    return address.strip()


def _add(account: Account, group: Group, user_ids: Iterable[int]) -> None:
    users = users_by_id(account, user_ids)
    members = [GroupMember(group=group, user=user) for user in users]
    GroupMember.objects.bulk_create(members, ignore_conflicts=True)
