"""Trunks of the installation: the limits that the operator sets and what the nodes make of them.

Like nodes they belong to no account, and each account's audit log tells of their changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from autodialer.apps.accounts.everyone import record_for_all
from autodialer.apps.audit.services import Subject
from autodialer.apps.calls.models import Trunk
from autodialer.apps.calls.nodes import node_rows
from autodialer.domain.nodes import check_name
from autodialer.domain.pacing import NO_LIMITS, Limits, check_limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class TrunkRow:
    """A trunk with its limits (None: none), its nodes, and their calls to customers.

    `waiting` counts the calls that the limits have held back for some time.
    """

    name: str
    calls_per_second: int | None
    calls_at_once: int | None
    nodes: int
    calls: int
    waiting: int


def trunk_rows(now: datetime) -> list[TrunkRow]:
    """Return the trunks that nodes call over or that have limits, by name."""
    nodes = node_rows(now)
    limits = {trunk.name: _limits_of(trunk) for trunk in Trunk.objects.all()}
    return [
        TrunkRow(
            name=name,
            calls_per_second=limits.get(name, NO_LIMITS).calls_per_second,
            calls_at_once=limits.get(name, NO_LIMITS).calls_at_once,
            nodes=sum(node.trunk == name for node in nodes),
            calls=sum(node.calls for node in nodes if node.trunk == name),
            waiting=sum(node.waiting for node in nodes if node.trunk == name),
        )
        for name in sorted({node.trunk for node in nodes} | limits.keys())
    ]


@transaction.atomic(durable=True)
def set_trunk(*, name: str, change: Callable[[Limits], Limits], now: datetime) -> Limits:
    """Change the limits of a trunk; its nodes keep to them from their next renewals on.

    `change` is told those of now. Raises InvalidInputError.
    """
    check_name("name", name)
    Trunk.objects.get_or_create(name=name)
    trunk = Trunk.objects.select_for_update().get(name=name)
    before = _limits_of(trunk)
    limits = check_limits(change(before))
    if limits != before:
        Trunk.objects.filter(pk=trunk.pk).update(**asdict(limits))
        _note(name, before, limits, now)
    return limits


def _limits_of(trunk: Trunk) -> Limits:
    return Limits(trunk.calls_per_second, trunk.calls_at_once)


def _note(name: str, before: Limits, after: Limits, now: datetime) -> None:
    record_for_all(
        action="trunk.set",
        subject=Subject("trunk", name),
        now=now,
        before=asdict(before),
        after=asdict(after),
    )
