"""`ports.telephony.Telephony` without a network: one switch, its carrier, and their faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from random import Random
from typing import TYPE_CHECKING, Final

from autodialer.adapters.sim.carrier import Script, device_script, is_e164, script_of
from autodialer.domain.outcome import LegEnd
from autodialer.domain.recovery import LegState
from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    CustomerAnswered,
    CustomerGone,
    CustomerRinging,
    EndReason,
    Talk,
)
from autodialer.ports.telephony import (
    CallRefusedError,
    CallReport,
    Legs,
    SessionReport,
    SwitchDown,
    SwitchUnavailableError,
    SwitchUp,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from autodialer.domain.ids import AttemptId, SessionId
    from autodialer.domain.session import Call
    from autodialer.ports.telephony import AgentDial, SwitchReport

_AGENT_BUSY: Final = frozenset({486, 600, 603})
_AGENT_AWAY: Final = frozenset({408, 480, None})


class Fate(StrEnum):
    """What becomes of one request."""

    DONE = "done"
    REFUSED = "refused"  # only a request for a new leg can be refused
    NOT_REACHED = "not_reached"  # not carried out, and the caller cannot know
    REPLY_LOST = "reply_lost"  # carried out, and the caller cannot know


def _kind(_request: str) -> Fate:
    return Fate.DONE


def _prompt(_report: SwitchReport) -> Sequence[float]:
    return (0.0,)


@dataclass(slots=True)
class Seen:
    """One call as the carrier saw it, in loop time; it rings until `rang_until_s`.

    The two last are by the switch's own clock, None without one.
    """

    attempt_id: AttemptId
    session_id: SessionId
    number: str
    invited_s: float
    rang_until_s: float = inf
    ended_s: float = inf
    answered_at: datetime | None = None
    ended_at: datetime | None = None


def _unheeded(_seen: Seen) -> None:
    pass


@dataclass(eq=False, slots=True)
class _Leg:
    """One channel. `rang` and `state` are what the network has told so far."""

    number: str
    session_id: SessionId
    attempt_id: AttemptId | None
    script: Script
    max_talk_s: float | None = None
    state: LegState = LegState.CALLING
    rang: bool = False
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do `work` after this time unless the leg moves on before."""
        self.timers.append(asyncio.get_running_loop().call_later(seconds, work))

    def cancel_timers(self) -> None:
        """Forget what the phone was going to do."""
        while self.timers:
            self.timers.pop().cancel()


class SimSwitch:
    """A switch whose customers follow `carrier`; all chance comes from the seed.

    `fate` is asked for each request, `mail` for each report: it returns the delays in seconds
    after which copies are delivered (none: the report is lost). `watch` hears of each call at
    its INVITE. Without a `clock` it keeps nothing of a call. `trunk` is what becomes of every
    customer's call while the trunk is out of order, None otherwise. `calls` are all that the
    carrier saw, `invites` their count for each number, `agents_called` when agents were, in loop
    time; `breaches` says what must never happen and did.
    """

    def __init__(
        self,
        seed: int = 0,
        fate: Callable[[str], Fate] = _kind,
        mail: Callable[[SwitchReport], Sequence[float]] = _prompt,
        watch: Callable[[Seen], None] = _unheeded,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.fate, self.mail, self.watch = fate, mail, watch
        self._clock = clock
        self.trunk: Script | None = None
        self.invites: Counter[str] = Counter()
        self.calls: dict[AttemptId, Seen] = {}
        self.agents_called: list[float] = []
        self.breaches: list[str] = []
        self._luck = Random(seed)  # noqa: S311  chance for a simulation, not for secrets
        self._agents: dict[SessionId, _Leg] = {}
        self._customers: dict[AttemptId, _Leg] = {}
        self._bridges: dict[SessionId, set[_Leg]] = {}
        self._listeners: list[asyncio.Queue[SwitchReport]] = []
        self._run = 1
        self._connected = True

    # The port --------------------------------------------------------------------------------

    async def call_agent(self, dial: AgentDial) -> None:
        """See `ports.telephony.Telephony`."""

        def ring() -> None:
            if dial.session_id in self._agents:
                raise CallRefusedError(f"session {dial.session_id} has an agent leg")
            script = self._agent_script(dial)
            leg = _Leg(dial.address, dial.session_id, None, script)
            self._agents[dial.session_id] = leg
            self.agents_called.append(asyncio.get_running_loop().time())
            self._play(leg, dial.ring_timeout_s)

        await self._request("call_agent", ring)

    async def nail_agent(self, session_id: SessionId) -> None:
        """See `ports.telephony.Telephony`."""

        def nail() -> None:
            leg = self._agents.get(session_id)
            if leg is not None and leg.state is LegState.UP:
                self._bridges.setdefault(session_id, set()).add(leg)

        await self._request("nail_agent", nail)

    async def place_call(self, session_id: SessionId, call: Call) -> None:
        """See `ports.telephony.Telephony`."""
        await self._request("place_call", lambda: self._invite(session_id, call))

    async def connect(self, session_id: SessionId, attempt_id: AttemptId) -> None:
        """See `ports.telephony.Telephony`."""

        def connect() -> None:
            leg, bridge = self._customers.get(attempt_id), self._bridges.get(session_id)
            if leg is not None and leg.state is LegState.UP and bridge is not None:
                bridge.add(leg)

        await self._request("connect", connect)

    async def hang_up_customer(self, attempt_id: AttemptId) -> None:
        """See `ports.telephony.Telephony`."""

        def hang_up() -> None:
            leg = self._customers.get(attempt_id)
            if leg is not None:
                self._end(leg, None, by_far_end=False)

        await self._request("hang_up_customer", hang_up)

    async def release_agent(self, session_id: SessionId) -> None:
        """See `ports.telephony.Telephony`."""

        def release() -> None:
            leg = self._agents.get(session_id)
            if leg is not None:
                self._end(leg, None, by_far_end=False)

        await self._request("release_agent", release)

    async def kept(self, attempt_id: AttemptId) -> Talk | None:
        """See `ports.telephony.Telephony`."""
        seen = self.calls.get(attempt_id)
        if seen is None or seen.answered_at is None or seen.ended_at is None:
            return None
        return Talk(seen.answered_at, seen.ended_at)

    async def legs(self) -> Legs:
        """See `ports.telephony.Telephony`."""
        found: list[Legs] = []

        def look() -> None:
            agents = {key: leg.state for key, leg in self._agents.items()}
            found.append(Legs(agents, {key: leg.state for key, leg in self._customers.items()}))

        await self._request("legs", look)
        return found[0]

    async def reports(self) -> AsyncIterator[SwitchReport]:
        """See `ports.telephony.Telephony`."""
        queue: asyncio.Queue[SwitchReport] = asyncio.Queue()
        self._listeners.append(queue)
        if self._connected:
            queue.put_nowait(SwitchUp(self._instance))
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    # People and faults, for tests and the demo -------------------------------------------------

    def customer_hangs_up(self, attempt_id: AttemptId) -> None:
        """Let a customer put down the phone, if the leg still exists."""
        if attempt_id in self._customers:
            self._end(self._customers[attempt_id], None, by_far_end=True)

    def agent_hangs_up(self, session_id: SessionId) -> None:
        """Let an agent put down the phone, if the leg still exists."""
        if session_id in self._agents:
            self._end(self._agents[session_id], None, by_far_end=True)

    def in_conversation(self, session_id: SessionId) -> frozenset[AttemptId]:
        """Return the customers who hear this session's agent."""
        bridge = self._bridges.get(session_id, set())
        if self._agents.get(session_id) not in bridge:
            return frozenset()
        return frozenset(leg.attempt_id for leg in bridge if leg.attempt_id is not None)

    @property
    def live_customers(self) -> frozenset[AttemptId]:
        """The customers who have a leg, as the carrier knows them."""
        return frozenset(self._customers)

    @property
    def live_agents(self) -> frozenset[SessionId]:
        """The sessions whose agents have a leg."""
        return frozenset(self._agents)

    @property
    def silent_customers(self) -> frozenset[AttemptId]:
        """The customers who answered and hear nobody."""
        return frozenset(
            attempt_id
            for attempt_id, leg in self._customers.items()
            if leg.state is LegState.UP and attempt_id not in self.in_conversation(leg.session_id)
        )

    @property
    def is_empty(self) -> bool:
        """Whether no leg and no conversation is left."""
        return not (self._agents or self._customers or self._bridges)

    def drop_connection(self, seconds: float) -> None:
        """Cut the control connection: calls go on, reports are lost, requests fail."""
        if self._connected:
            self._go_down(seconds, dead=False)

    def restart(self, seconds: float) -> None:
        """Kill the switch: every leg is gone and nobody is told; another run comes up later."""
        for leg in (*self._agents.values(), *self._customers.values()):
            leg.cancel_timers()
            self._note(leg, over=True)
        self._agents.clear()
        self._customers.clear()
        self._bridges.clear()
        self._run += 1
        if self._connected:
            self._go_down(seconds, dead=True)

    # Inside ----------------------------------------------------------------------------------

    @property
    def _instance(self) -> str:
        return f"run-{self._run}"

    def _go_down(self, seconds: float, *, dead: bool) -> None:
        self._connected = False
        self._tell(SwitchDown(dead))
        asyncio.get_running_loop().call_later(seconds, self._come_up)

    def _come_up(self) -> None:
        self._connected = True
        self._tell(SwitchUp(self._instance))

    async def _request(self, name: str, work: Callable[[], None]) -> None:
        """Carry out `work` at one instant between a way there and a way back that may break."""
        fate = self.fate(name)
        await asyncio.sleep(self._luck.uniform(0.0, 0.01))
        if fate is Fate.NOT_REACHED or not self._connected:
            raise SwitchUnavailableError("The switch does not answer (simulated).")
        if fate is Fate.REFUSED and name in ("place_call", "call_agent"):
            raise CallRefusedError("The switch refuses this call (simulated).")
        work()
        await asyncio.sleep(self._luck.uniform(0.0, 0.01))
        if fate is Fate.REPLY_LOST:
            raise SwitchUnavailableError("The switch's answer was lost (simulated).")

    def _agent_script(self, dial: AgentDial) -> Script:
        if dial.kind == "phone":
            return script_of(dial.address, 1, self._luck)
        return device_script(self._luck)

    def _invite(self, session_id: SessionId, call: Call) -> None:
        if not is_e164(call.e164):
            raise CallRefusedError(f"{call.e164!r} is not a telephone number")
        if call.attempt_id in self._customers:
            raise CallRefusedError(f"attempt {call.attempt_id} has a leg")
        self._look_for_breaches(session_id, call)
        self.invites[call.e164] += 1
        seen = Seen(call.attempt_id, session_id, call.e164, asyncio.get_running_loop().time())
        self.calls[call.attempt_id] = seen
        script = self.trunk or script_of(call.e164, self.invites[call.e164], self._luck)
        longest = call.max_talk.total_seconds()
        leg = _Leg(call.e164, session_id, call.attempt_id, script, longest)
        self._customers[call.attempt_id] = leg
        self._play(leg, call.ring_timeout.total_seconds())
        self.watch(seen)

    def _look_for_breaches(self, session_id: SessionId, call: Call) -> None:
        """Note what the carrier must never see; it sees it where no table can hide it."""
        if call.attempt_id in self.calls:
            self.breaches.append(f"attempt {call.attempt_id} was sent twice")
        for leg in self._customers.values():
            if leg.number == call.e164:
                self.breaches.append(f"two live calls to {call.e164}")
            if leg.session_id == session_id:
                self.breaches.append(f"two live customers in session {session_id}")

    def _play(self, leg: _Leg, ring_timeout_s: float) -> None:
        script = leg.script
        if script.rings_s is not None:
            leg.later(script.rings_s, lambda: self._ring(leg))
        if script.answers_s is not None:
            leg.later(script.answers_s, lambda: self._answer(leg))
        if script.refuses_s is not None:
            leg.later(script.refuses_s, lambda: self._end(leg, script.sip_code, by_far_end=True))
        leg.later(ring_timeout_s, lambda: self._end(leg, None, by_far_end=False))

    def _ring(self, leg: _Leg) -> None:
        leg.rang, leg.state = True, LegState.RINGING
        if leg.attempt_id is not None:
            self._report(CallReport(CustomerRinging(leg.attempt_id)))

    def _answer(self, leg: _Leg) -> None:
        leg.cancel_timers()
        leg.state = LegState.UP
        self._note(leg, over=False)
        if leg.script.talks_s is not None:
            leg.later(leg.script.talks_s, lambda: self._end(leg, None, by_far_end=True))
        if leg.max_talk_s is not None:
            leg.later(leg.max_talk_s, lambda: self._end(leg, None, by_far_end=False))
        if leg.attempt_id is None:
            self._report(SessionReport(leg.session_id, AgentAnswered()))
        else:
            self._report(CallReport(CustomerAnswered(leg.attempt_id)))

    def _end(self, leg: _Leg, sip_code: int | None, *, by_far_end: bool) -> None:
        leg.cancel_timers()
        self._note(leg, over=True)
        for bridge in self._bridges.values():
            bridge.discard(leg)
        if leg.attempt_id is None:
            del self._agents[leg.session_id]
            self._bridges.pop(leg.session_id, None)
            reason = _agent_reason(leg, sip_code)
            self._report(SessionReport(leg.session_id, AgentGone(reason)))
        else:
            del self._customers[leg.attempt_id]
            end = LegEnd(sip_code, leg.rang, by_far_end)
            self._report(CallReport(CustomerGone(leg.attempt_id, end)))

    def _note(self, leg: _Leg, *, over: bool) -> None:
        """Write down that a customer's phone rings no more and, when `over`, is free."""
        if leg.attempt_id is not None:
            seen, now = self.calls[leg.attempt_id], asyncio.get_running_loop().time()
            seen.rang_until_s = min(seen.rang_until_s, now)
            seen.ended_s = now if over else inf
            if self._clock is not None and leg.state is LegState.UP:
                seen.answered_at = seen.answered_at or self._clock()
                seen.ended_at = self._clock() if over else None

    def _report(self, report: SwitchReport) -> None:
        for delay in self.mail(report):
            if delay:
                asyncio.get_running_loop().call_later(delay, self._deliver, report)
            else:
                self._deliver(report)

    def _deliver(self, report: SwitchReport) -> None:
        if self._connected:
            self._tell(report)

    def _tell(self, report: SwitchReport) -> None:
        for queue in self._listeners:
            queue.put_nowait(report)


def _agent_reason(leg: _Leg, sip_code: int | None) -> EndReason:
    if leg.state is LegState.UP:
        return EndReason.AGENT_LEFT
    if sip_code in _AGENT_BUSY:
        return EndReason.AGENT_BUSY
    return EndReason.AGENT_NO_ANSWER if sip_code in _AGENT_AWAY else EndReason.AGENT_UNREACHABLE
