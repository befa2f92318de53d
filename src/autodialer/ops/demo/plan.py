"""Whom the demo calls, and what must become of each number (docs/reference/lab-carrier.md)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Final

from autodialer.domain.money import Rate
from autodialer.domain.outcome import Reason
from autodialer.domain.target import TargetStatus

RETRIES: Final = 1
RING_TIMEOUT_S: Final = 5
MAX_TALK_S: Final = 30
# 0.30 for the first half minute, 0.06 for each 6 s after it; paid with 500.00.
RATE: Final = Rate(30, 30, 6, 6)
PAYMENT: Final = 50_000
CALLER_ID: Final = "+918047112233"
AGENTS: Final = (
    ("Asha", "+919900000001"),
    ("Bina", "+919900000002"),
    ("Chitra", "+919900000003"),
)

_T = TargetStatus
# How many customers behave in a way, their last two digits, and what becomes of them. Busy and
# no-answer are tried twice.
_KINDS: Final = (
    (6, "20", _T.COMPLETED, Reason.ANSWERED, 1),
    (5, "30", _T.COMPLETED, Reason.ANSWERED, 1),
    (3, "50", _T.COMPLETED, Reason.ANSWERED, 1),
    (1, "01", _T.COMPLETED, Reason.ANSWERED, 1),
    (4, "02", _T.FAILED, Reason.BUSY, 2),
    (3, "03", _T.FAILED, Reason.RING_TIMEOUT, 2),
    (3, "04", _T.FAILED, Reason.REJECTED, 2),
    (3, "05", _T.FAILED, Reason.UNKNOWN_NUMBER, 1),
    (2, "06", _T.FAILED, Reason.NETWORK_FAILURE, 1),
    (2, "07", _T.FAILED, Reason.NO_RINGING, 1),
    (4, "28", _T.COMPLETED, Reason.ANSWERED, 2),
    (2, "19", _T.FAILED, Reason.UNAVAILABLE, 2),
)
_DO_NOT_CALL: Final = 2
NAMES: Final = ("Meera", "Arjun", "Kavya", "Rohan", "Priya", "Vikram", "Anita", "Sanjay")


@dataclass(frozen=True, slots=True)
class Customer:
    """One number of the demo's list and what its digits promise."""

    e164: str
    name: str
    status: TargetStatus
    reason: str
    invites: int
    do_not_call: bool = False


def customers() -> tuple[Customer, ...]:
    """Return the demo's customers, of all kinds mixed."""
    made = [
        _customer(group * 10 + turn, digits, status, reason, invites)
        for group, (count, digits, status, reason, invites) in enumerate(_KINDS)
        for turn in range(count)
    ]
    for turn in range(_DO_NOT_CALL):
        number = _number(90 + turn, "20")
        made.append(Customer(number, "Do Not Call", _T.FAILED_DND, Reason.DO_NOT_CALL, 0, True))
    # Every kind early and late in the list; the order of the digits before the last two.
    return tuple(sorted(made, key=lambda customer: (customer.e164[-3], customer.e164)))


def csv_file() -> bytes:
    """Return the list as a supervisor would upload it, with one duplicate and two bad rows."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["Phone", "First name", "Company"])
    for customer in customers():
        rows.writerow([customer.e164, customer.name, "Lab customers"])
    rows.writerow([customers()[0].e164, "Twice", "Lab customers"])
    rows.writerow(["9.88E+09", "Excel", "Lab customers"])
    rows.writerow(["12345", "Too short", "Lab customers"])
    return text.getvalue().encode()


def _customer(place: int, digits: str, status: TargetStatus, reason: str, invites: int) -> Customer:
    name = NAMES[place % len(NAMES)]
    return Customer(_number(place % 100, digits, place // 100), name, status, reason, invites)


def _number(place: int, digits: str, block: int = 0) -> str:
    return f"+9198200{block}{place:02}{digits}"
