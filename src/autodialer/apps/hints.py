"""The hints that services and dialers exchange over PostgreSQL's NOTIFY.

A hint only saves waiting for the next poll; losing one loses nothing.
"""

from __future__ import annotations

import json
from typing import Final

from autodialer.domain.ids import CampaignId
from autodialer.ports.store import CampaignMoved, Hint, RegistryGrew, SessionsQueued

CHANNEL: Final = "autodialer"


def encode(hint: Hint) -> str:
    """Return the payload to send with `apps/calls/sql/notify.sql`."""
    match hint:
        case SessionsQueued():
            return json.dumps({"kind": "sessions"})
        case CampaignMoved(campaign_id):
            return json.dumps({"kind": "campaign", "id": campaign_id})
        case RegistryGrew():
            return json.dumps({"kind": "registry"})


def decode(payload: str) -> Hint | None:
    """Return the hint of a payload; None when it is none of ours."""
    try:
        message = json.loads(payload)
    except ValueError:
        return None
    match message:
        case {"kind": "sessions"}:
            return SessionsQueued()
        case {"kind": "campaign", "id": int(number)}:
            return CampaignMoved(CampaignId(number))
        case {"kind": "registry"}:
            return RegistryGrew()
        case _:
            return None
