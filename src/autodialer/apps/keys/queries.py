"""What is read of API keys: the list of an account, and who a key is."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db import connection

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.models import Account
from autodialer.apps.accounts.permissions import RULES, Permission
from autodialer.apps.accounts.scopes import permissions_of
from autodialer.apps.keys.models import KEY_NAME_LENGTH, ApiKey
from autodialer.apps.rows import rows
from autodialer.domain.errors import AutodialerError, NotFoundError
from autodialer.domain.people import Role

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.apps.keys.token import Token

__all__ = ["KEY_NAME_LENGTH"]


class KeyState(StrEnum):
    """Whether a key works, and why not."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    MAKER_GONE = "maker-gone"


class KeyRefusedError(AutodialerError):
    """The API key is wrong, or does not work any more."""

    code = "key_unknown"

    def __init__(self, message: str, code: str = "key_unknown") -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as lists show it."""

    id: int
    public_id: str
    name: str
    scopes: tuple[str, ...]
    state: KeyState
    made_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks with a key: for which account, and what they may do."""

    key_id: int
    account: Account
    actor: Actor
    last_used_at: datetime | None


_REFUSALS = {
    KeyState.EXPIRED: ("This API key has expired: make a new one.", "key_expired"),
    KeyState.REVOKED: ("This API key was revoked: make a new one.", "key_revoked"),
    KeyState.MAKER_GONE: (
        "Whoever made this API key is no admin of the account any more: an admin makes a new one.",
        "key_maker_gone",
    ),
}


def key_rows(account: Account, now: datetime) -> list[KeyRow]:
    """Return the keys of the account, newest first."""
    found = ApiKey.objects.filter(account=account).select_related("made_by", "made_by__account")
    return [_row(key, now) for key in found.order_by("-pk")]


def key_row(account: Account, key_id: int, now: datetime) -> KeyRow:
    """Return one key of the account. Raises NotFoundError."""
    found = ApiKey.objects.filter(account=account, pk=key_id).select_related("made_by").first()
    if found is None:
        raise no_such_key(key_id)
    return _row(found, now)


def bearer_of(
    token: Token, now: datetime, request_id: str | None = None, from_address: str | None = None
) -> Bearer:
    """Return who holds this key. Raises KeyRefusedError, which tells only the holder why.

    The comparison takes as long for a wrong secret as for a right one.
    """
    found: Any = next(iter(rows("keys", "bearer", {"public_id": token.public_id})), None)
    kept = bytes(found.secret_hash) if found else bytes(32)
    if not hmac.compare_digest(kept, token.secret_hash) or found is None:
        raise KeyRefusedError("There is no such API key: check that you copied all of it.")
    maker = None if found.made_by_id is None else (found.maker_is_active, found.maker_role)
    state = _state(found.revoked_at, found.expires_at, maker, now)
    if state is not KeyState.LIVE:
        raise KeyRefusedError(*_REFUSALS[state])
    actor = Actor(
        name=f"API key {found.key_name}",
        role=Role.SUPERVISOR,
        request_id=request_id,
        from_address=from_address,
        granted=permissions_of(found.scopes),
    )
    columns = [field.attname for field in Account._meta.concrete_fields]
    account = Account.from_db(
        connection.alias, columns, [getattr(found, column) for column in columns]
    )
    return Bearer(found.key_id, account, actor, found.last_used_at)


def is_live(key_id: int, now: datetime) -> bool:
    """Return whether a key that worked still does."""
    found = ApiKey.objects.select_related("made_by").filter(pk=key_id).first()
    return found is not None and state_of(found, now) is KeyState.LIVE


def state_of(key: ApiKey, now: datetime) -> KeyState:
    """Return whether the key works now; its `made_by` should be loaded."""
    maker = None if key.made_by is None else (key.made_by.is_active, key.made_by.role)
    return _state(key.revoked_at, key.expires_at, maker, now)


def _state(
    revoked_at: datetime | None,
    expires_at: datetime | None,
    maker: tuple[bool, str] | None,
    now: datetime,
) -> KeyState:
    """Return whether a key works; `maker` is whether they are enabled, and their role."""
    if revoked_at is not None:
        return KeyState.REVOKED
    if expires_at is not None and expires_at <= now:
        return KeyState.EXPIRED
    if maker is not None:
        is_active, role = maker
        if not is_active or RULES[Permission.MANAGE_API_KEYS].scope(Role(role)) is None:
            return KeyState.MAKER_GONE
    return KeyState.LIVE


def no_such_key(key_id: int) -> NotFoundError:
    """Return the error for a key that is not there."""
    return NotFoundError(f"There is no API key {key_id}: see `autodialer key list`.")


def _row(key: ApiKey, now: datetime) -> KeyRow:
    return KeyRow(
        id=key.pk,
        public_id=key.public_id,
        name=key.name,
        scopes=tuple(key.scopes),
        state=state_of(key, now),
        made_by=key.made_by.name if key.made_by else "operator",
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
