"""The money of the accounts: what calls reserve and cost, as the statements have it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autodialer.domain.errors import InvariantError
from autodialer.domain.money import HoldStatus, PaymentMode, Rate, charge, match_rate

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID


@dataclass(slots=True)
class HoldRow:
    """What one leg has reserved (None: postpaid, no limit), by the rate of that moment."""

    rate: Rate
    reserved: int | None
    status: HoldStatus = HoldStatus.OPEN
    charged: int = 0


@dataclass(slots=True)
class PurseRow:
    """The money of a metered account; `entries` are the ledger."""

    mode: PaymentMode = PaymentMode.PREPAID
    rates: dict[str, Rate] = field(default_factory=dict)
    entries: list[int] = field(default_factory=list)
    holds: dict[UUID, HoldRow] = field(default_factory=dict)
    balance: int = 0
    held: int = 0

    def book(self, amount: int) -> None:
        """Add an entry to the ledger."""
        self.entries.append(amount)
        self.balance += amount

    def price(self, e164: str) -> Rate | None:
        """Return the rate of the number's longest prefix."""
        return match_rate(self.rates, e164)

    def covers(self, amount: int) -> bool:
        """Return whether so much more may be held."""
        return self.mode is PaymentMode.POSTPAID or self.balance - self.held >= amount

    def hold(self, leg: UUID, rate: Rate, longest: timedelta) -> None:
        """Reserve what a leg can cost at most. Raises InvariantError when it is not covered."""
        reserved = rate.cost(longest) if self.mode is PaymentMode.PREPAID else None
        if leg in self.holds or not self.covers(reserved or 0):
            raise InvariantError(f"the hold of {leg} is not covered, or the second")
        self.holds[leg] = HoldRow(rate, reserved)
        self.held += reserved or 0

    def missing(self, leg: UUID, longest: timedelta) -> int:
        """Return by how much a leg that may last `longest` exceeds what it has reserved."""
        hold = self.holds.get(leg)
        if hold is None or hold.reserved is None or hold.status is not HoldStatus.OPEN:
            return 0
        return max(0, hold.rate.cost(longest) - hold.reserved)

    def extend(self, leg: UUID, amount: int) -> None:
        """Reserve more for a leg that goes on."""
        hold = self.holds.get(leg)
        if hold is not None and hold.reserved is not None:
            hold.reserved += amount
            self.held += amount

    def end(self, leg: UUID, talk: timedelta | None) -> None:
        """Settle the hold of a leg that was connected for `talk`; void it if it never was."""
        hold = self.holds.get(leg)
        if hold is None or hold.status is not HoldStatus.OPEN:
            return
        hold.status = HoldStatus.VOIDED if talk is None else HoldStatus.SETTLED
        hold.charged = charge(hold.rate, talk, hold.reserved)
        self.held -= hold.reserved or 0
        if hold.charged:
            self.book(-hold.charged)
