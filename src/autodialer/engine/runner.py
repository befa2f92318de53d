"""One session's task: feeds events to `domain.session.step` and carries its commands out."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, assert_never

import structlog

from autodialer.domain import session as domain
from autodialer.domain.ids import AttemptId
from autodialer.domain.session import Phase
from autodialer.domain.step import step
from autodialer.engine.answers import Answers
from autodialer.engine.inquiries import Inquiries
from autodialer.engine.insist import insist
from autodialer.engine.phones import PhoneNews
from autodialer.engine.ringing import RingingNews
from autodialer.engine.screens import ScreenNews
from autodialer.engine.times import Times
from autodialer.engine.trunk import Trunk
from autodialer.engine.turn import Turn
from autodialer.ports.failpoints import Failpoint
from autodialer.ports.meters import Asked, Meters, Unmetered
from autodialer.ports.store import NextClaim, StoreUnavailableError
from autodialer.ports.telephony import (
    CallRefusedError,
    PhoneNotRegisteredError,
    SwitchUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime
    from uuid import UUID

    from autodialer.domain.dial_whom import Given, NumberRequest
    from autodialer.domain.ids import SessionId
    from autodialer.engine.gate import Gate
    from autodialer.engine.times import Moment
    from autodialer.ports.failpoints import Killer
    from autodialer.ports.store import Lease, Store
    from autodialer.ports.telephony import AgentDial, Telephony

log = structlog.get_logger()
T = TypeVar("T")

# A claim is checked (window, pause, do-not-call) at the instant of its asking. One that took
# longer than this to come back, because the store was away, is given back instead of dialled.
_FRESH: Final = timedelta(seconds=2)
# What the switch failed to do is asked for again this much later.
_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What every runner of a dialer shares."""

    store: Store
    switch: Telephony
    lease: Lease
    gate: Gate
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    kill: Killer
    # What URLs are to be asked. Losing one is no harm: who waits is found by looking, too.
    numbers_wanted: asyncio.Queue[NumberRequest] = field(default_factory=asyncio.Queue)
    # Set when a do-not-call registry has grown.
    registry_grew: asyncio.Event = field(default_factory=asyncio.Event)
    inquiries: Inquiries = field(default_factory=Inquiries)
    screens: ScreenNews = field(default_factory=ScreenNews)
    ringing: RingingNews = field(default_factory=RingingNews)
    trunk: Trunk = field(default_factory=Trunk)
    meters: Meters = field(default_factory=Unmetered)
    phone_news: PhoneNews = field(default_factory=PhoneNews)
    # Which runner a report about a customer leg belongs to.
    by_attempt: dict[AttemptId, SessionRunner] = field(default_factory=dict)


class SessionRunner:
    """Owns one session from taking it to its end. Events are handled one after the other."""

    def __init__(
        self, state: domain.Session, tools: Tools, agent_dial: AgentDial | None = None
    ) -> None:
        self.state = state
        self.ended = asyncio.Event()
        self._idle = asyncio.Event()
        self._tools = tools
        self._agent_dial = agent_dial
        self._times = Times(tools.clock)
        look_again = partial(self.post, domain.Woken())
        self._answers = Answers(tools.numbers_wanted, look_again)
        self._turn = Turn(tools, state.session_id, look_again)
        # How far the clock had been set when the present call was claimed.
        self._set_by_at_claim = timedelta()
        self._inbox: asyncio.Queue[tuple[domain.Event, Moment]] = asyncio.Queue()
        self._placeable: AttemptId | None = None
        self._gone: AttemptId | None = None
        # Since when the agent has no customer, in loop time, as long as a number follows at once.
        self._free_since_s: float | None = None
        # The customer whose hang-up was asked for and not answered.
        self._perhaps_alive: AttemptId | None = None
        self._switch_died = False
        self._unbridged = False
        # The customer answered before we knew, after a gap, that the agent is still there.
        self.answered_unseen = False
        self._timer: asyncio.TimerHandle | None = None
        self._log = log.bind(session=str(state.session_id))
        if state.call is not None:
            tools.by_attempt[state.call.attempt_id] = self

    @property
    def session_id(self) -> SessionId:
        """The session that this runner owns."""
        return self.state.session_id

    @property
    def busy(self) -> bool:
        """Whether events or commands are in hand: what the switch has is about to change."""
        return not self._idle.is_set() or not self._inbox.empty()

    async def idle(self) -> None:
        """Return once no event and no command is in hand."""
        while self.busy:
            await self._idle.wait()
            await asyncio.sleep(0)

    def post(self, event: domain.Event) -> None:
        """Queue an event that happened now; returns at once."""
        if isinstance(event, domain.CustomerGone):
            self._gone = event.attempt_id
        if isinstance(event, domain.MediaServerLost):
            self._switch_died = True
        self._inbox.put_nowait((event, self._times.now()))

    def bring(self, request: NumberRequest, given: Given) -> Awaitable[bool]:
        """Let an agent who waits claim with an answer; tells later whether that has stored it."""
        return self._answers.bring(request, given, self.state.phase)

    async def run(self, first: Iterable[domain.Command] = ()) -> None:
        """Carry out `first`, then handle events until the session has ended."""
        try:
            await self._carry_out_all(first)
            while self.state.phase is not Phase.ENDED:
                await self._handle(*await self._next_event())
        finally:
            self._cancel_timer()
            self._answers.give_back()
            self._forget_unjudged_calls()
            self._turn.ended()
            self.ended.set()

    async def restore_bridge(self) -> None:
        """Put the legs that belong together into the bridge (again)."""
        self._unbridged = True
        try:
            await self._tools.switch.nail_agent(self.session_id)
            if self.state.phase is Phase.TALKING and self.state.call is not None:
                await self._tools.switch.connect(self.session_id, self.state.call.attempt_id)
        except SwitchUnavailableError:
            self._log.warning("bridge_not_restored")
        else:
            self._unbridged = False

    async def _next_event(self) -> tuple[domain.Event, Moment]:
        """Wait for an event; meanwhile try again to connect two who wait in silence."""
        while self._unbridged:
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S):
                    return await self._inbox.get()
            if self._tools.gate.sees_switch:
                await self.restore_bridge()
        return await self._inbox.get()

    async def _handle(self, event: domain.Event, at: Moment) -> None:
        self._follow_the_clock(event, at)
        self._time_the_handoff(event, at)
        if isinstance(event, domain.CustomerRinging | domain.CustomerAnswered):
            self._hear_of(event, at.wall)
        if isinstance(event, domain.CustomerRinging):
            self._tools.kill(Failpoint.RINGING)
        if isinstance(event, domain.CustomerGone):
            self._tools.kill(Failpoint.HANGUP_SEEN)
        if isinstance(event, domain.CustomerAnswered):
            self.answered_unseen = not self._tools.gate.sees_switch
        event = await self._with_witness(event)
        before = self.state
        self.state, commands = step(before, event, at.wall)
        if self.state is before and not commands:
            return  # A repeated order is no sign of life: the sweep must still find lost legs.
        self._answers.heard(event)
        self._forget_ended_call(before)
        after = self.state
        await self._carry_out_all(commands)
        if after.phase is not before.phase:
            if after.phase is Phase.WAITING:
                self._tools.kill(Failpoint.WAITING)
            if after.phase is Phase.TALKING:
                self._tools.meters.answered()
            # Afterwards, because somebody waits for what the commands do.
            self._tools.screens.moved(self.session_id)
            self._log.info(
                "session_moved",
                event_type=type(event).__name__,
                old=before.phase.value,
                new=after.phase.value,
                attempt=_attempt_of(after) or _attempt_of(before),
            )

    async def _with_witness(self, event: domain.Event) -> domain.Event:
        """Add what the switch kept of a call to the news that its end was missed."""
        call = self.state.call
        if call is None or not isinstance(event, domain.OutcomeLost | domain.MediaServerLost):
            return event
        if isinstance(event, domain.OutcomeLost) and event.attempt_id != call.attempt_id:
            return event
        self._idle.clear()
        try:
            talk = await self._tools.switch.kept(call.attempt_id)
        finally:
            self._idle.set()
        self._tools.kill(Failpoint.RECORDING_CLOSED)
        return replace(event, talk=talk)

    def _hear_of(
        self, event: domain.CustomerRinging | domain.CustomerAnswered, at: datetime
    ) -> None:
        """Only the first news of a call tells that the trunk carries calls at present."""
        call = self.state.call
        if call is None or call.attempt_id != event.attempt_id or call.rang:
            return
        self._tools.trunk.heard(call.attempt_id)
        if call.tells_ringing and isinstance(event, domain.CustomerRinging):
            self._tools.ringing.rang(call.attempt_id, self._by_the_clock_of_the_claim(at))

    def _follow_the_clock(self, event: domain.Event, at: Moment) -> None:
        """Shift what the session remembers when the wall clock was set: no wait becomes longer
        or shorter by it. What is stored of one call is dated by the clock of its claim."""
        by = self._times.note(at)
        if by:
            self._log.warning("clock_was_set", by_s=by.total_seconds())
            self.state = self.state.as_shown_after(by)
        if isinstance(event, domain.Claimed):
            self._set_by_at_claim = self._times.set_by

    def _time_the_handoff(self, event: domain.Event, at: Moment) -> None:
        if isinstance(event, domain.CustomerGone):
            self._free_since_s = at.steady_s
        elif isinstance(event, domain.NothingNow):
            self._free_since_s = None

    def _by_the_clock_of_the_claim(self, at: datetime) -> datetime:
        return at - (self._times.set_by - self._set_by_at_claim)

    def _by_the_clock_of_the_start(self, at: datetime) -> datetime:
        return at - self._times.set_by

    def _forget_ended_call(self, before: domain.Session) -> None:
        old, new = before.call, self.state.call
        if old is not None and (new is None or new.attempt_id != old.attempt_id):
            self._tools.by_attempt.pop(old.attempt_id, None)
        if new is not None and old is None:
            self._tools.by_attempt[new.attempt_id] = self

    async def _carry_out_all(self, commands: Iterable[domain.Command]) -> None:
        self._idle.clear()
        try:
            for command in commands:
                await self._carry_out(command)
        finally:
            self._idle.set()

    async def _carry_out(self, command: domain.Command) -> None:  # noqa: C901, PLR0912  a table
        match command:
            case domain.CallAgent():
                await self._call_agent()
            case domain.NailAgent():
                await self.restore_bridge()
            case domain.MarkReady(at):
                await self._mark_ready(self._by_the_clock_of_the_start(at))
            case domain.Claim():
                await self._claim()
            case domain.PlaceCall(call):
                await self._place_call(call)
            case domain.Connect(attempt_id) | domain.MarkAnswered(attempt_id) if (
                attempt_id == self._gone
            ):
                pass  # Over already: FinishCall stores the answer too, and is the next thing.
            case domain.Connect(attempt_id):
                self._tools.kill(Failpoint.ANSWERED)
                await self._connect(attempt_id)
            case domain.MarkAnswered(attempt_id, at):
                await self._mark_answered(attempt_id, self._by_the_clock_of_the_claim(at))
            case domain.FinishCall():
                await self._finish(command)
            case domain.HangUpCustomer(attempt_id):
                await self._hang_up(attempt_id)
            case domain.ReleaseAgent():
                await self._release_agent()
            case domain.EndSession(reason, at):
                await self._end_session(reason, self._by_the_clock_of_the_start(at))
            case domain.WakeAt(at):
                self._wake_at(at)
            case _:
                assert_never(command)

    async def _call_agent(self) -> None:
        if self._agent_dial is None:
            self.post(domain.AgentGone(domain.EndReason.AGENT_UNREACHABLE))
            return
        if not self._turn.agent_asked(self._agent_dial):
            self.post(domain.AgentHeldBack())
            return
        try:
            await self._tools.switch.call_agent(self._agent_dial)
        except PhoneNotRegisteredError:
            self.post(domain.AgentGone(domain.EndReason.PHONE_NOT_REGISTERED))
        except CallRefusedError as refusal:
            self._log.warning("agent_call_refused", reason=str(refusal))
            self.post(domain.AgentGone(domain.EndReason.AGENT_UNREACHABLE))
        except SwitchUnavailableError:
            # Whether the phone rings is unknown; the comparison after the gap decides.
            self._log.warning("agent_call_unknown")
        finally:
            self._turn.agent_called()
        self._tools.kill(Failpoint.AGENT_CALLED)

    async def _connect(self, attempt_id: AttemptId) -> None:
        try:
            await self._tools.switch.connect(self.session_id, attempt_id)
        except SwitchUnavailableError:
            self._unbridged = True
            self._log.warning("customer_not_connected", attempt=str(attempt_id))

    async def _mark_ready(self, at: datetime) -> None:
        await insist(lambda: self._tools.store.mark_ready(self._tools.lease, self.session_id, at))

    async def _end_session(self, reason: domain.EndReason, at: datetime) -> None:
        await insist(
            lambda: self._tools.store.end_session(self._tools.lease, self.session_id, reason, at)
        )
        self._tools.meters.session_ended(reason)

    async def _mark_answered(self, attempt_id: AttemptId, at: datetime) -> None:
        """Try once: a hang-up must not wait behind a store that is away."""
        try:
            marking = self._tools.store.mark_answered(self._tools.lease, attempt_id, at)
            await self._timed(Asked.ANSWER, marking)
        except StoreUnavailableError:
            self._log.warning("answer_not_stored", attempt=str(attempt_id))
        self._tools.kill(Failpoint.TALKING)

    async def _claim(self) -> None:
        self._tools.kill(Failpoint.BEFORE_CLAIM)
        if (held := self._turn.held_back()) is not None:
            self._answers.give_back()
            self.post(held)
            return
        attempt_id = self._new_attempt()
        tools = self._tools

        def claim() -> Awaitable[domain.ClaimResult]:
            wanted = NextClaim(self.session_id, attempt_id, tools.clock())
            return self._timed(Asked.CLAIM, self._answers.claim(tools.store, tools.lease, wanted))

        self._take(attempt_id, await insist(claim))

    async def _timed(self, asked: Asked, request: Awaitable[T]) -> T:
        began = asyncio.get_running_loop().time()
        try:
            return await request
        finally:
            self._tools.meters.store_took(asked, asyncio.get_running_loop().time() - began)

    def _take(self, attempt_id: AttemptId, result: domain.ClaimResult) -> None:
        """Go on with the answer of a claim."""
        if not isinstance(result, domain.Claimed) or result.call.attempt_id != attempt_id:
            self._tools.trunk.unsent(attempt_id)
        self.post(result)

    async def _place_call(self, call: domain.Call) -> None:
        self._tools.kill(Failpoint.CLAIMED)
        if call.attempt_id != self._placeable:
            # Not of our asking: an earlier process may have sent it. The next sweep decides.
            self._log.warning("call_of_another_claim", attempt=str(call.attempt_id))
            return
        self._placeable = None
        if not self._tools.gate.is_open or abs(self._tools.clock() - call.placed_at) > _FRESH:
            self.post(domain.CallNotSent(call.attempt_id))
            return
        try:
            await self._tools.switch.place_call(self.session_id, call)
            self._tools.meters.placed(self._handoff_s())
            if call.asks_details:
                self._tools.inquiries.want(self.session_id, call.attempt_id)
        except CallRefusedError as refusal:
            self._log.warning("call_refused", attempt=str(call.attempt_id), reason=str(refusal))
            self.post(domain.CallRefused(call.attempt_id))
        except SwitchUnavailableError:
            # Never sent again: after the gap the leg is found by its id, or the try is spent.
            self._log.warning("call_outcome_unknown", attempt=str(call.attempt_id))
        finally:
            self._tools.trunk.lines.sent(call.attempt_id)
        self._tools.kill(Failpoint.PLACED)

    def _handoff_s(self) -> float | None:
        since, self._free_since_s = self._free_since_s, None
        return None if since is None else asyncio.get_running_loop().time() - since

    async def _finish(self, finish: domain.FinishCall) -> None:
        await self._be_sure_of_the_end(finish.attempt_id)
        self._tools.trunk.ended(finish.attempt_id, finish.result)
        # Held back, it is stored all the same, and another target is asked for when it may be.
        claims = finish.then_claim and self._turn.held_back() is None
        attempt_id = self._new_attempt() if claims else None
        dated = replace(
            finish,
            at=self._by_the_clock_of_the_claim(finish.at),
            answered_at=finish.answered_at and self._by_the_clock_of_the_claim(finish.answered_at),
        )

        def store() -> Awaitable[domain.ClaimResult | None]:
            tools = self._tools
            claim = NextClaim(self.session_id, attempt_id, tools.clock()) if attempt_id else None
            ask = tools.numbers_wanted.put_nowait
            finishing = tools.store.finish(tools.lease, dated, claim, ask)
            return self._timed(Asked.FINISH, finishing)

        result = await insist(store)
        self._tools.meters.ended(finish.result)
        self._log.info(
            "call_ended",
            attempt=str(finish.attempt_id),
            status=finish.result.status.value,
            reason=str(finish.result.reason),
            estimated=finish.estimated,
        )
        self._tools.kill(Failpoint.FINISHED)
        if attempt_id is not None and result is not None:
            self._take(attempt_id, result)
        elif finish.then_claim:
            await self._claim()

    async def _hang_up(self, attempt_id: AttemptId) -> None:
        """Ask once: an agent whose release comes next must not wait."""
        self._perhaps_alive = attempt_id
        try:
            await self._tools.switch.hang_up_customer(attempt_id)
        except SwitchUnavailableError:
            self._log.warning("customer_not_hung_up", attempt=str(attempt_id))
        else:
            self._perhaps_alive = None

    async def _be_sure_of_the_end(self, attempt_id: AttemptId) -> None:
        """Hang up until the switch agrees: a finished call frees its number for another one."""
        while attempt_id == self._perhaps_alive and not self._is_seen_gone(attempt_id):
            await asyncio.sleep(_AGAIN_S)
            if self._tools.gate.sees_switch:
                await self._hang_up(attempt_id)

    def _is_seen_gone(self, attempt_id: AttemptId) -> bool:
        return self._switch_died or attempt_id == self._gone

    async def _release_agent(self) -> None:
        """Ask once; the comparison with the switch finds a leg that has no session."""
        try:
            await self._tools.switch.release_agent(self.session_id)
        except SwitchUnavailableError:
            self._log.warning("agent_not_released")

    def _forget_unjudged_calls(self) -> None:
        """A session that failed must not keep the trunk waiting for news of its calls."""
        call = self.state.call
        for attempt_id in (self._placeable, None if call is None else call.attempt_id):
            if attempt_id is not None:
                self._tools.trunk.dropped(attempt_id)

    def _new_attempt(self) -> AttemptId:
        self._placeable = AttemptId(self._tools.new_id())
        self._turn.asked(self._placeable)
        return self._placeable

    def _wake_at(self, at: datetime) -> None:
        self._cancel_timer()
        delay = self._times.seconds_until(at)
        self._timer = asyncio.get_running_loop().call_later(delay, self.post, domain.Woken())

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _attempt_of(state: domain.Session) -> str | None:
    return str(state.call.attempt_id) if state.call else None
