"""What every store must do: subclassed once for each adapter of `ports.store`.

A subclass gives two fixtures: `store`, empty, and `world`, which makes what the web pages
would make (accounts, campaigns, sessions) and reads back what they would show.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from autodialer.domain import outcome
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.outcome import CallStatus, LegEnd
from autodialer.domain.retry import RetryPolicy
from autodialer.domain.session import EndReason, NoMore
from autodialer.domain.target import TargetStatus
from tests.contract.store_claims import ClaimContract
from tests.contract.store_details import DetailsContract
from tests.contract.store_money import AgentLegContract, MoneyContract
from tests.contract.store_nodes import DrainContract, LostNodeContract, PlacementContract
from tests.contract.store_ringing import RingingContract
from tests.contract.store_screens import ScreensContract
from tests.contract.store_sessions import LeaseContract, SessionContract
from tests.contract.store_sources import SourceContract
from tests.contract.store_trunks import TrunkContract
from tests.contract.store_world import (
    BUSY,
    FIRST,
    MINUTE,
    NOW,
    RETRY_BUSY,
    SECOND,
    SECOND_NUMBER,
    THIRD,
    UNKNOWN_NUMBER,
    CampaignPlan,
    claimed,
    desk_for,
    finishing,
    giving_back,
    lease_of,
    sit_down,
)

if TYPE_CHECKING:
    from autodialer.ports.store import Store
    from tests.contract.store_world import World


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
        wanted = desk.next_claim(NOW + SECOND)
        finish = finishing(call, outcome.TALKED, NOW, then_claim=True)
        following = claimed(await store.finish(desk.lease, finish, wanted))
        assert (following.e164, following.attempt_id) == (SECOND_NUMBER, wanted.attempt_id)
        assert following.placed_at == NOW + SECOND
        again = claimed(await store.finish(desk.lease, finish, wanted))
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
    LeaseContract,
    SessionContract,
    ClaimContract,
    FinishContract,
    CampaignContract,
    MoneyContract,
    AgentLegContract,
    SourceContract,
    DetailsContract,
    RingingContract,
    ScreensContract,
    PlacementContract,
    DrainContract,
    LostNodeContract,
    TrunkContract,
):
    """All that a store promises. Subclass with the fixtures `store` and `world`."""
