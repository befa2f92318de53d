"""A node's share of its trunk's limits, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodialer.adapters.pg.database import step
from autodialer.adapters.pg.fence import fence
from autodialer.domain.pacing import ROUND_S, SECOND, Limits

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.adapters.pg.database import Row, Step
    from autodialer.domain.pacing import Use
    from autodialer.ports.store import Lease


def renewal(lease: Lease, now: datetime, until: datetime, use: Use | None) -> Step:
    """Return what keeps a lease and, if `use` is told, settles the share."""
    held = {**fence(lease), "until": until}
    if use is None:
        return step("calls", "renew_lease", **held)
    taken = {"starts": use.starts, "lines": use.lines, "waiting": use.waiting}
    rules = {"round_s": ROUND_S, "second": SECOND}
    return step("calls", "settle_trunk", **held, **taken, **rules, now=now)


def share_of(row: Row) -> Limits | None:
    """Return the share that a renewal has settled, None when it stays as it is."""
    if not row.get("settled"):
        return None
    return Limits(row["calls_per_second"], row["calls_at_once"])
