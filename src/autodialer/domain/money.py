"""What a leg costs, and how much is reserved before it is dialled (docs/explanation/money.md).

All amounts are whole minor units (paise, cents) of the account's currency: never a fraction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from autodialer.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of the currencies whose minor unit is a hundredth.
CURRENCIES: Final = ("AED", "BDT", "EUR", "GBP", "INR", "LKR", "NPR", "PKR", "SGD", "USD")
MINOR_UNITS: Final = 100
# Far beyond any account, and far enough below 2^63 that no sum of them overflows.
MAX_AMOUNT: Final = 10**12
MAX_RATE: Final = 10**7
MAX_INCREMENT_S: Final = 3_600
_SECOND: Final = timedelta(seconds=1)
_PREFIX: Final = re.compile(r"\+[1-9][0-9]{0,14}")
_DECIMAL: Final = re.compile(r"(-?)([0-9]{1,10})(?:\.([0-9]{2}))?", re.ASCII)


class PaymentMode(StrEnum):
    """Whether calls need money beforehand. Postpaid accounts have no limit (R6)."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"


class EntryKind(StrEnum):
    """What moved a balance."""

    TOP_UP = "top-up"
    CHARGE = "charge"
    ADJUSTMENT = "adjustment"


class HoldStatus(StrEnum):
    """The life of a hold: open, then settled or voided, once."""

    OPEN = "open"
    SETTLED = "settled"
    VOIDED = "voided"


class LegKind(StrEnum):
    """Which leg a hold is for: its id is that of the attempt or of the session."""

    CUSTOMER = "customer"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of an answered leg: a first increment, paid in full, then whole further ones.

    60/60 is `Rate(60, price, 60, price)`; 30/6 is `Rate(30, five_prices, 6, price)`.
    """

    first_s: int
    first_amount: int
    next_s: int
    next_amount: int

    def cost(self, talk: timedelta) -> int:
        """Return the price of an answered leg that lasted `talk`, 0 seconds included."""
        beyond = max(talk - self.first_s * _SECOND, timedelta())
        increments = -(-beyond // (self.next_s * _SECOND))
        return self.first_amount + increments * self.next_amount


def match_rate(rates: Mapping[str, Rate], e164: str) -> Rate | None:
    """Return the rate of the longest prefix of the number; None: it has no price."""
    for length in range(len(e164), 1, -1):
        if e164[:length] in rates:
            return rates[e164[:length]]
    return None


def charge(rate: Rate, talk: timedelta | None, reserved: int | None) -> int:
    """Return what a leg is charged when it ends: nothing if it was never answered (None).

    Never more than was `reserved` (None: no limit), which covers the longest talk allowed: a
    hang-up that came late is not the customer's debt.
    """
    if talk is None:
        return 0
    cost = rate.cost(talk)
    return cost if reserved is None else min(cost, reserved)


def check_rate(prefix: str, rate: Rate) -> None:
    """Raise InvalidInputError unless this can be the price of numbers that begin so."""
    if not _PREFIX.fullmatch(prefix):
        raise InvalidInputError(
            "prefix", f"{prefix[:40]!r} begins no number: write it like +91.", "prefix_invalid"
        )
    if not all(1 <= s <= MAX_INCREMENT_S for s in (rate.first_s, rate.next_s)):
        raise InvalidInputError(
            "increment", "An increment lasts 1 to 3600 seconds.", "increment_invalid"
        )
    if not all(0 <= amount <= MAX_RATE for amount in (rate.first_amount, rate.next_amount)):
        raise InvalidInputError(
            "amount", f"An increment costs 0 to {MAX_RATE} minor units.", "amount_invalid"
        )


def check_amount(amount: int, *, may_be_negative: bool = False) -> None:
    """Raise InvalidInputError unless this much can be booked at once."""
    size = abs(amount) if may_be_negative else amount
    if not 1 <= size <= MAX_AMOUNT:
        raise InvalidInputError(
            "amount", f"Book between 1 and {MAX_AMOUNT} minor units.", "amount_invalid"
        )


def parse_amount(text: str) -> int:
    """Return "500" or "499.50" as minor units, exactly. Raises InvalidInputError."""
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise InvalidInputError(
            "amount", f"{text[:40]!r} is no amount: write it like 500 or 499.50.", "amount_invalid"
        )
    sign, whole, hundredths = found.groups()
    amount = int(whole) * MINOR_UNITS + int(hundredths or 0)
    return -amount if sign else amount


def format_amount(amount: int, currency: str) -> str:
    """Return an amount as people read it: 49950 is "499.50 INR"."""
    whole, hundredths = divmod(abs(amount), MINOR_UNITS)
    return f"{'-' if amount < 0 else ''}{whole}.{hundredths:02} {currency}"
