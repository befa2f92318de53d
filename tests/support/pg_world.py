"""The contract's world around a PostgreSQL database: plain SQL, so that nothing hides."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
from psycopg.rows import tuple_row

from autodialer.apps.hints import decode_changes
from autodialer.apps.statements import statement
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.dial_whom import SourceTrouble
from autodialer.domain.ids import AccountId, AttemptId, CampaignId, SessionId
from autodialer.domain.money import HoldStatus
from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.outcome import CallStatus
from autodialer.domain.session import EndReason
from autodialer.domain.target import TargetStatus
from autodialer.ports.screens import Shown
from tests.contract.store_world import NOW, AttemptView, CampaignPlan, MoneyView, TargetView, Told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
    from datetime import datetime

    from autodialer.domain.money import PaymentMode, Rate
    from autodialer.domain.pacing import Limits
    from autodialer.ports.screens import Change
    from autodialer.ports.store import Lease

_ACCOUNT = """
INSERT INTO accounts_account (name, zone, region, window_opens, window_closes,
                              require_second_factor, created_at)
VALUES (%(name)s, 'Asia/Kolkata', 'IN', '09:00', '21:00', FALSE, %(now)s) RETURNING id"""
_CALLER_ID = """
INSERT INTO campaigns_callerid (account_id, e164, verified_at, created_at)
VALUES (%(account)s, '+918047112233', %(now)s, %(now)s)"""
_USER = """
INSERT INTO accounts_user (password, account_id, email, name, role, is_active, created_at)
VALUES ('!', %(account)s, %(email)s, %(name)s, 'agent', TRUE, %(now)s)
ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id"""
_DEVICE = """
INSERT INTO agents_agentdevice (user_id, kind, address, is_default, created_at)
VALUES (%(user)s, 'sip', 'a' || left(md5(%(user)s::text), 20), TRUE, %(now)s)
ON CONFLICT DO NOTHING"""
_TELEPHONE = """
UPDATE agents_agentdevice SET kind = 'phone', address = '+919820011111'
 WHERE address = %(address)s"""
_TRUNK = """
INSERT INTO calls_trunk (name, calls_per_second, calls_at_once)
VALUES (%(name)s, %(rate)s, %(lines)s)
ON CONFLICT (name) DO UPDATE
   SET calls_per_second = excluded.calls_per_second, calls_at_once = excluded.calls_at_once"""
_GROUP = """
INSERT INTO agents_group (account_id, name, created_at)
VALUES (%(account)s, %(name)s, %(now)s) RETURNING id"""
_CAMPAIGN = """
INSERT INTO campaigns_campaign
    (account_id, name, group_id, caller_id_id, starts_at, ends_at, window_opens, window_closes,
     retries, retry_statuses, retry_interval_min, retry_mechanism, ring_timeout_s, idle_limit_s,
     max_talk_s, call_type, status, reason, target_count, created_at)
SELECT %(account)s, %(name)s, %(group)s, id, %(starts_at)s, %(ends_at)s, %(opens)s, %(closes)s,
       %(retries)s, %(statuses)s, %(interval)s, %(mechanism)s, %(ring)s, %(idle)s,
       %(max_talk)s, 'transactional', %(status)s, '', %(size)s, %(now)s
  FROM campaigns_callerid WHERE account_id = %(account)s RETURNING id"""
_TARGETS = """
INSERT INTO campaigns_target
    (account_id, campaign_id, seq, e164, contact, status, reason, tries, max_tries, changed_at)
SELECT %(account)s, %(campaign)s, n.seq, n.e164, '{}', 'scheduled', '', 0, %(max_tries)s, %(now)s
  FROM unnest(%(numbers)s::text[]) WITH ORDINALITY AS n(e164, seq)"""
_SOURCE = """
WITH source AS (
    INSERT INTO campaigns_numbersource (campaign_id, failures, repeats)
    VALUES (%(campaign)s, 0, 0)
)
UPDATE campaigns_campaign SET dial_whom_url = 'https://crm.example.com/next'
 WHERE id = %(campaign)s"""
_GET_CONTACTS = "UPDATE campaigns_campaign SET get_contacts_url = %(url)s WHERE id = %(campaign)s"
_POPUP = "UPDATE campaigns_campaign SET popup_url = %(url)s WHERE id = %(campaign)s"
_SESSION = """
INSERT INTO calls_session (id, account_id, campaign_id, user_id, device_id, status, stop_reason,
                           stop_at_once, created_at, end_reason)
SELECT %(id)s, c.account_id, c.id, u.id, d.id, 'queued', '', FALSE, %(now)s, ''
  FROM campaigns_campaign AS c
  JOIN accounts_user AS u ON u.account_id = c.account_id AND u.name = %(agent)s
  JOIN agents_agentdevice AS d ON d.user_id = u.id
 WHERE c.id = %(campaign)s"""

_PURSE = """
INSERT INTO billing_purse (account_id, mode, currency, balance, held, created_at)
VALUES (%(account)s, %(mode)s, 'INR', 0, 0, %(now)s)
ON CONFLICT (account_id) DO UPDATE SET mode = excluded.mode"""
_TARIFF = """
INSERT INTO billing_tariff (account_id, prefix, first_s, first_amount, next_s, next_amount,
                            changed_at)
VALUES (%(account)s, %(prefix)s, %(first_s)s, %(first)s, %(next_s)s, %(next)s, %(now)s)
ON CONFLICT (account_id, prefix) DO UPDATE
   SET first_s = excluded.first_s, first_amount = excluded.first_amount,
       next_s = excluded.next_s, next_amount = excluded.next_amount"""
_TOP_UP = """
INSERT INTO billing_ledgerentry (account_id, kind, amount, reference, actor, at)
VALUES (%(account)s, 'top-up', %(amount)s, %(reference)s, 'test', %(now)s)"""
_AGENT_HOLD = """
INSERT INTO billing_hold (leg, kind, account_id, first_s, first_amount, next_s, next_amount,
                          reserved, status, charged, opened_at)
SELECT s.id, 'agent', s.account_id, %(first_s)s, %(first)s, %(next_s)s, %(next)s,
       CASE p.mode WHEN 'prepaid' THEN %(reserved)s END, 'open', 0, %(now)s
  FROM calls_session AS s
  JOIN billing_purse AS p ON p.account_id = s.account_id
 WHERE s.id = %(session)s"""


def _rate(rate: Rate) -> dict[str, int]:
    return {
        "first_s": rate.first_s,
        "first": rate.first_amount,
        "next_s": rate.next_s,
        "next": rate.next_amount,
    }


@dataclass(frozen=True, slots=True)
class PgWorld:
    """See `tests.contract.store_world.World`."""

    connection: psycopg.AsyncConnection[tuple[Any, ...]]

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[PgWorld]:
        connect = psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=tuple_row)
        async with await connect as connection:
            yield cls(connection)

    async def account(self) -> AccountId:
        number = await self.value(_ACCOUNT, name=uuid4().hex, now=NOW)
        await self.run(_CALLER_ID, account=number, now=NOW)
        return AccountId(number)

    async def campaign(self, account: AccountId, plan: CampaignPlan) -> CampaignId:
        group = await self.value(_GROUP, account=account, name=uuid4().hex, now=NOW)
        for agent in plan.agents:
            await self._agent(account, group, agent)
        policy = plan.policy
        campaign = await self.value(
            _CAMPAIGN,
            account=account,
            name=uuid4().hex,
            group=group,
            starts_at=plan.starts_at,
            ends_at=plan.ends_at,
            opens=plan.opens,
            closes=plan.closes,
            retries=policy.retries,
            statuses=list(policy.statuses),
            interval=policy.interval // timedelta(minutes=1),
            mechanism=policy.mechanism,
            ring=plan.ring_timeout // timedelta(seconds=1),
            idle=plan.idle_limit // timedelta(seconds=1),
            max_talk=plan.max_talk // timedelta(seconds=1),
            status="in-progress" if plan.starts_at <= NOW else "created",
            size=len(plan.numbers),
            now=NOW,
        )
        await self.run(
            _TARGETS,
            account=account,
            campaign=campaign,
            max_tries=1 + policy.retries,
            numbers=list(plan.numbers),
            now=NOW,
        )
        if plan.get_contacts_url:
            await self.run(_GET_CONTACTS, campaign=campaign, url=plan.get_contacts_url)
        if plan.popup_url:
            await self.run(_POPUP, campaign=campaign, url=plan.popup_url)
        if plan.by_url:
            await self.run(_SOURCE, campaign=campaign)
        return CampaignId(campaign)

    async def _agent(self, account: AccountId, group: int, agent: str) -> None:
        email = f"{agent}.{account}@example.org"
        user = await self.value(_USER, account=account, email=email, name=agent, now=NOW)
        await self.run(_DEVICE, user=user, name=agent, now=NOW)
        await self.run(
            "INSERT INTO agents_groupmember (group_id, user_id) VALUES (%(group)s, %(user)s)",
            group=group,
            user=user,
        )

    async def queue_session(self, campaign: CampaignId, agent: str, now: datetime) -> SessionId:
        session_id = SessionId(uuid4())
        await self.run(_SESSION, id=session_id, campaign=campaign, agent=agent, now=now)
        return session_id

    async def ask_stop(self, session: SessionId, reason: EndReason, *, at_once: bool) -> None:
        await self.run(
            "UPDATE calls_session SET stop_reason = %(reason)s, stop_at_once = %(at_once)s"
            " WHERE id = %(session)s",
            reason=reason,
            at_once=at_once,
            session=session,
        )

    async def pause(self, campaign: CampaignId, now: datetime) -> None:
        await self._move(campaign, CampaignStatus.PAUSED, now)

    async def resume(self, campaign: CampaignId, now: datetime) -> None:
        await self._move(campaign, CampaignStatus.IN_PROGRESS, now)

    async def complete(self, campaign: CampaignId, now: datetime) -> None:
        async with self.connection.transaction():
            await self._move(campaign, CampaignStatus.COMPLETED, now)
            await self.run(statement("campaigns", "close_leftovers"), campaign_id=campaign, now=now)

    async def _move(self, campaign: CampaignId, status: CampaignStatus, now: datetime) -> None:
        _ = now
        await self.run(
            "UPDATE campaigns_campaign SET status = %(status)s WHERE id = %(campaign)s",
            status=status,
            campaign=campaign,
        )

    async def remove_agent(self, campaign: CampaignId, agent: str) -> None:
        await self.run(
            "DELETE FROM agents_groupmember AS m USING campaigns_campaign AS c, accounts_user AS u"
            " WHERE c.id = %(campaign)s AND m.group_id = c.group_id AND u.id = m.user_id"
            " AND u.name = %(agent)s",
            campaign=campaign,
            agent=agent,
        )

    async def forbid(self, account: AccountId, e164: str) -> None:
        await self.run(
            "INSERT INTO contacts_dndentry (account_id, e164, added_at)"
            " VALUES (%(account)s, %(e164)s, %(now)s)",
            account=account,
            e164=e164,
            now=NOW,
        )

    async def set_redial_gap(self, account: AccountId, gap: timedelta) -> None:
        await self.run(
            "UPDATE accounts_account SET redial_gap_s = %(seconds)s WHERE id = %(account)s",
            account=account,
            seconds=gap // timedelta(seconds=1),
        )

    async def details(self, attempt: AttemptId) -> Mapping[str, Any] | None:
        query = "SELECT contact FROM calls_attempt WHERE id = %(attempt)s"
        found: Mapping[str, Any] | None = await self.value(query, attempt=attempt)
        return found

    async def rang_at(self, attempt: AttemptId) -> datetime | None:
        query = "SELECT rang_at FROM calls_attempt WHERE id = %(attempt)s"
        found: datetime | None = await self.value(query, attempt=attempt)
        return found

    async def source_trouble(self, campaign: CampaignId) -> SourceTrouble | None:
        query = "SELECT trouble FROM campaigns_numbersource WHERE campaign_id = %(campaign)s"
        trouble = await self.value(query, campaign=campaign)
        return SourceTrouble(trouble) if trouble else None

    async def meter(self, account: AccountId, mode: PaymentMode) -> None:
        await self.run(_PURSE, account=account, mode=mode, now=NOW)

    async def price(self, account: AccountId, prefix: str, rate: Rate) -> None:
        await self.run(_TARIFF, account=account, prefix=prefix, now=NOW, **_rate(rate))

    async def top_up(self, account: AccountId, amount: int) -> None:
        await self.run(_TOP_UP, account=account, amount=amount, reference=uuid4().hex, now=NOW)

    async def hold_agent(self, session: SessionId, rate: Rate, longest: timedelta) -> None:
        await self.run(
            _AGENT_HOLD, session=session, reserved=rate.cost(longest), now=NOW, **_rate(rate)
        )

    async def money(self, account: AccountId) -> MoneyView:
        ((balance, held),) = await self.rows(
            "SELECT balance, held FROM billing_purse WHERE account_id = %(account)s",
            account=account,
        )
        entries = await self.rows(
            "SELECT amount FROM billing_ledgerentry WHERE account_id = %(account)s ORDER BY id",
            account=account,
        )
        holds = await self.rows(
            "SELECT status, count(*) FROM billing_hold WHERE account_id = %(account)s"
            " GROUP BY status",
            account=account,
        )
        return MoneyView(
            balance,
            held,
            tuple(amount for (amount,) in entries),
            {HoldStatus(status): count for status, count in holds},
        )

    async def campaign_reason(self, campaign: CampaignId) -> str:
        query = "SELECT reason FROM campaigns_campaign WHERE id = %(campaign)s"
        return str(await self.value(query, campaign=campaign))

    async def counts(self, campaign: CampaignId) -> Mapping[TargetStatus, int]:
        rows = await self.rows(
            "SELECT status, count(*) FROM campaigns_target WHERE campaign_id = %(campaign)s"
            " GROUP BY status",
            campaign=campaign,
        )
        return {TargetStatus(status): count for status, count in rows}

    async def target(self, campaign: CampaignId, e164: str) -> TargetView:
        ((status, *rest),) = await self.rows(
            "SELECT status, reason, tries, due_at FROM campaigns_target"
            " WHERE campaign_id = %(campaign)s AND e164 = %(e164)s",
            campaign=campaign,
            e164=e164,
        )
        return TargetView(TargetStatus(status), *rest)

    async def attempts(self, campaign: CampaignId) -> Sequence[AttemptView]:
        rows = await self.rows(
            "SELECT id, e164, status, reason, answered_at, ended_at FROM calls_attempt"
            # Claims of one test may share an instant: then in the order of the table.
            " WHERE campaign_id = %(campaign)s ORDER BY placed_at, ctid",
            campaign=campaign,
        )
        return [
            AttemptView(AttemptId(row[0]), row[1], CallStatus(row[2]) if row[2] else None, *row[3:])
            for row in rows
        ]

    async def campaign_status(self, campaign: CampaignId) -> CampaignStatus:
        status = await self.value(
            "SELECT status FROM campaigns_campaign WHERE id = %(campaign)s", campaign=campaign
        )
        return CampaignStatus(status)

    async def session_end(self, session: SessionId) -> EndReason | None:
        reason = await self.value(
            "SELECT end_reason FROM calls_session WHERE id = %(session)s", session=session
        )
        return EndReason(reason) if reason else None

    async def trunk_silent_since(self, lease: Lease) -> datetime | None:
        since: datetime | None = await self.value(
            "SELECT trunk_silent_since FROM calls_node WHERE id = %(id)s", id=lease.node_id
        )
        return since

    async def drain(self, lease: Lease) -> None:
        await self.run(
            "UPDATE calls_node SET draining_since = %(now)s WHERE id = %(id)s",
            now=NOW,
            id=lease.node_id,
        )

    async def phone_of(self, campaign: CampaignId, agent: str) -> str:
        return str(
            await self.value(
                "SELECT d.address FROM agents_agentdevice AS d"
                " JOIN accounts_user AS u ON u.id = d.user_id AND u.name = %(agent)s"
                " JOIN campaigns_campaign AS c ON c.account_id = u.account_id"
                " WHERE c.id = %(campaign)s",
                agent=agent,
                campaign=campaign,
            )
        )

    async def issue_secret(self, phone: str, digest: str) -> None:
        await self.run(
            "UPDATE agents_agentdevice SET digest = %(digest)s WHERE address = %(phone)s",
            digest=digest,
            phone=phone,
        )

    async def give_telephone(self, campaign: CampaignId, agent: str) -> None:
        await self.run(_TELEPHONE, address=await self.phone_of(campaign, agent))

    async def limit_trunk(self, limits: Limits) -> None:
        await self.run(
            _TRUNK, name=FIRST_TRUNK, rate=limits.calls_per_second, lines=limits.calls_at_once
        )

    async def remove_node(self, lease: Lease) -> None:
        await self.run(
            "UPDATE calls_node SET removed_at = %(now)s WHERE id = %(id)s",
            now=NOW,
            id=lease.node_id,
        )

    async def told_by(self, doing: Awaitable[object]) -> Told:
        await self.connection.execute("LISTEN autodialer_screens")
        await doing
        (heard,) = [each async for each in self.connection.notifies(timeout=5, stop_after=1)]
        return await self._told(decode_changes(heard.payload))

    async def _told(self, changes: Sequence[Change]) -> Told:
        ids = {what: [each.id for each in changes if each.what is what] for what in Shown}
        names = await self.rows(
            "SELECT name FROM accounts_user WHERE id = ANY(%(ids)s)", ids=ids[Shown.AGENT]
        )
        campaigns = frozenset(CampaignId(each) for each in ids[Shown.CAMPAIGN])
        return Told(frozenset(name for (name,) in names), campaigns)

    async def run(self, query: str, **values: Any) -> None:
        await self.connection.execute(query.encode(), values)

    async def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return await (await self.connection.execute(query.encode(), values)).fetchall()

    async def value(self, query: str, **values: Any) -> Any:
        ((value,),) = await self.rows(query, **values)
        return value
