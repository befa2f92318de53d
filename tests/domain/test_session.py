from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from autodialer.domain import outcome
from autodialer.domain.errors import IllegalTransitionError
from autodialer.domain.outcome import SILENCE, LegEnd
from autodialer.domain.retry import TargetMove
from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    AgentHeldBack,
    CallAgent,
    CallNotSent,
    CallRefused,
    Claim,
    Claimed,
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
    StopAsked,
    Talk,
    Wait,
    WakeAt,
    Woken,
)
from autodialer.domain.step import (
    HANG_UP_REPORT_GRACE,
    REFUSED,
    RING_REPORT_GRACE,
    RULES,
    SHORTEST_WAIT,
    WAIT_POLL,
    start,
    step,
)
from autodialer.domain.target import TargetStatus
from tests.domain.made import (
    BUSY_END,
    CALL,
    FOREIGN,
    NOW,
    OURS,
    SECOND,
    SESSION_ID,
    one_of_each,
    session_in,
)

RETRY_AT = NOW + timedelta(minutes=30)
BUSY_MOVE = TargetMove(TargetStatus.RETRY, "busy", RETRY_AT)
FINISHED_BUSY = FinishCall(OURS, outcome.SIP_RESULTS[486], BUSY_MOVE, NOW, then_claim=True)
DONE = TargetMove(TargetStatus.COMPLETED, "answered")
FINISHED_TALK = FinishCall(OURS, outcome.TALKED, DONE, NOW, then_claim=True, answered_at=NOW)
PAIRS = [(phase, event) for phase in Phase for event in one_of_each()]


def type_names(commands: tuple[object, ...]) -> list[str]:
    return [type(command).__name__ for command in commands]


def ids(pair: object) -> str:
    return str(pair) if isinstance(pair, Phase) else type(pair).__name__


# The table -----------------------------------------------------------------------------------


def test_the_examples_hold_every_type_of_event() -> None:
    union = {kind for member in get_args(Event) for kind in (get_args(member) or (member,))}
    assert {type(event) for event in one_of_each()} == union


def test_no_pair_is_both_a_rule_and_refused() -> None:
    assert not set(RULES) & REFUSED


@pytest.mark.parametrize(("phase", "event"), PAIRS, ids=ids)
def test_every_pair_moves_is_refused_or_changes_nothing(phase: Phase, event: Event) -> None:
    session, key = session_in(phase), (phase, type(event))
    if key in REFUSED:
        with pytest.raises(IllegalTransitionError):
            step(session, event, NOW)
        return
    after, commands = step(session, event, NOW)
    assert ((after, commands) != (session, ())) is (key in RULES)
    assert (after.call is not None) is (after.phase in (Phase.DIALING, Phase.TALKING))


def test_the_end_is_final() -> None:
    assert not [phase for phase, _ in RULES if phase is Phase.ENDED]


@pytest.mark.parametrize("phase", list(Phase))
def test_an_event_about_another_attempt_changes_nothing(phase: Phase) -> None:
    session = session_in(phase)
    for event in one_of_each(FOREIGN):
        if hasattr(event, "attempt_id"):
            assert step(session, event, NOW) == (session, ())


@pytest.mark.parametrize("event", [CustomerAnswered(OURS), CustomerRinging(OURS)])
def test_a_repeated_report_changes_nothing(event: Event) -> None:
    talking = session_in(Phase.TALKING)
    assert step(talking, event, NOW + SECOND) == (talking, ())


def test_a_repeated_end_changes_nothing() -> None:
    after, _ = step(session_in(Phase.DIALING), CustomerGone(OURS, BUSY_END), NOW)
    assert step(after, CustomerGone(OURS, BUSY_END), NOW) == (after, ())
    assert step(after, CustomerAnswered(OURS), NOW) == (after, ())


# The ordinary life ---------------------------------------------------------------------------


def test_a_session_starts_by_calling_the_agent() -> None:
    session, commands = start(SESSION_ID, timedelta(seconds=120))
    assert (session, commands) == (session_in(Phase.CALLING_AGENT), (CallAgent(),))


def test_an_agent_who_answers_is_nailed_up_then_the_first_target_is_claimed() -> None:
    after, commands = step(session_in(Phase.CALLING_AGENT), AgentAnswered(), NOW)
    assert after.phase is Phase.CLAIMING
    assert commands == (NailAgent(), MarkReady(NOW), Claim())


def test_an_agent_whom_the_trunk_holds_back_is_called_later_and_released_after_the_idle_limit() -> (
    None
):
    held, commands = step(session_in(Phase.CALLING_AGENT), AgentHeldBack(), NOW)
    assert (held.phase, held.waiting_for) == (Phase.HELD_BACK, Wait.TRUNK_BUSY)
    assert commands == (WakeAt(NOW + WAIT_POLL),)
    calling, commands = step(held, Woken(), NOW + SECOND)
    assert commands == (CallAgent(),)
    late = NOW + held.idle_limit
    _, commands = step(calling, AgentHeldBack(), late)
    assert commands == (ReleaseAgent(), EndSession(EndReason.TRUNK_BUSY, late))
    ready, _ = step(calling, AgentAnswered(), late)
    assert ready == session_in(Phase.CLAIMING)


def test_a_committed_claim_is_placed_with_a_deadline_for_its_report() -> None:
    after, commands = step(session_in(Phase.CLAIMING), Claimed(CALL), NOW)
    assert after == session_in(Phase.DIALING)
    assert commands == (PlaceCall(CALL), WakeAt(NOW + CALL.ring_timeout + RING_REPORT_GRACE))


def test_an_answer_connects_before_it_is_stored() -> None:
    after, commands = step(session_in(Phase.DIALING), CustomerAnswered(OURS), NOW)
    assert after == session_in(Phase.TALKING)
    limit = WakeAt(NOW + CALL.max_talk)
    assert commands == (Connect(OURS), MarkAnswered(OURS, NOW), limit)


def test_a_call_that_ends_is_finished_and_the_next_claimed_in_one_step() -> None:
    after, commands = step(session_in(Phase.DIALING), CustomerGone(OURS, BUSY_END), NOW)
    assert (after, commands) == (session_in(Phase.CLAIMING), (FINISHED_BUSY,))


def test_a_talk_that_ends_is_completed() -> None:
    event = CustomerGone(OURS, LegEnd(sip_code=None))
    after, commands = step(session_in(Phase.TALKING), event, NOW)
    assert (after, commands) == (session_in(Phase.CLAIMING), (FINISHED_TALK,))


PROBING = replace(
    session_in(Phase.DIALING), waiting_since=NOW - SECOND, waiting_for=Wait.TRUNK_SILENT
)


def test_an_agent_whose_probe_rings_and_fails_has_not_begun_to_wait_anew() -> None:
    rung, _ = step(PROBING, CustomerRinging(OURS), NOW)
    failed, _ = step(rung, CustomerGone(OURS, LegEnd(sip_code=503)), NOW)
    assert failed.waiting_since == NOW - SECOND
    busy, _ = step(rung, CustomerGone(OURS, BUSY_END), NOW)
    assert busy.waiting_since is None


def test_an_agent_whose_probe_is_answered_waits_for_nothing_and_goes_on_if_it_was_mute() -> None:
    talking, _ = step(PROBING, CustomerAnswered(OURS), NOW)
    assert talking.waiting_for is None
    mute, _ = step(talking, FELL_SILENT, NOW + SILENCE)
    assert mute.waiting_since == NOW - SECOND


FELL_SILENT = CustomerGone(OURS, LegEnd(by_far_end=False, fell_silent=True))


def test_a_talk_that_fell_silent_ended_when_it_was_last_heard() -> None:
    _, (finish,) = step(session_in(Phase.TALKING), FELL_SILENT, NOW + SILENCE + 9 * SECOND)
    assert finish == replace(FINISHED_TALK, at=NOW + 9 * SECOND, estimated=True)


def test_an_answer_after_which_nothing_was_heard_is_no_talk() -> None:
    _, (finish,) = step(session_in(Phase.TALKING), FELL_SILENT, NOW + SILENCE - SECOND)
    assert isinstance(finish, FinishCall)
    assert (finish.result.reason, finish.at, finish.estimated) == ("no_audio", NOW, True)


def test_ringing_seen_earlier_makes_a_timeout_a_no_answer() -> None:
    rung, _ = step(session_in(Phase.DIALING), CustomerRinging(OURS), NOW)
    _, commands = step(rung, CustomerGone(OURS, LegEnd(by_far_end=False)), NOW)
    (finish,) = commands
    assert isinstance(finish, FinishCall)
    assert (finish.result.status, finish.result.reason) == ("no-answer", "ring_timeout")


def test_a_refused_call_fails_and_counts() -> None:
    _, commands = step(session_in(Phase.DIALING), CallRefused(OURS), NOW)
    move = TargetMove(TargetStatus.FAILED, "trunk_refused")
    assert commands == (FinishCall(OURS, outcome.TRUNK_REFUSED, move, NOW, then_claim=True),)


def test_a_call_that_was_surely_not_sent_is_given_back() -> None:
    after, commands = step(session_in(Phase.DIALING), CallNotSent(OURS), NOW)
    move = TargetMove(TargetStatus.SCHEDULED, "")
    assert after.phase is Phase.CLAIMING
    assert commands == (FinishCall(OURS, outcome.NOT_SENT, move, NOW, then_claim=True),)


def test_a_lost_outcome_spends_the_try() -> None:
    _, commands = step(session_in(Phase.DIALING), OutcomeLost(OURS), NOW)
    move = TargetMove(TargetStatus.INVALID, "outcome_unknown")
    finish = FinishCall(OURS, outcome.OUTCOME_UNKNOWN, move, NOW, then_claim=True, estimated=True)
    assert commands == (finish,)


def test_a_talk_whose_end_nobody_saw_is_completed_at_an_estimated_time() -> None:
    _, commands = step(session_in(Phase.TALKING), OutcomeLost(OURS), NOW)
    assert commands == (replace(FINISHED_TALK, estimated=True),)


def test_a_talk_whose_end_nobody_saw_lasted_as_long_as_the_switch_kept_it() -> None:
    kept = Talk(NOW, NOW + timedelta(seconds=40))
    later = NOW + timedelta(minutes=5)
    _, (finish,) = step(session_in(Phase.TALKING), OutcomeLost(OURS, kept), later)
    assert isinstance(finish, FinishCall)
    assert (finish.at, finish.answered_at) == (kept.ended_at, NOW)
    assert (finish.result, finish.estimated) == (outcome.TALKED, True)


@pytest.mark.parametrize("off", [timedelta(days=1), timedelta(days=-1)], ids=["late", "early"])
def test_what_the_switch_kept_is_not_believed_beyond_what_can_be(off: timedelta) -> None:
    kept = Talk(NOW + off, NOW + off)
    later = NOW + timedelta(seconds=10)
    _, (finish,) = step(session_in(Phase.TALKING), OutcomeLost(OURS, kept), later)
    assert isinstance(finish, FinishCall)
    assert finish.at == (later if off > timedelta() else NOW)


@pytest.mark.parametrize("lost", [OutcomeLost, MediaServerLost])
def test_who_answered_unseen_and_is_gone_was_abandoned(lost: type) -> None:
    kept = Talk(NOW + timedelta(seconds=3), NOW + timedelta(seconds=9))
    event = OutcomeLost(OURS, kept) if lost is OutcomeLost else MediaServerLost(kept)
    _, commands = step(session_in(Phase.DIALING), event, NOW + timedelta(minutes=1))
    (finish,) = (each for each in commands if isinstance(each, FinishCall))
    assert (finish.answered_at, finish.at) == (kept.answered_at, kept.ended_at)
    assert (finish.result, finish.estimated) == (outcome.ABANDONED, True)


# The do-not-call registry (R7) ---------------------------------------------------------------


def test_a_ring_that_becomes_forbidden_is_cancelled_and_never_repeated() -> None:
    after, commands = step(session_in(Phase.DIALING), NumberForbidden(OURS), NOW)
    move = TargetMove(TargetStatus.FAILED_DND, "do_not_call")
    finish = FinishCall(OURS, outcome.FORBIDDEN, move, NOW, then_claim=True)
    assert (after, commands) == (session_in(Phase.CLAIMING), (HangUpCustomer(OURS), finish))


def test_a_leaving_session_ends_with_the_ring_that_becomes_forbidden() -> None:
    leaving, _ = step(session_in(Phase.DIALING), LEAVE, NOW)
    after, commands = step(leaving, NumberForbidden(OURS), NOW)
    assert after.phase is Phase.ENDED
    assert type_names(commands) == ["HangUpCustomer", "ReleaseAgent", "FinishCall", "EndSession"]


def test_a_talk_goes_on_when_its_number_becomes_forbidden() -> None:
    talking = session_in(Phase.TALKING)
    assert step(talking, NumberForbidden(OURS), NOW) == (talking, ())


# Timers --------------------------------------------------------------------------------------


def test_a_ring_report_is_waited_for_until_its_deadline() -> None:
    dialing, deadline = session_in(Phase.DIALING), NOW + CALL.ring_timeout + RING_REPORT_GRACE
    assert step(dialing, Woken(), deadline - SECOND) == (dialing, (WakeAt(deadline),))
    after, commands = step(dialing, Woken(), deadline)
    assert after.phase is Phase.CLAIMING
    assert type_names(commands) == ["HangUpCustomer", "FinishCall"]


def test_a_talk_is_ended_at_its_limit_and_believed_gone_a_little_later() -> None:
    talking, limit = session_in(Phase.TALKING), NOW + CALL.max_talk
    believed = limit + HANG_UP_REPORT_GRACE
    assert step(talking, Woken(), limit - SECOND) == (talking, (WakeAt(limit),))
    assert step(talking, Woken(), limit) == (talking, (HangUpCustomer(OURS), WakeAt(believed)))
    after, commands = step(talking, Woken(), believed)
    finish = replace(FINISHED_TALK, at=limit, estimated=True)
    assert after.phase is Phase.CLAIMING
    assert commands == (HangUpCustomer(OURS), finish)


def test_a_talk_never_ends_before_its_answer_although_the_clock_was_set_back() -> None:
    _, (finish,) = step(session_in(Phase.TALKING), CustomerGone(OURS, LegEnd()), NOW - SECOND)
    assert isinstance(finish, FinishCall)
    assert finish.at == NOW


def test_no_call_is_answered_or_over_before_it_was_placed() -> None:
    """Of a call that another process placed, before the clock was set back."""
    before = NOW - timedelta(hours=1)
    talking, (_, mark, limit) = step(session_in(Phase.DIALING), CustomerAnswered(OURS), before)
    assert (mark, limit) == (MarkAnswered(OURS, NOW), WakeAt(NOW + CALL.max_talk))
    assert talking == session_in(Phase.TALKING)
    _, (finish,) = step(session_in(Phase.DIALING), CustomerGone(OURS, BUSY_END), before)
    assert isinstance(finish, FinishCall)
    assert finish.at == NOW


@pytest.mark.parametrize("phase", list(Phase))
def test_a_session_keeps_its_waits_when_the_clock_is_set(phase: Phase) -> None:
    for by in (timedelta(hours=1), timedelta(hours=-1)):
        set_forward = session_in(phase).as_shown_after(by)
        assert set_forward.as_shown_after(-by) == session_in(phase)
        for event in (Woken(), CustomerGone(OURS, BUSY_END)):
            _, commands = step(set_forward, event, NOW + by + SECOND)
            _, unset = step(session_in(phase), event, NOW + SECOND)
            assert type_names(commands) == type_names(unset)
            for one, other in zip(commands, unset, strict=True):
                if isinstance(one, WakeAt) and isinstance(other, WakeAt):
                    assert one.at - by == other.at


def test_a_talk_found_over_after_a_long_gap_lasted_at_most_its_limit() -> None:
    _, (finish,) = step(session_in(Phase.TALKING), OutcomeLost(OURS), NOW + timedelta(days=1))
    assert isinstance(finish, FinishCall)
    assert (finish.at, finish.estimated) == (NOW + CALL.max_talk, True)


def test_a_target_that_is_due_but_not_free_is_asked_for_a_moment_later() -> None:
    _, commands = step(session_in(Phase.CLAIMING), NothingNow(Wait.NUMBERS_BUSY, NOW), NOW)
    assert commands == (WakeAt(NOW + SHORTEST_WAIT),)


# Waiting (R11) -------------------------------------------------------------------------------


def test_with_nothing_due_now_the_session_waits_for_the_next_one() -> None:
    due = NOW + SECOND
    after, commands = step(session_in(Phase.CLAIMING), NothingNow(Wait.RETRY_LATER, due), NOW)
    assert after == replace(session_in(Phase.WAITING), waiting_for=Wait.RETRY_LATER)
    assert commands == (WakeAt(due),)


def test_hints_may_be_lost_so_a_waiting_session_asks_again_soon() -> None:
    later = NothingNow(Wait.RETRY_LATER, NOW + 100 * SECOND)
    for event in (later, NothingNow(Wait.PAUSED), NothingNow(Wait.NUMBERS_BUSY)):
        _, commands = step(session_in(Phase.CLAIMING), event, NOW)
        assert commands == (WakeAt(NOW + WAIT_POLL),)


def test_a_woken_session_claims_and_its_wait_goes_on_being_counted() -> None:
    claiming, commands = step(session_in(Phase.WAITING), Woken(), NOW + 60 * SECOND)
    assert commands == (Claim(),)
    again, _ = step(claiming, NothingNow(Wait.PAUSED), NOW + 60 * SECOND)
    assert again.waiting_since == NOW
    ended, commands = step(claiming, NothingNow(Wait.PAUSED), NOW + 120 * SECOND)
    assert ended.phase is Phase.ENDED
    assert commands == (ReleaseAgent(), EndSession(EndReason.PAUSED, NOW + 120 * SECOND))


def test_a_call_starts_the_wait_anew() -> None:
    claiming, _ = step(session_in(Phase.WAITING), Woken(), NOW + SECOND)
    dialing, _ = step(claiming, Claimed(CALL), NOW + SECOND)
    assert (dialing.waiting_since, dialing.waiting_for) == (None, None)


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (Wait.RETRY_LATER, EndReason.NOTHING_DUE),
        (Wait.NUMBERS_BUSY, EndReason.NOTHING_DUE),
        (Wait.RECENTLY_CALLED, EndReason.NOTHING_DUE),
        (Wait.PAUSED, EndReason.PAUSED),
        (Wait.OUTSIDE_WINDOW, EndReason.OUTSIDE_WINDOW),
        (Wait.NOT_STARTED, EndReason.OUTSIDE_WINDOW),
    ],
)
def test_what_falls_due_after_the_idle_limit_is_not_waited_for(
    why: Wait, reason: EndReason
) -> None:
    event = NothingNow(why, NOW + 121 * SECOND)
    after, commands = step(session_in(Phase.CLAIMING), event, NOW)
    assert after.phase is Phase.ENDED
    assert commands == (ReleaseAgent(), EndSession(reason, NOW))


def test_what_falls_due_at_the_idle_limit_is_waited_for() -> None:
    event = NothingNow(Wait.RETRY_LATER, NOW + 120 * SECOND)
    after, _ = step(session_in(Phase.CLAIMING), event, NOW)
    assert after.phase is Phase.WAITING


def test_no_more_releases_the_agent() -> None:
    event = NoMore(EndReason.CAMPAIGN_COMPLETED)
    _, commands = step(session_in(Phase.CLAIMING), event, NOW)
    assert commands == (ReleaseAgent(), EndSession(EndReason.CAMPAIGN_COMPLETED, NOW))


# Leaving -------------------------------------------------------------------------------------

LINE_ENDS = [AgentGone(), StopAsked()]


@pytest.mark.parametrize("event", LINE_ENDS, ids=ids)
@pytest.mark.parametrize("phase", [Phase.CALLING_AGENT, Phase.WAITING])
def test_an_agent_who_goes_while_idle_ends_the_session(
    phase: Phase, event: AgentGone | StopAsked
) -> None:
    after, commands = step(session_in(phase), event, NOW)
    assert after.phase is Phase.ENDED
    assert commands == (ReleaseAgent(), EndSession(event.reason, NOW))


@pytest.mark.parametrize("event", LINE_ENDS, ids=ids)
def test_an_agent_who_goes_while_the_phone_rings_cancels_the_call(
    event: AgentGone | StopAsked,
) -> None:
    after, commands = step(session_in(Phase.DIALING), event, NOW)
    move = TargetMove(TargetStatus.RETRY, "agent_left", RETRY_AT)
    finish = FinishCall(OURS, outcome.AGENT_LEFT, move, NOW, then_claim=False)
    assert after.phase is Phase.ENDED
    end = EndSession(event.reason, NOW)
    assert commands == (HangUpCustomer(OURS), ReleaseAgent(), finish, end)


@pytest.mark.parametrize("event", LINE_ENDS, ids=ids)
def test_an_agent_who_goes_while_talking_ends_the_talk(event: AgentGone | StopAsked) -> None:
    _, commands = step(session_in(Phase.TALKING), event, NOW)
    finish = replace(FINISHED_TALK, then_claim=False)
    end = EndSession(event.reason, NOW)
    assert commands == (HangUpCustomer(OURS), ReleaseAgent(), finish, end)


@pytest.mark.parametrize("event", LINE_ENDS, ids=ids)
def test_an_agent_who_goes_while_claiming_is_released_at_once(
    event: AgentGone | StopAsked,
) -> None:
    claiming, commands = step(session_in(Phase.CLAIMING), event, NOW)
    assert (claiming.phase, commands) == (Phase.CLAIMING, (ReleaseAgent(),))
    after, commands = step(claiming, Claimed(CALL), NOW)
    move = TargetMove(TargetStatus.SCHEDULED, "")
    unsent = FinishCall(OURS, outcome.NOT_SENT, move, NOW, then_claim=False)
    assert after.phase is Phase.ENDED
    assert commands == (ReleaseAgent(), unsent, EndSession(event.reason, NOW))


@pytest.mark.parametrize(
    "answer", [NothingNow(Wait.PAUSED), NoMore(EndReason.CAMPAIGN_COMPLETED)], ids=ids
)
def test_a_leaving_session_ends_with_its_own_reason(answer: Event) -> None:
    leaving = session_in(Phase.CLAIMING, leaving=EndReason.STOPPED)
    _, commands = step(leaving, answer, NOW)
    assert commands == (ReleaseAgent(), EndSession(EndReason.STOPPED, NOW))


LEAVE = LeaveAsked(EndReason.REMOVED_FROM_CAMPAIGN)


@pytest.mark.parametrize("phase", [Phase.CALLING_AGENT, Phase.WAITING])
def test_an_idle_session_leaves_now(phase: Phase) -> None:
    _, commands = step(session_in(phase), LEAVE, NOW)
    assert commands == (ReleaseAgent(), EndSession(LEAVE.reason, NOW))


@pytest.mark.parametrize("phase", [Phase.DIALING, Phase.TALKING])
def test_a_session_in_a_call_leaves_after_it(phase: Phase) -> None:
    leaving, commands = step(session_in(phase), LEAVE, NOW)
    assert (leaving.phase, commands) == (phase, ())
    again, commands = step(leaving, LeaveAsked(EndReason.STOPPED), NOW)
    assert (again is leaving, commands) == (True, ())
    after, commands = step(leaving, CustomerGone(OURS, BUSY_END), NOW)
    assert after.phase is Phase.ENDED
    assert type_names(commands) == ["ReleaseAgent", "FinishCall", "EndSession"]
    finish, end = commands[1], commands[2]
    assert isinstance(finish, FinishCall)
    assert not finish.then_claim
    assert end == EndSession(LEAVE.reason, NOW)


def test_a_leaving_session_still_connects_a_customer_who_answers() -> None:
    leaving, _ = step(session_in(Phase.DIALING), LEAVE, NOW)
    talking, commands = step(leaving, CustomerAnswered(OURS), NOW)
    assert talking.phase is Phase.TALKING
    assert commands[0] == Connect(OURS)


def test_a_leaving_session_gives_back_a_call_that_was_not_sent() -> None:
    leaving, _ = step(session_in(Phase.DIALING), LEAVE, NOW)
    after, commands = step(leaving, CallNotSent(OURS), NOW)
    assert after.phase is Phase.ENDED
    assert type_names(commands) == ["ReleaseAgent", "FinishCall", "EndSession"]


@pytest.mark.parametrize("phase", [Phase.DIALING, Phase.TALKING])
def test_a_customer_who_answers_nobody_is_completed_and_flagged(phase: Phase) -> None:
    after, commands = step(session_in(phase), CustomerAbandoned(OURS), NOW)
    assert after.phase is Phase.ENDED
    assert type_names(commands) == ["HangUpCustomer", "ReleaseAgent", "FinishCall", "EndSession"]
    finish = commands[2]
    assert isinstance(finish, FinishCall)
    assert finish.result.abandoned
    assert finish.move.status is TargetStatus.COMPLETED


@pytest.mark.parametrize(
    ("phase", "reason"),
    [(Phase.DIALING, "media_server_lost"), (Phase.TALKING, "answered")],
)
def test_a_dead_switch_ends_the_call_by_what_was_known(phase: Phase, reason: str) -> None:
    _, commands = step(session_in(phase), MediaServerLost(), NOW)
    assert type_names(commands) == ["ReleaseAgent", "FinishCall", "EndSession"]
    finish, end = commands[1], commands[2]
    assert isinstance(finish, FinishCall)
    assert (finish.result.reason, finish.estimated) == (reason, True)
    assert end == EndSession(EndReason.MEDIA_SERVER_LOST, NOW)


def test_a_switch_that_dies_while_claiming_places_no_call() -> None:
    claiming, commands = step(session_in(Phase.CLAIMING), MediaServerLost(), NOW)
    assert commands == ()
    _, commands = step(claiming, Claimed(CALL), NOW)
    assert type_names(commands) == ["ReleaseAgent", "FinishCall", "EndSession"]
