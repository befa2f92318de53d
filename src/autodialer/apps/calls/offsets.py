"""The calls of a campaign from a count on, with totals: for clients that turn pages by offset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodialer.apps.calls.models import Attempt, AttemptState
from autodialer.apps.calls.queries import CallRow, calls_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from autodialer.apps.accounts.models import Account
    from autodialer.domain.outcome import CallStatus


def calls_at(
    account: Account,
    campaign_id: int,
    *,
    statuses: Collection[CallStatus] | None,
    down: bool,
    offset: int,
    limit: int,
) -> tuple[list[CallRow], int]:
    """Return a part of the calls that have ended, by when they were placed, and how many."""
    calls = Attempt.objects.filter(
        account=account, campaign=campaign_id, state=AttemptState.ENDED.value
    )
    if statuses is not None:
        calls = calls.filter(status__in=[status.value for status in statuses])
    order = ("-placed_at", "-pk") if down else ("placed_at", "pk")
    part = calls.order_by(*order).values_list("pk", flat=True)[offset : offset + limit]
    return calls_of(part), calls.count()
