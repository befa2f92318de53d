from __future__ import annotations

import pytest

from autodialer.adapters.memory.store import Fault, MemoryStore, Weather
from autodialer.ports.store import StoreUnavailableError
from tests.contract.store import StoreContract
from tests.contract.store_world import (
    BUSY,
    FIRST,
    NOW,
    CampaignPlan,
    claimed,
    desk_for,
    finishing,
    new_attempt,
)
from tests.support.memory_world import MemoryWorld


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def world(self, store: MemoryStore) -> MemoryWorld:
        return MemoryWorld(store.tables)

    async def test_a_request_that_was_not_reached_changed_nothing(
        self, store: MemoryStore, world: MemoryWorld
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        store.weather = lambda _request: Weather(fault=Fault.NOT_REACHED)
        with pytest.raises(StoreUnavailableError):
            await desk.claim()
        assert await world.attempts(desk.campaign) == []

    async def test_a_lost_reply_leaves_the_claim_committed_and_a_repeat_finds_it(
        self, store: MemoryStore, world: MemoryWorld
    ) -> None:
        desk, attempt = await desk_for(store, world, CampaignPlan((FIRST,))), new_attempt()
        store.weather = lambda _request: Weather(fault=Fault.REPLY_LOST)
        with pytest.raises(StoreUnavailableError):
            await desk.claim(NOW, attempt)
        store.weather = lambda _request: Weather()
        call = claimed(await desk.claim(NOW, attempt))
        await store.finish(desk.lease, finishing(call, BUSY, NOW), None)
        assert len(await world.attempts(desk.campaign)) == 1
