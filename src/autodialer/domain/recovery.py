"""Taking over after a gap: compare what is stored with what the switch still has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    CustomerAbandoned,
    CustomerAnswered,
    EndReason,
    Event,
    LeaveAsked,
    OutcomeLost,
    Phase,
    Session,
    Woken,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from autodialer.domain.ids import SessionId
    from autodialer.domain.session import Call


# Phases whose timer may have died with a process: waking them sets it again.
_TIMED: Final = frozenset({Phase.WAITING, Phase.DIALING, Phase.TALKING})


class LegState(StrEnum):
    """What the switch says of a leg that exists."""

    # Sent out, and the network has not said yet that a phone rings.
    CALLING = "calling"
    RINGING = "ringing"
    # Answered, but not in our hands yet: the switch keeps the person on the line until it is.
    ARRIVING = "arriving"
    UP = "up"


_UNANSWERED: Final = frozenset({LegState.CALLING, LegState.RINGING})


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A live session as the store knows it. `ready_at` is set once the agent was connected.

    `is_by_trunk`: the agent is called by telephone, over the trunk.
    """

    session_id: SessionId
    idle_limit: timedelta
    ready_at: datetime | None
    call: Call | None
    is_by_trunk: bool = False


def rebuild(stored: StoredSession, now: datetime) -> Session:
    """Return the session in the phase in which the store last saw it."""
    if stored.ready_at is None:
        return Session(stored.session_id, Phase.CALLING_AGENT, stored.idle_limit)
    if stored.call is None:
        return Session(stored.session_id, Phase.WAITING, stored.idle_limit, waiting_since=now)
    phase = Phase.DIALING if stored.call.answered_at is None else Phase.TALKING
    return Session(stored.session_id, phase, stored.idle_limit, call=stored.call)


def catch_up(
    session: Session, agent: LegState | None, customer: LegState | None
) -> tuple[Session, tuple[Event, ...]]:
    """Return the events that the gap swallowed, judged by the legs that exist now.

    None means: the switch has no such leg. Safe to call again: legs that agree with the
    phase yield at most `Woken`, which only makes the session look at its timer again.
    """
    if session.phase in (Phase.HELD_BACK, Phase.ENDED):
        return session, ()
    if session.call is not None and customer is LegState.RINGING:
        session = replace(session, call=replace(session.call, rang=True))
    customer_events = _customer_events(session, agent, customer)
    if agent is None:
        reason = EndReason.AGENT_LEFT
        if session.phase is Phase.CALLING_AGENT:
            reason = EndReason.AGENT_UNREACHABLE
        # Leaving first: the end of the customer's leg must not claim another target.
        return session, (LeaveAsked(reason), *customer_events, AgentGone(reason))
    return session, (*customer_events, *_agent_events(session, agent))


def _customer_events(
    session: Session, agent: LegState | None, customer: LegState | None
) -> tuple[Event, ...]:
    call = session.call
    if call is None:
        return ()
    if customer is None:
        return (OutcomeLost(call.attempt_id),)
    if session.phase is not Phase.DIALING or customer in _UNANSWERED:
        return ()
    if agent is None:
        return (CustomerAbandoned(call.attempt_id),)
    # Of one who arrives a report will tell.
    return (CustomerAnswered(call.attempt_id),) if customer is LegState.UP else ()


def _agent_events(session: Session, agent: LegState) -> tuple[Event, ...]:
    if session.phase is Phase.CALLING_AGENT and agent is LegState.UP:
        return (AgentAnswered(),)
    if session.phase in _TIMED:
        return (Woken(),)
    return ()
