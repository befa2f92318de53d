"""The part of the store contract about telling screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodialer.domain.campaign import START_VALID_FOR
from tests.contract.store_world import (
    FIRST,
    NOW,
    SECOND,
    SECOND_NUMBER,
    CampaignPlan,
    Told,
    desk_for,
    lease_of,
    sit_down,
)

if TYPE_CHECKING:
    from autodialer.ports.store import Store
    from tests.contract.store_world import World


class ScreensContract:
    """Whose screens hear of what."""

    async def test_the_agents_and_the_campaign_of_sessions_that_moved_are_told(
        self, store: Store, world: World
    ) -> None:
        plan = CampaignPlan((FIRST, SECOND_NUMBER), agents=("asha", "bina", "chitra"))
        asha = await desk_for(store, world, plan)
        bina = await sit_down(store, world, asha.lease, asha.campaign, "bina")
        await sit_down(store, world, asha.lease, asha.campaign, "chitra")
        told = await world.told_by(store.tell_screens({asha.session, bina.session}))
        assert told == Told(frozenset({"asha", "bina"}), frozenset({asha.campaign}))

    async def test_an_agent_whose_start_came_to_nothing_is_told(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
        await world.queue_session(campaign, "asha", NOW - START_VALID_FOR - SECOND)
        told = await world.told_by(store.take_sessions(await lease_of(store), 10, NOW))
        assert told == Told(frozenset({"asha"}), frozenset({campaign}))

    async def test_nobody_is_told_of_no_session(self, store: Store) -> None:
        await store.tell_screens([])
