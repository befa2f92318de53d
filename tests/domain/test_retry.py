from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain import outcome
from autodialer.domain.outcome import SIP_RESULTS, CallResult, CallStatus
from autodialer.domain.retry import (
    RETRYABLE,
    RetryMechanism,
    RetryPolicy,
    TargetMove,
    give_back,
    move_after_call,
)
from autodialer.domain.target import TRANSITIONS, TargetStatus
from tests.domain.made import NOW

BUSY = SIP_RESULTS[486]
MINUTES = timedelta(minutes=1)
RESULTS = [
    *SIP_RESULTS.values(),
    outcome.TALKED,
    outcome.OUTCOME_UNKNOWN,
    outcome.AGENT_LEFT,
    outcome.FORBIDDEN,
]


def policy(retries: int, mechanism: RetryMechanism = RetryMechanism.LINEAR) -> RetryPolicy:
    return RetryPolicy(retries, frozenset({CallStatus.BUSY}), 10 * MINUTES, mechanism)


def test_a_target_is_tried_once_and_then_as_often_as_there_are_retries() -> None:
    moves = [move_after_call(BUSY, tries, policy(2), NOW).status for tries in (1, 2, 3)]
    assert moves == [TargetStatus.RETRY, TargetStatus.RETRY, TargetStatus.FAILED]


@pytest.mark.parametrize(
    ("mechanism", "delays"),
    [(RetryMechanism.LINEAR, [10, 10, 10]), (RetryMechanism.EXPONENTIAL, [10, 20, 40])],
)
def test_the_interval_is_constant_or_doubles(mechanism: RetryMechanism, delays: list[int]) -> None:
    due = [move_after_call(BUSY, t, policy(3, mechanism), NOW).due_at for t in (1, 2, 3)]
    assert due == [NOW + delay * MINUTES for delay in delays]


def test_a_status_that_was_not_chosen_is_not_retried() -> None:
    move = move_after_call(outcome.AGENT_LEFT, 1, policy(3), NOW)
    assert move == TargetMove(TargetStatus.FAILED, "agent_left")


def test_a_permanent_result_is_never_retried() -> None:
    failed = RetryPolicy(3, frozenset({CallStatus.FAILED}))
    move = move_after_call(SIP_RESULTS[404], 1, failed, NOW)
    assert move == TargetMove(TargetStatus.FAILED, "unknown_number")


@pytest.mark.parametrize("result", [outcome.TALKED, outcome.ABANDONED])
def test_an_answered_target_is_completed_whatever_the_policy(result: CallResult) -> None:
    everything = RetryPolicy(3, frozenset(CallStatus))
    move = move_after_call(result, 1, everything, NOW)
    assert move == TargetMove(TargetStatus.COMPLETED, result.reason)


def test_an_unknown_outcome_is_invalid_only_when_no_try_is_left() -> None:
    failed = RetryPolicy(1, frozenset({CallStatus.FAILED}))
    first = move_after_call(outcome.OUTCOME_UNKNOWN, 1, failed, NOW)
    last = move_after_call(outcome.OUTCOME_UNKNOWN, 2, failed, NOW)
    assert first.status is TargetStatus.RETRY
    assert last == TargetMove(TargetStatus.INVALID, "outcome_unknown")


def test_a_number_that_became_forbidden_is_never_called_again() -> None:
    everything = RetryPolicy(3, frozenset(CallStatus))
    move = move_after_call(outcome.FORBIDDEN, 1, everything, NOW)
    assert move == TargetMove(TargetStatus.FAILED_DND, "do_not_call")


def test_a_first_try_that_did_not_happen_is_scheduled_again() -> None:
    assert give_back(1, NOW) == TargetMove(TargetStatus.SCHEDULED, "")


def test_a_later_try_that_did_not_happen_is_due_at_once() -> None:
    assert give_back(2, NOW) == TargetMove(TargetStatus.RETRY, "not_sent", NOW)


@given(
    st.sampled_from(RESULTS),
    st.integers(1, 4),
    st.builds(RetryPolicy, st.integers(0, 3), st.frozensets(st.sampled_from(sorted(RETRYABLE)))),
)
def test_every_move_is_legal_and_dated_exactly_when_it_is_a_retry(
    result: CallResult, tries: int, rules: RetryPolicy
) -> None:
    move = move_after_call(result, tries, rules, NOW)
    source = TargetStatus.IN_PROGRESS if tries == 1 else TargetStatus.RETRYING
    assert move.status in TRANSITIONS[source]
    assert (move.due_at is not None) is (move.status is TargetStatus.RETRY)
    assert move.status is not TargetStatus.RETRY or tries <= rules.retries
