from __future__ import annotations

from functools import reduce

import pytest

from autodialer.domain import outcome
from autodialer.domain.breaker import (
    FAILURES_IN_A_ROW,
    FAILURES_OF_LATEST,
    FIRST_PROBE_AFTER_S,
    LATEST_WITHIN_S,
    MOST_UNHEARD,
    PROBE_EVERY_S,
    Breaker,
    asked,
    dropped,
    ended,
    failed,
    heard,
    unsent,
)
from autodialer.domain.outcome import CallResult, LegEnd, classify_unanswered

DEAD = classify_unanswered(LegEnd(sip_code=503))


def opened(at: float = 0.0) -> Breaker:
    return reduce(lambda breaker, call: failed(breaker, call, at), range(5), Breaker())


def test_calls_go_while_they_are_heard_of() -> None:
    breaker = Breaker()
    for call in range(1_000):
        assert breaker.lets_call(call)
        breaker = heard(asked(breaker, call, call), call, call)


def test_no_more_than_ten_calls_are_under_way_unheard() -> None:
    breaker = Breaker()
    for call in range(MOST_UNHEARD):
        assert breaker.lets_call(0)
        breaker = asked(breaker, call, 0)
    assert not breaker.lets_call(1_000)
    assert not breaker.is_open
    assert heard(breaker, 3, 1_001).lets_call(1_001)
    assert dropped(breaker, 3).lets_call(1_001)


def test_the_fifth_failure_in_a_row_opens_it_and_a_sign_of_life_begins_the_row_anew() -> None:
    breaker = Breaker()
    for call in range(FAILURES_IN_A_ROW - 1):
        breaker = failed(breaker, call, 0)
    breaker = heard(breaker, 90, 0)
    for call in range(FAILURES_IN_A_ROW - 1):
        breaker = failed(breaker, call, 0)
    assert not breaker.is_open
    assert failed(breaker, 91, 0).is_open


def test_a_trunk_that_mostly_fails_opens_it_within_a_minute_only() -> None:
    def half_dead(pause_s: float) -> Breaker:
        breaker = Breaker()
        for turn in range(FAILURES_OF_LATEST):
            breaker = heard(breaker, turn, turn * pause_s)
            breaker = failed(breaker, turn, turn * pause_s)
        return breaker

    assert half_dead(1.0).is_open
    assert not half_dead(LATEST_WITHIN_S / 5).is_open


def test_few_failures_among_many_calls_never_open_it() -> None:
    breaker = Breaker()
    for turn in range(1_000):
        breaker = failed(heard(heard(breaker, turn, turn), turn, turn), turn, turn)
    assert not breaker.is_open


def test_one_probe_at_a_time_goes_out_until_one_is_heard() -> None:
    breaker = opened(at=100.0)
    assert not breaker.lets_call(100.0 + FIRST_PROBE_AFTER_S - 0.1)
    at = 100.0 + FIRST_PROBE_AFTER_S
    assert breaker.lets_call(at)
    breaker = asked(breaker, "first", at)
    assert not breaker.lets_call(at + PROBE_EVERY_S)
    breaker = failed(breaker, "first", at + 1)
    assert not breaker.lets_call(at + 2)
    assert breaker.lets_call(at + PROBE_EVERY_S)
    breaker = asked(breaker, "second", at + PROBE_EVERY_S)
    # An old call that ends now tells nothing of the present.
    assert heard(breaker, "old", at + PROBE_EVERY_S).is_open
    assert heard(breaker, "second", at + PROBE_EVERY_S) == Breaker()


def test_a_probe_that_was_not_sent_is_the_next_ones_at_once() -> None:
    at = FIRST_PROBE_AFTER_S
    probing = asked(opened(), "nobody to call", at)
    assert not probing.lets_call(at)
    for breaker in (
        unsent(probing, "nobody to call", at),
        ended(probing, "nobody to call", outcome.NOT_SENT, at),
    ):
        assert breaker.is_open
        assert breaker.lets_call(at)
        assert not asked(breaker, "somebody", at).lets_call(at)
    breaker = unsent(asked(opened(), "under way", at), "another", at)
    assert not breaker.lets_call(at)


def opened_although_all_rang() -> Breaker:
    breaker = Breaker()
    for call in range(FAILURES_IN_A_ROW):
        breaker = heard(breaker, call, 0)
    for call in range(FAILURES_IN_A_ROW):
        breaker = failed(breaker, call, 0)
    return breaker


def test_where_all_calls_rang_and_failed_a_probe_that_rings_proves_nothing() -> None:
    at = FIRST_PROBE_AFTER_S
    breaker = heard(asked(opened_although_all_rang(), "probe", at), "probe", at)
    assert breaker.is_open
    assert not breaker.lets_call(at + 1)
    assert failed(breaker, "probe", at + 1).is_open
    assert ended(breaker, "probe", outcome.TALKED, at + 1) == Breaker()
    # While it talks on, the next one finds out.
    at += PROBE_EVERY_S
    assert breaker.lets_call(at)
    breaker = ended(asked(breaker, "next", at), "next", outcome.SIP_RESULTS[486], at)
    assert breaker == Breaker()


@pytest.mark.parametrize("result", [outcome.AGENT_LEFT, outcome.OUTCOME_UNKNOWN])
def test_a_probe_that_we_end_proves_nothing(result: CallResult) -> None:
    probing = asked(opened_although_all_rang(), "probe", FIRST_PROBE_AFTER_S)
    for breaker in (probing, heard(probing, "probe", FIRST_PROBE_AFTER_S)):
        after = ended(breaker, "probe", result, FIRST_PROBE_AFTER_S)
        assert after.is_open
        assert (after.probe, after.rung) == (None, frozenset())


def test_calls_that_ended_are_forgotten() -> None:
    breaker = Breaker()
    for call, result in enumerate((outcome.TALKED, outcome.AGENT_LEFT, outcome.SIP_RESULTS[486])):
        breaker = ended(heard(asked(breaker, call, 0), call, 0), call, result, 0)
    assert (breaker.unheard, breaker.rung) == (frozenset(), frozenset())


def test_a_probe_that_tells_nothing_is_followed_by_another() -> None:
    breaker = dropped(asked(opened(), "probe", FIRST_PROBE_AFTER_S), "probe")
    assert breaker.is_open
    assert breaker.lets_call(FIRST_PROBE_AFTER_S + PROBE_EVERY_S)


@pytest.mark.parametrize(
    ("result", "in_a_row"),
    [
        (DEAD, 3),
        (classify_unanswered(LegEnd(sip_code=None)), 3),
        (classify_unanswered(LegEnd(sip_code=403)), 3),
        (classify_unanswered(LegEnd(by_far_end=False)), 3),
        (outcome.TRUNK_REFUSED, 3),
        (outcome.AGENT_LEFT, 2),
        (outcome.NOT_SENT, 2),
        (outcome.OUTCOME_UNKNOWN, 2),
        (outcome.MEDIA_SERVER_LOST, 2),
        (outcome.FORBIDDEN, 2),
        (outcome.TALKED, 2),
        (outcome.ABANDONED, 2),
        (classify_unanswered(LegEnd(rang=True, by_far_end=False)), 2),
        (classify_unanswered(LegEnd(sip_code=486)), 0),
        (classify_unanswered(LegEnd(sip_code=404)), 0),
    ],
    ids=lambda value: value.reason if isinstance(value, CallResult) else "",
)
def test_the_end_of_a_call_is_bad_news_good_news_or_none(result: CallResult, in_a_row: int) -> None:
    before = failed(failed(Breaker(), 1, 0), 2, 0)
    after = ended(asked(before, 3, 0), 3, result, 0)
    assert after.in_a_row == in_a_row
    assert not after.unheard
