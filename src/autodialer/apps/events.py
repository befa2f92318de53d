"""Hints to the dialers: something changed, look now. Polling finds whatever a lost hint told."""

from __future__ import annotations

from typing import Final

import orjson
from django.db import connection

CHANNEL: Final = "autodialer"


def hint_campaign(campaign_id: int) -> None:
    """Tell on commit that a campaign was paused, resumed, completed or got targets."""
    _notify({"kind": "campaign", "id": campaign_id})


def hint_sessions() -> None:
    """Tell on commit that a session waits to be taken or a stop was asked for."""
    _notify({"kind": "sessions"})


def _notify(payload: dict[str, str | int]) -> None:
    # PostgreSQL itself holds a notification back until the transaction commits.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, orjson.dumps(payload).decode()])
