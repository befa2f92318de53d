"""What one dialer process needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from autodialer.domain.nodes import DEFAULT_CAPACITY


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The settings of one node's dialer.

    Dialling stops `lease_margin` before the lease can be taken by another process, because a
    clock that was stopped in between must not let a call out (docs/explanation/leases.md).
    """

    node: str
    holder: str
    capacity: int = DEFAULT_CAPACITY
    # Otherwise the node must exist when its dialer starts.
    makes_node: bool = True
    lease_ttl: timedelta = timedelta(seconds=10)
    lease_margin: timedelta = timedelta(seconds=3)
    # Another node whose lease nobody has renewed for so long is given up.
    node_lost: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=1)
    # Agents' phones: a user who was disabled loses the account at once by a hint, and within this
    # time without. Every node reads the phones of all nodes each time.
    phone_poll: timedelta = timedelta(seconds=10)
    sweep: timedelta = timedelta(seconds=10)
    # A leg is missed only when it is not there for this long, and its session stands still.
    sweep_patience: timedelta = timedelta(seconds=5)
    drain: timedelta = timedelta(seconds=5)
