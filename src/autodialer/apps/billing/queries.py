"""What pages and commands read of an account's money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps import keyset
from autodialer.apps.billing.models import Hold, LedgerEntry, Purse, Tariff
from autodialer.domain.money import EntryKind, HoldStatus, PaymentMode, Rate

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.keyset import Place


@dataclass(frozen=True, slots=True)
class Balance:
    """The money of an account in minor units. `available` is None without limit (postpaid)."""

    mode: PaymentMode
    currency: str
    balance: int
    held: int
    available: int | None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One movement of a balance, in minor units; `leg` is the call or session of a charge."""

    id: int
    at: datetime
    kind: EntryKind
    amount: int
    leg: UUID | None
    reference: str
    actor: str


@dataclass(frozen=True, slots=True)
class TariffRow:
    """What numbers that begin with `prefix` cost."""

    prefix: str
    rate: Rate


def balance(account: Account) -> Balance | None:
    """Return the account's money; None: the account is not metered, its calls are free."""
    purse = Purse.objects.filter(account=account).first()
    if purse is None:
        return None
    mode = PaymentMode(purse.mode)
    available = purse.balance - purse.held if mode is PaymentMode.PREPAID else None
    return Balance(mode, purse.currency, purse.balance, purse.held, available)


def ledger_rows(
    account: Account, limit: int = 100, *, before_id: int | None = None
) -> list[LedgerRow]:
    """Return movements of the balance, newest first; `before_id` goes on where a page ended."""
    entries = LedgerEntry.objects.filter(account=account)
    if before_id is not None:
        entries = entries.filter(pk__lt=before_id)
    return [_ledger_row(one) for one in entries.order_by("-pk")[:limit]]


def ledger_part(
    account: Account,
    *,
    kind: EntryKind | None = None,
    after: Place | None = None,
    limit: int,
) -> list[LedgerRow]:
    """Return movements of the balance, newest first, after a place."""
    entries = LedgerEntry.objects.filter(account=account)
    if kind is not None:
        entries = entries.filter(kind=kind.value)
    return [_ledger_row(one) for one in keyset.part(entries, keyset.NEWEST_FIRST, after, limit)]


def _ledger_row(e: LedgerEntry) -> LedgerRow:
    return LedgerRow(e.pk, e.at, EntryKind(e.kind), e.amount, e.leg, e.reference, e.actor)


def tariff_rows(account: Account) -> list[TariffRow]:
    """Return the account's tariffs by prefix."""
    found = Tariff.objects.filter(account=account).order_by("prefix")
    return [TariffRow(tariff.prefix, rate_of(tariff)) for tariff in found]


def rate_of(priced: Tariff | Hold) -> Rate:
    """Return the rate that a tariff or a hold states."""
    return Rate(priced.first_s, priced.first_amount, priced.next_s, priced.next_amount)


def charged(account: Account, legs: Collection[UUID]) -> dict[UUID, int]:
    """Return what each of these legs was charged; legs that are not metered are left out."""
    holds = Hold.objects.filter(account=account, leg__in=legs)
    return dict(holds.exclude(status=HoldStatus.OPEN.value).values_list("leg", "charged"))


TARIFF_ORDER: Final = ("prefix",)


def tariffs_part(account: Account, *, after: Place | None = None, limit: int) -> list[TariffRow]:
    """Return the account's tariffs by prefix, after a place."""
    found = keyset.part(Tariff.objects.filter(account=account), TARIFF_ORDER, after, limit)
    return [TariffRow(tariff.prefix, rate_of(tariff)) for tariff in found]
