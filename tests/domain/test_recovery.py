from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from autodialer.domain.recovery import LegState, StoredSession, catch_up, rebuild
from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    Call,
    CustomerAbandoned,
    CustomerAnswered,
    EndReason,
    EndSession,
    FinishCall,
    HangUpCustomer,
    LeaveAsked,
    OutcomeLost,
    Phase,
    Session,
    Woken,
)
from autodialer.domain.step import step
from tests.domain.made import ANSWERED_CALL, CALL, NOW, OURS, SECOND, SESSION_ID, session_in

UP, ARRIVING, RINGING = LegState.UP, LegState.ARRIVING, LegState.RINGING
IDLE = timedelta(seconds=120)


def caught_up(
    session: Session, agent: LegState | None, customer: LegState | None
) -> tuple[Session, list[object]]:
    """Apply what catch_up finds; return the session and all its commands."""
    session, events = catch_up(session, agent, customer)
    commands: list[object] = []
    for event in events:
        session, more = step(session, event, NOW + SECOND)
        commands += more
    return session, commands


@pytest.mark.parametrize(
    ("ready", "call", "phase"),
    [
        (False, None, Phase.CALLING_AGENT),
        (True, None, Phase.WAITING),
        (True, CALL, Phase.DIALING),
        (True, ANSWERED_CALL, Phase.TALKING),
    ],
)
def test_a_session_is_rebuilt_in_the_phase_that_was_stored(
    ready: bool,
    call: Call | None,
    phase: Phase,
) -> None:
    stored = StoredSession(SESSION_ID, IDLE, NOW if ready else None, call)
    assert rebuild(stored, NOW) == session_in(phase)


@pytest.mark.parametrize(
    ("phase", "agent", "customer"),
    [
        (Phase.CALLING_AGENT, RINGING, None),
        (Phase.WAITING, UP, None),
        (Phase.CLAIMING, UP, None),
        (Phase.DIALING, UP, RINGING),
        (Phase.DIALING, UP, LegState.CALLING),
        (Phase.TALKING, UP, UP),
    ],
)
def test_legs_that_agree_yield_at_most_a_look_at_the_timer(
    phase: Phase, agent: LegState, customer: LegState | None
) -> None:
    _, events = catch_up(session_in(phase), agent, customer)
    assert set(events) <= {Woken()}


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.DIALING, Phase.TALKING])
def test_a_rebuilt_session_gets_its_timer_back(phase: Phase) -> None:
    customer = {Phase.DIALING: RINGING, Phase.TALKING: UP}.get(phase)
    _, commands = caught_up(session_in(phase), UP, customer)
    assert [type(command).__name__ for command in commands] == [
        "Claim" if phase is Phase.WAITING else "WakeAt"
    ]


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("agent", [None, *LegState])
@pytest.mark.parametrize("customer", [None, *LegState])
def test_catching_up_again_changes_nothing(
    phase: Phase, agent: LegState | None, customer: LegState | None
) -> None:
    once, _ = caught_up(session_in(phase), agent, customer)
    again, commands = caught_up(once, agent, customer)
    assert again.phase in (once.phase, Phase.CLAIMING)
    assert not [c for c in commands if isinstance(c, FinishCall | EndSession)]


def test_an_agent_who_waits_to_be_called_is_not_missed() -> None:
    held = session_in(Phase.HELD_BACK)
    assert catch_up(held, None, None) == (held, ())


def test_an_agent_who_answered_in_the_gap_is_taken_over() -> None:
    assert catch_up(session_in(Phase.CALLING_AGENT), UP, None)[1] == (AgentAnswered(),)


def test_a_customer_who_answered_in_the_gap_is_connected() -> None:
    _, events = catch_up(session_in(Phase.DIALING), UP, UP)
    assert events == (CustomerAnswered(OURS), Woken())


def test_a_call_that_ended_in_the_gap_is_lost_and_the_next_is_claimed() -> None:
    _, events = catch_up(session_in(Phase.DIALING), UP, None)
    assert events[0] == OutcomeLost(OURS)
    after, commands = caught_up(session_in(Phase.DIALING), UP, None)
    assert after.phase is Phase.CLAIMING
    (finish,) = commands
    assert isinstance(finish, FinishCall)
    assert finish.then_claim


@pytest.mark.parametrize("state", [LegState.CALLING, RINGING])
def test_a_phone_rang_only_when_the_network_said_so(state: LegState) -> None:
    session, _ = catch_up(session_in(Phase.DIALING), UP, state)
    assert session.call is not None
    assert session.call.rang is (state is RINGING)


def test_with_the_agent_gone_no_other_target_is_claimed() -> None:
    left = LeaveAsked(EndReason.AGENT_LEFT)
    dialing = session_in(Phase.DIALING)
    assert catch_up(dialing, None, None)[1] == (left, OutcomeLost(OURS), AgentGone())
    ended, commands = caught_up(dialing, None, None)
    assert ended.phase is Phase.ENDED
    (finish,) = [c for c in commands if isinstance(c, FinishCall)]
    assert not finish.then_claim


@pytest.mark.parametrize("customer", [UP, ARRIVING])
def test_a_customer_who_answered_when_the_agent_was_gone_is_abandoned(customer: LegState) -> None:
    _, events = catch_up(session_in(Phase.DIALING), None, customer)
    assert CustomerAbandoned(OURS) in events
    ended, commands = caught_up(session_in(Phase.DIALING), None, customer)
    assert ended.phase is Phase.ENDED
    (finish,) = [c for c in commands if isinstance(c, FinishCall)]
    assert finish.result.abandoned
    assert HangUpCustomer(OURS) in commands


def test_ringing_found_by_taking_over_counts_as_ringing() -> None:
    session, _ = catch_up(session_in(Phase.DIALING), UP, RINGING)
    assert session.call == replace(CALL, rang=True)


def test_an_ended_session_needs_nothing() -> None:
    ended = session_in(Phase.ENDED)
    assert catch_up(ended, None, None) == (ended, ())


def test_an_agent_who_was_perhaps_never_rung_was_unreachable() -> None:
    _, events = catch_up(session_in(Phase.CALLING_AGENT), agent=None, customer=None)
    assert AgentGone(EndReason.AGENT_UNREACHABLE) in events
