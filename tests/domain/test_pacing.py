from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field, replace
from math import inf, isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain import pacing
from autodialer.domain.errors import InvalidInputError
from autodialer.domain.pacing import EARLY_S, NO_LIMITS, SECOND_S, Limits, Pace, Use, Waiter

ASHA, BINA, CHITRA = Waiter("asha"), Waiter("bina"), Waiter("chitra")
limits = st.builds(Limits, st.none() | st.integers(0, 4), st.none() | st.integers(0, 4))
real_limits = st.builds(Limits, st.none() | st.integers(1, 5), st.none() | st.integers(1, 5))
# Seconds between two things that happen: often none, often about one window.
gaps = st.sampled_from([0.0, 0.0, 0.01, 0.2, 0.6, 0.99, SECOND_S, 3.0])


def counting(share: Limits) -> Pace:
    """A node that has counted all its calls for long."""
    return Pace(share, counted_from=-inf)


def calling(share: Limits, *calls: str, now: float = 0.0) -> Pace:
    """A node whose calls have just left."""
    pace = counting(share)
    for call in calls:
        pace = pacing.sent(pacing.asked(pace, Waiter(call), call, now), call, now)
    return pace


def wait_of(pace: Pace, waiter: Waiter, now: float) -> float:
    return pacing.may_call(pace, waiter, now)[1]


def test_nobody_calls_before_the_share_is_known() -> None:
    assert wait_of(Pace(), ASHA, 0) == inf


def test_without_limits_everybody_calls_at_once_and_leaves_no_trace_in_the_queue() -> None:
    pace = calling(NO_LIMITS, *"abcdefgh")
    assert pacing.may_call(pace, ASHA, 0) == (pace, 0.0)


def test_a_start_is_free_again_a_second_after_the_call_was_sent() -> None:
    pace = calling(Limits(calls_per_second=2), "a", now=0)
    pace = pacing.sent(pacing.asked(pace, BINA, "b", 0.4), "b", 0.4)
    assert wait_of(pace, ASHA, 0.5) == pytest.approx(SECOND_S - 0.5)
    assert wait_of(pace, ASHA, 1.04) > 0
    assert wait_of(pace, ASHA, SECOND_S) == 0


def test_the_first_call_leaves_at_once_and_those_that_come_together_evenly() -> None:
    pace = calling(Limits(calls_per_second=5), "a", now=10)
    gap = SECOND_S / 5
    assert wait_of(pace, ASHA, 10) == pytest.approx(gap - EARLY_S)
    early = 10 + gap - EARLY_S
    pace = pacing.sent(pacing.asked(pace, ASHA, "b", early), "b", early)
    assert wait_of(pace, BINA, early) == pytest.approx(gap)
    # Nobody is kept for a call that did not come about, or for one of long ago.
    later = 10 + 2 * gap
    claiming = pacing.asked(pace, BINA, "c", later)
    assert wait_of(claiming, CHITRA, later) > 0
    assert wait_of(pacing.gone(claiming, "c"), CHITRA, later) == 0
    assert wait_of(pace, BINA, 60) == 0


def test_a_call_whose_claim_takes_long_keeps_its_own_place_and_nobody_else_from_calling() -> None:
    gap = SECOND_S / 5
    pace = pacing.asked(counting(Limits(calls_per_second=5)), ASHA, "slow", 10)
    assert wait_of(pace, BINA, 10) == pytest.approx(gap - EARLY_S)
    for call in range(4):
        now = 20 + call * gap
        assert wait_of(pace, BINA, now) == 0
        pace = pacing.sent(pacing.asked(pace, BINA, call, now), call, now)
    assert wait_of(pace, BINA, 20 + 4 * gap) == pytest.approx(gap)
    late = 30.0
    pace = pacing.sent(pace, "slow", late)
    assert wait_of(pace, BINA, late) == pytest.approx(gap - EARLY_S)


@pytest.mark.parametrize("limit", [1, 5, 30, 200])
def test_a_trunk_on_which_calls_always_wait_sends_what_it_may(limit: int) -> None:
    pace, now, claiming, sent = counting(Limits(calls_per_second=limit)), 0.0, deque[float](), 0
    # The loop wakes every 2 ms; a claim takes 20.
    while now < 10:
        now += 0.002
        while claiming and claiming[0] <= now - 0.02:
            claiming.popleft()
            pace = pacing.sent(pace, f"call {sent}", now)
            sent += 1
        while wait_of(pace, ASHA, now) == 0:
            call = f"call {sent + len(claiming)}"
            pace = pacing.asked(pace, ASHA, call, now)
            claiming.append(now)
    assert 0.95 * limit * 10 / SECOND_S <= sent <= limit * 10


def test_a_call_that_was_let_through_and_has_not_left_keeps_its_start() -> None:
    pace = pacing.asked(counting(Limits(calls_per_second=1)), BINA, "b", 0)
    assert wait_of(pace, ASHA, 60) == inf
    assert wait_of(pacing.gone(pace, "b"), ASHA, 60) == 0
    late = pacing.sent(pace, "b", 60)
    assert wait_of(late, ASHA, 60) == pytest.approx(SECOND_S)


def test_who_begins_to_count_waits_for_a_second_that_nobody_counted() -> None:
    for before in (Pace(), Pace(NO_LIMITS)):
        pace = pacing.settled(before, Limits(calls_per_second=2), 10)
        assert wait_of(pace, ASHA, 10) == pytest.approx(SECOND_S)
        assert wait_of(pace, ASHA, 10 + SECOND_S) == 0
        grown = pacing.settled(pace, Limits(calls_per_second=3), 10.5)
        assert wait_of(grown, ASHA, 10.5) == pytest.approx(SECOND_S - 0.5)
        # What it takes nobody knows before: what was told of it still holds.
        assert pacing.use_of(grown, 10.5).starts is None
        assert pacing.use_of(grown, 10 + SECOND_S).starts == 3
    only_lines = pacing.settled(Pace(), Limits(calls_at_once=1), 10)
    assert wait_of(only_lines, ASHA, 10) == 0
    assert pacing.use_of(only_lines, 10) == Use(0, 1)


def test_who_lost_its_share_calls_nobody_until_it_is_told_a_new_one_and_forgets_no_call() -> None:
    pace = pacing.lapsed(calling(Limits(3, 3), "a", "b", now=10))
    assert wait_of(pace, ASHA, 10.5) == inf
    assert pacing.use_of(pace, 10.5) == Use(2, 2)
    pace = pacing.settled(pace, Limits(2, 3), 10.6)
    assert wait_of(pace, ASHA, 10.6) == pytest.approx(10 + SECOND_S - 10.6)


def test_a_line_is_free_again_when_the_call_is_over() -> None:
    pace = calling(Limits(calls_at_once=1), "a")
    assert wait_of(pace, ASHA, 3600) == inf
    assert wait_of(pacing.gone(pace, "a"), ASHA, 3600) == 0


def test_calls_of_an_earlier_process_keep_their_lines() -> None:
    pace = pacing.adopted(counting(Limits(calls_at_once=1)), "a")
    assert wait_of(pace, ASHA, 0) == inf


def test_who_came_first_goes_first_and_who_leaves_holds_nobody_up() -> None:
    pace = calling(Limits(calls_at_once=1), "a")
    for waiter in (ASHA, BINA, CHITRA):
        pace, _ = pacing.may_call(pace, waiter, 0)
    pace = pacing.gone(pace, "a")
    assert wait_of(pace, CHITRA, 1) == inf
    assert wait_of(pace, ASHA, 1) == 0
    assert wait_of(pacing.left(pace, "asha"), BINA, 1) == 0


def test_an_agent_is_called_only_with_a_line_more_for_the_customer() -> None:
    pace = counting(Limits(calls_at_once=3))
    agents = [Waiter(name, is_agent=True) for name in ("asha", "bina")]
    pace = pacing.asked(pace, agents[0], "asha's phone", 0)
    pace, wait = pacing.may_call(pace, agents[1], 0)
    assert wait == inf
    # Two lines are left for customers, whom the agent in front does not keep from them.
    pace = pacing.asked(pace, ASHA, "customer", 0)
    assert wait_of(pace, ASHA, 0) == 0
    assert wait_of(pacing.gone(pace, "asha's phone"), agents[1], 0) == 0


@pytest.mark.parametrize("bad", [Limits(0), Limits(1_001), Limits(None, 0), Limits(None, 100_001)])
def test_limits_have_bounds(bad: Limits) -> None:
    with pytest.raises(InvalidInputError):
        pacing.check_limits(bad)
    assert pacing.check_limits(Limits(1, 100_000)) == Limits(1, 100_000)


# Any history of one node -------------------------------------------------------------------------


@dataclass
class Node:
    """A node whose sessions do whatever they like; it keeps its own count."""

    share: Limits
    pace: Pace = field(init=False)
    sent: list[float] = field(default_factory=list)
    live: set[str] = field(default_factory=set)
    number: int = 0

    def __post_init__(self) -> None:
        self.pace = counting(self.share)

    def ask(self, who: int, now: float, *, is_agent: bool, leaves: bool) -> None:
        waiter = Waiter(who, is_agent)
        self.pace, wait = pacing.may_call(self.pace, waiter, now)
        if wait > 0:
            return
        self.number += 1
        call = f"call {self.number}"
        self.pace = pacing.asked(self.pace, waiter, call, now)
        if leaves:
            self.pace = pacing.sent(self.pace, call, now)
            self.sent.append(now)
            self.live.add(call)
        else:
            self.pace = pacing.gone(self.pace, call)

    def end(self, which: int) -> None:
        if self.live:
            call = sorted(self.live)[which % len(self.live)]
            self.live.remove(call)
            self.pace = pacing.gone(self.pace, call)


deeds = st.lists(
    st.tuples(
        gaps,
        st.sampled_from(["ask", "ask", "ask", "agent", "nothing to call", "end", "leave"]),
        st.integers(0, 5),
    ),
    max_size=60,
)


def play(node: Node, deed: str, which: int, now: float) -> None:
    match deed:
        case "end":
            node.end(which)
        case "leave":
            node.pace = pacing.left(node.pace, which)
        case _:
            node.ask(which, now, is_agent=deed == "agent", leaves=deed != "nothing to call")


@given(limits, deeds)
def test_no_second_has_more_calls_and_no_moment_more_lines_than_the_share(
    share: Limits, story: list[tuple[float, str, int]]
) -> None:
    node, now = Node(share), 0.0
    for gap, deed, which in story:
        now += gap
        play(node, deed, which, now)
        if share.calls_at_once is not None:
            assert len(node.live) <= share.calls_at_once
    if share.calls_per_second is not None:
        assert most_in_a_second(node.sent) <= share.calls_per_second
        for seconds in (2, 5, 30):
            assert most_within(node.sent, seconds) <= share.calls_per_second * seconds


def most_in_a_second(times: list[float]) -> int:
    return most_within(times, 1.0)


def most_within(times: list[float], seconds: float) -> int:
    """Count in every stretch of time that begins with a call, without its last instant."""
    return max((bisect_left(times, at + seconds) - n for n, at in enumerate(times)), default=0)


@given(real_limits, deeds)
def test_who_waits_as_long_as_told_is_let_through_and_nobody_waits_while_a_place_is_free(
    share: Limits, story: list[tuple[float, str, int]]
) -> None:
    node, now = Node(share), 0.0
    for gap, deed, which in story:
        now += gap
        play(node, deed, which, now)
    fresh = Node(share)
    fresh.pace = node.pace
    if fresh.pace.queue:
        first = fresh.pace.queue[0]
        _, wait = pacing.may_call(fresh.pace, first, now)
        if not first.is_agent and wait and isfinite(wait):
            assert wait_of(fresh.pace, first, now + wait + 1e-9) == 0
        if not first.is_agent and wait == inf:
            assert len(node.live) == share.calls_at_once


@given(st.integers(1, 4), st.integers(1, 4), st.integers(2, 9))
def test_nobody_starves_when_all_ask_again_and_again(
    per_second: int, at_once: int, sessions: int
) -> None:
    pace, now, order = counting(Limits(per_second, at_once)), 0.0, []
    for turn in range(40 * sessions):
        now += 0.3
        waiter = Waiter(turn % sessions)
        pace, wait = pacing.may_call(pace, waiter, now)
        if wait == 0:
            pace = pacing.sent(pacing.asked(pace, waiter, turn, now), turn, now)
            order.append(waiter.session)
            # The talk is over when the next one asks.
            pace = pacing.gone(pace, turn)
    for one in range(sessions):
        assert order.count(one) >= len(order) // sessions - 1


# Several nodes -----------------------------------------------------------------------------------


@given(st.integers(0, 50), st.integers(1, 9), st.integers(0, 99))
def test_fair_parts_add_up_to_the_limit_and_differ_by_one_at_most(
    limit: int, of: int, turn: int
) -> None:
    parts = [pacing.grant(limit, rank, of, turn, 0) for rank in range(of)]
    assert sum(parts) == limit
    assert max(parts) - min(parts) <= 1


@given(st.integers(1, 50), st.integers(1, 9))
def test_each_node_gets_something_when_its_turn_comes(limit: int, of: int) -> None:
    for rank in range(of):
        assert max(pacing.grant(limit, rank, of, turn, 0) for turn in range(of)) > 0


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(1, 4)), max_size=60),
)
def test_what_all_nodes_take_never_passes_the_limit(
    limit: int, story: list[tuple[int, int, int]]
) -> None:
    shares, live, told = [0] * 4, [0] * 4, [0] * 4
    for turn, (node, wanted, of) in enumerate(story):
        live[node] = min(wanted, shares[node]) if wanted >= live[node] else wanted
        told[node] = max(shares[node], live[node])
        granted = pacing.grant(limit, node % of, of, turn, sum(told) - told[node])
        shares[node], told[node] = granted, max(told[node], granted)
        assert sum(live) <= sum(told) <= limit


def test_a_node_says_what_it_takes_until_what_is_too_much_has_ended() -> None:
    pace = calling(Limits(3, 3), "a", "b", "c")
    pace = replace(pace, share=Limits(1, 1))
    assert pacing.use_of(pace, 0.5) == Use(3, 3)
    assert pacing.use_of(pacing.gone(pace, "a"), 2) == Use(1, 2)
    assert pacing.use_of(calling(NO_LIMITS, "a"), 0) == Use(0, 1)
