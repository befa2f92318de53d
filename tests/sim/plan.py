"""What happens in a month, day by day: chosen by a seed before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from autodialer.domain.outcome import CallStatus

MONDAY: Final = date(2026, 10, 5)  # Clocks go back in Europe on the 25th.
DAYS: Final = 30
RETRIES: Final = 3
RING: Final = timedelta(seconds=30)
MAX_TALK: Final = timedelta(seconds=60)
# What the account pays at first, and again whenever its money has run out.
PAYMENT: Final = 6_000
_STARTS: Final = time(6)
_FORBIDDEN_AT: Final = time(3)


class Pace(StrEnum):
    """How far the agents get in a month."""

    EARLY = "early"  # Everybody works all day: nothing is left long before the end.
    LATE = "late"  # The list is through in the last week, when all the retries come.
    SHORT = "short"  # There are more numbers than the month has calls.


@dataclass(frozen=True, slots=True)
class Shift:
    """An agent's day, in the account's zone."""

    comes: time
    lunch: time
    back: time
    goes: time


# Some come before it is allowed to call, and stay until it no longer is.
SHIFTS: Final = {
    "asha": Shift(time(8, 45), time(12, 30), time(13, 30), time(18)),
    "bina": Shift(time(8, 59), time(13), time(14), time(18, 30)),
    "chitra": Shift(time(9, 30), time(14), time(15), time(20)),
    "divya": Shift(time(10), time(15), time(16), time(21, 30)),
    "esha": Shift(time(13), time(17), time(17, 30), time(21, 45)),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign of thirty days and everything that people do to it.

    Each agent makes `quota` calls a working day (what a pause cost is made up for) until `rush`,
    from which day on they work all day. `forbidden` is when a number came on the DND list.
    When a number of `cut` is called first, the agent hangs up at once.
    """

    zone: ZoneInfo
    numbers: tuple[str, ...]
    statuses: frozenset[CallStatus]
    interval: timedelta
    quota: int
    rush: date | None
    pause: tuple[datetime, datetime]
    forbidden: dict[str, datetime]
    cut: frozenset[str]

    @property
    def starts(self) -> datetime:
        """When the campaign starts."""
        return at(MONDAY, _STARTS, self.zone)

    @property
    def ends(self) -> datetime:
        """When it ends, whatever is left: thirty times 24 hours later."""
        return self.starts + timedelta(days=DAYS)

    def allowance(self, day: date) -> int | None:
        """How many calls an agent has made by the evening of `day`; None for no limit."""
        if self.rush is not None and day >= self.rush:
            return None
        return self.quota * sum(worked <= day for worked in working_days())


def at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return an instant of the account's calendar, in UTC."""
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def working_days() -> list[date]:
    """Return the days from Monday to Friday on which agents come."""
    days = (MONDAY + timedelta(days=n) for n in range(DAYS))
    return [day for day in days if day.weekday() < 5]


def make_plan(seed: int, pace: Pace, zone: str, size: int = 3_000) -> Plan:
    """Choose a month."""
    luck = Random(seed)  # noqa: S311  a simulation
    place, days = ZoneInfo(zone), working_days()
    numbers = tuple(f"+9198{index:06}{index * 7 % 10}{index % 10}" for index in range(size))
    shuffled = luck.sample(numbers, size)
    paused = days[1 if pace is Pace.EARLY else luck.randrange(2, 8)]
    resumed = days[days.index(paused) + 1]
    rush = {Pace.EARLY: days[0], Pace.LATE: luck.choice(days[-5:-1]), Pace.SHORT: None}[pace]
    reach = days.index(rush) if rush else len(days) + luck.randrange(2, 6)
    # What a pause moves to the next day is not worth knowing, so nothing else happens there.
    nights = [day for day in days[: 6 if pace is Pace.EARLY else None] if day != resumed]
    forbidden = size // 20
    retried = {CallStatus.BUSY, CallStatus.NO_ANSWER}
    if luck.random() < 0.5:
        retried.add(CallStatus.FAILED)
    return Plan(
        zone=place,
        numbers=tuple(shuffled),
        statuses=frozenset(retried),
        interval=timedelta(minutes=luck.choice((600, 720, 780))),
        # Even if all of the DND list were passed without a call, some are left for the rush.
        quota=(size - forbidden) // (len(SHIFTS) * reach) if reach else 0,
        rush=rush,
        pause=(at(paused, time(13, 2), place), at(resumed, time(12), place)),
        forbidden={
            number: at(luck.choice(nights), _FORBIDDEN_AT, place)
            for number in luck.sample(numbers, forbidden)
        },
        cut=frozenset(luck.sample(numbers, size // 30)),
    )
