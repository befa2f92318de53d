"""How many calls a trunk takes, what part of that a node may send, and whose turn it is to call.

A carrier counts in its own way, so both limits hold in every way of counting: no second, wherever
it begins, has more new calls than `calls_per_second`, and no moment more calls than
`calls_at_once`. A bucket of tokens that fills while nobody calls would let twice as many out in a
second as the carrier takes.

Both are places that a call takes. It gives the one back when it is over (a line), the other when a
second has passed since it was sent (a start). Who finds none free waits in a queue; nobody is
passed but an agent whom the lines cannot carry yet.

Times are seconds of a clock that only goes forward.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import floor, inf
from typing import Final

from autodialer.domain.errors import InvalidInputError

MOST_CALLS_PER_SECOND: Final = 1_000
MOST_CALLS_AT_ONCE: Final = 100_000
# Calls that leave a second apart may arrive a little closer together.
SECOND_S: Final = 1.05
SECOND: Final = timedelta(seconds=SECOND_S)
# Calls leave evenly spaced, or so much earlier when one waits: a carrier that gets all of a second
# at once counts them into the next one as soon as a single one is late.
EARLY_S: Final = 0.1
# An agent called over the trunk has their own line, and needs another one for the customer.
LINES_OF_AN_AGENT: Final = 2
# What does not divide by the number of nodes goes from one to the next after so long.
ROUND_S: Final = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a trunk takes, or a node's share of it; None: as much as comes."""

    calls_per_second: int | None = None
    calls_at_once: int | None = None


NO_LIMITS: Final = Limits()


def check_limits(limits: Limits) -> Limits:
    """Return limits that a trunk may have. Raises InvalidInputError."""
    bounds = (
        ("calls_per_second", limits.calls_per_second, MOST_CALLS_PER_SECOND),
        ("calls_at_once", limits.calls_at_once, MOST_CALLS_AT_ONCE),
    )
    for field, value, most in bounds:
        if value is not None and not 1 <= value <= most:
            raise InvalidInputError(field, f"{value} is no limit: use 1 to {most:,}, or none.")
    return limits


# Shares of nodes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    """What a node takes of its trunk: its share, or more as long as more calls are under way.

    `starts` None: nobody has counted them for a second yet, and what was told before still holds.
    `waiting` are its calls that have been held back for some time.
    """

    starts: int | None = 0
    lines: int = 0
    waiting: int = 0


NO_USE: Final = Use()


def grant(limit: int, rank: int, of: int, turn: int, taken: int) -> int:
    """Return a node's share of a limit of which the other nodes have `taken` so much.

    A fair part (the node has rank 0 to `of` - 1 among those that need one, and `turn` moves what
    does not divide), but never more than is left: as long as each node takes no more than it was
    granted, and says what it takes before another one asks, all of them together never pass the
    limit. A node that joins waits until the others have given something back.
    `apps/calls/sql/define_grant.sql` says the same.
    """
    fair = limit // of + ((rank + turn) % of < limit % of)
    return max(0, min(fair, limit - taken))


def turn_at(epoch_s: float) -> int:
    """Return how often what does not divide has moved on at a moment of the wall clock."""
    return int(epoch_s // ROUND_S)


# The calls of one node ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiter:
    """A session that waits until a call of it may be sent: to its agent, or to a customer."""

    session: Hashable
    is_agent: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """The calls of a node over its trunk. `share` None: nobody has said yet what it may send.

    `unsent` are those of `customers` and `agents` that were let through and may leave at any
    moment. `starts_free_at` tells when the starts of those that left become free, oldest first.
    From `counted_from` on it has all of them: an earlier process, or this one while there was no
    limit, has counted none. `even_at` is when the next one leaves if all are evenly spaced.
    """

    share: Limits | None = None
    customers: frozenset[Hashable] = frozenset()
    agents: frozenset[Hashable] = frozenset()
    unsent: frozenset[Hashable] = frozenset()
    starts_free_at: tuple[float, ...] = ()
    counted_from: float = inf
    even_at: float = -inf
    queue: tuple[Waiter, ...] = ()

    @property
    def lines(self) -> int:
        """How many lines are taken."""
        return len(self.customers) + len(self.agents)


def may_call(pace: Pace, waiter: Waiter, now: float) -> tuple[Pace, float]:
    """Return how many seconds to wait at least, and a queue in which who must wait has a place.

    0 is "now"; infinite, until a call ends or the share grows. Ask again then.
    """
    if pace.share == NO_LIMITS and not pace.queue:
        return pace, 0.0
    queued = pace if waiter in pace.queue else replace(pace, queue=(*pace.queue, waiter))
    if waiter in called(queued, now):
        return pace, 0.0
    at = next_start_at(queued, now)
    return queued, inf if at is None else at - now


def called(pace: Pace, now: float) -> tuple[Waiter, ...]:
    """Return those of the queue whose turn it is, in their order."""
    turns: list[Waiter] = []
    free, agents = _free(pace, now), _free_for_agents(pace)
    for waiter in pace.queue:
        if len(turns) >= free:
            break
        if waiter.is_agent:
            if agents < 1:
                continue
            agents -= 1
        turns.append(waiter)
    return tuple(turns)


def next_start_at(pace: Pace, now: float) -> float | None:
    """Return when the next start becomes free; None: not by the passing of time alone."""
    most = pace.share and pace.share.calls_per_second
    if not most or _free_lines(pace) < 1:
        return None
    times = [pace.even_at - EARLY_S]
    if not _is_counted(pace, now):
        times.append(pace.counted_from)
    if _starts(pace, now) >= most:
        times.append(next(iter(_recent(pace, now)), -inf))
    return at if (at := max(times)) > now else None


def asked(pace: Pace, waiter: Waiter, call: Hashable, now: float) -> Pace:
    """Let a call through whose turn it is: it takes its places before it is sent.

    Its turn passes although it has not left: others do not wait for a claim that takes long.
    """
    queue = tuple(each for each in pace.queue if each != waiter) if pace.queue else ()
    taken = adopted(pace, call, is_agent=waiter.is_agent)
    even_at = max(pace.even_at, now) + _gap_s(pace)
    return replace(taken, unsent=pace.unsent | {call}, queue=queue, even_at=even_at)


def settled(pace: Pace, share: Limits, now: float) -> Pace:
    """Note what the node may call from now on.

    Where nobody has counted what was sent in the last second, it calls after another one.
    """
    if share.calls_per_second is None:
        return replace(pace, share=share, counted_from=inf)
    return replace(pace, share=share, counted_from=min(pace.counted_from, now + SECOND_S))


def lapsed(pace: Pace) -> Pace:
    """Note that others may have got the node's share: it has none before it is told a new one."""
    return replace(pace, share=None)


def adopted(pace: Pace, call: Hashable, *, is_agent: bool = False) -> Pace:
    """Note a call that an earlier process has sent."""
    if is_agent:
        return replace(pace, agents=pace.agents | {call})
    return replace(pace, customers=pace.customers | {call})


def sent(pace: Pace, call: Hashable, now: float) -> Pace:
    """Note that a call has left, or may have. Its start is free again a second later."""
    if call not in pace.unsent:
        return pace
    even_at = max(pace.even_at, now + _gap_s(pace))
    rest = replace(pace, unsent=pace.unsent - {call}, even_at=even_at)
    if pace.share is not None and pace.share.calls_per_second is None:
        return replace(rest, starts_free_at=())
    return replace(rest, starts_free_at=(*_recent(pace, now), now + SECOND_S))


def gone(pace: Pace, call: Hashable) -> Pace:
    """Note that a call is over, or was never sent: then its start is free too."""
    return replace(
        pace,
        customers=pace.customers - {call},
        agents=pace.agents - {call},
        unsent=pace.unsent - {call},
        even_at=pace.even_at - (_gap_s(pace) if call in pace.unsent else 0),
    )


def left(pace: Pace, session: Hashable) -> Pace:
    """Take a session out of the queue."""
    if not pace.queue:
        return pace
    return replace(pace, queue=tuple(each for each in pace.queue if each.session != session))


def use_of(pace: Pace, now: float) -> Use:
    """Return what the node takes of its trunk, for the others to know."""
    share = pace.share or NO_LIMITS
    return Use(
        starts=max(share.calls_per_second or 0, _starts(pace, now))
        if _is_counted(pace, now)
        else None,
        lines=max(share.calls_at_once or 0, pace.lines),
    )


def _is_counted(pace: Pace, now: float) -> bool:
    is_free = pace.share is not None and pace.share.calls_per_second is None
    return is_free or now >= pace.counted_from


def _free(pace: Pace, now: float) -> float:
    if pace.share is None or not _is_counted(pace, now):
        return 0
    most = pace.share.calls_per_second
    if most is None:
        return _free_lines(pace)
    return min(most - _starts(pace, now), _free_evenly(pace, most, now), _free_lines(pace))


def _free_evenly(pace: Pace, most: int, now: float) -> int:
    """Return how many may leave now without coming too close to each other."""
    since = now + EARLY_S - max(pace.even_at, now)
    return floor(since * most / SECOND_S) + 1


def _gap_s(pace: Pace) -> float:
    """Return how far apart calls leave if all are evenly spaced."""
    most = pace.share and pace.share.calls_per_second
    return SECOND_S / most if most else 0.0


def _free_lines(pace: Pace) -> float:
    if pace.share is None:
        return 0
    return inf if pace.share.calls_at_once is None else pace.share.calls_at_once - pace.lines


def _free_for_agents(pace: Pace) -> float:
    if pace.share is None:
        return 0
    most = pace.share.calls_at_once
    return inf if most is None else most // LINES_OF_AN_AGENT - len(pace.agents)


def _starts(pace: Pace, now: float) -> int:
    return len(pace.unsent) + len(_recent(pace, now))


def _recent(pace: Pace, now: float) -> tuple[float, ...]:
    """Return when the starts that are not free yet become so, the next one first."""
    return tuple(at for at in pace.starts_free_at if at > now)
