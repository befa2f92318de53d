"""When to stop calling over a trunk that carries no calls, and how to find out that it does again.

Two things tell: calls that fail for technical reasons, and calls about which nothing is heard.
A trunk that is dead must not burn a list (docs/reference/rules.md): of 100,000 numbers 10 are
called until it is known, and then one at a time to find out whether it is back, until the agents
who wait are released after their idle limit. A trunk may also ring and carry nothing: then ringing
is no sign that it is back, and only a call that ends well is.

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

# Ends that say nothing of the trunk: they are ours.
_OURS: Final = frozenset(
    {
        Reason.AGENT_LEFT,
        Reason.DO_NOT_CALL,
        Reason.MEDIA_SERVER_LOST,
        Reason.OUTCOME_UNKNOWN,
    }
)
# Ends of calls that rang long ago.
_HEARD_LONG_AGO: Final = frozenset({Reason.ABANDONED, Reason.ANSWERED, Reason.RING_TIMEOUT})


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a trunk. `unheard` are calls asked for since anything was last heard.

    `latest` holds the time and failure of the last calls, `rung` the calls that were heard of and
    have not ended. Open exactly when `probe_at` is set: then only `probe`, one call at a time,
    tells whether the trunk is back. `rings_lie`: a call had rung whose failure opened it.
    """

    unheard: frozenset[Hashable] = frozenset()
    in_a_row: int = 0
    latest: tuple[tuple[float, bool], ...] = ()
    rung: frozenset[Hashable] = frozenset()
    probe_at: float | None = None
    probe: Hashable | None = None
    rings_lie: bool = False

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
    """Note that a call ended without anything new heard of it."""
    probe = None if breaker.probe == call else breaker.probe
    one = {call}
    return replace(breaker, unheard=breaker.unheard - one, rung=breaker.rung - one, probe=probe)


def unsent(breaker: Breaker, call: Hashable, now: float) -> Breaker:
    """Note that a call was not sent. A probe that never left is the next one's, at once: else
    agents who have nobody to call would keep those from it who have."""
    known = dropped(breaker, call)
    return replace(known, probe_at=now) if breaker.probe == call else known


def heard(breaker: Breaker, call: Hashable, now: float) -> Breaker:
    """Note a sign of life: it rings, was answered, or somebody there refused the call."""
    if not breaker.is_open:
        latest = _with(breaker, now, failed=False)
        rung = breaker.rung | {call}
        return replace(breaker, unheard=frozenset(), in_a_row=0, latest=latest, rung=rung)
    if breaker.probe != call:
        return dropped(breaker, call)
    if not breaker.rings_lie:
        return Breaker()
    # It may go on for long: the next one is not kept waiting for it.
    return replace(breaker, probe=None, rung=breaker.rung | {call})


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
    return Breaker(probe_at=now + FIRST_PROBE_AFTER_S, rings_lie=call in breaker.rung)


def ended(breaker: Breaker, call: Hashable, result: CallResult, now: float) -> Breaker:
    """Judge the trunk by how a call ended."""
    if result.is_technical:
        return failed(breaker, call, now)
    if result.reason is Reason.NOT_SENT:
        return unsent(breaker, call, now)
    if result.reason in _OURS:
        return dropped(breaker, call)
    if breaker.is_open:
        return Breaker() if call in breaker.rung | {breaker.probe} else dropped(breaker, call)
    if result.reason in _HEARD_LONG_AGO:
        return dropped(breaker, call)
    return dropped(heard(breaker, call, now), call)


def _with(breaker: Breaker, now: float, *, failed: bool) -> tuple[tuple[float, bool], ...]:
    recent = [entry for entry in breaker.latest if entry[0] > now - LATEST_WITHIN_S]
    return (*recent, (now, failed))[-LATEST:]
