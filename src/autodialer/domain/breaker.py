"""When to stop calling over a trunk that carries no calls, and how to find out that it does again.

Two things tell: calls that fail for technical reasons, and calls about which nothing is heard.
A trunk that is dead must not burn a list (docs/reference/rules.md): of 100,000 numbers 10 are
called until it is known, and then one at a time to find out whether it is back, until the agents
who wait are released after their idle limit.

Times are seconds of a clock that only goes forward.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

from autodialer.domain.outcome import CallResult, Reason

# Calls that may fail or be under way while nothing has been heard of any since the first of them.
MOST_UNHEARD: Final = 10
FAILURES_IN_A_ROW: Final = 5
# Half of the last twenty calls, all of them in the last minute: a trunk that mostly fails.
FAILURES_OF_LATEST: Final = 10
LATEST: Final = 20
LATEST_WITHIN_S: Final = 60.0
FIRST_PROBE_AFTER_S: Final = 5.0
PROBE_EVERY_S: Final = 30.0

# Ends that say nothing new of the trunk: ours, and those of calls that were heard of long ago.
_NO_NEWS: Final = frozenset(
    {
        Reason.ABANDONED,
        Reason.AGENT_LEFT,
        Reason.ANSWERED,
        Reason.DO_NOT_CALL,
        Reason.MEDIA_SERVER_LOST,
        Reason.OUTCOME_UNKNOWN,
        Reason.RING_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a trunk. `unheard` are calls asked for since anything was last heard.

    `latest` holds the time and failure of the last calls. Open exactly when `probe_at` is set:
    then only `probe`, one call at a time, tells whether the trunk is back.
    """

    unheard: frozenset[Hashable] = frozenset()
    in_a_row: int = 0
    latest: tuple[tuple[float, bool], ...] = ()
    probe_at: float | None = None
    probe: Hashable | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are held back because the trunk carries none."""
        return self.probe_at is not None

    def lets_call(self, now: float) -> bool:
        """Return whether a call may be asked for now."""
        if self.probe_at is not None:
            return self.probe is None and now >= self.probe_at
        return len(self.unheard) + self.in_a_row < MOST_UNHEARD


def asked(breaker: Breaker, call: Hashable, now: float) -> Breaker:
    """Note that a call is asked for, before its target is claimed."""
    if breaker.probe_at is not None:
        return replace(breaker, probe=call, probe_at=now + PROBE_EVERY_S)
    return replace(breaker, unheard=breaker.unheard | {call})


def dropped(breaker: Breaker, call: Hashable) -> Breaker:
    """Note that a call ended without anything heard of it."""
    probe = None if breaker.probe == call else breaker.probe
    return replace(breaker, unheard=breaker.unheard - {call}, probe=probe)


def unsent(breaker: Breaker, call: Hashable, now: float) -> Breaker:
    """Note that a call was not sent. A probe that never left is the next one's, at once: else
    agents who have nobody to call would keep those from it who have."""
    known = dropped(breaker, call)
    return replace(known, probe_at=now) if breaker.probe == call else known


def heard(breaker: Breaker, call: Hashable, now: float) -> Breaker:
    """Note a sign of life: it rings, was answered, or somebody there refused the call."""
    if breaker.is_open:
        return Breaker() if breaker.probe == call else dropped(breaker, call)
    return replace(
        breaker, unheard=frozenset(), in_a_row=0, latest=_with(breaker, now, failed=False)
    )


def failed(breaker: Breaker, call: Hashable, now: float) -> Breaker:
    """Note a technical failure; open after too many of them."""
    known = dropped(breaker, call)
    if breaker.is_open:
        return known
    latest = _with(breaker, now, failed=True)
    known = replace(known, in_a_row=breaker.in_a_row + 1, latest=latest)
    many = sum(is_failure for _, is_failure in latest) >= FAILURES_OF_LATEST
    if known.in_a_row < FAILURES_IN_A_ROW and not many:
        return known
    return Breaker(probe_at=now + FIRST_PROBE_AFTER_S)


def ended(breaker: Breaker, call: Hashable, result: CallResult, now: float) -> Breaker:
    """Judge the trunk by how a call ended."""
    if result.is_technical:
        return failed(breaker, call, now)
    if result.reason is Reason.NOT_SENT:
        return unsent(breaker, call, now)
    if result.reason in _NO_NEWS:
        return dropped(breaker, call)
    return heard(breaker, call, now)


def _with(breaker: Breaker, now: float, *, failed: bool) -> tuple[tuple[float, bool], ...]:
    recent = [entry for entry in breaker.latest if entry[0] > now - LATEST_WITHIN_S]
    return (*recent, (now, failed))[-LATEST:]
