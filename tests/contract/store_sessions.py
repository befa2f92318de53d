"""What every store must do about leases and sessions; part of `StoreContract`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest

from autodialer.domain import outcome
from autodialer.domain.session import EndReason
from autodialer.domain.target import TargetStatus
from autodialer.ports.store import (
    Lease,
    LeaseHeld,
    LeaseLostError,
    NodeUnknownError,
    StopOrder,
)
from tests.contract.store_world import (
    BUSY,
    FIRST,
    MINUTE,
    NOW,
    SECOND,
    SECOND_NUMBER,
    TTL,
    CampaignPlan,
    desk_for,
    finishing,
    lease_of,
)

if TYPE_CHECKING:
    from autodialer.ports.store import Store
    from tests.contract.store_world import World


class LeaseContract:
    """One process drives a node."""

    async def test_a_lease_is_held_until_it_expires(self, store: Store) -> None:
        first = await store.acquire_lease("north", "one", NOW, TTL)
        assert isinstance(first, Lease)
        assert await store.acquire_lease("north", "two", NOW + SECOND, TTL) == LeaseHeld(NOW + TTL)
        later = NOW + TTL + SECOND
        second = await store.acquire_lease("north", "two", later, TTL)
        assert isinstance(second, Lease)
        assert second.node_id == first.node_id
        assert second.epoch > first.epoch

    async def test_the_same_holder_keeps_its_epoch(self, store: Store) -> None:
        first = await store.acquire_lease("north", "one", NOW, TTL)
        assert await store.acquire_lease("north", "one", NOW + SECOND, TTL) == first

    async def test_nodes_have_leases_of_their_own(self, store: Store) -> None:
        north, south = await lease_of(store, "north"), await lease_of(store, "south")
        assert north.node_id != south.node_id

    async def test_only_a_node_that_exists_or_is_to_be_made_has_a_lease(self, store: Store) -> None:
        with pytest.raises(NodeUnknownError):
            await store.acquire_lease("nort", "one", NOW, TTL, make=False)
        made = await lease_of(store)
        assert await store.acquire_lease("north", "one", NOW, TTL, make=False) == made

    async def test_a_node_that_was_removed_has_no_lease(self, store: Store, world: World) -> None:
        lease = await lease_of(store)
        await store.release_lease(lease, NOW)
        await world.remove_node(lease)
        for make in (True, False):
            with pytest.raises(NodeUnknownError):
                await store.acquire_lease("north", "two", NOW, TTL, make=make)

    async def test_renewing_keeps_another_holder_out(self, store: Store) -> None:
        lease = await store.acquire_lease("north", "one", NOW, TTL)
        assert isinstance(lease, Lease)
        await store.renew_lease(lease, NOW + 8 * SECOND, TTL)
        held = await store.acquire_lease("north", "two", NOW + 12 * SECOND, TTL)
        assert held == LeaseHeld(NOW + 8 * SECOND + TTL)

    async def test_a_released_lease_is_free_at_once(self, store: Store) -> None:
        lease = await lease_of(store)
        await store.release_lease(lease, NOW)
        assert isinstance(await store.acquire_lease("north", "two", NOW, TTL), Lease)

    async def test_a_lost_lease_cannot_be_renewed(self, store: Store) -> None:
        old = await store.acquire_lease("north", "one", NOW, TTL)
        assert isinstance(old, Lease)
        await store.acquire_lease("north", "two", NOW + TTL + SECOND, TTL)
        with pytest.raises(LeaseLostError):
            await store.renew_lease(old, NOW + TTL + SECOND, TTL)

    async def test_the_switch_instance_is_remembered(self, store: Store) -> None:
        lease = await lease_of(store)
        assert await store.switch_instance(lease) == ""
        await store.remember_switch(lease, "run-1", "")
        await store.remember_switch(lease, "run-2", "ws://127.0.0.1:8088/ws")
        assert await store.switch_instance(lease) == "run-2"

    async def test_a_silent_trunk_is_noted_until_it_is_back(
        self, store: Store, world: World
    ) -> None:
        lease = await lease_of(store)
        assert await world.trunk_silent_since(lease) is None
        await store.note_trunk(lease, NOW)
        assert await world.trunk_silent_since(lease) == NOW
        await store.note_trunk(lease, None)
        assert await world.trunk_silent_since(lease) is None

    async def test_writes_under_a_lost_lease_change_nothing(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
        call = await desk.call()
        await store.release_lease(desk.lease, NOW)
        await lease_of(store, holder="two")
        finish = finishing(call, BUSY, NOW)
        with pytest.raises(LeaseLostError):
            await desk.claim()
        with pytest.raises(LeaseLostError):
            await store.note_trunk(desk.lease, NOW)
        with pytest.raises(LeaseLostError):
            await store.finish(desk.lease, finish, None)
        with pytest.raises(LeaseLostError):
            await store.mark_answered(desk.lease, call.attempt_id, NOW)
        with pytest.raises(LeaseLostError):
            await store.take_sessions(desk.lease, 1, NOW)
        with pytest.raises(LeaseLostError):
            await store.end_session(desk.lease, desk.session, EndReason.STOPPED, NOW)
        (attempt,) = await world.attempts(desk.campaign)
        assert (attempt.status, attempt.answered_at) == (None, None)
        assert (await desk.target(FIRST)).status is TargetStatus.IN_PROGRESS


class SessionContract:
    """Sessions: taken once, rebuilt exactly."""

    async def test_a_session_is_taken_once(self, store: Store, world: World) -> None:
        campaign = await world.campaign(
            await world.account(), CampaignPlan((FIRST,), ("asha", "bina"))
        )
        first = await world.queue_session(campaign, "asha", NOW)
        second = await world.queue_session(campaign, "bina", NOW + SECOND)
        north, south = await lease_of(store, "north"), await lease_of(store, "south")
        (taken,) = await store.take_sessions(north, 1, NOW + MINUTE)
        assert taken.session_id == first
        assert (taken.ring_timeout, taken.idle_limit) == (30 * SECOND, 120 * SECOND)
        assert taken.device_address
        assert taken.caller_id
        (other,) = await store.take_sessions(south, 5, NOW + MINUTE)
        assert other.session_id == second
        assert await store.take_sessions(north, 5, NOW + MINUTE) == []

    async def test_live_sessions_are_rebuilt_exactly(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        (idle,) = await store.live_sessions(desk.lease)
        assert (idle.session_id, idle.ready_at, idle.call) == (desk.session, NOW, None)
        assert idle.idle_limit == timedelta(seconds=120)
        call = await desk.call()
        (dialing,) = await store.live_sessions(desk.lease)
        assert dialing.call == call
        await store.mark_answered(desk.lease, call.attempt_id, NOW + SECOND)
        (talking,) = await store.live_sessions(desk.lease)
        assert talking.call == replace(call, answered_at=NOW + SECOND)
        await desk.finish(call, outcome.TALKED, NOW + MINUTE)
        await store.end_session(desk.lease, desk.session, EndReason.STOPPED, NOW + MINUTE)
        assert await store.live_sessions(desk.lease) == []
        assert await world.session_end(desk.session) is EndReason.STOPPED

    async def test_a_taken_session_is_not_ready_before_the_agent_answers(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
        await world.queue_session(campaign, "asha", NOW)
        lease = await lease_of(store)
        await store.take_sessions(lease, 1, NOW)
        (stored,) = await store.live_sessions(lease)
        assert stored.ready_at is None

    async def test_another_node_does_not_see_the_session(self, store: Store, world: World) -> None:
        await desk_for(store, world, CampaignPlan((FIRST,)))
        assert await store.live_sessions(await lease_of(store, "south")) == []

    async def test_ending_a_session_twice_keeps_the_first_reason(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await store.end_session(desk.lease, desk.session, EndReason.AGENT_LEFT, NOW)
        await store.end_session(desk.lease, desk.session, EndReason.STOPPED, NOW)
        assert await world.session_end(desk.session) is EndReason.AGENT_LEFT

    async def test_a_stop_order_is_told_until_the_session_ends(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        assert await store.stop_orders(desk.lease) == []
        await world.ask_stop(desk.session, EndReason.STOPPED, at_once=True)
        order = StopOrder(desk.session, EndReason.STOPPED, at_once=True)
        assert await store.stop_orders(desk.lease) == [order]
        assert await store.stop_orders(desk.lease) == [order]
        await store.end_session(desk.lease, desk.session, EndReason.STOPPED, NOW)
        assert await store.stop_orders(desk.lease) == []

    async def test_removal_from_the_group_orders_a_gentle_stop(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await world.remove_agent(desk.campaign, "asha")
        order = StopOrder(desk.session, EndReason.REMOVED_FROM_CAMPAIGN, at_once=False)
        assert await store.stop_orders(desk.lease) == [order]

    async def test_a_completed_campaign_orders_a_gentle_stop(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await world.complete(desk.campaign, NOW)
        order = StopOrder(desk.session, EndReason.CAMPAIGN_COMPLETED, at_once=False)
        assert await store.stop_orders(desk.lease) == [order]

    @pytest.mark.parametrize(
        ("late", "is_taken"), [(60 * SECOND, True), (61 * SECOND, False)], ids=["60 s", "61 s"]
    )
    async def test_no_phone_rings_for_a_start_that_is_older_than_a_minute(
        self, store: Store, world: World, late: timedelta, is_taken: bool
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
        session = await world.queue_session(campaign, "asha", NOW)
        taken = await store.take_sessions(await lease_of(store), 10, NOW + late)
        assert [order.session_id for order in taken] == ([session] if is_taken else [])
        assert await world.session_end(session) == (None if is_taken else EndReason.START_EXPIRED)

    async def test_no_phone_rings_for_a_campaign_that_was_paused_or_completed_meanwhile(
        self, store: Store, world: World
    ) -> None:
        account, lease = await world.account(), await lease_of(store)
        paused = await world.campaign(account, CampaignPlan((FIRST,)))
        over = await world.campaign(account, CampaignPlan((FIRST,), ("bina",)))
        waits = await world.queue_session(paused, "asha", NOW)
        ends = await world.queue_session(over, "bina", NOW)
        await world.pause(paused, NOW)
        await world.complete(over, NOW)
        assert await store.take_sessions(lease, 10, NOW) == []
        assert await world.session_end(waits) is EndReason.PAUSED
        assert await world.session_end(ends) is EndReason.CAMPAIGN_COMPLETED

    async def test_no_phone_rings_outside_the_window_unless_it_opens_while_the_agent_waits(
        self, store: Store, world: World
    ) -> None:
        account, lease = await world.account(), await lease_of(store)
        plan = CampaignPlan((FIRST,), ("asha", "bina"), opens=time(12), closes=time(13))
        campaign = await world.campaign(account, plan)
        opening = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
        early = await world.queue_session(campaign, "asha", opening - 121 * SECOND)
        assert await store.take_sessions(lease, 10, opening - 121 * SECOND) == []
        assert await world.session_end(early) is EndReason.OUTSIDE_WINDOW
        soon = await world.queue_session(campaign, "bina", opening - 119 * SECOND)
        (order,) = await store.take_sessions(lease, 10, opening - 119 * SECOND)
        assert order.session_id == soon
