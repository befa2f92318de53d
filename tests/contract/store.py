"""What every store must do: subclassed once for each adapter of `ports.store`.

A subclass gives two fixtures: `store`, empty, and `world`, which makes what the web pages
would make (accounts, campaigns, sessions) and reads back what they would show.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest

from autodialer.domain import outcome
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.errors import InvariantError
from autodialer.domain.outcome import CallStatus, LegEnd
from autodialer.domain.retry import RetryPolicy
from autodialer.domain.session import EndReason, NoMore, NothingNow, Wait
from autodialer.domain.target import TargetStatus
from autodialer.ports.store import Lease, LeaseHeld, LeaseLostError, StopOrder
from tests.contract.store_world import (
    BUSY,
    FIRST,
    MINUTE,
    NOW,
    RETRY_BUSY,
    SECOND,
    SECOND_NUMBER,
    THIRD,
    TTL,
    UNKNOWN_NUMBER,
    CampaignPlan,
    claimed,
    desk_for,
    finishing,
    giving_back,
    lease_of,
    new_attempt,
    sit_down,
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
        await store.remember_switch(lease, "run-1")
        await store.remember_switch(lease, "run-2")
        assert await store.switch_instance(lease) == "run-2"

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


class ClaimContract:
    """Which target is next, or why none."""

    async def test_targets_are_claimed_in_list_order(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((SECOND_NUMBER, FIRST)))
        call = await desk.call()
        assert (call.e164, call.tries, call.campaign_id) == (SECOND_NUMBER, 1, desk.campaign)
        assert (call.placed_at, call.ring_timeout) == (NOW, timedelta(seconds=30))
        assert call.caller_id.startswith("+")
        assert (call.rang, call.answered_at) == (False, None)
        await desk.finish(call, outcome.TALKED)
        assert (await desk.call()).e164 == FIRST

    async def test_a_claim_is_idempotent_by_attempt(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
        attempt = new_attempt()
        call = claimed(await desk.claim(NOW, attempt))
        assert claimed(await desk.claim(NOW + SECOND, attempt)) == call
        assert len(await world.attempts(desk.campaign)) == 1

    async def test_scheduled_targets_go_before_due_retries_oldest_first(
        self, store: Store, world: World
    ) -> None:
        plan = CampaignPlan((FIRST, SECOND_NUMBER, THIRD), policy=RETRY_BUSY)
        desk = await desk_for(store, world, plan)
        for at in (NOW, NOW + SECOND):
            call = await desk.call(at)
            await desk.finish(call, BUSY, at)
        later = NOW + timedelta(minutes=5)
        order = []
        for _ in range(3):
            call = await desk.call(later)
            order.append((call.e164, call.tries))
            await desk.finish(call, BUSY, later)
        assert order == [(THIRD, 1), (FIRST, 2), (SECOND_NUMBER, 2)]

    async def test_a_retry_waits_until_it_is_due(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,), policy=RETRY_BUSY))
        await desk.finish(await desk.call(), BUSY)
        assert (await desk.target(FIRST)).status is TargetStatus.RETRY
        assert (await desk.target(FIRST)).due_at == NOW + MINUTE
        early = await desk.claim(NOW + 59 * SECOND)
        assert early == NothingNow(Wait.RETRY_LATER, NOW + MINUTE)
        assert (await desk.call(NOW + MINUTE)).tries == 2
        assert (await desk.target(FIRST)).status is TargetStatus.RETRYING

    async def test_a_paused_campaign_gives_nothing_until_it_is_resumed(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await world.pause(desk.campaign, NOW)
        assert await desk.claim() == NothingNow(Wait.PAUSED)
        await world.resume(desk.campaign, NOW)
        await desk.call()

    async def test_a_campaign_that_has_not_started_gives_nothing(
        self, store: Store, world: World
    ) -> None:
        starts_at = NOW + timedelta(minutes=3)
        desk = await desk_for(store, world, CampaignPlan((FIRST,), starts_at=starts_at))
        assert await desk.claim() == NothingNow(Wait.NOT_STARTED, starts_at)

    @pytest.mark.parametrize(
        ("at", "opening"),
        [
            (
                datetime(2026, 11, 23, 3, 29, 59, tzinfo=UTC),
                datetime(2026, 11, 23, 3, 30, tzinfo=UTC),
            ),
            (
                datetime(2026, 11, 23, 15, 29, 31, tzinfo=UTC),
                datetime(2026, 11, 24, 3, 30, tzinfo=UTC),
            ),
        ],
        ids=["08:59:59", "20:59:31"],
    )
    async def test_nobody_is_called_outside_the_window(
        self, store: Store, world: World, at: datetime, opening: datetime
    ) -> None:
        plan = CampaignPlan((FIRST,), starts_at=NOW - timedelta(days=1))
        desk = await desk_for(store, world, plan)
        assert await desk.claim(at) == NothingNow(Wait.OUTSIDE_WINDOW, opening)
        assert await world.attempts(desk.campaign) == []

    @pytest.mark.parametrize("clock", [(3, 30, 0), (15, 29, 30)], ids=["09:00", "20:59:30"])
    async def test_the_edges_of_the_window_are_inside(
        self, store: Store, world: World, clock: tuple[int, int, int]
    ) -> None:
        plan = CampaignPlan((FIRST,), starts_at=NOW - timedelta(days=1))
        desk = await desk_for(store, world, plan)
        await desk.call(datetime(2026, 11, 23, *clock, tzinfo=UTC))

    async def test_a_campaign_may_narrow_the_window(self, store: Store, world: World) -> None:
        plan = CampaignPlan((FIRST,), opens=time(12), closes=time(13))
        opening = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
        desk = await desk_for(store, world, plan, at=opening)
        assert await desk.claim() == NothingNow(Wait.OUTSIDE_WINDOW, opening)

    async def test_an_exhausted_campaign_is_over_even_at_night(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await desk.finish(await desk.call(), outcome.TALKED)
        night = NOW + timedelta(hours=12)
        assert await desk.claim(night) == NoMore(EndReason.CAMPAIGN_COMPLETED)

    async def test_a_removed_agent_gets_no_more(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await world.remove_agent(desk.campaign, "asha")
        assert await desk.claim() == NoMore(EndReason.REMOVED_FROM_CAMPAIGN)

    async def test_an_ended_session_gets_no_more(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await store.end_session(desk.lease, desk.session, EndReason.STOPPED, NOW)
        assert await desk.claim() == NoMore(EndReason.AGENT_LEFT)

    async def test_a_completed_campaign_gives_no_more(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await world.complete(desk.campaign, NOW)
        assert await desk.claim() == NoMore(EndReason.CAMPAIGN_COMPLETED)

    async def test_a_campaign_past_its_end_gives_no_more(self, store: Store, world: World) -> None:
        ends_at = NOW + timedelta(minutes=10)
        desk = await desk_for(store, world, CampaignPlan((FIRST,), ends_at=ends_at))
        assert await desk.claim(ends_at) == NoMore(EndReason.CAMPAIGN_COMPLETED)
        assert await world.attempts(desk.campaign) == []

    async def test_a_number_on_the_dnd_list_is_not_called(self, store: Store, world: World) -> None:
        account = await world.account()
        campaign = await world.campaign(account, CampaignPlan((FIRST, SECOND_NUMBER)))
        desk = await sit_down(store, world, await lease_of(store), campaign)
        await world.forbid(account, FIRST)
        assert (await desk.call()).e164 == SECOND_NUMBER
        assert (await desk.target(FIRST)).status is TargetStatus.FAILED_DND
        assert [a.e164 for a in await world.attempts(campaign)] == [SECOND_NUMBER]

    async def test_a_due_retry_on_the_dnd_list_is_not_called(
        self, store: Store, world: World
    ) -> None:
        account = await world.account()
        campaign = await world.campaign(account, CampaignPlan((FIRST,), policy=RETRY_BUSY))
        desk = await sit_down(store, world, await lease_of(store), campaign)
        await desk.finish(await desk.call(), BUSY)
        await world.forbid(account, FIRST)
        assert await desk.claim(NOW + MINUTE) == NoMore(EndReason.CAMPAIGN_COMPLETED)
        assert (await desk.target(FIRST)).status is TargetStatus.FAILED_DND

    async def test_one_live_call_to_a_number_in_an_account(
        self, store: Store, world: World
    ) -> None:
        account, lease = await world.account(), await lease_of(store)
        one = await world.campaign(account, CampaignPlan((FIRST, THIRD)))
        two = await world.campaign(account, CampaignPlan((FIRST, SECOND_NUMBER), ("bina",)))
        asha = await sit_down(store, world, lease, one)
        bina = await sit_down(store, world, lease, two, "bina")
        call = await asha.call()
        assert call.e164 == FIRST
        other = await bina.call()
        assert other.e164 == SECOND_NUMBER
        await bina.finish(other, outcome.TALKED)
        assert await bina.claim() == NothingNow(Wait.NUMBERS_BUSY)
        await asha.finish(call, outcome.TALKED)
        assert (await bina.call()).e164 == FIRST

    async def test_another_account_may_call_the_same_number(
        self, store: Store, world: World
    ) -> None:
        lease = await lease_of(store)
        for _ in range(2):
            campaign = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
            desk = await sit_down(store, world, lease, campaign)
            assert (await desk.call()).e164 == FIRST

    async def test_live_targets_of_others_are_waited_for(self, store: Store, world: World) -> None:
        lease = await lease_of(store)
        plan = CampaignPlan((FIRST,), ("asha", "bina"))
        campaign = await world.campaign(await world.account(), plan)
        asha = await sit_down(store, world, lease, campaign)
        bina = await sit_down(store, world, lease, campaign, "bina")
        call = await asha.call()
        assert await bina.claim() == NothingNow(Wait.NUMBERS_BUSY)
        await asha.finish(call, outcome.TALKED)
        assert await bina.claim() == NoMore(EndReason.CAMPAIGN_COMPLETED)

    async def test_a_session_never_has_two_live_attempts(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
        await desk.call()
        with pytest.raises(InvariantError):
            await desk.claim()
        assert len(await world.attempts(desk.campaign)) == 1


class FinishContract:
    """The end of a call, once."""

    async def test_finishing_twice_is_finishing_once(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,), policy=RETRY_BUSY))
        call = await desk.call()
        await desk.finish(call, BUSY)
        await desk.finish(call, outcome.TALKED, NOW + SECOND)
        (attempt,) = await world.attempts(desk.campaign)
        assert (attempt.status, attempt.reason) == (CallStatus.BUSY, "busy")
        assert attempt.ended_at == NOW
        assert (await desk.target(FIRST)).status is TargetStatus.RETRY

    async def test_finish_claims_the_next_in_the_same_step(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
        call = await desk.call()
        attempt, finish = new_attempt(), finishing(call, outcome.TALKED, NOW, then_claim=True)
        following = claimed(await store.finish(desk.lease, finish, (desk.session, attempt)))
        assert (following.e164, following.attempt_id) == (SECOND_NUMBER, attempt)
        again = claimed(await store.finish(desk.lease, finish, (desk.session, attempt)))
        assert again == following
        assert len(await world.attempts(desk.campaign)) == 2

    async def test_finish_without_claim_answers_nothing(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
        finish = finishing(await desk.call(), BUSY, NOW)
        assert await store.finish(desk.lease, finish, None) is None

    async def test_an_answer_is_stored_and_a_late_one_is_not(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST, SECOND_NUMBER)))
        call = await desk.call()
        await store.mark_answered(desk.lease, call.attempt_id, NOW + SECOND)
        await store.mark_answered(desk.lease, call.attempt_id, NOW + 2 * SECOND)
        await desk.finish(call, outcome.TALKED, NOW + MINUTE)
        late = await desk.call(NOW + MINUTE)
        await desk.finish(late, BUSY, NOW + MINUTE)
        await store.mark_answered(desk.lease, late.attempt_id, NOW + 2 * MINUTE)
        answered = [a.answered_at for a in await world.attempts(desk.campaign)]
        assert answered == [NOW + SECOND, None]

    async def test_a_permanent_result_is_not_retried(self, store: Store, world: World) -> None:
        policy = RetryPolicy(3, frozenset({CallStatus.FAILED}))
        desk = await desk_for(store, world, CampaignPlan((FIRST,), policy=policy))
        await desk.finish(await desk.call(), UNKNOWN_NUMBER)
        target = await desk.target(FIRST)
        assert (target.status, target.reason) == (TargetStatus.FAILED, "unknown_number")

    async def test_a_given_back_try_does_not_count(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,), policy=RETRY_BUSY))
        await store.finish(desk.lease, giving_back(await desk.call(), NOW), None)
        back = await desk.target(FIRST)
        assert (back.status, back.tries) == (TargetStatus.SCHEDULED, 0)
        first = await desk.call()
        assert first.tries == 1
        await desk.finish(first, BUSY)
        second = await desk.call(NOW + MINUTE)
        await store.finish(desk.lease, giving_back(second, NOW + MINUTE), None)
        assert (await desk.target(FIRST)).status is TargetStatus.RETRY
        assert (await desk.call(NOW + MINUTE)).tries == 2

    async def test_a_retry_after_completion_becomes_failed(
        self, store: Store, world: World
    ) -> None:
        plan = CampaignPlan((FIRST,), policy=RETRY_BUSY)
        desk = await desk_for(store, world, plan)
        call = await desk.call()
        await world.complete(desk.campaign, NOW)
        assert (await desk.target(FIRST)).status is TargetStatus.IN_PROGRESS
        await desk.finish(call, BUSY)
        target = await desk.target(FIRST)
        assert (target.status, target.reason) == (TargetStatus.FAILED, "ended_before_retry")

    async def test_a_try_given_back_after_completion_was_no_attempt(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        call = await desk.call()
        await world.complete(desk.campaign, NOW)
        await store.finish(desk.lease, giving_back(call, NOW), None)
        target = await desk.target(FIRST)
        assert (target.status, target.tries) == (TargetStatus.FAILED_NO_ATTEMPT, 0)

    async def test_the_finish_repeats_an_answer_that_was_not_stored(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        call = replace(await desk.call(), answered_at=NOW + SECOND)
        finish = replace(
            finishing(call, outcome.TALKED, NOW + MINUTE), answered_at=call.answered_at
        )
        await store.finish(desk.lease, finish, None)
        (attempt,) = await world.attempts(desk.campaign)
        assert (attempt.answered_at, attempt.ended_at) == (NOW + SECOND, NOW + MINUTE)

    async def test_counts_always_add_up(self, store: Store, world: World) -> None:
        numbers = tuple(f"+9198000001{n:02}" for n in range(7))
        account = await world.account()
        campaign = await world.campaign(account, CampaignPlan(numbers, policy=RETRY_BUSY))
        desk = await sit_down(store, world, await lease_of(store), campaign)
        await world.forbid(account, numbers[3])
        no_answer = outcome.classify_unanswered(LegEnd(rang=True, by_far_end=False))
        for result in (BUSY, outcome.TALKED, no_answer, outcome.OUTCOME_UNKNOWN):
            call = await desk.call()
            assert sum((await world.counts(campaign)).values()) == len(numbers)
            await desk.finish(call, result)
            assert sum((await world.counts(campaign)).values()) == len(numbers)
        counts = Counter({s: n for s, n in (await world.counts(campaign)).items() if n})
        assert counts == Counter(
            {
                TargetStatus.RETRY: 1,
                TargetStatus.COMPLETED: 1,
                TargetStatus.FAILED: 1,
                TargetStatus.INVALID: 1,
                TargetStatus.FAILED_DND: 1,
                TargetStatus.SCHEDULED: 2,
            }
        )


class CampaignContract:
    """Campaigns start, run out and end by themselves."""

    async def test_a_campaign_starts_at_its_start(self, store: Store, world: World) -> None:
        starts_at = NOW + MINUTE
        plan = CampaignPlan((FIRST,), starts_at=starts_at)
        campaign = await world.campaign(await world.account(), plan)
        await store.advance_campaigns(NOW)
        assert await world.campaign_status(campaign) is CampaignStatus.CREATED
        await store.advance_campaigns(starts_at)
        assert await world.campaign_status(campaign) is CampaignStatus.IN_PROGRESS

    async def test_an_exhausted_campaign_completes(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        call = await desk.call()
        await store.advance_campaigns(NOW)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.IN_PROGRESS
        await desk.finish(call, outcome.TALKED)
        assert await desk.claim() == NoMore(EndReason.CAMPAIGN_COMPLETED)
        await store.advance_campaigns(NOW)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.COMPLETED

    async def test_what_remains_at_the_end_is_told_apart(self, store: Store, world: World) -> None:
        ends_at = NOW + timedelta(minutes=10)
        numbers = (FIRST, SECOND_NUMBER, THIRD)
        plan = CampaignPlan(numbers, policy=RETRY_BUSY, ends_at=ends_at)
        desk = await desk_for(store, world, plan)
        await desk.finish(await desk.call(), BUSY)
        live = await desk.call()
        await store.advance_campaigns(ends_at)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.COMPLETED
        first, third = await desk.target(FIRST), await desk.target(THIRD)
        assert (first.status, first.reason) == (TargetStatus.FAILED, "ended_before_retry")
        assert (third.status, third.reason) == (TargetStatus.FAILED_NO_ATTEMPT, "campaign_ended")
        assert (await desk.target(SECOND_NUMBER)).status is TargetStatus.IN_PROGRESS
        await desk.finish(live, outcome.TALKED, ends_at + MINUTE)
        assert (await desk.target(SECOND_NUMBER)).status is TargetStatus.COMPLETED

    async def test_a_paused_campaign_ends_at_its_end(self, store: Store, world: World) -> None:
        ends_at = NOW + timedelta(minutes=10)
        desk = await desk_for(store, world, CampaignPlan((FIRST,), ends_at=ends_at))
        await world.pause(desk.campaign, NOW)
        await store.advance_campaigns(ends_at)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.COMPLETED


class StoreContract(
    LeaseContract, SessionContract, ClaimContract, FinishContract, CampaignContract
):
    """All that a store promises. Subclass with the fixtures `store` and `world`."""
