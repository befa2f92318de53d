"""What every store must do with money: held before each dial, settled or voided once (R6, R20)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from autodialer.domain import outcome
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.money import HoldStatus, PaymentMode, Rate
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
    Desk,
    claimed,
    finishing,
    giving_back,
    lease_of,
    new_attempt,
    sit_down,
)

if TYPE_CHECKING:
    from autodialer.domain.ids import AccountId
    from autodialer.ports.store import Store
    from tests.contract.store_world import World

# A minute costs 60: a call of at most two minutes reserves 120.
PER_MINUTE = Rate(60, 60, 60, 60)
TWO_MINUTES = 2 * MINUTE
RESERVED = 120
NUMBERS = (FIRST, SECOND_NUMBER, THIRD)


@dataclass(frozen=True, slots=True)
class Paying:
    """A desk in a prepaid account."""

    desk: Desk
    account: AccountId

    async def top_up(self, amount: int) -> None:
        await self.desk.world.top_up(self.account, amount)

    async def balance(self) -> tuple[int, int]:
        """Return balance and held, having checked that the ledger adds up to the balance."""
        money = await self.desk.world.money(self.account)
        assert sum(money.ledger) == money.balance
        return money.balance, money.held

    async def holds(self) -> dict[HoldStatus, int]:
        return {s: n for s, n in (await self.desk.world.money(self.account)).holds.items() if n}


async def paying(
    store: Store,
    world: World,
    balance: int,
    *,
    mode: PaymentMode = PaymentMode.PREPAID,
    plan: CampaignPlan | None = None,
) -> Paying:
    account = await world.account()
    await world.meter(account, mode)
    await world.price(account, "+91", PER_MINUTE)
    if balance:
        await world.top_up(account, balance)
    plan = replace(plan or CampaignPlan(NUMBERS), max_talk=TWO_MINUTES)
    campaign = await world.campaign(account, plan)
    lease = await lease_of(store)
    return Paying(await sit_down(store, world, lease, campaign, plan.agents[0]), account)


class MoneyContract:
    """Money is held before each dial and settled or voided at its end."""

    async def test_a_call_reserves_what_its_longest_talk_costs(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 1000)
        await paid.desk.call()
        assert await paid.balance() == (1000, RESERVED)
        assert await paid.holds() == {HoldStatus.OPEN: 1}

    async def test_an_answered_call_is_charged_and_the_rest_released(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 1000)
        call = await paid.desk.call()
        await store.mark_answered(paid.desk.lease, call.attempt_id, NOW + SECOND)
        await paid.desk.finish(call, outcome.TALKED, NOW + 62 * SECOND)
        assert await paid.balance() == (880, 0)
        assert await paid.holds() == {HoldStatus.SETTLED: 1}

    async def test_a_talk_within_the_first_increment_costs_it_in_full(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 1000)
        call = await paid.desk.call()
        await store.mark_answered(paid.desk.lease, call.attempt_id, NOW)
        await paid.desk.finish(call, outcome.TALKED, NOW + 60 * SECOND)
        assert await paid.balance() == (940, 0)

    async def test_an_answer_that_only_the_finish_reports_is_charged(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 1000)
        call = replace(await paid.desk.call(), answered_at=NOW)
        finish = finishing(call, outcome.TALKED, NOW + SECOND)
        await store.finish(paid.desk.lease, replace(finish, answered_at=NOW), None)
        assert await paid.balance() == (940, 0)

    async def test_a_call_that_was_never_answered_costs_nothing(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 1000)
        await paid.desk.finish(await paid.desk.call(), BUSY)
        assert await paid.balance() == (1000, 0)
        assert await paid.holds() == {HoldStatus.VOIDED: 1}

    async def test_a_call_that_was_never_sent_costs_nothing(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 1000)
        call = await paid.desk.call()
        await store.finish(paid.desk.lease, giving_back(call, NOW), None)
        assert await paid.balance() == (1000, 0)
        assert await paid.holds() == {HoldStatus.VOIDED: 1}

    async def test_finishing_twice_charges_once(self, store: Store, world: World) -> None:
        paid = await paying(store, world, 1000)
        call = await paid.desk.call()
        await store.mark_answered(paid.desk.lease, call.attempt_id, NOW)
        for at in (NOW + SECOND, NOW + 90 * SECOND):
            await paid.desk.finish(call, outcome.TALKED, at)
        assert await paid.balance() == (940, 0)

    async def test_a_late_hang_up_is_not_charged_beyond_the_hold(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, RESERVED)
        call = await paid.desk.call()
        await store.mark_answered(paid.desk.lease, call.attempt_id, NOW)
        await paid.desk.finish(call, outcome.TALKED, NOW + 9 * MINUTE)
        assert await paid.balance() == (0, 0)

    async def test_without_money_one_target_fails_and_the_campaign_pauses(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, RESERVED - 1)
        assert await paid.desk.claim() == NothingNow(Wait.PAUSED)
        assert await world.campaign_status(paid.desk.campaign) is CampaignStatus.PAUSED
        assert await world.campaign_reason(paid.desk.campaign) == "low_balance"
        counts = await world.counts(paid.desk.campaign)
        assert counts[TargetStatus.FAILED_BALANCE] == 1
        assert counts[TargetStatus.SCHEDULED] == 2
        assert (await paid.desk.target(FIRST)).reason == "low_balance"
        assert await world.attempts(paid.desk.campaign) == []
        assert await paid.balance() == (RESERVED - 1, 0)

    async def test_after_top_up_and_resume_the_rest_is_called(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 0)
        await paid.desk.claim()
        await paid.top_up(RESERVED)
        assert await paid.desk.claim() == NothingNow(Wait.PAUSED)
        await world.resume(paid.desk.campaign, NOW)
        assert (await paid.desk.call()).e164 == SECOND_NUMBER

    async def test_a_due_retry_without_money_fails_and_pauses_too(
        self, store: Store, world: World
    ) -> None:
        plan = CampaignPlan((FIRST,), policy=RETRY_BUSY)
        paid = await paying(store, world, RESERVED, plan=plan)
        await paid.desk.finish(await paid.desk.call(), BUSY)
        await world.price(paid.account, "+91", Rate(60, 61, 60, 61))
        later = await paid.desk.claim(NOW + MINUTE)
        # The only target has failed: the campaign, paused for a moment, has nothing left.
        assert later in (NothingNow(Wait.PAUSED), NoMore(EndReason.CAMPAIGN_COMPLETED))
        assert (await paid.desk.target(FIRST)).status is TargetStatus.FAILED_BALANCE

    async def test_talk_goes_on_when_the_next_call_cannot_be_paid(
        self, store: Store, world: World
    ) -> None:
        plan = CampaignPlan(NUMBERS, ("asha", "bina"))
        paid = await paying(store, world, RESERVED, plan=plan)
        call = await paid.desk.call()
        await store.mark_answered(paid.desk.lease, call.attempt_id, NOW)
        bina = await sit_down(store, world, paid.desk.lease, paid.desk.campaign, "bina")
        assert await bina.claim() == NothingNow(Wait.PAUSED)
        assert (await paid.desk.target(FIRST)).status is TargetStatus.IN_PROGRESS
        await paid.desk.finish(call, outcome.TALKED, NOW + SECOND)
        assert await paid.balance() == (60, 0)
        assert (await paid.desk.target(FIRST)).status is TargetStatus.COMPLETED

    async def test_the_price_at_the_hold_counts(self, store: Store, world: World) -> None:
        paid = await paying(store, world, 1000)
        call = await paid.desk.call()
        await world.price(paid.account, "+91", Rate(60, 7, 60, 7))
        await store.mark_answered(paid.desk.lease, call.attempt_id, NOW)
        await paid.desk.finish(call, outcome.TALKED, NOW + SECOND)
        assert await paid.balance() == (940, 0)
        await paid.desk.call()
        assert await paid.balance() == (940, 14)

    async def test_the_longest_prefix_counts(self, store: Store, world: World) -> None:
        paid = await paying(store, world, 1000)
        await world.price(paid.account, FIRST[:7], Rate(60, 5, 60, 5))
        await world.price(paid.account, "+9", Rate(60, 1, 60, 1))
        await paid.desk.call()
        assert await paid.balance() == (1000, 10)

    async def test_a_number_without_a_price_pauses_the_campaign_and_waits(
        self, store: Store, world: World
    ) -> None:
        account = await world.account()
        await world.meter(account, PaymentMode.POSTPAID)
        await world.price(account, "+1", PER_MINUTE)
        campaign = await world.campaign(account, CampaignPlan(NUMBERS))
        desk = await sit_down(store, world, await lease_of(store), campaign)
        assert await desk.claim() == NothingNow(Wait.PAUSED)
        assert await world.campaign_reason(campaign) == "no_tariff"
        assert (await desk.target(FIRST)).status is TargetStatus.SCHEDULED
        await world.price(account, "+91", PER_MINUTE)
        await world.resume(campaign, NOW)
        assert (await desk.call()).e164 == FIRST

    async def test_a_postpaid_account_has_no_limit(self, store: Store, world: World) -> None:
        paid = await paying(store, world, 0, mode=PaymentMode.POSTPAID)
        call = await paid.desk.call()
        assert await paid.balance() == (0, 0)
        await store.mark_answered(paid.desk.lease, call.attempt_id, NOW)
        await paid.desk.finish(call, outcome.TALKED, NOW + 3 * MINUTE)
        assert await paid.balance() == (-180, 0)

    async def test_an_account_without_a_purse_is_not_metered(
        self, store: Store, world: World
    ) -> None:
        campaign = await world.campaign(await world.account(), CampaignPlan(NUMBERS))
        desk = await sit_down(store, world, await lease_of(store), campaign)
        call = await desk.call()
        await store.mark_answered(desk.lease, call.attempt_id, NOW)
        await desk.finish(call, outcome.TALKED, NOW + MINUTE)

    async def test_a_repeated_claim_holds_once(self, store: Store, world: World) -> None:
        paid = await paying(store, world, 1000)
        attempt = new_attempt()
        for _ in range(2):
            claimed(await paid.desk.claim(NOW, attempt))
        assert await paid.balance() == (1000, RESERVED)

    async def test_the_next_call_is_held_in_the_step_that_settles_the_last(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, RESERVED + 60)
        call = await paid.desk.call()
        await store.mark_answered(paid.desk.lease, call.attempt_id, NOW)
        finish = finishing(call, outcome.TALKED, NOW + SECOND, then_claim=True)
        claimed(await store.finish(paid.desk.lease, finish, paid.desk.next_claim(finish.at)))
        assert await paid.balance() == (RESERVED, RESERVED)


class AgentLegContract:
    """The agent's leg over the trunk is paid for as long as it is up."""

    async def test_each_call_reserves_for_the_agents_leg_too(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 10_000)
        await world.hold_agent(paid.desk.session, PER_MINUTE, TWO_MINUTES)
        assert await paid.balance() == (10_000, 120)
        await paid.desk.call(NOW + MINUTE)
        # 60 s so far, 30 s ringing, 120 s talk, 120 s of waiting: six minutes begun.
        assert await paid.balance() == (10_000, 360 + RESERVED)

    async def test_a_call_that_the_agents_leg_could_not_outlast_is_not_placed(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 120 + RESERVED)
        await world.hold_agent(paid.desk.session, PER_MINUTE, TWO_MINUTES)
        assert await paid.desk.claim() == NothingNow(Wait.PAUSED)
        assert await world.campaign_reason(paid.desk.campaign) == "low_balance"

    async def test_the_agents_leg_is_charged_when_the_session_ends(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 10_000)
        await world.hold_agent(paid.desk.session, PER_MINUTE, TWO_MINUTES)
        for _ in range(2):
            await store.end_session(
                paid.desk.lease, paid.desk.session, EndReason.STOPPED, NOW + 61 * SECOND
            )
        assert await paid.balance() == (10_000 - 120, 0)
        assert await paid.holds() == {HoldStatus.SETTLED: 1}

    async def test_the_agents_leg_is_charged_when_its_node_is_lost(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 10_000)
        await world.hold_agent(paid.desk.session, PER_MINUTE, TWO_MINUTES)
        alive = await lease_of(store, "south")
        (lost,) = await store.other_nodes(alive)
        for _ in range(2):
            await store.give_up_node(alive, lost, NOW + 61 * SECOND)
        assert await paid.balance() == (10_000 - 120, 0)
        assert await paid.holds() == {HoldStatus.SETTLED: 1}

    async def test_an_agent_who_did_not_pick_up_costs_nothing(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 1000, plan=CampaignPlan(NUMBERS, ("asha", "bina")))
        session = await world.queue_session(paid.desk.campaign, "bina", NOW)
        await world.hold_agent(session, PER_MINUTE, timedelta(minutes=2))
        await store.take_sessions(paid.desk.lease, 1, NOW)
        await store.end_session(
            paid.desk.lease, session, EndReason.AGENT_NO_ANSWER, NOW + 30 * SECOND
        )
        assert await paid.balance() == (1000, 0)
        assert await paid.holds() == {HoldStatus.VOIDED: 1}

    async def test_a_start_that_is_refused_when_it_is_taken_costs_nothing(
        self, store: Store, world: World
    ) -> None:
        paid = await paying(store, world, 1000, plan=CampaignPlan(NUMBERS, ("asha", "bina")))
        session = await world.queue_session(paid.desk.campaign, "bina", NOW)
        await world.hold_agent(session, PER_MINUTE, TWO_MINUTES)
        await world.pause(paid.desk.campaign, NOW)
        assert await store.take_sessions(paid.desk.lease, 1, NOW) == []
        assert await paid.balance() == (1000, 0)
        assert await paid.holds() == {HoldStatus.VOIDED: 1}
