"""Writes to accounts and users."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.texts import clean_name
from autodialer.domain.errors import ConflictError, InvalidInputError
from autodialer.domain.window import LEGAL_CLOSES, LEGAL_OPENS

if TYPE_CHECKING:
    from datetime import datetime


@transaction.atomic(durable=True)
def create_account(
    *,
    name: str,
    now: datetime,
    zone: str = "Asia/Kolkata",
    region: str = "IN",
    window_opens: time = LEGAL_OPENS,
    window_closes: time = LEGAL_CLOSES,
) -> Account:
    """Make an account. Its calling window may narrow the legal one, never widen it.

    Raises InvalidInputError, or ConflictError when the name is taken.
    """
    _check_place(zone, region)
    if not LEGAL_OPENS <= window_opens < window_closes <= LEGAL_CLOSES:
        raise InvalidInputError(
            "window", "The calling window must lie between 09:00 and 21:00.", "window_illegal"
        )
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
    return account


@transaction.atomic(durable=True)
def create_user(
    *, account: Account, email: str, name: str, role: Role, now: datetime, password: str = ""
) -> User:
    """Make a user; without a password the user cannot log in but can be called as an agent.

    Raises InvalidInputError, or ConflictError when the address is in use.
    """
    address = _clean_email(email)
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
    return user


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


def _clean_email(raw: str) -> str:
    address = raw.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidInputError(
            "email", f"{address[:80]!r} is no e-mail address.", "email_invalid"
        ) from None
    return address
