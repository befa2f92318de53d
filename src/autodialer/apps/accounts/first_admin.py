"""The first admin of an installation: a link for whoever started it, which works once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import transaction

from autodialer.apps.accounts.models import Role, SetupLink
from autodialer.apps.accounts.queries import can_anybody_sign_in
from autodialer.apps.accounts.services import new_account, new_user
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import User

TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """Who comes in first, and the account that is made for them."""

    account_name: str
    zone: str
    region: str
    name: str
    email: str
    password: str


@transaction.atomic(durable=True)
def make_setup_link(now: datetime) -> str | None:
    """Return the secret part of a new link, None when somebody can sign in.

    Links that were made before end. Only a hash is kept: the secret is told once.
    """
    SetupLink.objects.all().delete()
    if can_anybody_sign_in():
        return None
    token = secrets.token_urlsafe(TOKEN_BYTES)
    SetupLink.objects.create(token_hash=_hash(token), created_at=now)
    return token


def check_setup_link(token: str) -> None:
    """Raise NotFoundError unless the link works: it was not used, and nobody can sign in yet."""
    if can_anybody_sign_in() or not SetupLink.objects.filter(token_hash=_hash(token)).exists():
        raise _not_found()


@transaction.atomic(durable=True)
def make_first_admin(*, token: str, first: FirstAdmin, actor: Actor, now: datetime) -> User:
    """Make an account and its admin, and use the link up: all of it, or nothing.

    Raises NotFoundError when the link does not work (any more), also for the second of two who
    use it at once; InvalidInputError, which leaves the link as it was.
    """
    # Who comes second waits here, and then finds no link.
    used, _ = SetupLink.objects.filter(token_hash=_hash(token)).delete()
    if not used or can_anybody_sign_in():
        raise _not_found()
    account = new_account(
        name=first.account_name, zone=first.zone, region=first.region, actor=actor, now=now
    )
    return new_user(
        account=account,
        email=first.email,
        name=first.name,
        role=Role.ADMIN,
        password=first.password,
        actor=actor,
        now=now,
    )


def _not_found() -> NotFoundError:
    return NotFoundError("This link does not work, or not any more. `autodialer up` prints one.")


def _hash(token: str) -> str:
    """Return what is kept of a token; a fast hash is enough for 32 bytes of chance."""
    return hashlib.sha256(token.encode()).hexdigest()
