"""The fence: what a dialer writes counts only while it drives its node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodialer.ports.store import LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.adapters.pg.database import Row
    from autodialer.ports.store import Lease


def fence(lease: Lease) -> dict[str, Any]:
    """Return what a fenced statement compares with the node that it locks."""
    return {"node_id": lease.node_id, "epoch": lease.epoch}


def require_lease(rows: Sequence[Row]) -> None:
    """Raise LeaseLostError when a fenced statement found the node under another epoch."""
    if not rows or not rows[0].get("held", True):
        raise LeaseLostError("Another process drives this node now; this one has stopped.")
