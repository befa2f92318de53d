"""The way to the network: holds calls back while it carries none, or as many as it takes."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.domain import breaker as rules
from autodialer.domain import pacing
from autodialer.domain.breaker import Breaker
from autodialer.domain.pacing import Pace, Waiter
from autodialer.engine.insist import insist
from autodialer.ports.meters import Unmetered

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from autodialer.domain.ids import AttemptId, SessionId
    from autodialer.domain.outcome import CallResult
    from autodialer.domain.pacing import Limits, Use
    from autodialer.engine.floor import Floor
    from autodialer.engine.runner import Tools
    from autodialer.ports.meters import Meters

log = structlog.get_logger()

# People are told of those who wait for longer: the others only keep the trunk's pace.
_LONG_WAIT_S: Final = 2.0
# Timers of an event loop fire up to its resolution early.
_TIMER_S: Final = 0.001


class Lines:
    """Whose turn it is to call over a trunk with limits. Reads the loop's clock only.

    Nobody calls before `counted` and the first share. Without limits nobody waits.
    """

    def __init__(self, meters: Meters, turned: asyncio.Event) -> None:
        """`turned` is set when `is_full` changes."""
        self._meters, self._turned = meters, turned
        self._pace = Pace()
        self._is_counted = False
        # What is done when it is the turn of a session that waits, and since when each waits.
        self._wake: dict[Hashable, Callable[[], None]] = {}
        self._since_s: dict[Hashable, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        # Set when the share should be settled at once.
        self.unsettled = asyncio.Event()
        # Whether the store was told that calls wait.
        self.is_full = False

    @property
    def taken(self) -> int:
        """How many lines are taken."""
        return self._pace.lines

    @property
    def is_settling(self) -> bool:
        """Whether somebody waits here, or others may wait for what is taken beyond the share."""
        use, share = pacing.use_of(self._pace, _now()), self._pace.share or pacing.NO_LIMITS
        if self._pace.queue or use.starts is None:
            return True
        both = ((use.starts, share.calls_per_second), (use.lines, share.calls_at_once))
        return any(most is not None and now > most for now, most in both)

    @property
    def longest_wait_s(self) -> float:
        """How long the first of them has been waiting."""
        return _now() - min(self._since_s.values(), default=_now())

    @property
    def use(self) -> Use | None:
        """What the node takes of its trunk; None while nobody knows which calls it has."""
        if not self._is_counted:
            return None
        long = sum(_now() - since >= _LONG_WAIT_S for since in self._since_s.values())
        return replace(pacing.use_of(self._pace, _now()), waiting=long)

    def may_call(
        self, session: SessionId, wake: Callable[[], None], *, is_agent: bool = False
    ) -> bool:
        """Return whether a call may be sent now; if not, `wake` is called once when it may.

        Who may must take it (`asked`) before anything else happens.
        """
        pace, wait_s = pacing.may_call(self._pace, Waiter(session, is_agent), _now())
        if wait_s <= 0:
            return True
        if session not in self._since_s:
            self._since_s[session] = _now()
            self._meters.trunk_waited()
        self._wake[session] = wake
        self._become(pace)
        return False

    def asked(self, session: SessionId, call: Hashable, *, is_agent: bool = False) -> None:
        """Let a call through, before its target is claimed."""
        self._forget(session)
        self._become(pacing.asked(self._pace, Waiter(session, is_agent), call, _now()))

    def adopted(self, call: Hashable, *, is_agent: bool = False) -> None:
        """Note a call that an earlier process has sent."""
        self._become(pacing.adopted(self._pace, call, is_agent=is_agent))

    def counted(self) -> None:
        """Note that all calls of earlier processes are known."""
        if not self._is_counted:
            self._is_counted = True
            self.unsettled.set()

    def sent(self, call: Hashable) -> None:
        """Note that a call has left, or may have."""
        self._become(pacing.sent(self._pace, call, _now()))

    def gone(self, call: Hashable) -> None:
        """Note that a call is over, or was never sent."""
        self._become(pacing.gone(self._pace, call))

    def left(self, session: SessionId) -> None:
        """Note that a session does not wait for its turn any more."""
        if session in self._since_s:
            self._forget(session)
            self._become(pacing.left(self._pace, session))

    def settled(self, share: Limits | None, told: Use | None) -> None:
        """Note that the store was told of this use, and what may be called from now on.

        None: as much as until now.
        """
        if (is_full := told is not None and told.waiting > 0) is not self.is_full:
            self.is_full = is_full
            self._turned.set()
        if share is None or share == self._pace.share:
            return
        log.info("trunk_share", **asdict(share))
        self._become(pacing.settled(self._pace, share, _now()))
        # The others get what was given back once they hear of it.
        self.unsettled.set()

    def lapsed(self) -> None:
        """Note that the lease has ended for a while, and the node's share may be another one's."""
        if self._pace.share is not None:
            self._become(pacing.lapsed(self._pace))

    def _forget(self, session: SessionId) -> None:
        self._wake.pop(session, None)
        self._since_s.pop(session, None)

    def _become(self, pace: Pace) -> None:
        self._pace = pace
        if pace.queue:
            self._call_in_turn()

    def _call_in_turn(self) -> None:
        """Wake those whose turn it is, and look again when the next start becomes free."""
        now = _now()
        for waiter in pacing.called(self._pace, now):
            wake = self._wake.pop(waiter.session, None)
            if wake is not None:
                wake()
        at = pacing.next_start_at(self._pace, now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(at + _TIMER_S, self._call_in_turn)


class Trunk:
    """One for a dialer, whose switch has one trunk. Reads the loop's clock only."""

    def __init__(self, meters: Meters | None = None) -> None:
        self._breaker = Breaker()
        # Set when the trunk has fallen silent or is back, when calls may go again, and when some
        # begin or cease to wait because of its limits.
        self.turned = asyncio.Event()
        self.lines = Lines(meters or Unmetered(), self.turned)

    @property
    def is_silent(self) -> bool:
        """Whether the trunk is known to carry no calls."""
        return self._breaker.is_open

    def lets_call(self) -> bool:
        """Return whether a target may be claimed now."""
        return self._breaker.lets_call(_now())

    def probe_in(self) -> timedelta | None:
        """Return how long no call is let through, None when that is not a matter of time."""
        at = self._breaker.probe_at
        return None if at is None else timedelta(seconds=max(at - _now(), 0.0))

    def asked(self, session_id: SessionId, attempt_id: AttemptId) -> None:
        """Note that a target is claimed for this attempt."""
        self.lines.asked(session_id, attempt_id)
        self._become(rules.asked(self._breaker, attempt_id, _now()))

    def unsent(self, attempt_id: AttemptId) -> None:
        """Note that the claim brought no call."""
        self.lines.gone(attempt_id)
        self._become(rules.unsent(self._breaker, attempt_id, _now()))

    def dropped(self, attempt_id: AttemptId) -> None:
        """Note that nobody will tell what became of the call."""
        self.lines.gone(attempt_id)
        self._become(rules.dropped(self._breaker, attempt_id))

    def heard(self, attempt_id: AttemptId) -> None:
        """Note that the customer's phone rings, or was answered."""
        self._become(rules.heard(self._breaker, attempt_id, _now()))

    def ended(self, attempt_id: AttemptId, result: CallResult) -> None:
        """Note how a call ended."""
        self.lines.gone(attempt_id)
        self._become(rules.ended(self._breaker, attempt_id, result, _now()))

    def _become(self, new: Breaker) -> None:
        old, self._breaker = self._breaker, new
        if old.is_open is not new.is_open:
            log.warning("trunk_silent" if new.is_open else "trunk_back")
        was_held, is_held = not old.lets_call(_now()), not new.lets_call(_now())
        if old.is_open is not new.is_open or (was_held and not is_held):
            self.turned.set()


class TrunkWatch:
    """Tells the store, the screens and the agents who wait when the trunk has turned."""

    def __init__(self, tools: Tools, floor: Floor) -> None:
        self._tools, self._floor = tools, floor

    async def run(self) -> None:
        """Watch for ever. A dialer that starts knows nothing against the trunk, and says so."""
        trunk, told = self._tools.trunk, (False, False)
        await self._note(is_silent=False)
        while True:
            trunk.turned.clear()
            if told != (now := (trunk.is_silent, trunk.lines.is_full)):
                if now[0] is not told[0]:
                    await self._note(is_silent=now[0])
                self._tell_screens()
                told = now
            self._floor.wake_held_back()
            await trunk.turned.wait()

    async def _note(self, *, is_silent: bool) -> None:
        tools = self._tools
        since = tools.clock() if is_silent else None
        await insist(lambda: tools.store.note_trunk(tools.lease, since))

    def _tell_screens(self) -> None:
        for session_id in self._floor.runners:
            self._tools.screens.moved(session_id)


def _now() -> float:
    return asyncio.get_running_loop().time()
