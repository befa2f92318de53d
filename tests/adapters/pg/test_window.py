"""The calling window in SQL and in Python is one rule."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.session import Claimed, NothingNow, Wait
from autodialer.domain.window import CallWindow, may_ring, next_opening
from tests.contract.store_world import CampaignPlan, Desk, giving_back, lease_of, sit_down

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.adapters.pg.store import PgStore
    from tests.support.pg_world import PgWorld

RING = timedelta(seconds=30)
OPENS, CLOSES = time(9, 30), time(20, 15)
# Without and with summer time, half and quarter hours, both hemispheres, both sides of the date.
ZONES = (
    "Asia/Kolkata",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
)
# The Sundays on which the clocks of these zones are changed, and an ordinary day.
DAYS = ((3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1), (6, 17))


def instants(zone: ZoneInfo) -> Iterator[datetime]:
    """Both edges of the window to the second, midnight and noon, on all the days."""
    for month, day in DAYS:
        for clock in (OPENS, CLOSES, time(0), time(12)):
            edge = datetime(2026, month, day, clock.hour, clock.minute, tzinfo=zone)
            for seconds in (-31, -30, -29, -1, 0, 1):
                yield edge.astimezone(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("zone_name", ZONES)
async def test_sql_and_python_agree_at_each_edge(
    store: PgStore, world: PgWorld, zone_name: str
) -> None:
    desk = await desk_in(store, world, zone_name)
    window = CallWindow(ZoneInfo(zone_name), OPENS, CLOSES)
    for at in instants(window.zone):
        await world.run(
            "UPDATE campaigns_campaign SET starts_at = %(starts)s, ends_at = %(ends)s",
            starts=at - timedelta(days=9),
            ends=at + timedelta(days=9),
        )
        result = await desk.claim(at)
        if may_ring(window, at, RING):
            assert isinstance(result, Claimed), (at, result)
            await store.finish(desk.lease, giving_back(result.call, at), None)
        else:
            assert result == NothingNow(Wait.OUTSIDE_WINDOW, next_opening(window, at, RING)), at


async def desk_in(store: PgStore, world: PgWorld, zone_name: str) -> Desk:
    account = await world.account()
    await world.run(
        "UPDATE accounts_account SET zone = %(zone)s WHERE id = %(id)s", zone=zone_name, id=account
    )
    plan = CampaignPlan(
        ("+919800000100",),
        opens=OPENS,
        closes=CLOSES,
        starts_at=datetime(2026, 6, 1, tzinfo=UTC),
        ends_at=datetime(2026, 6, 30, tzinfo=UTC),
    )
    campaign = await world.campaign(account, plan)
    noon = datetime(2026, 6, 17, 12, tzinfo=ZoneInfo(zone_name))
    return await sit_down(store, world, await lease_of(store), campaign, at=noon)


async def test_a_campaign_never_widens_the_accounts_hours(store: PgStore, world: PgWorld) -> None:
    desk = await desk_in(store, world, "UTC")
    await world.run("UPDATE accounts_account SET window_opens = '11:00', window_closes = '12:00'")
    for hour, inside in ((10, False), (11, True), (12, False)):
        result = await desk.claim(datetime(2026, 6, 1, hour, 30, tzinfo=UTC))
        assert isinstance(result, Claimed) is inside, hour
        if isinstance(result, Claimed):
            at = result.call.placed_at
            await store.finish(desk.lease, giving_back(result.call, at), None)


async def test_no_call_leaves_with_a_caller_id_that_is_not_verified_any_more(
    store: PgStore, world: PgWorld
) -> None:
    desk = await desk_in(store, world, "UTC")
    at = datetime(2026, 6, 17, 12, tzinfo=UTC)
    await world.run("UPDATE campaigns_callerid SET verified_at = NULL")
    assert await desk.claim(at) == NothingNow(Wait.PAUSED)
    await store.advance_campaigns(at)
    assert await world.campaign_status(desk.campaign) is CampaignStatus.PAUSED
