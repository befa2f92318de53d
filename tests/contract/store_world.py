"""What the store contract needs around a store: a world to prepare it and to read it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import uuid4

from autodialer.domain import outcome
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.ids import AttemptId
from autodialer.domain.money import PaymentMode, Rate
from autodialer.domain.outcome import CallResult, CallStatus
from autodialer.domain.retry import RetryPolicy, give_back, move_after_call
from autodialer.domain.session import Call, Claimed, EndReason, FinishCall
from autodialer.domain.target import TargetStatus
from autodialer.ports.store import Lease, NextClaim

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from autodialer.domain.dial_whom import SourceTrouble
    from autodialer.domain.ids import AccountId, CampaignId, SessionId
    from autodialer.domain.money import HoldStatus
    from autodialer.domain.pacing import Limits
    from autodialer.domain.session import ClaimResult
    from autodialer.ports.store import Store

# A Monday, 11:30 in the accounts' zone (Asia/Kolkata): inside every window of these tests.
NOW: Final = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
TTL: Final = timedelta(seconds=10)
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
FIRST, SECOND_NUMBER, THIRD = "+919800000100", "+919800000200", "+919800000300"

BUSY: Final = outcome.SIP_RESULTS[486]
UNKNOWN_NUMBER: Final = outcome.SIP_RESULTS[404]
NO_RETRY: Final = RetryPolicy()
RETRY_BUSY: Final = RetryPolicy(1, frozenset({CallStatus.BUSY}), timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A campaign to make: it is in progress when `starts_at` is not after NOW."""

    numbers: tuple[str, ...]
    agents: tuple[str, ...] = ("asha",)
    policy: RetryPolicy = NO_RETRY
    starts_at: datetime = NOW - MINUTE
    ends_at: datetime = NOW + timedelta(days=20)
    opens: time = time(9)
    closes: time = time(21)
    ring_timeout: timedelta = timedelta(seconds=30)
    idle_limit: timedelta = timedelta(seconds=120)
    # Instead of numbers: the campaign is by Dial-Whom URL.
    by_url: bool = False
    get_contacts_url: str = ""
    popup_url: str = ""
    max_talk: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TargetView:
    """What a page shows of a target. `tries` counts calls that were (perhaps) sent."""

    status: TargetStatus
    reason: str
    tries: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class MoneyView:
    """What a page shows of an account's money; `holds` counts them by status."""

    balance: int
    held: int
    ledger: tuple[int, ...]
    holds: Mapping[HoldStatus, int]


@dataclass(frozen=True, slots=True)
class AttemptView:
    """What a page shows of an attempt; `status` is None while it lives."""

    attempt_id: AttemptId
    e164: str
    status: CallStatus | None
    reason: str
    answered_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """Whose screens were told that something moved."""

    agents: frozenset[str]
    campaigns: frozenset[CampaignId]


class World(Protocol):
    """What people do around the engine. Agents are named; each exists in its account on use."""

    async def account(self) -> AccountId:
        """Make an account in Asia/Kolkata with one caller id."""
        ...

    async def campaign(self, account: AccountId, plan: CampaignPlan) -> CampaignId:
        """Make a campaign with the targets in the order of `plan.numbers`."""
        ...

    async def queue_session(self, campaign: CampaignId, agent: str, now: datetime) -> SessionId:
        """Press Start, without the page's checks (the store must hold by itself)."""
        ...

    async def ask_stop(self, session: SessionId, reason: EndReason, *, at_once: bool) -> None:
        """Ask that a live session ends."""
        ...

    async def pause(self, campaign: CampaignId, now: datetime) -> None: ...

    async def resume(self, campaign: CampaignId, now: datetime) -> None: ...

    async def complete(self, campaign: CampaignId, now: datetime) -> None:
        """Complete a running campaign, as an admin."""
        ...

    async def remove_agent(self, campaign: CampaignId, agent: str) -> None:
        """Take the agent out of the campaign's group."""
        ...

    async def forbid(self, account: AccountId, e164: str) -> None:
        """Put a number on the account's DND list."""
        ...

    async def set_redial_gap(self, account: AccountId, gap: timedelta) -> None:
        """Set how long a number is left alone after a call."""
        ...

    async def details(self, attempt: AttemptId) -> Mapping[str, Any] | None:
        """Return what a Get Contacts URL said of a call's customer."""
        ...

    async def rang_at(self, attempt: AttemptId) -> datetime | None:
        """Return since when the customer's phone rang, as far as that is kept."""
        ...

    async def source_trouble(self, campaign: CampaignId) -> SourceTrouble | None:
        """Return what was wrong with the last answer of the campaign's Dial-Whom URL."""
        ...

    async def meter(self, account: AccountId, mode: PaymentMode) -> None:
        """Give the account an empty purse, or change the mode of the one it has."""
        ...

    async def price(self, account: AccountId, prefix: str, rate: Rate) -> None:
        """Set what numbers of a prefix cost."""
        ...

    async def top_up(self, account: AccountId, amount: int) -> None: ...

    async def hold_agent(self, session: SessionId, rate: Rate, longest: timedelta) -> None:
        """Reserve for the agent's leg, as Start does for an agent at a telephone."""
        ...

    async def money(self, account: AccountId) -> MoneyView: ...

    async def trunk_silent_since(self, lease: Lease) -> datetime | None: ...

    async def drain(self, lease: Lease) -> None:
        """Take the node out of service."""
        ...

    async def phone_of(self, campaign: CampaignId, agent: str) -> str:
        """Return the name under which the agent's phone registers."""
        ...

    async def issue_secret(self, phone: str, digest: str) -> None:
        """Let the phone of this name register."""
        ...

    async def give_telephone(self, campaign: CampaignId, agent: str) -> None:
        """Let the agent be called by telephone, over the trunk."""
        ...

    async def limit_trunk(self, limits: Limits) -> None:
        """Set the limits of the trunk that nodes call over."""
        ...

    async def remove_node(self, lease: Lease) -> None:
        """Take the node out of the installation."""
        ...

    async def campaign_reason(self, campaign: CampaignId) -> str: ...

    async def counts(self, campaign: CampaignId) -> Mapping[TargetStatus, int]: ...

    async def target(self, campaign: CampaignId, e164: str) -> TargetView: ...

    async def attempts(self, campaign: CampaignId) -> Sequence[AttemptView]:
        """Return all attempts in the order in which they were claimed."""
        ...

    async def campaign_status(self, campaign: CampaignId) -> CampaignStatus: ...

    async def session_end(self, session: SessionId) -> EndReason | None:
        """Return why a session ended, None while it lives."""
        ...

    async def told_by(self, doing: Awaitable[object]) -> Told:
        """Do something that tells screens, and return what they were told first."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """A node with its lease and one agent connected to one campaign."""

    store: Store
    world: World
    lease: Lease
    campaign: CampaignId
    session: SessionId

    async def claim(self, now: datetime = NOW, attempt: AttemptId | None = None) -> ClaimResult:
        return await self.store.claim(self.lease, self.session, attempt or new_attempt(), now)

    async def call(self, now: datetime = NOW) -> Call:
        return claimed(await self.claim(now))

    async def finish(self, call: Call, result: CallResult, now: datetime = NOW) -> None:
        await self.store.finish(self.lease, finishing(call, result, now), None)

    def next_claim(self, now: datetime) -> NextClaim:
        return NextClaim(self.session, new_attempt(), now)

    async def target(self, e164: str) -> TargetView:
        return await self.world.target(self.campaign, e164)


def new_attempt() -> AttemptId:
    return AttemptId(uuid4())


def claimed(result: ClaimResult | None) -> Call:
    assert isinstance(result, Claimed), result
    return result.call


def finishing(
    call: Call, result: CallResult, now: datetime, *, then_claim: bool = False
) -> FinishCall:
    move = move_after_call(result, call.tries, call.policy, now)
    return FinishCall(call.attempt_id, result, move, now, then_claim)


def giving_back(call: Call, now: datetime) -> FinishCall:
    move = give_back(call.tries, now)
    return FinishCall(call.attempt_id, outcome.NOT_SENT, move, now, then_claim=False)


async def lease_of(store: Store, node: str = "north", holder: str = "one") -> Lease:
    lease = await store.acquire_lease(node, holder, NOW, timedelta(days=1))
    assert isinstance(lease, Lease)
    return lease


async def sit_down(
    store: Store,
    world: World,
    lease: Lease,
    campaign: CampaignId,
    agent: str = "asha",
    *,
    at: datetime = NOW,
) -> Desk:
    """Connect an agent: pressed Start, taken by the node, answered."""
    session = await world.queue_session(campaign, agent, at)
    taken = await store.take_sessions(lease, 10, at)
    assert [order.session_id for order in taken] == [session]
    await store.mark_ready(lease, session, at)
    return Desk(store, world, lease, campaign, session)


async def desk_for(store: Store, world: World, plan: CampaignPlan, at: datetime = NOW) -> Desk:
    campaign = await world.campaign(await world.account(), plan)
    return await sit_down(store, world, await lease_of(store), campaign, plan.agents[0], at=at)
