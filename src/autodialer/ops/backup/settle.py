"""What lived when a backup was made: its nodes, sessions and calls, none of which live any more.

A call is closed as after a crash without a trace: it was a try, and it is never sent again. The
rules are the session's own; the statements are those of the dialer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from autodialer.adapters.pg.rows import call_of, ending_of, stored_of
from autodialer.apps.statements import statement
from autodialer.domain.nodes import SURELY_OVER_MARGIN, LostCall, finish_lost
from autodialer.domain.recovery import rebuild
from autodialer.domain.session import (
    EndReason,
    EndSession,
    FinishCall,
    LeaveAsked,
    OutcomeLost,
)
from autodialer.domain.step import step
from autodialer.ports.store import Lease

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.backends.utils import CursorWrapper

    from autodialer.domain.recovery import StoredSession

_FUNCTIONS: Final = (
    ("billing", "define_settle"),
    ("calls", "define_fence"),
    ("calls", "define_finish"),
)
_REASON: Final = EndReason.RESTORED


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions and calls were live, and are not any more."""

    sessions: int
    calls: int


def take_nodes(above: int) -> Sequence[Lease]:
    """Take all nodes from whoever drove them, with epochs higher than `above`."""
    with connection.cursor() as cursor:
        cursor.execute(statement("calls", "take_nodes"), {"above": above})
        return [Lease(node_id, epoch) for node_id, epoch in cursor.fetchall()]


def end_what_was_live(nodes: Sequence[Lease], at: datetime) -> Ended:
    """End every session, and every call as one whose outcome is lost, at the instant `at`.

    Those of a node that was given up end as they would on the way back from it. Holds are settled
    up to then or given back. In the caller's transaction.
    """
    with connection.cursor() as cursor:
        for function in _FUNCTIONS:
            cursor.execute(statement(*function))
        lost = sum(_end_lost(cursor, node, at) for node in nodes)
        live = [(node, session) for node in nodes for session in _live(cursor, node)]
        for node, session in live:
            _end(cursor, node, session, at)
        unplaced: dict[str, Any] = {"at": at, "reason": _REASON.value}
        cursor.execute(statement("calls", "end_unplaced_sessions"), unplaced)
        sessions = len(live) + cursor.fetchone()[0]
    return Ended(sessions, lost + sum(session.call is not None for _, session in live))


def _live(cursor: CursorWrapper, node: Lease) -> list[StoredSession]:
    cursor.execute(statement("calls", "live_sessions"), {"node_id": node.node_id})
    return [stored_of(row) for row in _rows(cursor)]


def _end_lost(cursor: CursorWrapper, node: Lease, at: datetime) -> int:
    """End the calls of a node whose sessions ended with it; return how many there were."""
    asked: dict[str, Any] = {"node_id": node.node_id, "now": at, "margin": SURELY_OVER_MARGIN}
    cursor.execute(statement("calls", "lost_calls"), asked)
    ours = [row for row in _rows(cursor) if row["is_ours"]]
    for row in ours:
        finish = finish_lost(LostCall(call_of(row), row["lost_at"], is_ours=True), at)
        lease = {"node_id": node.node_id, "epoch": node.epoch}
        cursor.execute(statement("calls", "finish_lost"), {**lease, **ending_of(finish)})
    return len(ours)


def _rows(cursor: CursorWrapper) -> list[dict[str, Any]]:
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _end(cursor: CursorWrapper, node: Lease, stored: StoredSession, at: datetime) -> None:
    """Tell the store what it is told when all legs of a session are gone."""
    lease: dict[str, Any] = {"node_id": node.node_id, "epoch": node.epoch}
    session = rebuild(stored, at)
    lost = () if stored.call is None else (OutcomeLost(stored.call.attempt_id),)
    for event in (LeaveAsked(_REASON), *lost):
        session, commands = step(session, event, at)
        for command in commands:
            match command:
                case FinishCall():
                    cursor.execute(statement("calls", "finish"), {**lease, **ending_of(command)})
                case EndSession():
                    told = {"session_id": stored.session_id, "reason": command.reason}
                    values = {**lease, **told, "at": command.at}
                    cursor.execute(statement("calls", "end_session"), values)
                case _:
                    pass  # there is no leg to be hung up
