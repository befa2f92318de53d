"""Writes to accounts and users."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.permissions import (
    Permission,
    require,
    require_manager_of,
    require_profile,
)
from autodialer.apps.accounts.queries import account_facts
from autodialer.apps.accounts.queries import user as user_of
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.events import hint_phones, hint_sessions, tell_screens
from autodialer.apps.texts import clean_name
from autodialer.apps.versions import require_unchanged
from autodialer.domain.errors import ConflictError, InvalidInputError
from autodialer.domain.retry import LONGEST_REDIAL_GAP
from autodialer.domain.window import LEGAL_CLOSES, LEGAL_OPENS
from autodialer.ports.screens import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor


class LastAdminError(ConflictError):
    """An account always keeps an admin who can log in."""

    code = "last_admin"


def new_account(
    *,
    name: str,
    now: datetime,
    zone: str = "Asia/Kolkata",
    region: str = "IN",
    window_opens: time = LEGAL_OPENS,
    window_closes: time = LEGAL_CLOSES,
    actor: Actor = OPERATOR,
) -> Account:
    """Make an account. Its calling window may narrow the legal one, never widen it.

    For the operator, inside a transaction of the caller; by itself it is `create_account`. Raises
    InvalidInputError, or ConflictError when the name is taken.
    """
    _check_place(zone, region)
    _check_window(window_opens, window_closes)
    cleaned = clean_name(name)
    account, is_new = Account.objects.get_or_create(
        name=cleaned,
        defaults={
            "zone": zone,
            "region": region,
            "window_opens": window_opens,
            "window_closes": window_closes,
            "created_at": now,
        },
    )
    if not is_new:
        raise ConflictError(f"There is an account called {cleaned!r} already.")
    _record_account(account, actor, "create", {}, now)
    return account


create_account = transaction.atomic(durable=True)(new_account)


@transaction.atomic(durable=True)
def change_account(
    *,
    account: Account,
    now: datetime,
    zone: str | None = None,
    region: str | None = None,
    window_opens: time | None = None,
    window_closes: time | None = None,
    redial_gap: timedelta | None = None,
    require_second_factor: bool | None = None,
    allows_http: bool | None = None,
    seen: str | None = None,
    actor: Actor = OPERATOR,
) -> Account:
    """Change where the account is, when it calls, whom it asks, and how its managers sign in.

    What is None stays. Hours and the gap between two calls to a number (whole seconds, up to an
    hour) count at the next dial, a second factor at the next click. Without `allows_http`, http://
    addresses that are there already are no longer opened. `seen` is the version of
    `queries.account_facts` that was looked at.

    Raises NotAllowedError, ChangedMeanwhileError, or InvalidInputError, also for a window wider
    than the law's.
    """
    require(actor, Permission.CHANGE_SETTINGS)
    found = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    before = account_facts(found)
    require_unchanged(before, seen)
    found.zone = found.zone if zone is None else zone
    found.region = found.region if region is None else region
    found.window_opens = found.window_opens if window_opens is None else window_opens
    found.window_closes = found.window_closes if window_closes is None else window_closes
    _check_place(found.zone, found.region)
    _check_window(found.window_opens, found.window_closes)
    if redial_gap is not None:
        found.redial_gap_s = _seconds_of_gap(redial_gap)
    if require_second_factor is not None:
        found.require_second_factor = require_second_factor
    if allows_http is not None:
        found.allows_http = allows_http
    found.save(update_fields=[*account_facts(found)])
    _record_account(found, actor, "change", before, now)
    return found


def new_user(
    *,
    account: Account,
    email: str,
    name: str,
    role: Role,
    now: datetime,
    password: str = "",
    actor: Actor = OPERATOR,
) -> User:
    """Make a user; without a password the user cannot log in but can be called as an agent.

    Inside a transaction of the caller; by itself it is `create_user`. Raises NotAllowedError,
    InvalidInputError, also for a password that is easily guessed, or ConflictError when the
    address is in use.
    """
    require_manager_of(actor, role)
    address = _clean_email(email)
    if password:
        _check_password(password, User(email=address, name=name))
    user, is_new = User.objects.get_or_create(
        email=address,
        defaults={
            "account": account,
            "name": clean_name(name),
            "role": role.value,
            "password": make_password(password or None),
            "created_at": now,
        },
    )
    if not is_new:
        raise ConflictError(f"A user with the address {address} exists already.")
    _record(user, actor, "create", {}, now)
    return user


create_user = transaction.atomic(durable=True)(new_user)


@transaction.atomic(durable=True)
def rename_user(
    *, account: Account, user_id: int, name: str, now: datetime, actor: Actor = OPERATOR
) -> User:
    """Give a user another name; everybody may change their own. Raises NotAllowedError."""
    user = _locked_user(account, user_id)
    require_profile(actor, user)
    before = _facts(user)
    user.name = clean_name(name)
    user.save(update_fields=["name"])
    _record(user, actor, "rename", before, now)
    return user


@transaction.atomic(durable=True)
def set_password(
    *, account: Account, user_id: int, password: str, now: datetime, actor: Actor = OPERATOR
) -> User:
    """Let a user log in with this password only; whoever is logged in as them is logged out.

    Everybody sets their own. Raises NotAllowedError, NotFoundError, or InvalidInputError for a
    password that is easily guessed.
    """
    user = _locked_user(account, user_id)
    require_profile(actor, user)
    _check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    _record(user, actor, "set_password", _facts(user), now)
    return user


@transaction.atomic(durable=True)
def set_user_active(
    *, account: Account, user_id: int, active: bool, now: datetime, actor: Actor = OPERATOR
) -> User:
    """Let a user in, or keep them out; repeatable.

    Who is kept out while talking finishes the present call and is released. Raises
    NotAllowedError, NotFoundError, or LastAdminError.
    """
    user = _locked_user(account, user_id)
    require_manager_of(actor, Role(user.role))
    if not active:
        _check_not_last_admin(account, user)
    before = _facts(user)
    user.is_active = active
    user.save(update_fields=["is_active"])
    _record(user, actor, "enable" if active else "disable", before, now)
    hint_sessions()
    hint_phones()
    return user


@transaction.atomic(durable=True)
def change_role(
    *, account: Account, user_id: int, role: Role, now: datetime, actor: Actor = OPERATOR
) -> User:
    """Give a user another role. Raises NotAllowedError, NotFoundError, or LastAdminError."""
    user = _locked_user(account, user_id)
    require(actor, Permission.CHANGE_ROLES)
    if role is not Role.ADMIN:
        _check_not_last_admin(account, user)
    before = _facts(user)
    user.role = role.value
    user.save(update_fields=["role"])
    _record(user, actor, "change_role", before, now)
    return user


def _facts(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "is_active": user.is_active,
    }


def _record_account(
    account: Account, actor: Actor, verb: str, before: Mapping[str, object], now: datetime
) -> None:
    record(
        account=account,
        actor=actor,
        action=f"account.{verb}",
        subject=Subject("account", account.pk),
        before=before,
        after=account_facts(account),
        now=now,
    )


def _record(
    user: User, actor: Actor, verb: str, before: Mapping[str, object], now: datetime
) -> None:
    record(
        account=user.account,
        actor=actor,
        action=f"user.{verb}",
        subject=Subject("user", user.pk),
        before=before,
        after=_facts(user),
        now=now,
    )
    tell_screens(user.account_id, Shown.AGENT, user.pk)


def _locked_user(account: Account, user_id: int) -> User:
    """Return the user. Locks the account's people: of two admins who leave, one comes second."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    return user_of(account, user_id)


def _check_not_last_admin(account: Account, user: User) -> None:
    admins = User.objects.filter(account=account, role=Role.ADMIN.value, is_active=True)
    if user.role == Role.ADMIN and user.is_active and not admins.exclude(pk=user.pk).exists():
        raise LastAdminError(f"{user.name} is the only admin: make another user an admin first.")


def _check_window(opens: time, closes: time) -> None:
    if not LEGAL_OPENS <= opens < closes <= LEGAL_CLOSES:
        raise InvalidInputError(
            "window", "The calling window must lie between 09:00 and 21:00.", "window_illegal"
        )


def _seconds_of_gap(gap: timedelta) -> int:
    if not timedelta() <= gap <= LONGEST_REDIAL_GAP:
        raise InvalidInputError(
            "redial_gap",
            "The gap between two calls to a number must be 0 to 3,600 seconds.",
            "redial_gap_out_of_range",
        )
    return gap // timedelta(seconds=1)


def _check_place(zone: str, region: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError(
            "zone", f"{zone!r} is no time zone: write it like Asia/Kolkata.", "zone_unknown"
        ) from None
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInputError(
            "region", f"{region!r} is no country: write two letters like IN.", "region_unknown"
        )


def _check_password(password: str, user: User) -> None:
    """Raise InvalidInputError unless the validators of the settings accept the password."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInputError("password", " ".join(error.messages), "password_weak") from None


def _clean_email(raw: str) -> str:
    address = raw.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidInputError(
            "email", f"{address[:80]!r} is no e-mail address.", "email_invalid"
        ) from None
    return address
