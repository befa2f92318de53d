"""What must come out of a month, worked out number by number with no code of the dialer.

Each number is followed through its turns. A turn is known as an earliest and a latest moment,
because which agent is free first is not worth knowing; where that could change what becomes of
the number, all its possible ends are given. Statuses and reasons are spelled as users see them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tests.sim.plan import MAX_TALK, RETRIES, RING, SHIFTS, at, working_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.sim.plan import Plan

# What a call to a number comes to, by its last digit. An 8 is busy the first time only.
_OUTCOMES: Final = {
    "0": ("completed", "answered"),
    "1": ("completed", "answered"),
    "2": ("busy", "busy"),
    "3": ("no-answer", "ring_timeout"),
    "4": ("busy", "rejected"),
    "5": ("failed", "unknown_number"),
    "6": ("failed", "network_failure"),
    "7": ("failed", "no_ringing"),
    "9": ("no-answer", "unavailable"),
}
_HOPELESS: Final = "unknown_number"
_NOBODY: Final[Mapping[str, int]] = MappingProxyType({})
_OPENS: Final = time(9)
_CLOSES: Final = time(21)
# A call lasts no longer than this.
_CALL: Final = RING + MAX_TALK
# All numbers that wait have had their turn when the agents have worked for so long.
_CATCH_UP: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Fate:
    """An end that a number may come to."""

    status: str
    reason: str
    tries: int


def fates(plan: Plan, broke: Mapping[str, int] = _NOBODY) -> dict[str, frozenset[Fate]]:
    """Return all the ends that each number may come to, nearly always one.

    `broke` says at whose turn, after how many tries, the money had run out: whose it was depends
    on which agent was free first.
    """
    turns = _first_turns(plan, broke)
    never = (plan.ends, plan.ends)
    return {
        number: frozenset(
            _stopped_by_money(_ends(plan, number, 0, *turns.get(number, never)), broke.get(number))
        )
        for number in plan.numbers
    }


def charges(completed: Iterable[str]) -> int:
    """Return what the talks with these numbers cost: 30 for half a minute, 60 for a whole one."""
    return sum(60 if number.endswith("1") else 30 for number in completed)


def bounds(expected: Mapping[str, frozenset[Fate]], status: str) -> tuple[int, int]:
    """Return how many numbers have this status at least and at most."""
    have = [{fate.status for fate in ends} for ends in expected.values()]
    return sum(s == {status} for s in have), sum(status in s for s in have)


def _first_turns(plan: Plan, broke: Mapping[str, int]) -> dict[str, tuple[datetime, datetime]]:
    """Say on which day each number is first looked at: in list order, so many calls a day."""
    turns = {}
    waiting = deque(plan.numbers)
    for day in working_days():
        opens = at(day, _OPENS, plan.zone)
        limit = plan.allowance(day)
        calls_left = len(plan.numbers) if limit is None else plan.quota * len(SHIFTS)
        latest = opens + _CATCH_UP if limit is None else at(day, _CLOSES, plan.zone)
        while waiting and calls_left:
            number = waiting.popleft()
            turns[number] = _around_the_pause(plan, opens, latest)
            called = plan.forbidden.get(number, plan.ends) > opens and broke.get(number) != 0
            calls_left -= called
    return turns


def _stopped_by_money(ends: Iterable[Fate], tries: int | None) -> Iterator[Fate]:
    """Let a number end at this try, if it could have come to it, for want of money."""
    for fate in ends:
        if tries is None or fate.tries < tries:
            yield fate
        else:
            yield Fate("failed-balance", "low_balance", tries)


def _around_the_pause(plan: Plan, opens: datetime, latest: datetime) -> tuple[datetime, datetime]:
    """Let the pause's first and last day be one: the last makes up for what the first lost."""
    first, last = (moment.astimezone(plan.zone).date() for moment in plan.pause)
    begin, end = at(first, _OPENS, plan.zone), at(last, _CLOSES, plan.zone)
    return (begin, end) if begin <= opens < end else (opens, latest)


def _ends(
    plan: Plan, number: str, tries: int, earliest: datetime, latest: datetime
) -> Iterator[Fate]:
    """Yield what may become of a number that has its next turn between these moments."""
    if latest >= plan.ends:
        yield _left_over(tries)
    forbidden = plan.forbidden.get(number, plan.ends)
    if earliest < plan.ends and forbidden <= latest and forbidden < plan.ends:
        yield Fate("failed-dnd", "do_not_call", tries)
    if earliest < min(forbidden, plan.ends):
        yield from _call(plan, number, tries + 1, earliest, min(latest, forbidden))


def _call(
    plan: Plan, number: str, tries: int, earliest: datetime, latest: datetime
) -> Iterator[Fate]:
    status, reason = _outcome(plan, number, tries)
    if status == "completed":
        yield Fate(status, reason, tries)
    elif reason == _HOPELESS or status not in plan.statuses or tries > RETRIES:
        yield Fate("failed", reason, tries)
    else:
        wait = plan.interval * 2 ** (tries - 1)
        soonest = _chance(plan, earliest + wait)
        yield from _ends(plan, number, tries, soonest, _done_by(plan, latest + _CALL + wait))


def _outcome(plan: Plan, number: str, tries: int) -> tuple[str, str]:
    if number in plan.cut and tries == 1:
        return "no-answer", "agent_left"
    if number[-1] == "8":
        return _OUTCOMES["2" if tries == 1 else "0"]
    return _OUTCOMES[number[-1]]


def _left_over(tries: int) -> Fate:
    if tries:
        return Fate("failed", "ended_before_retry", tries)
    return Fate("failed-no-attempt", "campaign_ended", 0)


def _chance(plan: Plan, due: datetime) -> datetime:
    """Return when a number that is due may be called again; the end when it never may.

    While there are numbers that were never called (before the rush) no retry has its turn.
    """
    if plan.rush is None:
        return plan.ends
    for day in working_days():
        moment = max(due, at(max(day, plan.rush), _OPENS, plan.zone))
        if plan.pause[0] <= moment < plan.pause[1]:
            moment = plan.pause[1]
        if moment <= at(day, _CLOSES, plan.zone) - RING:
            return min(moment, plan.ends)
    return plan.ends


def _done_by(plan: Plan, due: datetime) -> datetime:
    """Return by when a number that is due has been called: what a day leaves, the next does."""
    latest = _chance(plan, due) + _CATCH_UP
    resumes = _chance(plan, latest)
    return latest if resumes == latest else resumes + _CATCH_UP


def ambiguous(expected: Mapping[str, frozenset[Fate]]) -> frozenset[str]:
    """Return the numbers that may end with more than one status."""
    return frozenset(
        number for number, ends in expected.items() if len({fate.status for fate in ends}) > 1
    )


def without_doubt(plan: Plan) -> Plan:
    """Leave off the DND list who may have been called for the last time just before or after."""
    doubtful = ambiguous(fates(plan))
    sure = {number: since for number, since in plan.forbidden.items() if number not in doubtful}
    return replace(plan, forbidden=sure)
