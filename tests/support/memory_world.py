"""The contract's world around a MemoryStore."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from autodialer.adapters.memory.tables import CampaignRow
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.dial_whom import SourceState, SourceTrouble
from autodialer.domain.ids import CampaignId, SessionId
from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.window import CallWindow
from autodialer.ports.phones import Phone
from tests.contract.store_world import NOW, AttemptView, CampaignPlan, MoneyView, TargetView, Told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from datetime import datetime, timedelta

    from autodialer.adapters.memory.tables import AttemptRow, NodeRow, Tables
    from autodialer.domain.ids import AccountId, AttemptId
    from autodialer.domain.money import PaymentMode, Rate
    from autodialer.domain.pacing import Limits
    from autodialer.domain.session import EndReason
    from autodialer.domain.target import TargetStatus
    from autodialer.ports.store import Lease


class MemoryWorld:
    """See `tests.contract.store_world.World`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def account(self) -> AccountId:
        return self._tables.add_account()

    async def campaign(self, account: AccountId, plan: CampaignPlan) -> CampaignId:
        row = CampaignRow(
            campaign_id=CampaignId(self._tables.new_id()),
            account=account,
            caller_id="+918047112233",
            agents=set(plan.agents),
            policy=plan.policy,
            window=CallWindow(ZoneInfo("Asia/Kolkata"), plan.opens, plan.closes),
            starts_at=plan.starts_at,
            ends_at=plan.ends_at,
            ring_timeout=plan.ring_timeout,
            idle_limit=plan.idle_limit,
            max_talk=plan.max_talk,
            source=SourceState() if plan.by_url else None,
            get_contacts_url=plan.get_contacts_url,
            popup_url=plan.popup_url,
        )
        self._tables.add_campaign(row, plan.numbers, NOW)
        return row.campaign_id

    async def queue_session(self, campaign: CampaignId, agent: str, now: datetime) -> SessionId:
        session_id = SessionId(uuid4())
        self._tables.queue_session(session_id, campaign, agent, now)
        return session_id

    async def ask_stop(self, session: SessionId, reason: EndReason, *, at_once: bool) -> None:
        self._tables.sessions[session].stop = (reason, at_once)

    async def pause(self, campaign: CampaignId, now: datetime) -> None:
        _ = now
        self._tables.move_campaign(campaign, CampaignStatus.PAUSED)

    async def resume(self, campaign: CampaignId, now: datetime) -> None:
        _ = now
        self._tables.move_campaign(campaign, CampaignStatus.IN_PROGRESS)

    async def complete(self, campaign: CampaignId, now: datetime) -> None:
        _ = now
        self._tables.move_campaign(campaign, CampaignStatus.COMPLETED)

    async def remove_agent(self, campaign: CampaignId, agent: str) -> None:
        self._tables.campaigns[campaign].agents.remove(agent)

    async def forbid(self, account: AccountId, e164: str) -> None:
        self._tables.dnd[account].add(e164)

    async def set_redial_gap(self, account: AccountId, gap: timedelta) -> None:
        self._tables.redial_gaps[account] = gap

    async def details(self, attempt: AttemptId) -> Mapping[str, Any] | None:
        details = self._tables.attempts[attempt].details
        return details.known() if details else None

    async def rang_at(self, attempt: AttemptId) -> datetime | None:
        return self._tables.attempts[attempt].rang_at

    async def source_trouble(self, campaign: CampaignId) -> SourceTrouble | None:
        source = self._tables.campaigns[campaign].source
        return source.trouble if source else None

    async def meter(self, account: AccountId, mode: PaymentMode) -> None:
        self._tables.meter(account).mode = mode

    async def price(self, account: AccountId, prefix: str, rate: Rate) -> None:
        self._tables.meter(account).rates[prefix] = rate

    async def top_up(self, account: AccountId, amount: int) -> None:
        self._tables.meter(account).book(amount)

    async def hold_agent(self, session: SessionId, rate: Rate, longest: timedelta) -> None:
        account = self._tables.sessions[session].campaign.account
        self._tables.meter(account).hold(session, rate, longest)

    async def money(self, account: AccountId) -> MoneyView:
        purse = self._tables.purses[account]
        holds = Counter(hold.status for hold in purse.holds.values())
        return MoneyView(purse.balance, purse.held, tuple(purse.entries), holds)

    async def campaign_reason(self, campaign: CampaignId) -> str:
        return self._tables.campaigns[campaign].reason

    async def counts(self, campaign: CampaignId) -> Mapping[TargetStatus, int]:
        return Counter(target.status for target in self._tables.campaigns[campaign].targets)

    async def target(self, campaign: CampaignId, e164: str) -> TargetView:
        (row,) = [t for t in self._tables.campaigns[campaign].targets if t.e164 == e164]
        return TargetView(row.status, row.reason, row.tries, row.due_at)

    async def attempts(self, campaign: CampaignId) -> Sequence[AttemptView]:
        rows = self._tables.attempts.values()
        return [_view(row) for row in rows if row.call.campaign_id == campaign]

    async def campaign_status(self, campaign: CampaignId) -> CampaignStatus:
        return self._tables.campaigns[campaign].status

    async def drain(self, lease: Lease) -> None:
        self._node(lease).is_draining = True

    async def phone_of(self, campaign: CampaignId, agent: str) -> str:
        _ = campaign
        return agent

    async def issue_secret(self, phone: str, digest: str) -> None:
        self._tables.phones.append(Phone(phone, digest, is_browser=False))

    async def give_telephone(self, campaign: CampaignId, agent: str) -> None:
        _ = campaign
        self._tables.telephones.add(agent)

    async def limit_trunk(self, limits: Limits) -> None:
        self._tables.trunks[FIRST_TRUNK] = limits

    async def remove_node(self, lease: Lease) -> None:
        self._node(lease).is_removed = True

    def _node(self, lease: Lease) -> NodeRow:
        return next(n for n in self._tables.nodes.values() if n.node_id == lease.node_id)

    async def trunk_silent_since(self, lease: Lease) -> datetime | None:
        return self._node(lease).trunk_silent_since

    async def told_by(self, doing: Awaitable[object]) -> Told:
        before = len(self._tables.told)
        await doing
        sessions = [self._tables.sessions[each] for each in self._tables.told[before:]]
        return Told(
            frozenset(session.agent for session in sessions),
            frozenset(session.campaign.campaign_id for session in sessions),
        )

    async def session_end(self, session: SessionId) -> EndReason | None:
        return self._tables.sessions[session].end


def _view(row: AttemptRow) -> AttemptView:
    return AttemptView(
        attempt_id=row.call.attempt_id,
        e164=row.call.e164,
        status=row.result.status if row.result else None,
        reason=row.result.reason if row.result else "",
        answered_at=row.answered_at,
        ended_at=row.ended_at,
    )
