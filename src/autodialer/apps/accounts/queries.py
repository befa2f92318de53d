"""What pages and commands read of accounts and users."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection
from django.db.models import Q

from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.statements import statement
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def accounts() -> list[Account]:
    """Return all accounts, oldest first. For operators only."""
    return list(Account.objects.order_by("pk"))


def account_by_name(name: str) -> Account:
    """Return the account with this name or id. Raises NotFoundError."""
    by_id = Q(pk=int(name)) if name.isdecimal() and len(name) < 19 else Q()  # noqa: PLR2004  bigint
    found = Account.objects.filter(Q(name=name) | by_id if by_id else Q(name=name)).first()
    if found is None:
        raise NotFoundError(f"There is no account {name!r}: see `autodialer account list`.")
    return found


def account_facts(account: Account) -> dict[str, object]:
    """Return what can be changed of an account: for the audit log, and for its version."""
    return {
        "zone": account.zone,
        "region": account.region,
        "window_opens": account.window_opens.isoformat(),
        "window_closes": account.window_closes.isoformat(),
        "redial_gap_s": account.redial_gap_s,
        "require_second_factor": account.require_second_factor,
        "allows_http": account.allows_http,
    }


def users(account: Account) -> list[User]:
    """Return the users of the account by name."""
    return list(User.objects.filter(account=account).order_by("name", "pk"))


def user(account: Account, user_id: int) -> User:
    """Return a user of the account. Raises NotFoundError."""
    (found,) = users_by_id(account, [user_id])
    return found


def users_by_id(account: Account, ids: Iterable[int]) -> list[User]:
    """Return exactly these users of the account. Raises NotFoundError if one is not there."""
    wanted = set(ids)
    found = list(User.objects.filter(account=account, pk__in=wanted).order_by("pk"))
    if len(found) != len(wanted):
        missing = min(wanted - {user.pk for user in found})
        raise NotFoundError(f"There is no user {missing}: see `autodialer user list`.")
    return found


def session_data(key: str, now: datetime) -> str | None:
    """Return what a browser session keeps, None when there is none (any more)."""
    with connection.cursor() as cursor:
        cursor.execute(statement("accounts", "session_data"), {"key": key, "now": now})
        found: tuple[str] | None = cursor.fetchone()
    return found and found[0]


def person(user_id: int) -> User | None:
    """Return a user with their account, None when there is no such user.

    Every request asks for it. To make its statement takes longer than all the rest, so that is
    done once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_person_statement(), [user_id])
        row = cursor.fetchone()
    if row is None:
        return None
    columns = [field.attname for field in User._meta.concrete_fields]
    found = User.from_db(connection.alias, columns, row[: len(columns)])
    of_account = [field.attname for field in Account._meta.concrete_fields]
    found.account = Account.from_db(connection.alias, of_account, row[len(columns) :])
    return found


@cache
def _person_statement() -> str:
    """Return the ORM's own statement, all columns of the user and then those of the account."""
    found = User.objects.select_related("account").filter(pk=0)
    return found.query.sql_with_params()[0]


def needs_second_factor(user: User) -> bool:
    """Return whether the account demands a second factor of this user at sign-in."""
    return user.account.require_second_factor and user.role != Role.AGENT


def user_by_email(address: str) -> User | None:
    """Return who signs in with this address, of any account; None: nobody."""
    return User.objects.filter(email=address.strip().lower()).first()


def can_anybody_sign_in() -> bool:
    """Return whether there is somebody with a password, in any account."""
    active = User.objects.filter(is_active=True)
    return active.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()
