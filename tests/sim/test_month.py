"""A campaign of thirty days in seconds: nights, retries, pauses, and a plain model of its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import time, timedelta
from itertools import pairwise
from typing import TypeAlias

import pytest

from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.target import TargetStatus
from tests.sim import model
from tests.sim.month import Call, Outcome, live_through
from tests.sim.plan import PAYMENT, RETRIES, Pace, Plan, make_plan

Fates: TypeAlias = Mapping[str, frozenset[model.Fate]]
SEED = 4
# The interval runs from when the agent hung up; the customer's line ends by our request, later.
_HANG_UP = timedelta(seconds=0.1)
# In Berlin one of the days has 25 hours.
MONTHS = [
    (Pace.EARLY, "Asia/Kolkata"),
    pytest.param(Pace.LATE, "Asia/Kolkata", marks=pytest.mark.slow),
    (Pace.LATE, "Europe/Berlin"),
    (Pace.SHORT, "Europe/Berlin"),
]


@pytest.mark.timeout(180)  # Seven seconds of CPU, which a busy machine stretches.
@pytest.mark.parametrize(("pace", "zone"), MONTHS)
def test_a_month_comes_out_as_the_model_says(pace: Pace, zone: str) -> None:
    plan = model.without_doubt(make_plan(SEED, pace, zone))
    month = live_through(plan, SEED)
    expected = model.fates(plan, without_money(month))
    the_ten_counts_are_those_of_the_model(expected, month)
    each_number_ends_as_the_model_says(expected, month)
    the_money_adds_up(month)
    no_phone_rings_at_night_or_on_a_day_without_agents(plan, month)
    no_call_starts_in_the_pause_or_outside_the_dates(plan, month)
    a_number_is_called_so_often_so_late_and_never_twice_at_once(plan, month)
    at_the_end_all_is_over_and_nothing_was_refused(plan, month)
    the_month_has_what_it_is_tried_for(plan, month, pace)


def without_money(month: Outcome) -> dict[str, int]:
    broke = TargetStatus.FAILED_BALANCE
    return {number: row.tries for number, row in month.rows.items() if row.status is broke}


def the_ten_counts_are_those_of_the_model(expected: Fates, month: Outcome) -> None:
    found = Counter(row.status for row in month.rows.values())
    assert {status: (found[status],) * 2 for status in TargetStatus} == {
        status: model.bounds(expected, status) for status in TargetStatus
    }


def the_money_adds_up(month: Outcome) -> None:
    # Each time that it ran out one number was given up and the account paid once.
    assert len(without_money(month)) == month.top_ups > 0
    talked = [n for n, row in month.rows.items() if row.status is TargetStatus.COMPLETED]
    assert month.balance == PAYMENT * (1 + month.top_ups) - model.charges(talked) >= 0
    assert month.held == 0


def each_number_ends_as_the_model_says(expected: Fates, month: Outcome) -> None:
    # Two only where the last try may have come just before the end or not at all.
    assert all(len(ends) <= 2 for ends in expected.values())
    for number, row in month.rows.items():
        assert model.Fate(row.status, row.reason, row.tries) in expected[number], number


def no_phone_rings_at_night_or_on_a_day_without_agents(plan: Plan, month: Outcome) -> None:
    for call in month.calls:
        begin, end = call.invited.astimezone(plan.zone), call.rang_until.astimezone(plan.zone)
        assert time(9) <= begin.time() <= end.time() <= time(21), call
        assert begin.date() == end.date(), call
        assert begin.weekday() < 5, call


def no_call_starts_in_the_pause_or_outside_the_dates(plan: Plan, month: Outcome) -> None:
    paused, resumed = plan.pause
    for call in month.calls:
        assert not paused + timedelta(seconds=1) < call.invited < resumed, call
        assert plan.starts <= call.invited < plan.ends, call


def a_number_is_called_so_often_so_late_and_never_twice_at_once(plan: Plan, month: Outcome) -> None:
    by_number: dict[str, list[Call]] = defaultdict(list)
    for call in month.calls:
        by_number[call.number].append(call)
    for number, calls in by_number.items():
        assert len(calls) == month.rows[number].tries <= 1 + RETRIES
        for tries, (one, other) in enumerate(pairwise(calls)):
            waited = other.invited - one.ended + _HANG_UP
            assert waited >= plan.interval * 2**tries, number
        assert all(call.invited < plan.forbidden.get(number, plan.ends) for call in calls)


def at_the_end_all_is_over_and_nothing_was_refused(plan: Plan, month: Outcome) -> None:
    assert month.breaches == ()
    assert month.all_quiet
    assert month.campaign is CampaignStatus.COMPLETED
    assert month.ended - plan.ends <= timedelta(minutes=2)


def the_month_has_what_it_is_tried_for(plan: Plan, month: Outcome, pace: Pace) -> None:
    found = {(row.status.value, row.reason) for row in month.rows.values()}
    ends = {
        Pace.EARLY: {("failed", "busy"), ("failed", "ring_timeout")},
        Pace.LATE: {("failed", "ended_before_retry")},
        Pace.SHORT: {("failed", "ended_before_retry"), ("failed-no-attempt", "campaign_ended")},
    }
    assert ends[pace] | {("completed", "answered"), ("failed-dnd", "do_not_call")} <= found
    if pace is not Pace.EARLY:
        just_before = plan.pause[0] - timedelta(minutes=1)
        assert any(just_before < call.invited <= plan.pause[0] for call in month.calls)
    offsets = {call.invited.astimezone(plan.zone).utcoffset() for call in month.calls}
    assert len(offsets) == (2 if plan.zone.key == "Europe/Berlin" else 1)


def test_the_same_seed_gives_the_same_month_to_the_microsecond() -> None:
    plan = make_plan(7, Pace.EARLY, "Asia/Kolkata", size=300)
    month = live_through(plan, 1)
    assert live_through(plan, 1) == month
    assert live_through(plan, 2) != month
