"""News for the screens over NOTIFY: told by the dialer, heard by web processes.

Told apart from the transactions that changed something: the commits of those that notify come
one after the other, in all of PostgreSQL.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.adapters.pg.database import listening, step
from autodialer.apps.hints import SCREENS, decode_changes, encode_changes
from autodialer.domain.ids import AccountId
from autodialer.ports.screens import Change, Gap, Shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable

    from autodialer.adapters.pg.database import Database
    from autodialer.domain.ids import CampaignId, SessionId
    from autodialer.ports.screens import News

log = structlog.get_logger()

_FIRST_PAUSE_S: Final = 0.1
_LAST_PAUSE_S: Final = 5.0


async def tell_of_sessions(database: Database, sessions: Collection[SessionId]) -> None:
    """Tell the screens of the agents and of the campaigns of these sessions."""
    rows = await database.aside(step("calls", "whose_sessions", sessions=list(sessions)))
    told: list[Change] = []
    for row in rows:
        account_id = AccountId(row["account_id"])
        told.append(Change(account_id, Shown.AGENT, row["user_id"]))
        told.append(Change(account_id, Shown.CAMPAIGN, row["campaign_id"]))
    await _tell(database, told)


async def tell_of_agents(database: Database, owners: Iterable[tuple[int, int]]) -> None:
    """Tell the screens of agents, given as account and user, that something about them moved."""
    changes = [Change(AccountId(account), Shown.AGENT, user) for account, user in owners]
    await _tell(database, changes)


async def tell_of_campaign(database: Database, campaign_id: CampaignId) -> None:
    """Tell the screens of a campaign that it has moved."""
    rows = await database.aside(step("campaigns", "whose_campaign", campaign_id=campaign_id))
    accounts = (AccountId(row["account_id"]) for row in rows)
    await _tell(database, [Change(each, Shown.CAMPAIGN, campaign_id) for each in accounts])


async def _tell(database: Database, changes: Iterable[Change]) -> None:
    if payloads := encode_changes(changes):
        await database.aside(step("calls", "notify_screens", payloads=payloads))


class PgNewsroom:
    """`ports.screens.Newsroom` on one connection, found again by itself."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def news(self) -> AsyncIterator[News]:
        """See `ports.screens.Newsroom`."""
        pause = _FIRST_PAUSE_S
        while True:
            async with listening(self._url, SCREENS) as payloads:
                if payloads is not None:
                    pause = _FIRST_PAUSE_S
                    yield Gap()
                    async for payload in payloads:
                        yield decode_changes(payload)
            log.warning("screen_news_lost", retry_in_s=pause)
            # Spread, so that all web processes do not come back in one instant.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause = min(2 * pause, _LAST_PAUSE_S)
