"""What every store must do when a target is claimed; part of `StoreContract`."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest

from autodialer.domain import outcome
from autodialer.domain.errors import InvariantError
from autodialer.domain.session import EndReason, NoMore, NothingNow, Wait
from autodialer.domain.target import TargetStatus
from tests.contract.store_world import (
    BUSY,
    FIRST,
    MINUTE,
    NOW,
    RETRY_BUSY,
    SECOND,
    SECOND_NUMBER,
    THIRD,
    CampaignPlan,
    claimed,
    desk_for,
    giving_back,
    lease_of,
    new_attempt,
    sit_down,
)

if TYPE_CHECKING:
    from autodialer.ports.store import Store
    from tests.contract.store_world import World


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

    async def test_a_call_is_forbidden_from_the_entry_of_its_number_until_it_is_answered(
        self, store: Store, world: World
    ) -> None:
        account, lease = await world.account(), await lease_of(store)
        both = CampaignPlan((FIRST, SECOND_NUMBER), ("asha", "bina"))
        campaign = await world.campaign(account, both)
        asha = await sit_down(store, world, lease, campaign)
        bina = await sit_down(store, world, lease, campaign, "bina")
        call, other = await asha.call(), await bina.call()
        assert await store.forbidden_calls(lease) == []
        await world.forbid(account, FIRST)
        await world.forbid(await world.account(), SECOND_NUMBER)
        assert await store.forbidden_calls(lease) == [call.attempt_id]
        assert await store.forbidden_calls(await lease_of(store, "south")) == []
        await world.forbid(account, SECOND_NUMBER)
        await store.mark_answered(lease, other.attempt_id, NOW)
        assert await store.forbidden_calls(lease) == [call.attempt_id]
        await asha.finish(call, outcome.FORBIDDEN)
        assert await store.forbidden_calls(lease) == []
        target = await asha.target(FIRST)
        assert (target.status, target.reason) == (TargetStatus.FAILED_DND, "do_not_call")

    async def test_one_live_call_to_a_number_in_an_account(
        self, store: Store, world: World
    ) -> None:
        account, lease = await world.account(), await lease_of(store)
        await world.set_redial_gap(account, timedelta())
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

    async def test_a_number_rests_after_a_call_in_whichever_campaign(
        self, store: Store, world: World
    ) -> None:
        lease, account = await lease_of(store), await world.account()
        asha, bina = [
            await sit_down(
                store,
                world,
                lease,
                await world.campaign(account, CampaignPlan(numbers, (agent,))),
                agent,
            )
            for agent, numbers in (("asha", (FIRST, THIRD)), ("bina", (FIRST, SECOND_NUMBER)))
        ]
        await asha.finish(await asha.call(), outcome.TALKED, NOW + SECOND)
        # The others go first, and it is not lost.
        later = await bina.call(NOW + 2 * SECOND)
        assert later.e164 == SECOND_NUMBER
        await bina.finish(later, outcome.TALKED, NOW + 3 * SECOND)
        early = await bina.claim(NOW + MINUTE)
        assert early == NothingNow(Wait.RECENTLY_CALLED, NOW + MINUTE + SECOND)
        assert (await bina.target(FIRST)).status is TargetStatus.SCHEDULED
        assert (await bina.call(NOW + MINUTE + SECOND)).e164 == FIRST

    async def test_a_due_retry_rests_too_and_an_account_says_how_long(
        self, store: Store, world: World
    ) -> None:
        account, lease = await world.account(), await lease_of(store)
        campaign = await world.campaign(account, CampaignPlan((FIRST,), policy=RETRY_BUSY))
        desk = await sit_down(store, world, lease, campaign)
        await world.set_redial_gap(account, 3 * MINUTE)
        await desk.finish(await desk.call(), BUSY)
        assert await desk.claim(NOW + 2 * MINUTE) == NothingNow(
            Wait.RECENTLY_CALLED, NOW + 3 * MINUTE
        )
        await world.set_redial_gap(account, timedelta())
        assert (await desk.call(NOW + 2 * MINUTE)).tries == 2

    async def test_a_call_that_was_never_sent_gives_its_number_no_rest(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((FIRST,)))
        await store.finish(desk.lease, giving_back(await desk.call(), NOW), None)
        assert (await desk.call()).e164 == FIRST
