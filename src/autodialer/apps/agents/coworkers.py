"""The enabled users of an account with their devices, for clients that turn pages by offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Prefetch

from autodialer.apps.accounts.models import User
from autodialer.apps.agents.models import AgentDevice
from autodialer.apps.agents.queries import device_problem
from autodialer.domain.errors import NotFoundError
from autodialer.domain.people import DeviceKind

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from autodialer.apps.accounts.models import Account


@dataclass(frozen=True, slots=True)
class Phone:
    """A device; the default one is called. `is_ready`: it can be called as far as is known."""

    id: int
    kind: DeviceKind
    address: str
    is_default: bool
    is_ready: bool


@dataclass(frozen=True, slots=True)
class CoWorker:
    """A user who may sign in or be called, the default device first."""

    id: int
    name: str
    email: str
    role: str
    created_at: datetime
    last_login: datetime | None
    phones: tuple[Phone, ...]


def coworkers_at(account: Account, *, offset: int, limit: int) -> tuple[list[CoWorker], int]:
    """Return a part of the enabled users, the oldest first, and how many there are."""
    found = _enabled(account)
    return [
        _coworker(user) for user in found.order_by("pk")[offset : offset + limit]
    ], found.count()


def coworker(account: Account, user_id: int) -> CoWorker:
    """Return one enabled user. Raises NotFoundError."""
    found = _enabled(account).filter(pk=user_id).first()
    if found is None:
        raise NotFoundError(f"There is no user {user_id}.")
    return _coworker(found)


def _enabled(account: Account) -> QuerySet[User]:
    devices = Prefetch("devices", AgentDevice.objects.order_by("-is_default", "pk"))
    return User.objects.filter(account=account, is_active=True).prefetch_related(devices)


def _coworker(user: User) -> CoWorker:
    return CoWorker(
        id=user.pk,
        name=user.name,
        email=user.email,
        role=user.role,
        created_at=user.created_at,
        last_login=user.last_login,
        phones=tuple(_phone(device) for device in user.devices.all()),
    )


def _phone(device: AgentDevice) -> Phone:
    return Phone(
        id=device.pk,
        kind=DeviceKind(device.kind),
        address=device.address,
        is_default=device.is_default,
        is_ready=not device_problem(device),
    )
