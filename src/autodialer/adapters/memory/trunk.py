"""What the store does about trunks with limits: each node gets its share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodialer.domain.pacing import NO_LIMITS, SECOND, Limits, Use, grant, turn_at

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.adapters.memory.tables import NodeRow, Tables


def note(node: NodeRow, until: datetime, told: Use | None) -> None:
    """Keep a lease, and note what its node takes, if it tells."""
    known, is_late = node.use, node.until is not None and until < node.until
    node.until = until
    if told is None:
        return
    node.use = replace(told, starts=known.starts if told.starts is None else told.starts)
    # A renewal that arrives after a later one takes nothing back.
    if is_late:
        node.use = _larger(node.use, known)


def settle(tables: Tables, node: NodeRow, now: datetime) -> Limits:
    """Grant a node its share of its trunk, now that it has told what it takes."""
    limits = tables.trunks.get(node.trunk, NO_LIMITS)
    others = [
        _use_of(tables, other, now)
        for other in tables.nodes.values()
        if other is not node and other.trunk == node.trunk and not other.is_removed
    ]
    starts, lines = sum(each.starts or 0 for each in others), sum(each.lines for each in others)
    share = Limits(
        _share(tables, node, now, limits.calls_per_second, starts),
        _share(tables, node, now, limits.calls_at_once, lines),
    )
    # What the node takes beyond it, it still takes.
    node.use = _larger(node.use, Use(share.calls_per_second, share.calls_at_once or 0))
    return share


def may_have_called(node: NodeRow, now: datetime) -> bool:
    """Return whether calls of the node may have left in the last second."""
    return node.until is not None and node.until + SECOND > now


def _larger(one: Use, other: Use) -> Use:
    starts = max(one.starts or 0, other.starts or 0)
    return replace(one, starts=starts, lines=max(one.lines, other.lines))


def _share(
    tables: Tables, node: NodeRow, now: datetime, limit: int | None, taken: int
) -> int | None:
    if limit is None:
        return None
    wanting = _wanting(tables, node, now)
    if node.node_id not in wanting:
        return 0
    rank = wanting.index(node.node_id)
    return grant(limit, rank, len(wanting), turn_at(now.timestamp()), taken)


def _wanting(tables: Tables, asker: NodeRow, now: datetime) -> list[int]:
    """Return the living nodes of the trunk that have agents; while nobody has any, all of them."""
    alive = sorted(
        node.node_id
        for node in tables.nodes.values()
        if node.trunk == asker.trunk
        and not node.is_removed
        and (node is asker or _is_alive(node, now))
    )
    busy = {session.node_id for session in tables.open_sessions()}
    return [each for each in alive if each in busy] or alive


def _use_of(tables: Tables, node: NodeRow, now: datetime) -> Use:
    """Return what a node takes: a dialer that is gone calls nobody, but its calls may live on."""
    if _is_alive(node, now):
        return node.use
    sessions = tables.sessions
    customers = sum(
        sessions[call.session_id].node_id == node.node_id for call in tables.live_attempts()
    )
    agents = sum(
        session.node_id == node.node_id and session.is_by_trunk
        for session in tables.open_sessions()
    )
    starts = node.use.starts if may_have_called(node, now) else 0
    return Use(starts, customers + agents, 0)


def _is_alive(node: NodeRow, now: datetime) -> bool:
    return node.until is not None and node.until > now
