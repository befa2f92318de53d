"""What services and dialers tell each other, and the screens, over PostgreSQL's NOTIFY.

A hint only saves waiting for the next poll; losing one loses nothing. Screens have a channel of
their own: their news comes with each call, and would send every dialer to look for work.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from autodialer.domain.ids import AccountId, CampaignId
from autodialer.ports.screens import Change, Shown
from autodialer.ports.store import CampaignMoved, Hint, PhonesChanged, RegistryGrew, SessionsQueued

if TYPE_CHECKING:
    from collections.abc import Iterable

CHANNEL: Final = "autodialer"
SCREENS: Final = "autodialer_screens"
# NOTIFY takes less than 8,000 bytes; a change is at most 60 ("campaign" and two bigints).
_CHANGES_AT_ONCE: Final = 125
_SHOWN: Final = {each.value: each for each in Shown}


def encode(hint: Hint) -> str:
    """Return the payload to send with `apps/calls/sql/notify.sql`."""
    match hint:
        case SessionsQueued():
            return json.dumps({"kind": "sessions"})
        case CampaignMoved(campaign_id):
            return json.dumps({"kind": "campaign", "id": campaign_id})
        case RegistryGrew():
            return json.dumps({"kind": "registry"})
        case PhonesChanged(name):
            return json.dumps({"kind": "phones", "name": name})


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
        case {"kind": "phones", **named}:
            name = named.get("name")
            return PhonesChanged(name if isinstance(name, str) else None)
        case _:
            return None


def encode_changes(changes: Iterable[Change]) -> list[str]:
    """Return the payloads for the channel of the screens, each change once."""
    rows = [[change.account_id, change.what, change.id] for change in dict.fromkeys(changes)]
    starts = range(0, len(rows), _CHANGES_AT_ONCE)
    return [
        json.dumps(rows[start : start + _CHANGES_AT_ONCE], separators=(",", ":"))
        for start in starts
    ]


def decode_changes(payload: str) -> list[Change]:
    """Return the changes of a payload; what is none of ours is left out."""
    try:
        rows = json.loads(payload)
    except ValueError:
        return []
    return [change for row in rows if (change := _change(row))] if isinstance(rows, list) else []


def _change(row: object) -> Change | None:
    match row:
        case [int(account_id), str(what), int(number)] if what in _SHOWN:
            return Change(AccountId(account_id), _SHOWN[what], number)
        case _:
            return None
