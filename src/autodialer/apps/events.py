"""Sending hints from a service: PostgreSQL delivers them when the transaction commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from autodialer.apps.hints import CHANNEL, encode
from autodialer.domain.ids import CampaignId
from autodialer.ports.store import CampaignMoved, RegistryGrew, SessionsQueued

if TYPE_CHECKING:
    from autodialer.ports.store import Hint


def hint_campaign(campaign_id: int) -> None:
    """Tell on commit that a campaign was paused, resumed, completed or got targets."""
    _notify(CampaignMoved(CampaignId(campaign_id)))


def hint_sessions() -> None:
    """Tell on commit that a session waits to be taken or that a stop was asked for."""
    _notify(SessionsQueued())


def hint_registry() -> None:
    """Tell on commit that numbers were put on a do-not-call registry."""
    _notify(RegistryGrew())


def _notify(hint: Hint) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, encode(hint)])
