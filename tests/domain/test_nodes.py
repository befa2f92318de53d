from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain.nodes import (
    SURELY_OVER_MARGIN,
    LostCall,
    NodeState,
    Room,
    finish_lost,
    seats,
    state_of,
    surely_over_at,
)
from autodialer.domain.outcome import CallStatus
from autodialer.domain.session import Talk
from autodialer.domain.target import TargetStatus
from tests.domain.made import CALL, NOW

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
rooms = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=5).map(
    lambda pairs: [Room(n, taken, capacity) for n, (taken, capacity) in enumerate(pairs)]
)


def test_sessions_go_to_the_node_with_most_room_by_its_size() -> None:
    assert seats([Room(1, 0, 2), Room(2, 0, 4)], 9) == [1, 2, 2, 1, 2, 2]
    assert seats([Room(1, 5, 10), Room(2, 0, 1)], 2) == [2, 1]


@given(rooms, st.integers(0, 30))
def test_every_seat_is_in_a_node_with_room_and_none_is_left_while_somebody_waits(
    nodes: list[Room], wanted: int
) -> None:
    placed = Counter(seats(nodes, wanted))
    room = {node.node_id: max(node.capacity - node.taken, 0) for node in nodes}
    assert all(placed[each] <= room[each] for each in placed)
    assert sum(placed.values()) == min(wanted, sum(room.values()))


@given(rooms, st.integers(0, 30))
def test_no_node_gets_a_seat_while_another_has_a_smaller_part_taken(
    nodes: list[Room], wanted: int
) -> None:
    placed = Counter(seats(nodes, wanted))
    for one in nodes:
        for other in nodes:
            if placed[one.node_id] and other.taken + placed[other.node_id] < other.capacity:
                before_last = (one.taken + placed[one.node_id] - 1) / one.capacity
                assert before_last <= (other.taken + placed[other.node_id]) / other.capacity


@pytest.mark.parametrize(
    ("held", "draining", "empty", "state"),
    [
        (True, False, True, NodeState.RUNNING),
        (False, False, False, NodeState.DOWN),
        (True, True, False, NodeState.DRAINING),
        (False, True, True, NodeState.DRAINED),
    ],
)
def test_a_node_is_in_one_state(held: bool, draining: bool, empty: bool, state: NodeState) -> None:
    until = NOW + SECOND if held else NOW
    assert state_of(lease_until=until, is_draining=draining, is_empty=empty, now=NOW) is state


def test_a_call_is_surely_over_when_its_switch_would_have_ended_it() -> None:
    call = CALL
    ring_and_talk = call.ring_timeout + call.max_talk
    assert surely_over_at(call) == call.placed_at + ring_and_talk + SURELY_OVER_MARGIN
    answered = replace(call, answered_at=call.placed_at + SECOND)
    assert surely_over_at(answered) == NOW + SECOND + call.max_talk + SURELY_OVER_MARGIN


def test_a_lost_call_is_a_failed_try_and_a_lost_talk_ends_at_the_last_sign_of_life() -> None:
    call = CALL
    over = surely_over_at(call)
    unanswered = finish_lost(LostCall(call, NOW + 5 * SECOND, is_ours=False), over)
    assert (unanswered.result.status, unanswered.result.reason) == (CallStatus.FAILED, "node_lost")
    assert (unanswered.at, unanswered.estimated) == (over, True)
    talking = replace(call, answered_at=NOW + SECOND)
    talk = finish_lost(LostCall(talking, NOW + 5 * SECOND, is_ours=False), over)
    assert (talk.result.status, talk.move.status) == (CallStatus.COMPLETED, TargetStatus.COMPLETED)
    assert talk.at == NOW + 5 * SECOND
    long = finish_lost(LostCall(talking, over, is_ours=False), over)
    assert long.at == NOW + SECOND + call.max_talk


def test_what_was_kept_of_a_lost_call_tells_its_answer_and_its_end() -> None:
    lost_at = NOW + 5 * SECOND
    talking = LostCall(replace(CALL, answered_at=NOW + SECOND), lost_at, is_ours=False)
    shorter = finish_lost(talking, NOW + HOUR, Talk(NOW + SECOND, NOW + 3 * SECOND))
    assert (shorter.result.status, shorter.at) == (CallStatus.COMPLETED, NOW + 3 * SECOND)
    longer = finish_lost(talking, NOW + HOUR, Talk(NOW + SECOND, NOW + 9 * SECOND))
    assert longer.at == lost_at
    unseen = LostCall(CALL, lost_at, is_ours=False)
    late = finish_lost(unseen, NOW + HOUR, Talk(NOW + 7 * SECOND, NOW + 9 * SECOND))
    assert (late.result.reason, late.result.abandoned) == ("abandoned", True)
    assert late.answered_at == late.at == NOW + 7 * SECOND
    assert late.move.status is TargetStatus.COMPLETED
