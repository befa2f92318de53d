"""Nodes of the installation: what the operator adds, drains, removes and sees.

They belong to no account, and carry the calls of all: each account's audit log tells of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from autodialer.apps.accounts.everyone import record_for_all
from autodialer.apps.audit.services import Subject
from autodialer.apps.calls.models import Attempt, AttemptState, Node, Session, SessionStatus
from autodialer.apps.events import hint_sessions
from autodialer.domain.errors import ConflictError, NotFoundError
from autodialer.domain.nodes import NodeState, check_name, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node, until when a dialer holds it, and what it carries now.

    `waiting` counts the calls that the limits of its trunk have held back for some time.
    """

    name: str
    state: NodeState
    sessions: int
    capacity: int
    calls: int
    trunk: str
    waiting: int
    lease_until: datetime | None
    draining_since: datetime | None


def node_rows(now: datetime) -> list[NodeRow]:
    """Return the nodes of the installation by name."""
    return [_row(node, now) for node in _counted(Node.objects.filter(removed_at=None))]


def _counted(nodes: QuerySet[Node]) -> QuerySet[Node]:
    """Add how many live sessions and calls each node has."""
    sessions = Session.objects.filter(node=OuterRef("pk")).exclude(status=SessionStatus.ENDED.value)
    calls = Attempt.objects.filter(node=OuterRef("pk")).exclude(state=AttemptState.ENDED.value)
    return nodes.annotate(
        live_sessions=Coalesce(Subquery(_number_of(sessions)), 0),
        live_calls=Coalesce(Subquery(_number_of(calls)), 0),
    ).order_by("name")


def _number_of(rows: QuerySet[Session] | QuerySet[Attempt]) -> QuerySet[Session | Attempt, int]:
    return rows.order_by().values("node").annotate(number=Count("pk")).values("number")  # type: ignore[return-value]


def _row(node: Node, now: datetime) -> NodeRow:
    sessions, calls = node.live_sessions, node.live_calls  # type: ignore[attr-defined]
    state = state_of(
        lease_until=node.lease_until,
        is_draining=node.draining_since is not None,
        is_empty=not sessions and not calls,
        now=now,
    )
    return NodeRow(
        name=node.name,
        state=state,
        sessions=sessions,
        capacity=node.capacity,
        calls=calls,
        trunk=node.trunk,
        waiting=node.trunk_waiting if state is not NodeState.DOWN else 0,
        lease_until=node.lease_until,
        draining_since=node.draining_since,
    )


@transaction.atomic(durable=True)
def add_node(*, name: str, trunk: str, now: datetime) -> None:
    """Let a dialer drive a node of this name. Raises InvalidInputError, or ConflictError."""
    check_name("name", name)
    check_name("trunk", trunk)
    node, is_new = Node.objects.get_or_create(
        name=name, defaults={"trunk": trunk, "created_at": now}
    )
    if not is_new:
        if node.removed_at is None:
            raise ConflictError(f"There is a node {name!r} already.")
        # Its name may be used again: what it carried is history.
        Node.objects.filter(pk=node.pk).update(trunk=trunk, removed_at=None, draining_since=None)
    _note("node.add", node, now, after={"trunk": trunk})


@transaction.atomic(durable=True)
def drain_node(*, name: str, now: datetime) -> None:
    """Let the node take no new session, and end each one after its present call. Repeatable.

    Raises NotFoundError.
    """
    node = _locked(name)
    if node.draining_since is None:
        Node.objects.filter(pk=node.pk).update(draining_since=now)
        _note("node.drain", node, now)
        hint_sessions()


@transaction.atomic(durable=True)
def undrain_node(*, name: str, now: datetime) -> None:
    """Let a node that drains take sessions again. Repeatable. Raises NotFoundError."""
    node = _locked(name)
    if node.draining_since is not None:
        Node.objects.filter(pk=node.pk).update(draining_since=None)
        _note("node.undrain", node, now)
        hint_sessions()


@transaction.atomic(durable=True)
def remove_node(*, name: str, now: datetime, lost: bool = False) -> None:
    """Take a node out of the installation: no dialer may drive it any more.

    `lost` says that its machine is surely off, so that what it carried can be closed at once by
    the other nodes. Raises NotFoundError, or ConflictError while it runs or carries anything.
    """
    node = _locked(name)
    row = _row(_counted(Node.objects.filter(pk=node.pk)).get(), now)
    if row.lease_until is not None and row.lease_until > now:
        raise ConflictError(f"The dialer of {name!r} runs: drain the node, then stop its dialer.")
    if not lost and (row.sessions or row.calls):
        raise ConflictError(
            f"{name!r} has {row.sessions} sessions and {row.calls} calls that have not ended: "
            "start its dialer, or say --lost if its machine is off for good."
        )
    Node.objects.filter(pk=node.pk).update(removed_at=now, holder="", epoch=node.epoch + 1)
    _note("node.remove", node, now, after={"lost": lost})
    hint_sessions()


def node_called(name: str) -> Node:
    """Return the node. Raises NotFoundError."""
    node = Node.objects.filter(name=name, removed_at=None).first()
    if node is None:
        raise _no_such_node(name)
    return node


def _locked(name: str) -> Node:
    """Return the node once no statement of its dialer is in flight, and keep new ones out."""
    node = Node.objects.select_for_update().filter(Q(removed_at=None), name=name).first()
    if node is None:
        raise _no_such_node(name)
    return node


def _no_such_node(name: str) -> NotFoundError:
    return NotFoundError(f"There is no node {name!r}: see `autodialer node list`.")


def _note(
    action: str, node: Node, now: datetime, after: Mapping[str, object] | None = None
) -> None:
    record_for_all(action=action, subject=Subject("node", node.name), now=now, after=after)
