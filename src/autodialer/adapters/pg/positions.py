"""How far each campaign's list has been claimed, kept in memory only to claim faster."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from autodialer.domain.ids import CampaignId, SessionId

FROM_THE_START: Final = -1
# Claims of other sessions and nodes overtake each other by less than this.
SLACK: Final = 200
# A number that was left behind (live in another campaign, given back on another node) is met
# again after this long.
TRUSTED_FOR: Final = timedelta(seconds=5)


class Positions:
    """Where to begin looking for scheduled targets.

    The index entries of the targets before that are dead but cannot be removed while any long
    transaction is open (a report, a dump): passing them halves the speed of claims.
    """

    def __init__(self) -> None:
        self._campaign_of: dict[SessionId, CampaignId] = {}
        self._last: dict[CampaignId, int] = {}
        self._since: dict[CampaignId, datetime] = {}

    def after(self, session_id: SessionId, now: datetime) -> int:
        """Return the `seq` after which to look; every few seconds that of the whole list."""
        campaign_id = self._campaign_of.get(session_id)
        if campaign_id is None:
            return FROM_THE_START
        since = self._since.setdefault(campaign_id, now)
        if not since <= now < since + TRUSTED_FOR:
            self._since[campaign_id] = now
            return FROM_THE_START
        return max(self._last.get(campaign_id, 0) - SLACK, FROM_THE_START)

    def claimed(self, session_id: SessionId, campaign_id: CampaignId, seq: int) -> None:
        """Note a claimed target."""
        self._campaign_of[session_id] = campaign_id
        self._last[campaign_id] = seq

    def session_ended(self, session_id: SessionId) -> None:
        """Forget a session, and its campaign with the last one."""
        campaign_id = self._campaign_of.pop(session_id, None)
        if campaign_id is not None and campaign_id not in self._campaign_of.values():
            self._last.pop(campaign_id, None)
            self._since.pop(campaign_id, None)

    def target_returned(self) -> None:
        """Look at whole lists again: a claimed target went back into one."""
        self._last.clear()
