"""What the store does about trunks with limits: each node gets its share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodialer.domain.pacing import NO_LIMITS, Limits, Use, grant, turn_at

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.adapters.memory.tables import NodeRow, Tables


def settle(tables: Tables, node: NodeRow, now: datetime, use: Use) -> Limits:
    """Note what a node takes of its trunk, and grant its share."""
    node.use = use
    limits = tables.trunks.get(node.trunk, NO_LIMITS)
    others = [
        _use_of(tables, other, now)
        for other in tables.nodes.values()
        if other is not node and other.trunk == node.trunk and not other.is_removed
    ]
    share = Limits(
        _share(tables, node, now, limits.calls_per_second, sum(each.starts for each in others)),
        _share(tables, node, now, limits.calls_at_once, sum(each.lines for each in others)),
    )
    # What the node takes beyond it, it still takes.
    node.use = replace(
        use,
        starts=max(use.starts, share.calls_per_second or 0),
        lines=max(use.lines, share.calls_at_once or 0),
    )
    return share


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
    return Use(0, customers + agents, 0)


def _is_alive(node: NodeRow, now: datetime) -> bool:
    return node.until is not None and node.until > now
