"""Writes to the money of accounts. What calls reserve and cost is written by the dialer's SQL.

Balances move by entries in the ledger alone: PostgreSQL does the sum (migration 0002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.billing.models import Hold, LedgerEntry, Purse, Tariff
from autodialer.apps.billing.queries import rate_of
from autodialer.apps.texts import clean_name
from autodialer.domain.errors import (
    AutodialerError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from autodialer.domain.money import (
    CURRENCIES,
    EntryKind,
    HoldStatus,
    LegKind,
    PaymentMode,
    check_amount,
    check_rate,
    match_rate,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from uuid import UUID

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.domain.money import Rate


class LowBalanceError(AutodialerError):
    """The balance does not cover what is wanted: top it up."""

    code = "low_balance"


class NoTariffError(AutodialerError):
    """A number has no price: set a tariff for its prefix."""

    code = "no_tariff"


@dataclass(frozen=True, slots=True)
class _Booking:
    """What a person books."""

    kind: EntryKind
    amount: int
    reference: str
    at: datetime


@transaction.atomic(durable=True)
def set_payment_mode(
    *, account: Account, mode: PaymentMode, actor: Actor, now: datetime, currency: str = "INR"
) -> None:
    """Meter the account from now on, prepaid or postpaid. Repeatable.

    Raises ConflictError when the account has another currency, or calls that were placed
    without a hold are live: a prepaid balance could not cover them.
    """
    require(actor, Permission.BOOK_MONEY)
    if currency not in CURRENCIES:
        raise InvalidInputError("currency", f"Use one of {', '.join(CURRENCIES)}.")
    purse, is_new = Purse.objects.select_for_update().get_or_create(
        account=account, defaults={"mode": mode.value, "currency": currency, "created_at": now}
    )
    if purse.currency != currency:
        raise ConflictError(f"This account is kept in {purse.currency} for good.")
    if mode is PaymentMode.PREPAID and _has_unlimited_holds(account):
        raise ConflictError("Calls are live: pause the campaigns and wait for their end.")
    if is_new or purse.mode != mode:
        Purse.objects.filter(pk=purse.pk).update(mode=mode.value)
        before = {} if is_new else {"mode": purse.mode}
        _note(account, actor, "balance.mode", now, before, {"mode": mode.value})


@transaction.atomic(durable=True)
def top_up(
    *, account: Account, amount: int, reference: str, actor: Actor, now: datetime
) -> LedgerEntry:
    """Add money; a payment that is reported again, with the same reference, is booked once.

    Paused campaigns go on when somebody resumes them. Raises NotFoundError without a purse, and
    ConflictError when the reference stands for another amount.
    """
    check_amount(amount)
    return _book(account, actor, _Booking(EntryKind.TOP_UP, amount, reference, now))


@transaction.atomic(durable=True)
def adjust(
    *, account: Account, amount: int, reference: str, actor: Actor, now: datetime
) -> LedgerEntry:
    """Correct the balance by a positive or negative amount; as `top_up`."""
    check_amount(amount, may_be_negative=True)
    return _book(account, actor, _Booking(EntryKind.ADJUSTMENT, amount, reference, now))


@transaction.atomic(durable=True)
def set_tariffs(
    *, account: Account, rates: Mapping[str, Rate], actor: Actor, now: datetime
) -> None:
    """Set the price of each prefix; other prefixes stay. Calls that are live keep theirs."""
    require(actor, Permission.SET_TARIFFS)
    known = Tariff.objects.filter(account=account, prefix__in=rates)
    before = {tariff.prefix: _columns(rate_of(tariff)) for tariff in known}
    for prefix, rate in rates.items():
        check_rate(prefix, rate)
        Tariff.objects.update_or_create(
            account=account, prefix=prefix, defaults={**_columns(rate), "changed_at": now}
        )
    after = {prefix: _columns(rate) for prefix, rate in rates.items()}
    _note(account, actor, "tariff.set", now, before, after)


@transaction.atomic(durable=True)
def remove_tariff(*, account: Account, prefix: str, actor: Actor, now: datetime) -> None:
    """Forget the price of a prefix. Raises NotFoundError."""
    require(actor, Permission.SET_TARIFFS)
    if not Tariff.objects.filter(account=account, prefix=prefix).delete()[0]:
        raise NotFoundError(f"There is no tariff for {prefix!r}: see `autodialer tariff list`.")
    _note(account, actor, "tariff.remove", now, {"prefix": prefix}, {})


def hold_agent_leg(
    *, account: Account, session_id: UUID, e164: str, longest: timedelta, now: datetime
) -> None:
    """Reserve what calling an agent over the trunk costs at first; each claim reserves on.

    Part of the transaction that makes the session. Nothing happens in accounts that are not
    metered. Raises LowBalanceError or NoTariffError.
    """
    purse = Purse.objects.select_for_update(no_key=True).filter(account=account).first()
    if purse is None:
        return
    tariffs = Tariff.objects.filter(account=account)
    rate = match_rate({tariff.prefix: rate_of(tariff) for tariff in tariffs}, e164)
    if rate is None:
        raise NoTariffError(f"The agent's telephone {e164} has no price: ask for a tariff.")
    reserved = rate.cost(longest) if purse.mode == PaymentMode.PREPAID else None
    if purse.balance - purse.held < (reserved or 0) and reserved is not None:
        raise LowBalanceError("The balance is too low to call the agent: ask for a top-up.")
    Hold.objects.create(
        leg=session_id,
        kind=LegKind.AGENT.value,
        account=account,
        reserved=reserved,
        opened_at=now,
        **_columns(rate),
    )


def void_hold(*, leg: UUID, now: datetime) -> None:
    """Give back what a leg has reserved that was never called. Repeatable."""
    Hold.objects.filter(leg=leg, status=HoldStatus.OPEN.value).update(
        status=HoldStatus.VOIDED.value, closed_at=now
    )


def _book(account: Account, actor: Actor, wanted: _Booking) -> LedgerEntry:
    require(actor, Permission.BOOK_MONEY)
    # Locked: of two reports of one payment the second finds the first.
    if not Purse.objects.select_for_update(no_key=True).filter(account=account).exists():
        raise NotFoundError(
            "This account is not metered: begin with `autodialer balance mode prepaid`."
        )
    reference = clean_name(wanted.reference)
    known = LedgerEntry.objects.filter(account=account, reference=reference, leg=None).first()
    if known is None:
        _note(account, actor, f"balance.{wanted.kind}", wanted.at, {}, {"amount": wanted.amount})
        return LedgerEntry.objects.create(
            account=account,
            kind=wanted.kind.value,
            amount=wanted.amount,
            reference=reference,
            actor=actor.name,
            at=wanted.at,
        )
    if (known.kind, known.amount) != (wanted.kind.value, wanted.amount):
        raise ConflictError(f"{reference!r} was booked already: {known.kind}, another amount.")
    return known


def _note(
    account: Account,
    actor: Actor,
    action: str,
    now: datetime,
    *facts: Mapping[str, object],
) -> None:
    before, after = facts
    record(
        account=account,
        actor=actor,
        action=action,
        subject=Subject("account", account.pk),
        before=before,
        after=after,
        now=now,
    )


def _has_unlimited_holds(account: Account) -> bool:
    holds = Hold.objects.filter(account=account, status=HoldStatus.OPEN.value, reserved=None)
    return holds.exists()


def _columns(rate: Rate) -> dict[str, int]:
    return {
        "first_s": rate.first_s,
        "first_amount": rate.first_amount,
        "next_s": rate.next_s,
        "next_amount": rate.next_amount,
    }
