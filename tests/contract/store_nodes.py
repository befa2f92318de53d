"""What every store must do when several nodes share it; part of `StoreContract`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from autodialer.domain import outcome
from autodialer.domain.nodes import MOST_ROOM_WAIT, SURELY_OVER_MARGIN, finish_lost
from autodialer.domain.session import Claimed, EndReason, NothingNow
from autodialer.domain.target import TargetStatus
from autodialer.ports.phones import Phone
from autodialer.ports.store import Lease, LeaseLostError, OtherNode, StopOrder
from tests.contract.store_world import (
    FIRST,
    MINUTE,
    NOW,
    SECOND,
    SECOND_NUMBER,
    CampaignPlan,
    Desk,
    desk_for,
    lease_of,
    sit_down,
)

if TYPE_CHECKING:
    from autodialer.ports.store import Store
    from tests.contract.store_world import World

CREW = ("asha", "bina", "chitra", "devi", "esha", "farah")
DAY = timedelta(days=1)


async def node(store: Store, name: str, capacity: int) -> Lease:
    lease = await store.acquire_lease(name, "one", NOW, DAY, capacity=capacity)
    assert isinstance(lease, Lease)
    return lease


async def lost_desk(store: Store, world: World) -> tuple[Desk, Lease, OtherNode]:
    """An agent at a node that is lost, and the lease of one that is not."""
    desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
    alive = await lease_of(store, "south")
    (lost,) = await store.other_nodes(alive)
    return desk, alive, lost


class PlacementContract:
    """Which node gets an agent's session."""

    async def test_sessions_go_to_the_node_of_which_the_smallest_part_is_taken(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,), CREW))
        small, large = await node(store, "small", 2), await node(store, "large", 4)
        queued = [await world.queue_session(campaign, each, NOW) for each in CREW]
        at_small = {o.session_id for o in await store.take_sessions(small, 9, NOW)}
        at_large = {o.session_id for o in await store.take_sessions(large, 9, NOW)}
        assert (len(at_small), len(at_large)) == (2, 4)
        assert at_small | at_large == set(queued)

    async def test_who_has_waited_a_second_is_taken_by_any_node_with_room(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,), CREW))
        north = await node(store, "north", 9)
        await node(store, "south", 9)
        for each in CREW[:2]:
            await world.queue_session(campaign, each, NOW)
        assert len(await store.take_sessions(north, 9, NOW)) == 1
        later = NOW + MOST_ROOM_WAIT
        assert len(await store.take_sessions(north, 9, later)) == 1

    async def test_a_node_whose_lease_has_ended_gets_no_session(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,), CREW))
        north, south = await node(store, "north", 9), await node(store, "south", 9)
        await store.release_lease(south, NOW)
        for each in CREW:
            await world.queue_session(campaign, each, NOW + SECOND)
        taken = await store.take_sessions(north, 9, NOW + SECOND)
        assert len(taken) == len(CREW)

    async def test_a_phone_is_called_by_the_node_at_which_it_is_registered(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,), CREW))
        north, south = await node(store, "north", 9), await node(store, "south", 9)
        phone = await world.phone_of(campaign, "asha")
        await store.note_phones(south, [phone], NOW)
        await store.note_phones(north, [], NOW)  # says nothing about phones elsewhere
        session = await world.queue_session(campaign, "asha", NOW)
        assert await store.take_sessions(north, 9, NOW + 30 * SECOND) == []
        (order,) = await store.take_sessions(south, 9, NOW + 30 * SECOND)
        assert order.session_id == session

    async def test_the_accounts_of_all_phones_or_of_some_are_returned_by_name(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,), CREW))
        names = sorted([await world.phone_of(campaign, each) for each in CREW])
        for name in names[:2]:
            await world.issue_secret(name, "d" * 32)
        first, second = (Phone(name, "d" * 32, is_browser=False) for name in names[:2])
        assert await store.phones() == [first, second]
        assert await store.phones([names[1], names[2], "a0"]) == [second]
        assert await store.phones([]) == []

    async def test_a_phone_that_has_moved_is_called_where_it_arrived(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,), CREW))
        north, south = await node(store, "north", 9), await node(store, "south", 9)
        phone = await world.phone_of(campaign, "asha")
        await store.note_phones(south, [phone], NOW)
        await store.note_phones(north, [phone], NOW)  # perhaps it has not expired there
        await store.note_phones(north, [phone], NOW, [phone])
        await store.note_phones(south, [], NOW)
        await world.queue_session(campaign, "asha", NOW)
        assert await store.take_sessions(south, 9, NOW + 30 * SECOND) == []
        assert len(await store.take_sessions(north, 9, NOW + 30 * SECOND)) == 1


class DrainContract:
    """A node that is taken out of service."""

    async def test_a_drained_node_takes_no_session_and_its_own_are_told_to_end(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,), CREW))
        assert await store.stop_orders(desk.lease) == []
        await world.drain(desk.lease)
        await world.queue_session(desk.campaign, "bina", NOW)
        assert await store.take_sessions(desk.lease, 9, NOW + 30 * SECOND) == []
        assert await store.stop_orders(desk.lease) == [
            StopOrder(desk.session, EndReason.NODE_DRAINED, at_once=False)
        ]
        south = await lease_of(store, "south")
        assert len(await store.take_sessions(south, 9, NOW)) == 1

    async def test_a_phone_at_a_drained_node_is_told_to_go_elsewhere(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,), CREW))
        north = await node(store, "north", 9)
        await store.note_phones(north, [await world.phone_of(campaign, "asha")], NOW)
        await world.drain(north)
        session = await world.queue_session(campaign, "asha", NOW)
        assert await store.take_sessions(north, 9, NOW) == []
        assert await world.session_end(session) is EndReason.NODE_DRAINED


class LostNodeContract:
    """A node that never comes back loses its calls but no numbers."""

    async def test_only_nodes_with_sessions_or_phones_are_watched(
        self, store: Store, world: World
    ) -> None:
        desk, alive, lost = await lost_desk(store, world)
        await lease_of(store, "idle")
        assert await store.other_nodes(alive) == [lost]
        assert lost == OtherNode(desk.lease.node_id, desk.lease.epoch, NOW + DAY, is_removed=False)
        await store.note_phones(alive, [await world.phone_of(desk.campaign, "asha")], NOW)
        (other,) = await store.other_nodes(desk.lease)
        assert other.node_id == alive.node_id

    async def test_its_agents_can_start_again_at_once(self, store: Store, world: World) -> None:
        desk, alive, lost = await lost_desk(store, world)
        assert await store.give_up_node(alive, lost, NOW + MINUTE) == [desk.session]
        assert await world.session_end(desk.session) is EndReason.NODE_LOST
        again = await sit_down(store, world, alive, desk.campaign, at=NOW + MINUTE)
        assert isinstance(await again.claim(NOW + MINUTE), Claimed)
        assert await store.give_up_node(alive, lost, NOW + MINUTE) == []

    async def test_its_dialer_is_fenced(self, store: Store, world: World) -> None:
        desk, alive, lost = await lost_desk(store, world)
        await store.give_up_node(alive, lost, NOW)
        with pytest.raises(LeaseLostError):
            await store.renew_lease(desk.lease, NOW, DAY)
        with pytest.raises(LeaseLostError):
            await desk.claim()

    async def test_one_that_was_renewed_meanwhile_is_not_given_up(
        self, store: Store, world: World
    ) -> None:
        desk, alive, lost = await lost_desk(store, world)
        await store.renew_lease(desk.lease, NOW + SECOND, DAY)
        assert await store.give_up_node(alive, lost, NOW + MINUTE) == []
        assert await world.session_end(desk.session) is None
        await store.renew_lease(desk.lease, NOW + SECOND, DAY)

    async def test_its_calls_keep_their_numbers_until_they_are_surely_over(
        self, store: Store, world: World
    ) -> None:
        desk, alive, lost = await lost_desk(store, world)
        call = await desk.call()
        await store.give_up_node(alive, lost, NOW + MINUTE)
        again = await sit_down(store, world, alive, desk.campaign, at=NOW + MINUTE)
        other = await again.call(NOW + MINUTE)
        assert other.e164 == SECOND_NUMBER
        await again.finish(other, outcome.TALKED, NOW + MINUTE)
        assert isinstance(await again.claim(NOW + MINUTE), NothingNow)
        over = NOW + call.ring_timeout + call.max_talk + SURELY_OVER_MARGIN
        assert await store.lost_calls(alive, over - SECOND) == []
        (found,) = await store.lost_calls(alive, over)
        assert (found.call.attempt_id, found.is_ours) == (call.attempt_id, False)
        for _ in range(2):  # once, however often it is asked
            await store.finish_lost(alive, finish_lost(found, over))
        assert await store.lost_calls(alive, over) == []
        target = await desk.target(FIRST)
        assert (target.status, target.reason) == (TargetStatus.FAILED, "node_lost")
        assert target.tries == 1

    async def test_a_talk_is_completed_and_ends_with_the_last_sign_of_life(
        self, store: Store, world: World
    ) -> None:
        desk, alive, lost = await lost_desk(store, world)
        call = await desk.call()
        await store.mark_answered(desk.lease, call.attempt_id, NOW + SECOND)
        await store.give_up_node(alive, lost, NOW + MINUTE)
        over = NOW + SECOND + call.max_talk + SURELY_OVER_MARGIN
        assert await store.lost_calls(alive, over - SECOND) == []
        (found,) = await store.lost_calls(alive, over)
        await store.finish_lost(alive, finish_lost(found, over))
        (attempt,) = await world.attempts(desk.campaign)
        assert (attempt.status, attempt.ended_at) == ("completed", NOW + MINUTE)
        assert (await desk.target(FIRST)).status is TargetStatus.COMPLETED

    async def test_its_calls_are_over_at_once_when_it_is_back_or_surely_off(
        self, store: Store, world: World
    ) -> None:
        desk, alive, lost = await lost_desk(store, world)
        call = await desk.call()
        await store.give_up_node(alive, lost, NOW)
        back = await lease_of(store, holder="two")
        (ours,) = await store.lost_calls(back, NOW)
        assert (ours.call.attempt_id, ours.is_ours) == (call.attempt_id, True)
        assert await store.live_sessions(back) == []
        assert await store.lost_calls(alive, NOW) == []
        await world.remove_node(back)
        (off,) = await store.lost_calls(alive, NOW)
        assert (off.call.attempt_id, off.is_ours) == (call.attempt_id, False)

    async def test_a_call_of_a_living_session_is_never_a_lost_one(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        call = await desk.call()
        south = await lease_of(store, "south")
        assert await store.lost_calls(south, NOW + DAY) == []
        assert await store.lost_calls(desk.lease, NOW + DAY) == []
        (attempt,) = await world.attempts(desk.campaign)
        assert (attempt.attempt_id, attempt.status) == (call.attempt_id, None)
