"""Writes to API keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import Q

from autodialer.apps.accounts.models import Account
from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.keys.models import KEY_NAME_LENGTH, ApiKey
from autodialer.apps.keys.queries import KeyState, no_such_key, state_of
from autodialer.apps.keys.token import Token, new_token
from autodialer.apps.texts import clean_name
from autodialer.domain.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor

# Of one name: the one in use and the one that replaces it.
MOST_OF_A_NAME: Final = 2
MOST_KEYS: Final = 100
NOTED_EACH: Final = timedelta(minutes=1)
LONGEST_LIFE: Final = timedelta(days=3_660)


class TooManyKeysError(ConflictError):
    """There are two live keys of this name, or a hundred in the account: revoke one first."""

    code = "too_many_keys"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only moment at which its text is known."""

    id: int
    token: Token


@transaction.atomic(durable=True)
def create_key(
    *,
    account: Account,
    actor: Actor,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make an API key for these scopes. Its text is returned once and cannot be had again.

    Two live keys may have one name, so that a program can change from the old to the new one
    before the old one is revoked. Raises NotAllowedError, InvalidInputError, TooManyKeysError.
    """
    require(actor, Permission.MANAGE_API_KEYS)
    cleaned = clean_name(name, most=KEY_NAME_LENGTH)
    wanted = _checked_scopes(scopes)
    _check_expiry(expires_at, now)
    _check_room(account, cleaned, now)
    token = new_token()
    key = ApiKey.objects.create(
        account=account,
        public_id=token.public_id,
        secret_hash=token.secret_hash,
        name=cleaned,
        scopes=wanted,
        made_by=actor.user,
        created_at=now,
        expires_at=expires_at,
    )
    _record(key, actor, "create", now)
    return NewKey(key.pk, token)


@transaction.atomic(durable=True)
def revoke_key(*, account: Account, actor: Actor, key_id: int, now: datetime) -> None:
    """End a key at once and for ever; repeatable. Raises NotAllowedError or NotFoundError."""
    require(actor, Permission.MANAGE_API_KEYS)
    key = ApiKey.objects.select_for_update(no_key=True).filter(account=account, pk=key_id).first()
    if key is None:
        raise no_such_key(key_id)
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        _record(key, actor, "revoke", now)


def note_use(*, key_id: int, last_used_at: datetime | None, now: datetime) -> None:
    """Note that a key is used, at most once a minute: each note is a commit."""
    if last_used_at is None or now - last_used_at >= NOTED_EACH:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - NOTED_EACH)
        ApiKey.objects.filter(stale, pk=key_id).update(last_used_at=now)


def _check_room(account: Account, name: str, now: datetime) -> None:
    """Raise TooManyKeysError. Locks the account: of two keys made at once, one comes second."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    keys = ApiKey.objects.filter(account=account, revoked_at=None).select_related("made_by")
    live = [key for key in keys if state_of(key, now) is KeyState.LIVE]
    if sum(key.name.casefold() == name.casefold() for key in live) >= MOST_OF_A_NAME:
        raise TooManyKeysError(
            f"There are two live keys called {name!r} already: revoke the one that is not in use."
        )
    if len(live) >= MOST_KEYS:
        raise TooManyKeysError("The account has 100 live keys: revoke one that is not in use.")


def _checked_scopes(scopes: Sequence[str]) -> list[str]:
    """Return the scopes in the order of the table. Raises InvalidInputError."""
    known = [scope.value for scope in KeyScope]
    unknown = [scope for scope in scopes if scope not in known]
    if unknown or not scopes:
        raise InvalidInputError(
            "scopes",
            f"Choose some of {', '.join(known)}.",
            "scope_unknown" if unknown else "scopes_missing",
        )
    return [scope for scope in known if scope in scopes]


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is None:
        return
    if expires_at.utcoffset() is None:
        raise InvalidInputError(
            "expires_at", "The time must carry its offset from UTC, like +05:30.", "offset_required"
        )
    if not now < expires_at <= now + LONGEST_LIFE:
        raise InvalidInputError(
            "expires_at", "Choose a time to come, within ten years.", "expiry_out_of_range"
        )


def _record(key: ApiKey, actor: Actor, verb: str, now: datetime) -> None:
    record(
        account=key.account,
        actor=actor,
        action=f"api_key.{verb}",
        subject=Subject("api_key", key.pk),
        after={
            "name": key.name,
            "public_id": key.public_id,
            "scopes": list(key.scopes),
            "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        },
        now=now,
    )
