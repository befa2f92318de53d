"""What every store must do with the numbers of a Dial-Whom URL (R18)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from autodialer.domain import outcome
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.dial_whom import LATEST_ANSWER, MAX_FAILURES, MAX_REPEATS, SourceTrouble
from autodialer.domain.session import Claimed, EndReason, NoMore, NothingNow, Wait
from autodialer.domain.target import TargetStatus
from tests.contract.store_world import (
    BUSY,
    FIRST,
    MINUTE,
    NOW,
    RETRY_BUSY,
    SECOND,
    SECOND_NUMBER,
    CampaignPlan,
    Desk,
    claimed,
    desk_for,
    finishing,
    lease_of,
    sit_down,
)

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.domain.dial_whom import Given, NumberRequest
    from autodialer.domain.session import ClaimResult
    from autodialer.ports.store import Store
    from tests.contract.store_world import World

BY_URL = CampaignPlan((), by_url=True)


async def answer(desk: Desk, *numbers: str, at: datetime = NOW) -> None:
    """Ask for the agent and get these numbers."""
    (request,) = await desk.store.numbers_to_ask(desk.lease, at)
    assert (request.session_id, request.campaign_id) == (desk.session, desk.campaign)
    await desk.store.take_answer(desk.lease, request, numbers, at)


async def answer_each(desk: Desk, times: int, given: Given) -> datetime:
    """Give the same answer as often, each as soon as it may be asked for; return when."""
    at = NOW
    for _ in range(times):
        while not (requests := await desk.store.numbers_to_ask(desk.lease, at)):
            at += SECOND
        await desk.store.take_answer(desk.lease, requests[0], given, at)
    return at


def asked(result: ClaimResult | None) -> NumberRequest | None:
    """What a claim without a target may ask at once."""
    assert isinstance(result, NothingNow), result
    return result.asks


class SourceContract:
    """Numbers that come one by one."""

    async def test_an_agent_waits_for_a_number_and_then_dials_it(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        assert await desk.claim() == NothingNow(Wait.SOURCE_SLOW)
        await answer(desk, FIRST)
        assert await store.numbers_to_ask(desk.lease, NOW) == []
        assert (await desk.call()).e164 == FIRST

    async def test_who_finds_nothing_is_told_what_the_url_may_be_asked_at_once(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        assert [asked(await desk.claim())] == await store.numbers_to_ask(desk.lease, NOW)
        await answer(desk, FIRST)
        finish = finishing(await desk.call(), outcome.TALKED, NOW, then_claim=True)
        told: list[NumberRequest] = []
        ended = await store.finish(desk.lease, finish, desk.next_claim(NOW), told.append)
        assert [asked(ended)] == told == await store.numbers_to_ask(desk.lease, NOW)

    async def test_who_finds_nothing_is_not_told_to_ask_a_url_that_rests(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        at = await answer_each(desk, 1, SourceTrouble.TIMEOUT)
        assert asked(await desk.claim(at)) is None
        assert asked(await desk.claim(at + SECOND)) is not None

    async def test_an_answer_is_claimed_with_its_storing_and_once_when_that_is_repeated(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        (request,) = await store.numbers_to_ask(desk.lease, NOW)
        given, wanted = (FIRST, SECOND_NUMBER), desk.next_claim(NOW)
        call = claimed(await store.claim_answered(desk.lease, request, given, wanted))
        assert (call.attempt_id, call.e164) == (wanted.attempt_id, FIRST)
        assert await store.claim_answered(desk.lease, request, given, wanted) == Claimed(call)
        assert (await desk.target(FIRST)).status is TargetStatus.IN_PROGRESS
        assert (await desk.target(SECOND_NUMBER)).status is TargetStatus.SCHEDULED
        assert len(await world.attempts(desk.campaign)) == 1

    async def test_what_was_given_before_is_claimed_before_an_answer(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        (request,) = await store.numbers_to_ask(desk.lease, NOW)
        await store.take_answer(desk.lease, request, (SECOND_NUMBER,), NOW)
        result = await store.claim_answered(desk.lease, request, (FIRST,), desk.next_claim(NOW))
        assert claimed(result).e164 == SECOND_NUMBER

    @pytest.mark.parametrize(
        ("given", "result"),
        [
            (SourceTrouble.TIMEOUT, NothingNow(Wait.SOURCE_SLOW, NOW + SECOND)),
            (("112",), NothingNow(Wait.SOURCE_SLOW, NOW + SECOND)),
            ((), NoMore(EndReason.CAMPAIGN_COMPLETED)),
        ],
        ids=["a failure", "nothing to dial", "the end"],
    )
    async def test_a_claim_with_an_answer_of_no_number_says_what_there_is_to_wait_for(
        self, store: Store, world: World, given: Given, result: ClaimResult
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        (request,) = await store.numbers_to_ask(desk.lease, NOW)
        wanted = desk.next_claim(NOW)
        assert await store.claim_answered(desk.lease, request, given, wanted) == result
        assert await world.attempts(desk.campaign) == []

    async def test_a_claim_with_an_answer_keeps_the_rules_of_every_claim(
        self, store: Store, world: World
    ) -> None:
        account = await world.account()
        campaign = await world.campaign(account, BY_URL)
        desk = await sit_down(store, world, await lease_of(store), campaign)
        (request,) = await store.numbers_to_ask(desk.lease, NOW)
        await world.forbid(account, FIRST)
        wanted = desk.next_claim(NOW)
        result = await store.claim_answered(desk.lease, request, (FIRST,), wanted)
        assert result == NothingNow(Wait.SOURCE_SLOW)
        assert (await desk.target(FIRST)).status is TargetStatus.FAILED_DND
        await world.pause(campaign, NOW)
        wanted = desk.next_claim(NOW)
        result = await store.claim_answered(desk.lease, request, (SECOND_NUMBER,), wanted)
        assert result == NothingNow(Wait.PAUSED)
        assert (await desk.target(SECOND_NUMBER)).status is TargetStatus.SCHEDULED

    async def test_a_list_is_dialled_in_its_order_before_anybody_asks_again(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        await answer(desk, SECOND_NUMBER, FIRST, SECOND_NUMBER)
        for e164 in (SECOND_NUMBER, FIRST):
            assert await store.numbers_to_ask(desk.lease, NOW) == []
            call = await desk.call()
            assert call.e164 == e164
            await desk.finish(call, outcome.TALKED)
        assert await desk.claim() == NothingNow(Wait.SOURCE_SLOW)
        assert sum((await world.counts(desk.campaign)).values()) == 2

    async def test_the_campaign_goes_on_until_the_source_says_that_it_has_ended(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        await answer(desk, FIRST)
        await desk.finish(await desk.call(), outcome.TALKED)
        await store.advance_campaigns(NOW)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.IN_PROGRESS
        await answer(desk)
        assert await desk.claim() == NoMore(EndReason.CAMPAIGN_COMPLETED)
        await store.advance_campaigns(NOW)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.COMPLETED

    async def test_a_number_that_another_agent_asked_for_before_the_end_is_called(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, CampaignPlan((), agents=("asha", "bina"), by_url=True))
        bina = await sit_down(store, world, desk.lease, desk.campaign, "bina")
        requests = await store.numbers_to_ask(desk.lease, NOW)
        asked_for = {request.session_id: request for request in requests}
        await store.take_answer(desk.lease, asked_for[bina.session], (), NOW)
        soon = NOW + LATEST_ANSWER
        assert await desk.claim() == NothingNow(Wait.SOURCE_SLOW, soon)
        await store.advance_campaigns(soon - SECOND)
        assert await store.numbers_to_ask(desk.lease, soon - SECOND) == []
        wanted = desk.next_claim(soon - SECOND)
        late = asked_for[desk.session]
        call = claimed(await store.claim_answered(desk.lease, late, (FIRST,), wanted))
        assert call.e164 == FIRST
        await desk.finish(call, outcome.TALKED, soon)
        for each in (desk, bina):
            assert await each.claim(soon) == NoMore(EndReason.CAMPAIGN_COMPLETED)

    async def test_a_number_of_the_source_on_the_dnd_list_is_not_called(
        self, store: Store, world: World
    ) -> None:
        account = await world.account()
        campaign = await world.campaign(account, BY_URL)
        desk = await sit_down(store, world, await lease_of(store), campaign)
        await world.forbid(account, FIRST)
        await answer(desk, FIRST)
        assert await desk.claim() == NothingNow(Wait.SOURCE_SLOW)
        assert (await desk.target(FIRST)).status is TargetStatus.FAILED_DND

    async def test_a_number_that_waits_for_its_retry_is_not_dialled_earlier_when_given_again(
        self, store: Store, world: World
    ) -> None:
        plan = CampaignPlan((), by_url=True, policy=RETRY_BUSY)
        desk = await desk_for(store, world, plan)
        await answer(desk, FIRST)
        await desk.finish(await desk.call(), BUSY)
        await answer(desk, FIRST, at=NOW + SECOND)
        # It is known and not finished: no sign of the end, and a second's rest for the URL.
        assert await desk.claim(NOW + SECOND) == NothingNow(Wait.SOURCE_SLOW, NOW + 2 * SECOND)
        assert (await desk.target(FIRST)).tries == 1
        assert (await desk.call(NOW + MINUTE)).tries == 2

    async def test_a_source_that_gives_finished_numbers_again_and_again_is_exhausted(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        await answer(desk, FIRST)
        await desk.finish(await desk.call(), outcome.TALKED)
        at = await answer_each(desk, MAX_REPEATS, (FIRST,))
        assert await desk.claim(at) == NoMore(EndReason.CAMPAIGN_COMPLETED)
        assert len(await world.attempts(desk.campaign)) == 1

    async def test_a_broken_source_is_asked_less_and_less_and_then_pauses_the_campaign(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        at = await answer_each(desk, MAX_FAILURES - 1, SourceTrouble.TIMEOUT)
        # 1 + 2 + 4 + ... + 32, then a minute each.
        assert at == NOW + timedelta(seconds=63 + 2 * 60)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.IN_PROGRESS
        (request,) = await store.numbers_to_ask(desk.lease, at + MINUTE)
        await store.take_answer(desk.lease, request, SourceTrouble.HTTP_STATUS, at + MINUTE)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.PAUSED
        assert await world.source_trouble(desk.campaign) is SourceTrouble.HTTP_STATUS
        assert await desk.claim(at + MINUTE) == NothingNow(Wait.PAUSED)

    async def test_failures_of_requests_that_were_under_way_together_count_once(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        (request,) = await store.numbers_to_ask(desk.lease, NOW)
        for _ in range(MAX_FAILURES):
            await store.take_answer(desk.lease, request, SourceTrouble.TIMEOUT, NOW)
        assert await world.campaign_status(desk.campaign) is CampaignStatus.IN_PROGRESS
        assert await desk.claim() == NothingNow(Wait.SOURCE_SLOW, NOW + SECOND)

    async def test_what_cannot_be_dialled_counts_as_a_failure(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        await answer(desk, "112", "12")
        assert await world.source_trouble(desk.campaign) is SourceTrouble.NOTHING_TO_DIAL
        assert await desk.claim() == NothingNow(Wait.SOURCE_SLOW, NOW + SECOND)
        assert sum((await world.counts(desk.campaign)).values()) == 0

    async def test_a_number_that_is_longer_than_any_is_left_out(
        self, store: Store, world: World
    ) -> None:
        """Of 16 digits: the plan of Germany has such numbers, E.164 has not."""
        desk = await desk_for(store, world, BY_URL)
        await answer(desk, "+4991098578823928", FIRST)
        assert (await desk.call()).e164 == FIRST

    async def test_a_good_answer_ends_the_trouble(self, store: Store, world: World) -> None:
        desk = await desk_for(store, world, BY_URL)
        at = await answer_each(desk, 1, SourceTrouble.TIMEOUT)
        await answer(desk, FIRST, at=at + SECOND)
        assert await world.source_trouble(desk.campaign) is None

    async def test_the_request_says_who_asks_and_since_when(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        (request,) = await store.numbers_to_ask(desk.lease, NOW)
        assert (request.zone, request.asked_at) == ("Asia/Kolkata", NOW)
        assert request.started_at <= request.ready_at <= NOW
        assert request.agent_address
        assert not request.plain_http

    async def test_nobody_asks_for_a_campaign_that_is_paused_or_closed(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        assert await store.numbers_to_ask(desk.lease, NOW + timedelta(hours=12)) == []
        await world.pause(desk.campaign, NOW)
        assert await store.numbers_to_ask(desk.lease, NOW) == []

    async def test_an_answer_to_a_campaign_that_is_over_adds_nothing(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, BY_URL)
        (request,) = await store.numbers_to_ask(desk.lease, NOW)
        await world.complete(desk.campaign, NOW)
        await store.take_answer(desk.lease, request, (FIRST,), NOW)
        assert sum((await world.counts(desk.campaign)).values()) == 0
