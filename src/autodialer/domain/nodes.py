"""Nodes: their names, what state they are in, and when one of them is given up."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from autodialer.domain import outcome
from autodialer.domain.errors import InvalidInputError
from autodialer.domain.retry import move_after_call
from autodialer.domain.session import FinishCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from autodialer.domain.session import Call, Talk

# What `up` runs on one machine; it makes itself known.
FIRST_NODE: Final = "main"
# What a node calls over unless it is told otherwise.
FIRST_TRUNK: Final = "main"
DEFAULT_CAPACITY: Final = 200
# So long a Start waits for the node that has most room; then any node takes it.
MOST_ROOM_WAIT: Final = timedelta(seconds=1)
# For clocks that differ, and for the time that a hang-up takes.
SURELY_OVER_MARGIN: Final = timedelta(seconds=60)
# They become parts of file names and host names.
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class NodeState(StrEnum):
    """What a node does, spelled as people see it."""

    RUNNING = "running"
    DRAINING = "draining"
    DRAINED = "drained"
    DOWN = "down"


def check_name(field: str, name: str) -> str:
    """Return the name of a node or a trunk. Raises InvalidInputError."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            field, f"{name[:70]!r} is no name: use up to 63 small letters, digits and hyphens."
        )
    return name


def state_of(
    *, lease_until: datetime | None, is_draining: bool, is_empty: bool, now: datetime
) -> NodeState:
    """Return what a node does; one that drains is `drained` once no session and call is left."""
    if is_draining:
        return NodeState.DRAINED if is_empty else NodeState.DRAINING
    is_held = lease_until is not None and lease_until > now
    return NodeState.RUNNING if is_held else NodeState.DOWN


@dataclass(frozen=True, slots=True)
class Room:
    """How many of the sessions that a node can have are taken."""

    node_id: int
    taken: int
    capacity: int


def seats(rooms: Iterable[Room], wanted: int) -> Sequence[int]:
    """Return the nodes that the next `wanted` sessions go to, in their order, if there is room.

    Each goes to the node of which the smallest part is taken, counting those before it.
    `apps/calls/sql/take_sessions.sql` says the same.
    """
    free = [
        (taken / room.capacity, room.node_id)
        for room in rooms
        for taken in range(room.taken, min(room.capacity, room.taken + wanted))
    ]
    return [node_id for _, node_id in sorted(free)[:wanted]]


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call whose session ended at `lost_at` with its node, which never came back.

    `is_ours`: its node did come back, and is the asker's own.
    """

    call: Call
    lost_at: datetime
    is_ours: bool


def surely_over_at(call: Call) -> datetime:
    """Return when a call has ended whatever its node does: the switch itself ends the ring and the
    talk. Whether it was answered unseen is not known, so an unanswered one may be talking still.
    """
    talks_from = call.answered_at or call.placed_at + call.ring_timeout
    return talks_from + call.max_talk + SURELY_OVER_MARGIN


def finish_lost(lost: LostCall, now: datetime, talk: Talk | None = None) -> FinishCall:
    """Return the outcome of a lost call, of which a switch kept `talk`.

    A talk is not charged beyond the last sign of life. Who answered unseen was, as far as anybody
    knows, on the line with nobody: abandoned, and not called again.
    """
    call, at, result = lost.call, now, outcome.NODE_LOST
    if call.answered_at is None and talk is not None:
        call = replace(call, answered_at=max(talk.answered_at, call.placed_at))
        result = outcome.ABANDONED
    elif call.answered_at is not None:
        result = outcome.TALKED
    if call.answered_at is not None:
        signs = (lost.lost_at, now if talk is None else talk.ended_at)
        at = max(call.answered_at, min(*signs, call.answered_at + call.max_talk))
    return FinishCall(
        attempt_id=call.attempt_id,
        result=result,
        move=move_after_call(result, call.tries, call.policy, now),
        at=at,
        then_claim=False,
        estimated=True,
        answered_at=call.answered_at,
    )
