"""What the store does about nodes: their leases, which sessions they get, and when one is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodialer.adapters.memory import trunk
from autodialer.domain.campaign import START_VALID_FOR, CampaignStatus
from autodialer.domain.nodes import MOST_ROOM_WAIT, LostCall, Room, seats, surely_over_at
from autodialer.domain.recovery import StoredSession
from autodialer.domain.session import EndReason
from autodialer.domain.window import may_ring
from autodialer.ports.store import Lease, LeaseHeld, OtherNode, SessionOrder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from autodialer.adapters.memory.tables import AttemptRow, NodeRow, SessionRow, Tables


def acquire(
    node: NodeRow, holder: str, now: datetime, ttl: timedelta, capacity: int
) -> Lease | LeaseHeld:
    """Take the node's lease if it is free."""
    if node.holder not in (None, holder) and node.until is not None and now < node.until:
        return LeaseHeld(node.until)
    if node.holder != holder:
        node.epoch += 1
    if not trunk.may_have_called(node, now):
        node.use = replace(node.use, starts=0)
    node.holder, node.until, node.capacity = holder, now + ttl, capacity
    return Lease(node.node_id, node.epoch)


def note_phones(
    tables: Tables,
    node: NodeRow,
    registered: Collection[str],
    now: datetime,
    arrived: Collection[str],
) -> None:
    """Note the phones that are registered at a node."""
    known = tables.registered
    for name in [name for name, (at, _) in known.items() if at == node.node_id]:
        if name not in registered:
            del known[name]
    for name in registered:
        at, _ = known.get(name, (None, now))
        if at is None or (at != node.node_id and name in arrived):
            known[name] = (node.node_id, now)


def take(tables: Tables, node: NodeRow, limit: int, now: datetime) -> list[SessionOrder]:
    """Give a node the queued sessions that are for it; end those that are no longer wanted."""
    taken = _for_node(tables, node, now)[:limit]
    for session in taken:
        session.node_id = node.node_id
        session.end = EndReason.NODE_DRAINED if node.is_draining else _refusal(session, now)
        if session.end is not None:
            session.ended_at = now
            end_hold(tables, session, None)
            tables.told.append(session.session_id)
    return [_order(session) for session in taken if session.end is None]


def _for_node(tables: Tables, node: NodeRow, now: datetime) -> list[SessionRow]:
    queue = [s for s in tables.open_sessions() if s.node_id is None]
    queue.sort(key=lambda session: session.queued_at)
    homes = {session.session_id: _home(tables, session, now) for session in queue}
    ours = [s for s in queue if homes[s.session_id] == node.node_id]
    if node.is_draining:
        return ours
    free = [s for s in queue if homes[s.session_id] is None]
    # Those behind the last seat wait for any node.
    places = [*seats(_rooms(tables, node, now), len(free)), *[None] * len(free)]
    for session, place in zip(free, places, strict=False):
        if place == node.node_id or session.queued_at <= now - MOST_ROOM_WAIT:
            ours.append(session)
    return sorted(ours, key=lambda session: session.queued_at)


def _home(tables: Tables, session: SessionRow, now: datetime) -> int | None:
    """Return the living node at which the agent's phone is registered."""
    at, _ = tables.registered.get(session.agent, (None, now))
    alive = {n.node_id for n in tables.nodes.values() if n.until is not None and n.until > now}
    return at if at in alive else None


def _rooms(tables: Tables, asker: NodeRow, now: datetime) -> list[Room]:
    sessions = [session.node_id for session in tables.open_sessions()]
    return [
        Room(node.node_id, sessions.count(node.node_id), node.capacity)
        for node in tables.nodes.values()
        if not (node.is_draining or node.is_removed)
        and (node is asker or (node.until is not None and node.until > now))
    ]


def others(tables: Tables, own: int) -> list[OtherNode]:
    """Return the other nodes that have sessions or phones."""
    used = {s.node_id for s in tables.open_sessions()} | {
        at for at, _ in tables.registered.values()
    }
    return [
        OtherNode(node.node_id, node.epoch, node.until, node.is_removed)
        for node in tables.nodes.values()
        if node.node_id != own and node.node_id in used
    ]


def give_up(tables: Tables, lost: OtherNode, now: datetime) -> list[SessionRow]:
    """Fence a node, end its sessions and forget its phones; return those sessions."""
    nodes = [n for n in tables.nodes.values() if n.node_id == lost.node_id]
    if [(n.epoch, n.until) for n in nodes] != [(lost.epoch, lost.until)]:
        return []
    nodes[0].epoch, nodes[0].holder = lost.epoch + 1, None
    nodes[0].until = min(now, lost.until or now)
    ended = [s for s in tables.open_sessions() if s.node_id == lost.node_id]
    for session in ended:
        session.end, session.ended_at = EndReason.NODE_LOST, now
    tables.registered = {
        name: known for name, known in tables.registered.items() if known[0] != lost.node_id
    }
    return ended


def lost_calls(tables: Tables, own: int, now: datetime) -> Sequence[LostCall]:
    """Return live calls of sessions that ended with their node, if they are over or the asker's."""
    removed = {node.node_id for node in tables.nodes.values() if node.is_removed}
    found = []
    for row in tables.live_attempts():
        session = tables.sessions[row.session_id]
        if session.end is None or session.ended_at is None:
            continue
        call = row.present_call()
        is_ours = session.node_id == own
        if is_ours or session.node_id in removed or surely_over_at(call) <= now:
            found.append(LostCall(call, session.ended_at, is_ours))
    return found


def stored(session: SessionRow, attempt: AttemptRow | None) -> StoredSession:
    """Return a session as a dialer that takes over reads it."""
    call = attempt.present_call() if attempt else None
    limit = session.campaign.idle_limit
    return StoredSession(
        session.session_id, limit, session.ready_at, call, is_by_trunk=session.is_by_trunk
    )


def end_hold(tables: Tables, session: SessionRow, connected: timedelta | None) -> None:
    """Settle what the agent's leg has reserved; None: the agent was never connected."""
    purse = tables.purses.get(session.campaign.account)
    if purse is not None:
        purse.end(session.session_id, connected)


def _refusal(session: SessionRow, now: datetime) -> EndReason | None:
    """Say why no phone rings for this Start any more, if so."""
    campaign = session.campaign
    if now - session.queued_at > START_VALID_FOR:
        return EndReason.START_EXPIRED
    if campaign.is_over or campaign.ends_at <= now:
        return EndReason.CAMPAIGN_COMPLETED
    if campaign.status is CampaignStatus.PAUSED:
        return EndReason.PAUSED
    moments = (now, now + campaign.idle_limit)
    if not any(may_ring(campaign.window, at, campaign.ring_timeout) for at in moments):
        return EndReason.OUTSIDE_WINDOW
    return None


def _order(session: SessionRow) -> SessionOrder:
    campaign = session.campaign
    return SessionOrder(
        session_id=session.session_id,
        device_kind="phone" if session.is_by_trunk else "extension",
        device_address=session.agent,
        caller_id=campaign.caller_id,
        ring_timeout=campaign.ring_timeout,
        idle_limit=campaign.idle_limit,
    )
