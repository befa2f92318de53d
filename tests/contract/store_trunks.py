"""What every store must do when nodes share a trunk with limits; part of `StoreContract`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from autodialer.domain import outcome
from autodialer.domain.pacing import NO_LIMITS, ROUND_S, SECOND_S, Limits, Use
from autodialer.domain.session import EndReason
from autodialer.ports.store import Lease, LeaseLostError
from tests.contract.store_world import FIRST, NOW, SECOND, TTL, CampaignPlan, lease_of, sit_down

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.ports.store import Store
    from tests.contract.store_world import World

TRUNK = Limits(calls_per_second=5, calls_at_once=4)
CREW = ("asha", "bina")
ROUND = timedelta(seconds=ROUND_S)
CALL_COUNTS = timedelta(seconds=SECOND_S)


class TrunkContract:
    """Shares of a trunk's limits."""

    async def test_without_limits_a_share_has_none(self, store: Store) -> None:
        lease = await lease_of(store)
        assert await store.renew_lease(lease, NOW, TTL, Use(3, 4)) == NO_LIMITS

    async def test_a_node_that_says_nothing_gets_no_share(self, store: Store, world: World) -> None:
        await world.limit_trunk(TRUNK)
        assert await store.renew_lease(await lease_of(store), NOW, TTL) is None

    async def test_the_only_node_gets_everything(self, store: Store, world: World) -> None:
        await world.limit_trunk(TRUNK)
        lease = await lease_of(store)
        assert await store.renew_lease(lease, NOW, TTL, Use()) == TRUNK

    async def test_each_limit_may_be_unset(self, store: Store, world: World) -> None:
        lease = await lease_of(store)
        for limits in (Limits(calls_per_second=5), Limits(calls_at_once=4)):
            await world.limit_trunk(limits)
            assert await store.renew_lease(lease, NOW, TTL, Use()) == limits

    async def test_two_nodes_share_and_what_does_not_divide_goes_round(
        self, store: Store, world: World
    ) -> None:
        await world.limit_trunk(TRUNK)
        north, south = await lease_of(store), await lease_of(store, "south")
        seen = set()
        for at in (NOW, NOW + ROUND):
            shares = await settled(store, (north, south), at)
            assert sum(each.calls_per_second or 0 for each in shares) == 5
            assert [each.calls_at_once for each in shares] == [2, 2]
            seen.add(shares[0].calls_per_second)
        assert seen == {2, 3}

    async def test_a_node_gets_nothing_before_the_others_have_given_it_back(
        self, store: Store, world: World
    ) -> None:
        north = await lease_of(store)
        await world.limit_trunk(TRUNK)
        assert await store.renew_lease(north, NOW, TTL, Use()) == TRUNK
        south = await lease_of(store, "south")
        nothing = Limits(0, 0)
        assert await store.renew_lease(south, NOW, TTL, Use()) == nothing
        # Told of its smaller share, the first node has three calls that talk on.
        smaller = await store.renew_lease(north, NOW, TTL, Use(5, 4))
        assert smaller is not None
        assert smaller.calls_at_once == 2
        assert await store.renew_lease(south, NOW, TTL, Use()) == nothing
        await store.renew_lease(north, NOW, TTL, Use(smaller.calls_per_second or 0, 3))
        assert await store.renew_lease(south, NOW, TTL, Use()) == Limits(
            5 - (smaller.calls_per_second or 0), 1
        )

    async def test_a_grant_whose_answer_was_lost_is_nobody_elses(
        self, store: Store, world: World
    ) -> None:
        await world.limit_trunk(TRUNK)
        north, south = await lease_of(store), await lease_of(store, "south")
        first = await store.renew_lease(north, NOW, TTL, Use())
        second = await store.renew_lease(south, NOW, TTL, Use())
        assert first is not None
        assert second is not None
        assert (first.calls_per_second or 0) + (second.calls_per_second or 0) == 5

    async def test_only_nodes_with_agents_have_a_share_as_soon_as_one_has_any(
        self, store: Store, world: World
    ) -> None:
        await world.limit_trunk(TRUNK)
        busy, idle = await lease_of(store), await lease_of(store, "south")
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
        desk = await sit_down(store, world, busy, campaign, at=NOW)
        assert desk.lease == busy
        assert await settled(store, (idle, busy), NOW) == [Limits(0, 0), TRUNK]

    async def test_a_dead_node_has_no_share_but_the_lines_of_its_calls(
        self, store: Store, world: World
    ) -> None:
        await world.limit_trunk(TRUNK)
        lost = await store.acquire_lease("north", "one", NOW, TTL)
        assert isinstance(lost, Lease)
        await store.renew_lease(lost, NOW, TTL, Use())
        plan = CampaignPlan((FIRST,), CREW)
        campaign = await world.campaign(await world.account(), plan)
        desk = await sit_down(store, world, lost, campaign)
        await world.give_telephone(campaign, "bina")
        await world.queue_session(campaign, "bina", NOW)
        assert len(await store.take_sessions(lost, 9, NOW)) == 1
        call = await desk.call()
        alive = await lease_of(store, "south")
        later = NOW + TTL + CALL_COUNTS
        share = await store.renew_lease(alive, later, timedelta(days=1), Use())
        assert share == Limits(5, 2)
        (other,) = [each for each in await store.other_nodes(alive) if each.node_id == lost.node_id]
        await store.give_up_node(alive, other, later)
        assert await store.renew_lease(alive, later, TTL, Use()) == Limits(5, 3)
        (found,) = await store.lost_calls(alive, later + timedelta(days=1))
        assert found.call.attempt_id == call.attempt_id
        await world.remove_node(lost)
        assert await store.renew_lease(alive, later, TTL, Use()) == TRUNK

    async def test_the_calls_a_second_of_a_dead_node_are_taken_for_a_second_more(
        self, store: Store, world: World
    ) -> None:
        await world.limit_trunk(TRUNK)
        lost, alive = await lease_of(store), await lease_of(store, "south")
        await store.renew_lease(lost, NOW, TTL, Use(5))
        ended = NOW + TTL
        for later, share in ((timedelta(), 0), (SECOND, 0), (CALL_COUNTS, 5)):
            granted = await store.renew_lease(alive, ended + later, TTL, Use())
            assert granted == Limits(share, 4)

    async def test_what_a_dialer_has_just_sent_is_taken_until_the_next_one_has_counted(
        self, store: Store, world: World
    ) -> None:
        await world.limit_trunk(TRUNK)
        old, other = await lease_of(store), await lease_of(store, "south")
        await store.renew_lease(old, NOW, TTL, Use(5))
        await store.release_lease(old, NOW)
        new = await lease_of(store)
        assert (await store.renew_lease(new, NOW, TTL, Use(None))) is not None
        assert (await store.renew_lease(other, NOW, TTL, Use())) == Limits(0, 2)
        await store.renew_lease(new, NOW, TTL, Use(0))
        given_back = await store.renew_lease(other, NOW, TTL, Use())
        assert given_back is not None
        assert given_back.calls_per_second
        # Long after, a start takes nothing.
        await store.renew_lease(new, NOW, TTL, Use(5))
        await store.release_lease(new, NOW)
        assert isinstance(await store.acquire_lease("north", "next", NOW + TTL, TTL), Lease)
        granted = await store.renew_lease(other, NOW + TTL, TTL, Use())
        assert granted is not None
        assert granted.calls_per_second

    async def test_a_renewal_that_was_overtaken_by_a_later_one_gives_nothing_back(
        self, store: Store, world: World
    ) -> None:
        await world.limit_trunk(TRUNK)
        north, south = await lease_of(store), await lease_of(store, "south")
        await store.renew_lease(north, NOW + SECOND, TTL, Use(5, 4))
        await store.renew_lease(north, NOW, TTL, Use())
        assert await store.renew_lease(south, NOW, TTL, Use()) == Limits(0, 0)

    async def test_lines_of_a_dead_node_are_free_when_its_calls_have_ended(
        self, store: Store, world: World
    ) -> None:
        await world.limit_trunk(TRUNK)
        lost = await lease_of(store)
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
        desk = await sit_down(store, world, lost, campaign)
        call = await desk.call()
        await store.renew_lease(lost, NOW, TTL, Use(5, 4))
        await desk.finish(call, outcome.TALKED)
        await store.end_session(lost, desk.session, EndReason.AGENT_LEFT, NOW)
        alive, later = await lease_of(store, "south"), NOW + TTL + CALL_COUNTS
        assert await store.renew_lease(alive, later, TTL, Use()) == TRUNK

    async def test_whether_an_agent_is_called_over_the_trunk_is_known_to_who_takes_over(
        self, store: Store, world: World
    ) -> None:
        lease = await lease_of(store)
        campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,), CREW))
        await world.give_telephone(campaign, "asha")
        by_phone = await world.queue_session(campaign, "asha", NOW)
        await world.queue_session(campaign, "bina", NOW)
        orders = {o.session_id: o.device_kind for o in await store.take_sessions(lease, 9, NOW)}
        assert orders[by_phone] == "phone"
        stored = {each.session_id: each.is_by_trunk for each in await store.live_sessions(lease)}
        assert stored == {session: session == by_phone for session in orders}

    async def test_a_lost_lease_settles_nothing(self, store: Store, world: World) -> None:
        await world.limit_trunk(TRUNK)
        old = await store.acquire_lease("north", "one", NOW, TTL)
        assert isinstance(old, Lease)
        later = NOW + TTL + SECOND
        new = await store.acquire_lease("north", "two", later, TTL)
        with pytest.raises(LeaseLostError):
            await store.renew_lease(old, later, TTL, Use(5, 4))
        assert isinstance(new, Lease)
        assert await store.renew_lease(new, later, TTL, Use()) == TRUNK


async def settled(store: Store, leases: tuple[Lease, ...], at: datetime) -> list[Limits]:
    """Let each node renew, using nothing beyond its share, until nothing changes any more."""
    shares = [Limits(0, 0) for _ in leases]
    for _ in range(3):
        for n, lease in enumerate(leases):
            use = Use(shares[n].calls_per_second or 0, shares[n].calls_at_once or 0)
            share = await store.renew_lease(lease, at, timedelta(days=1), use)
            assert share is not None
            shares[n] = share
            assert sum(each.calls_per_second or 0 for each in shares) <= 5
            assert sum(each.calls_at_once or 0 for each in shares) <= 4
    return shares
