"""One span of an agent being connected: a state machine without clock, socket or SQL.

    step(session, event, now) -> (session, commands)

The shell (`engine.runner`) feeds events in the order in which they arrived and carries the
commands out in the order given. That order is a promise:

* What can ring a phone (`PlaceCall`) follows the commit that wrote its attempt: a claim is
  committed by the store before its `Claimed` event exists.
* What releases or connects a line comes before its commit, because repeating it is
  harmless and a person should not wait for a disk.

           start          AgentAnswered          Claimed
    [calling-agent] ──────────────▶ [claiming] ─────────▶ [dialing] ─ CustomerAnswered ▶ [talking]
                                    ▲  │   ▲                  │                              │
                     Woken (timer)  │  │   └── CustomerGone ──┴──────── CustomerGone ────────┘
                                    │  ▼ NothingNow
                                  [waiting]          any phase ── AgentGone, StopAsked ─▶ [ended]

While the trunk takes no more calls, an agent waits in [held-back] before being called.

Switch events name their attempt; one that is not the session's present call is late or
repeated and changes nothing. The table `RULES` at the end lists every pair that does
something; `REFUSED` lists the pairs that only a fault in the shell can produce.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from autodialer.domain import outcome
from autodialer.domain.errors import IllegalTransitionError
from autodialer.domain.retry import give_back, move_after_call
from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    AgentHeldBack,
    Call,
    CallAgent,
    CallEvent,
    CallNotSent,
    CallRefused,
    Claim,
    Claimed,
    Command,
    Connect,
    CustomerAbandoned,
    CustomerAnswered,
    CustomerGone,
    CustomerRinging,
    EndReason,
    EndSession,
    Event,
    FinishCall,
    HangUpCustomer,
    LeaveAsked,
    MarkAnswered,
    MarkReady,
    MediaServerLost,
    NailAgent,
    NoMore,
    NothingNow,
    NumberForbidden,
    OutcomeLost,
    Phase,
    PlaceCall,
    ReleaseAgent,
    Session,
    StopAsked,
    Talk,
    Wait,
    WakeAt,
    Woken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from autodialer.domain.ids import SessionId
    from autodialer.domain.outcome import CallResult

Step: TypeAlias = "tuple[Session, tuple[Command, ...]]"

_END_OF_WAIT: Final = MappingProxyType(
    {
        Wait.RETRY_LATER: EndReason.NOTHING_DUE,
        Wait.NUMBERS_BUSY: EndReason.NOTHING_DUE,
        Wait.RECENTLY_CALLED: EndReason.NOTHING_DUE,
        Wait.PAUSED: EndReason.PAUSED,
        Wait.OUTSIDE_WINDOW: EndReason.OUTSIDE_WINDOW,
        Wait.NOT_STARTED: EndReason.OUTSIDE_WINDOW,
        Wait.NOT_READY: EndReason.SWITCH_AWAY,
        Wait.SOURCE_SLOW: EndReason.SOURCE_SLOW,
        Wait.TRUNK_SILENT: EndReason.TRUNK_SILENT,
        Wait.TRUNK_BUSY: EndReason.TRUNK_BUSY,
    }
)

# The switch ends a ringing leg by itself at the ring timeout; this much later we no longer
# believe that its report will come.
RING_REPORT_GRACE: Final = timedelta(seconds=5)
# A leg that we ended because the talk was too long is believed gone this much later.
HANG_UP_REPORT_GRACE: Final = timedelta(seconds=5)
# A target may be due and yet not free (its number is in a live call): do not ask in a tight loop.
SHORTEST_WAIT: Final = timedelta(milliseconds=250)
# While waiting, hints may be lost: ask again after this long (reliability: poll <= 5 s).
WAIT_POLL: Final = timedelta(seconds=5)


def start(session_id: SessionId, idle_limit: timedelta) -> Step:
    """Begin a session: the agent is called first."""
    return Session(session_id, Phase.CALLING_AGENT, idle_limit), (CallAgent(),)


def step(session: Session, event: Event, now: datetime) -> Step:
    """Apply one event that happened at `now` (aware); return the new state and the commands.

    An event about another call than the present one, or after the end, changes nothing: the
    switch may report late or twice. Raises IllegalTransitionError for a pair in REFUSED,
    which only a fault of the shell can produce.
    """
    if _is_stale(session, event):
        return session, ()
    key = (session.phase, type(event))
    if key in REFUSED:
        raise IllegalTransitionError("session", session.phase, type(event).__name__, ())
    rule = RULES.get(key)
    return rule(session, event, now) if rule else (session, ())


def _is_stale(session: Session, event: Event) -> bool:
    """Whether the event is about another call than the present one."""
    if not isinstance(event, CallEvent):
        return False
    return session.call is None or event.attempt_id != session.call.attempt_id


# Rules: one function a kind of move -----------------------------------------------------------


def _agent_answered(session: Session, _event: AgentAnswered, now: datetime) -> Step:
    ready = replace(_busy(session), phase=Phase.CLAIMING)
    return ready, (NailAgent(), MarkReady(now), Claim())


def _agent_held_back(session: Session, _event: AgentHeldBack, now: datetime) -> Step:
    since = session.waiting_since or now
    limit = since + session.idle_limit
    if now >= limit:
        return _end(session, EndReason.TRUNK_BUSY, now)
    held = replace(session, phase=Phase.HELD_BACK, waiting_since=since, waiting_for=Wait.TRUNK_BUSY)
    return held, (WakeAt(min(limit, now + WAIT_POLL)),)


def _call_agent(session: Session, _event: Woken, _now: datetime) -> Step:
    return replace(session, phase=Phase.CALLING_AGENT), (CallAgent(),)


def _claimed(session: Session, event: Claimed, now: datetime) -> Step:
    call = event.call
    if session.leaving is None:
        timer = WakeAt(now + call.ring_timeout + RING_REPORT_GRACE)
        probes = session.waiting_for is Wait.TRUNK_SILENT
        dialing = replace(session if probes else _busy(session), phase=Phase.DIALING, call=call)
        return dialing, (PlaceCall(call), timer)
    return _end(session, session.leaving, now, _not_sent(call, now, then_claim=False))


def _nothing_now(session: Session, event: NothingNow, now: datetime) -> Step:
    if session.leaving is not None:
        return _end(session, session.leaving, now)
    since = session.waiting_since or now
    limit = since + session.idle_limit
    if now >= limit or (event.next_at is not None and event.next_at > limit):
        return _end(session, _END_OF_WAIT[event.why], now)
    waiting = replace(session, phase=Phase.WAITING, waiting_since=since, waiting_for=event.why)
    wake = min(limit, now + WAIT_POLL, *([event.next_at] if event.next_at else []))
    return waiting, (WakeAt(max(wake, now + SHORTEST_WAIT)),)


def _no_more(session: Session, event: NoMore, now: datetime) -> Step:
    return _end(session, session.leaving or event.reason, now)


def _look_again(session: Session, _event: Woken, _now: datetime) -> Step:
    return replace(session, phase=Phase.CLAIMING), (Claim(),)


def _ringing(session: Session, _event: CustomerRinging, _now: datetime) -> Step:
    return replace(session, call=replace(_call(session), rang=True)), ()


def _answered(session: Session, event: CustomerAnswered, now: datetime) -> Step:
    call = _call(session)
    at = max(now, call.placed_at)
    connected = replace(call, answered_at=at)
    talking = replace(session, phase=Phase.TALKING, call=connected, waiting_for=None)
    limit = WakeAt(at + call.max_talk)
    return talking, (Connect(event.attempt_id), MarkAnswered(event.attempt_id, at), limit)


def _unanswered_gone(session: Session, event: CustomerGone, now: datetime) -> Step:
    call = _call(session)
    end = replace(event.end, rang=event.end.rang or call.rang)
    return _next(session, outcome.classify_unanswered(end), now)


def _talk_over(session: Session, event: CustomerGone, now: datetime) -> Step:
    answered_at = _call(session).answered_at or now
    if not event.end.fell_silent:
        return _next(session, outcome.classify_answered(event.end, now - answered_at), now)
    # Nobody said when it ended, but since then nothing was heard.
    talk = Talk(answered_at, max(answered_at, now - outcome.SILENCE))
    result = outcome.classify_answered(event.end, talk.ended_at - answered_at)
    return _next(session, result, now, estimated=True, talk=talk)


def _refused(session: Session, _event: CallRefused, now: datetime) -> Step:
    return _next(session, outcome.TRUNK_REFUSED, now)


def _lost_ringing(session: Session, event: OutcomeLost, now: datetime) -> Step:
    if event.talk is None:
        return _next(session, outcome.OUTCOME_UNKNOWN, now, estimated=True)
    # Answered, and nobody who could have connected them: they heard nobody.
    known = _with_answer(session, event.talk)
    return _next(known, outcome.ABANDONED, now, estimated=True, talk=event.talk)


def _lost_talking(session: Session, event: OutcomeLost, now: datetime) -> Step:
    return _next(session, outcome.TALKED, now, estimated=True, talk=event.talk)


def _forbidden(session: Session, event: NumberForbidden, now: datetime) -> Step:
    moved, commands = _next(session, outcome.FORBIDDEN, now)
    return moved, (HangUpCustomer(event.attempt_id), *commands)


def _unsent(session: Session, _event: CallNotSent, now: datetime) -> Step:
    call = _call(session)
    waiting = replace(session, phase=Phase.CLAIMING, call=None)
    if session.leaving is None:
        return waiting, (_not_sent(call, now, then_claim=True),)
    return _end(waiting, session.leaving, now, _not_sent(call, now, then_claim=False))


def _report_overdue(session: Session, _event: Woken, now: datetime) -> Step:
    call = _call(session)
    overdue = call.placed_at + call.ring_timeout + RING_REPORT_GRACE
    if now < overdue:
        return session, (WakeAt(overdue),)
    result = outcome.classify_unanswered(outcome.LegEnd(rang=call.rang, by_far_end=False))
    moved, commands = _next(session, result, now, estimated=True)
    return moved, (HangUpCustomer(call.attempt_id), *commands)


def _talk_too_long(session: Session, _event: Woken, now: datetime) -> Step:
    call = _call(session)
    limit = (call.answered_at or call.placed_at) + call.max_talk
    if now < limit:
        return session, (WakeAt(limit),)
    if now < limit + HANG_UP_REPORT_GRACE:
        return session, (HangUpCustomer(call.attempt_id), WakeAt(limit + HANG_UP_REPORT_GRACE))
    moved, commands = _next(session, outcome.TALKED, now, estimated=True)
    return moved, (HangUpCustomer(call.attempt_id), *commands)


def _abandoned(session: Session, event: CustomerAbandoned, now: datetime) -> Step:
    call = _call(session)
    answered = replace(call, answered_at=call.answered_at or max(now, call.placed_at))
    finish = _finish(answered, outcome.ABANDONED, now, then_claim=False)
    ended, commands = _end(session, EndReason.AGENT_LEFT, now, finish)
    return ended, (HangUpCustomer(event.attempt_id), *commands)


def _agent_gone_idle(session: Session, event: AgentGone | StopAsked, now: datetime) -> Step:
    return _end(session, event.reason, now)


def _agent_gone_claiming(session: Session, event: AgentGone | StopAsked, _now: datetime) -> Step:
    """Release the line at once; the session ends when the claim has answered."""
    return replace(session, leaving=session.leaving or event.reason), (ReleaseAgent(),)


def _agent_gone_in_call(session: Session, event: AgentGone | StopAsked, now: datetime) -> Step:
    call = _call(session)
    result = outcome.AGENT_LEFT if session.phase is Phase.DIALING else outcome.TALKED
    finish = _finish(call, result, now, then_claim=False)
    ended, commands = _end(session, session.leaving or event.reason, now, finish)
    return ended, (HangUpCustomer(call.attempt_id), *commands)


def _media_lost_in_call(session: Session, event: MediaServerLost, now: datetime) -> Step:
    result = outcome.TALKED if session.phase is Phase.TALKING else outcome.MEDIA_SERVER_LOST
    if session.phase is Phase.DIALING and event.talk is not None:
        session, result = _with_answer(session, event.talk), outcome.ABANDONED
    finish = _finish(_call(session), result, now, then_claim=False, estimated=True, talk=event.talk)
    return _end(session, EndReason.MEDIA_SERVER_LOST, now, finish)


def _media_lost_claiming(session: Session, _event: MediaServerLost, _now: datetime) -> Step:
    return replace(session, leaving=EndReason.MEDIA_SERVER_LOST), ()


def _media_lost(session: Session, _event: MediaServerLost, now: datetime) -> Step:
    return _end(session, EndReason.MEDIA_SERVER_LOST, now)


def _leave_now(session: Session, event: LeaveAsked, now: datetime) -> Step:
    return _end(session, event.reason, now)


def _leave_later(session: Session, event: LeaveAsked, _now: datetime) -> Step:
    if session.leaving is not None:
        return session, ()
    return replace(session, leaving=event.reason), ()


# Pieces shared by the rules ---------------------------------------------------------------------


def _call(session: Session) -> Call:
    if session.call is None:
        raise IllegalTransitionError("session", session.phase, "a call event", ())
    return session.call


def _with_answer(session: Session, talk: Talk) -> Session:
    """Return the session whose customer is known to have answered, never before being called."""
    call = _call(session)
    return replace(session, call=replace(call, answered_at=max(talk.answered_at, call.placed_at)))


def _finish(
    call: Call,
    result: CallResult,
    now: datetime,
    *,
    then_claim: bool,
    estimated: bool = False,
    talk: Talk | None = None,
) -> FinishCall:
    move = move_after_call(result, call.tries, call.policy, now)
    at = _end_of(call, now if talk is None else min(now, talk.ended_at), estimated=estimated)
    return FinishCall(
        call.attempt_id, result, move, at, then_claim, estimated, answered_at=call.answered_at
    )


def _end_of(call: Call, now: datetime, *, estimated: bool) -> datetime:
    """Return when the call ended: never before it began, whatever the wall clock did.

    A talk whose end nobody saw lasted at most `max_talk`: the switch cuts it there.
    """
    if call.answered_at is None:
        return max(now, call.placed_at)
    latest = call.answered_at + call.max_talk
    return max(call.answered_at, min(now, latest) if estimated else now)


def _not_sent(call: Call, now: datetime, *, then_claim: bool) -> FinishCall:
    move = give_back(call.tries, now)
    return FinishCall(call.attempt_id, outcome.NOT_SENT, move, now, then_claim)


def _next(
    session: Session,
    result: CallResult,
    now: datetime,
    *,
    estimated: bool = False,
    talk: Talk | None = None,
) -> Step:
    """Finish the present call, then claim the next one or, when leaving, end."""
    stays = session.leaving is None
    finish = _finish(_call(session), result, now, then_claim=stays, estimated=estimated, talk=talk)
    if session.leaving is None:
        known = session if result.is_technical else _busy(session)
        return replace(known, phase=Phase.CLAIMING, call=None), (finish,)
    return _end(session, session.leaving, now, finish)


def _busy(session: Session) -> Session:
    """Forget a wait that is over. A probe of a silent trunk ends it by ending well only: agents
    who probe in turns would else be kept for ever."""
    return replace(session, waiting_since=None, waiting_for=None)


def _end(session: Session, reason: EndReason, now: datetime, *commits: Command) -> Step:
    """End: the line is released first, so that nobody waits on it while the store is away."""
    ended = replace(session, phase=Phase.ENDED, call=None, leaving=reason)
    return ended, (ReleaseAgent(), *commits, EndSession(reason, now))


_Rule: TypeAlias = "Callable[[Session, Any, datetime], Step]"
_P = Phase
_IDLE: Final = (_P.CALLING_AGENT, _P.HELD_BACK, _P.WAITING)
_IN_CALL: Final = (_P.DIALING, _P.TALKING)

RULES: Final[Mapping[tuple[Phase, type], _Rule]] = MappingProxyType(
    {
        (_P.CALLING_AGENT, AgentAnswered): _agent_answered,
        (_P.CALLING_AGENT, AgentHeldBack): _agent_held_back,
        (_P.HELD_BACK, Woken): _call_agent,
        (_P.CLAIMING, Claimed): _claimed,
        (_P.CLAIMING, NothingNow): _nothing_now,
        (_P.CLAIMING, NoMore): _no_more,
        (_P.WAITING, Woken): _look_again,
        (_P.DIALING, CustomerRinging): _ringing,
        (_P.DIALING, CustomerAnswered): _answered,
        (_P.DIALING, CustomerAbandoned): _abandoned,
        (_P.DIALING, CustomerGone): _unanswered_gone,
        (_P.DIALING, CallRefused): _refused,
        (_P.DIALING, CallNotSent): _unsent,
        (_P.DIALING, OutcomeLost): _lost_ringing,
        # No rule for a talk: nobody is cut off.
        (_P.DIALING, NumberForbidden): _forbidden,
        (_P.DIALING, Woken): _report_overdue,
        # Only after a gap: the answer was reported before it was known that the agent had left.
        (_P.TALKING, CustomerAbandoned): _abandoned,
        (_P.TALKING, CustomerGone): _talk_over,
        (_P.TALKING, OutcomeLost): _lost_talking,
        (_P.TALKING, Woken): _talk_too_long,
        **{(phase, AgentGone): _agent_gone_idle for phase in _IDLE},
        **{(phase, StopAsked): _agent_gone_idle for phase in _IDLE},
        **{(phase, LeaveAsked): _leave_now for phase in _IDLE},
        **{(phase, MediaServerLost): _media_lost for phase in _IDLE},
        (_P.CLAIMING, AgentGone): _agent_gone_claiming,
        (_P.CLAIMING, StopAsked): _agent_gone_claiming,
        (_P.CLAIMING, LeaveAsked): _leave_later,
        (_P.CLAIMING, MediaServerLost): _media_lost_claiming,
        **{(phase, AgentGone): _agent_gone_in_call for phase in _IN_CALL},
        **{(phase, StopAsked): _agent_gone_in_call for phase in _IN_CALL},
        **{(phase, LeaveAsked): _leave_later for phase in _IN_CALL},
        **{(phase, MediaServerLost): _media_lost_in_call for phase in _IN_CALL},
    }
)

# A claim's answer belongs to a session that asked for one.
REFUSED: Final[frozenset[tuple[Phase, type]]] = frozenset(
    (phase, event)
    for phase in Phase
    for event in (Claimed, NothingNow, NoMore)
    if phase is not Phase.CLAIMING
)
