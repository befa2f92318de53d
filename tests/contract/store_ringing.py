"""What every store must do with the news that customers' phones ring."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from autodialer.domain import outcome
from autodialer.ports.store import LeaseLostError
from tests.contract.store_world import (
    FIRST,
    NOW,
    SECOND,
    CampaignPlan,
    desk_for,
    lease_of,
    sit_down,
)

if TYPE_CHECKING:
    from autodialer.ports.store import Store
    from tests.contract.store_world import World

SHOWS = CampaignPlan((FIRST,), popup_url="https://crm.example.com/popup")
LONG_AGO = NOW - timedelta(days=1)


class RingingContract:
    """A phone rings, which the popup URL of its campaign is told."""

    async def test_a_call_says_whether_somebody_is_told_that_it_rings(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, SHOWS)
        shows = await desk.call()
        quiet = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
        other = await (await sit_down(store, world, desk.lease, quiet)).call()
        assert (shows.tells_ringing, other.tells_ringing) == (True, False)

    async def test_a_ring_is_kept_once_and_never_before_its_call(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, SHOWS)
        call = await desk.call()
        assert await world.rang_at(call.attempt_id) is None
        await store.note_ringing(desk.lease, {call.attempt_id: LONG_AGO})
        await store.note_ringing(desk.lease, {call.attempt_id: NOW + 5 * SECOND})
        assert await world.rang_at(call.attempt_id) == call.placed_at

    async def test_the_news_of_several_calls_are_kept_at_once(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, SHOWS)
        elsewhere = await world.campaign(await world.account(), SHOWS)
        calls = [
            await desk.call(),
            await (await sit_down(store, world, desk.lease, elsewhere)).call(),
        ]
        rang = {
            call.attempt_id: call.placed_at + place * SECOND for place, call in enumerate(calls, 1)
        }
        await store.note_ringing(desk.lease, rang)
        assert {each: await world.rang_at(each) for each in rang} == rang

    async def test_what_talks_or_has_ended_does_not_ring(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, SHOWS)
        call = await desk.call()
        await store.mark_answered(desk.lease, call.attempt_id, NOW + SECOND)
        await store.note_ringing(desk.lease, {call.attempt_id: NOW + SECOND})
        await desk.finish(call, outcome.TALKED)
        await store.note_ringing(desk.lease, {call.attempt_id: NOW + SECOND})
        assert await world.rang_at(call.attempt_id) is None

    async def test_a_dialer_that_lost_its_node_notes_no_ring(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, SHOWS)
        call = await desk.call()
        await store.release_lease(desk.lease, NOW)
        await lease_of(store)
        with pytest.raises(LeaseLostError):
            await store.note_ringing(desk.lease, {call.attempt_id: NOW + SECOND})
        assert await world.rang_at(call.attempt_id) is None
