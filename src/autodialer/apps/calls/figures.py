"""How a campaign goes: its connect rate, talk time, pace and abandoned calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.db import connection

from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.apps.accounts.models import Account

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CallFigures:
    """What all calls of a campaign came to, at `at`; `average_talk_s` is None before a talk ends.

    `tried` counts numbers, `last_hour` the calls of the sixty minutes before `at`.
    """

    at: datetime
    calls: int
    tried: int
    completed: int
    abandoned: int
    last_hour: int
    average_talk_s: float | None

    @property
    def connect_rate(self) -> float | None:
        """Of a hundred numbers that were tried, how many were talked with; None before a try."""
        return 100 * self.completed / self.tried if self.tried else None


def call_figures(account: Account, campaign_id: int, now: datetime) -> CallFigures:
    """Return the figures of one campaign; one query, which reads all its calls."""
    return figures_of(account, [campaign_id], now)[campaign_id]


def figures_of(account: Account, ids: Sequence[int], now: datetime) -> Mapping[int, CallFigures]:
    """Return the figures of each of these campaigns; one query, which reads all their calls."""
    values: dict[str, int | list[int] | datetime] = {
        "account_id": account.pk,
        "campaign_ids": list(ids),
        "hour_ago": now - HOUR,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("calls", "call_figures"), values)
        found = {campaign_id: CallFigures(now, *rest) for campaign_id, *rest in cursor.fetchall()}
    return {campaign_id: found.get(campaign_id, _none(now)) for campaign_id in ids}


def _none(now: datetime) -> CallFigures:
    return CallFigures(now, 0, 0, 0, 0, 0, None)
