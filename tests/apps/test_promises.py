"""Each promise that stored data can answer: kept by the real parts, and its breach is named.

The history is made by the services and the dialer's own store. Then the constraints that keep the
promises are taken away, each breach is planted in a transaction of its own and rolled back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from django.db import connection, transaction
from django.db.utils import InternalError

from autodialer.adapters.pg.store import PgStore
from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.services import change_account
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device
from autodialer.apps.billing.services import set_payment_mode, set_tariffs, top_up
from autodialer.apps.calls.promises import PROMISES, broken_promises, verdicts
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.services import (
    complete_campaign,
    pause_campaign,
    resume_campaign,
    unverify_caller_id,
)
from autodialer.apps.campaigns.terms import Terms
from autodialer.domain import outcome
from autodialer.domain.ids import SessionId
from autodialer.domain.money import PaymentMode, Rate
from autodialer.domain.session import EndReason
from tests.contract.store_world import (
    BUSY,
    claimed,
    finishing,
    giving_back,
    lease_of,
    new_attempt,
)
from tests.support.book import NOON, Book, make_book
from tests.support.database import Databases, django_on

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_django import DjangoDbBlocker

MINUTE: Final = timedelta(minutes=1)
LATER: Final = NOON + 10 * MINUTE  # when all that the history holds is over

# What PostgreSQL itself refuses, taken away as only the owner of the tables can.
UNPROTECT: Final = """
DO $$
DECLARE thing record;
BEGIN
    FOR thing IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
                  WHERE contype IN ('f', 'c') AND connamespace = 'public'::regnamespace
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', thing.owner, thing.conname);
    END LOOP;
    FOR thing IN SELECT DISTINCT conrelid::regclass AS owner, conname FROM pg_constraint
                  WHERE contype = 'u' AND connamespace = 'public'::regnamespace
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', thing.owner, thing.conname);
    END LOOP;
    FOR thing IN SELECT indexrelid::regclass AS name FROM pg_index AS i
                   JOIN pg_class AS c ON c.oid = i.indrelid
                  WHERE indisunique AND NOT indisprimary
                    AND relnamespace = 'public'::regnamespace
    LOOP EXECUTE format('DROP INDEX %s', thing.name);
    END LOOP;
    FOR thing IN SELECT tgrelid::regclass AS owner, tgname FROM pg_trigger WHERE NOT tgisinternal
    LOOP EXECUTE format('DROP TRIGGER %I ON %s', thing.tgname, thing.owner);
    END LOOP;
END $$
"""


@pytest.fixture(scope="module")
def history(databases: Databases, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Two accounts: one with a campaign that was dialled, paused, resumed and completed."""
    with databases.copy() as url, django_on(url), django_db_blocker.unblock():
        make_history(url)
        yield url


@pytest.fixture(scope="module")
def unprotected(history: str) -> str:
    """The same without the constraints and triggers that keep the promises."""
    with connection.cursor() as cursor:
        cursor.execute(UNPROTECT)
    return history


def make_history(url: str) -> None:
    """Calls of every kind: answered, busy with a retry, given back; one session after another."""
    make_book("Zenith", rows=1).campaign("Other")
    book = make_book(rows=6)
    terms = Terms(retries=1, retry_statuses=("busy",), retry_interval_min=1)
    campaign = book.campaign(terms=terms)
    pay(book)
    first = start(book, campaign, NOON)
    asyncio.run(dial(url, first, NOON))
    steer(pause_campaign, book, campaign, NOON + 4 * MINUTE)
    steer(resume_campaign, book, campaign, NOON + 5 * MINUTE)
    second = start(book, campaign, NOON + 5 * MINUTE)
    asyncio.run(dial(url, second, NOON + 5 * MINUTE))
    steer(complete_campaign, book, campaign, NOON + 8 * MINUTE)
    change_what_was_in_force(book, NOON + 9 * MINUTE)


def change_what_was_in_force(book: Book, now: datetime) -> None:
    """Move the account to where the calls would have been at night, and withdraw its number."""
    account, number = book.account, book.caller_id.pk
    # One after the other: the audit log says of each only what it changed.
    change_account(account=account, window_opens=time(12), now=now)
    change_account(account=account, zone="America/New_York", now=now + timedelta(seconds=1))
    unverify_caller_id(account=account, actor=OPERATOR, caller_id=number, now=now)


def pay(book: Book) -> None:
    """Make the account prepaid; Bina is called on a telephone, which costs too."""
    add_device(
        account=book.account,
        user_id=book.agent.pk,
        kind=DeviceKind.PHONE,
        address="+919000000099",
        now=NOON,
    )
    set_payment_mode(account=book.account, mode=PaymentMode.PREPAID, actor=OPERATOR, now=NOON)
    rates = {"+91": Rate(60, 60, 60, 60)}
    set_tariffs(account=book.account, rates=rates, actor=OPERATOR, now=NOON)
    top_up(account=book.account, amount=100_000, reference="INV-1", actor=OPERATOR, now=NOON)


def steer(service: Callable[..., None], book: Book, campaign: Campaign, now: datetime) -> None:
    service(account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=now)


def start(book: Book, campaign: Campaign, now: datetime) -> SessionId:
    started = start_session(
        account=book.account, campaign_id=campaign.pk, user_id=book.agent.pk, now=now
    )
    return SessionId(started.session_id)


async def dial(url: str, session: SessionId, at: datetime) -> None:
    """An answered call, a busy one, one that was never sent; then the agent leaves."""
    async with PgStore(url) as store:
        lease = await lease_of(store)
        await store.take_sessions(lease, 1, at)
        await store.mark_ready(lease, session, at)
        call = claimed(await store.claim(lease, session, new_attempt(), at))
        await store.mark_answered(lease, call.attempt_id, at + timedelta(seconds=5))
        at += MINUTE
        await store.finish(lease, finishing(call, outcome.TALKED, at), None)
        call = claimed(await store.claim(lease, session, new_attempt(), at))
        await store.finish(lease, finishing(call, BUSY, at), None)
        call = claimed(await store.claim(lease, session, new_attempt(), at))
        await store.finish(lease, giving_back(call, at), None)
        await store.end_session(lease, session, EndReason.STOPPED, at + MINUTE)


def test_a_history_that_the_real_parts_made_breaks_no_promise(history: str) -> None:
    assert broken_promises(LATER) == []


def test_looking_cannot_change_anything(history: str) -> None:
    with transaction.atomic():
        verdicts(LATER)
        with connection.cursor() as cursor:  # the outer transaction may write again
            cursor.execute("DELETE FROM contacts_dndentry")
        transaction.set_rollback(True)
    with pytest.raises(InternalError, match="read-only"), transaction.atomic():
        _write_in_a_check()


def _write_in_a_check() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("DELETE FROM contacts_dndentry")


# Rows that the plants name.
ROWS: Final = {
    "ONE_CALL": "(SELECT id FROM calls_attempt WHERE try_no = 1 ORDER BY placed_at LIMIT 1)",
    "OTHER": "(SELECT id FROM accounts_account WHERE name = 'Zenith')",
    "ACME": "(SELECT id FROM accounts_account WHERE name = 'Acme')",
    "DIALLED": "(SELECT id FROM campaigns_campaign WHERE name = 'Diwali')",
    "SCHEDULED": "(SELECT min(id) FROM campaigns_target WHERE status = 'scheduled')",
}

# A delivery of a day before yesterday, then its account and its lane.
DELIVERY: Final = """
WITH event AS (
    INSERT INTO webhooks_event (id, account_id, kind, at)
    SELECT gen_random_uuid(), {ACME}, 'webhook.test', now() - interval '48 h' RETURNING id, at
)
INSERT INTO webhooks_delivery (event_id, due_at, purpose, account_id, lane)
SELECT event.id, timestamptz '2026-11-21 00:00+00', 'popup', account_id, lane
  FROM event, LATERAL (SELECT"""

# What to plant, by the statement that must name it.
PLANTS: Final = {
    "promise_tries": [
        "UPDATE campaigns_target SET tries = tries + 1 WHERE status = 'completed'",
        "DELETE FROM calls_attempt WHERE id = {ONE_CALL}",
        "UPDATE campaigns_campaign SET retries = -1 WHERE id = {DIALLED}",
    ],
    "promise_one_call_a_number": [
        "UPDATE calls_attempt SET e164 = '+919999999999', ended_at = ended_at + interval '1 s'",
        "UPDATE calls_attempt SET e164 = '+919999999999', ended_at = NULL WHERE id = {ONE_CALL}"
        " OR id = (SELECT id FROM calls_attempt WHERE try_no = 1 ORDER BY placed_at DESC LIMIT 1)",
    ],
    "promise_one_customer_a_session": [
        "UPDATE calls_attempt SET ended_at = ended_at + interval '1 s' WHERE id = {ONE_CALL}",
    ],
    "promise_one_session_an_agent": [
        "UPDATE calls_session SET ended_at = ended_at + interval '4 min'",
    ],
    "promise_calls_end": [
        "UPDATE calls_attempt SET state = 'talking', placed_at = placed_at - interval '2 h'"
        " WHERE id = {ONE_CALL}",
    ],
    "promise_live_targets_have_calls": [
        "UPDATE calls_attempt SET state = 'dialing' WHERE id = {ONE_CALL}",
        "UPDATE campaigns_target SET status = 'retrying' WHERE status = 'completed'",
    ],
    "promise_counts_add_up": [
        "DELETE FROM campaigns_target WHERE id = {SCHEDULED}",
        "UPDATE campaigns_campaign SET target_count = target_count + 1",
        """UPDATE campaigns_campaign SET final_counts = '{{"completed": 1}}'""",
    ],
    "promise_ledger": [
        "UPDATE billing_purse SET balance = balance + 1",
        "UPDATE billing_purse SET held = 1",
        "UPDATE billing_ledgerentry SET amount = amount - 1 WHERE kind = 'top-up'",
        "DELETE FROM billing_ledgerentry WHERE kind = 'charge'",
    ],
    "promise_holds": [
        "UPDATE billing_hold SET status = 'open' WHERE kind = 'customer'",
        "UPDATE billing_hold SET status = 'open' WHERE kind = 'agent'",
        "UPDATE billing_hold SET leg = gen_random_uuid()",
        "UPDATE calls_attempt SET state = 'talking' WHERE id = {ONE_CALL}",
    ],
    "promise_charges": [
        "UPDATE billing_hold SET charged = charged + 60 WHERE kind = 'customer'",
        "UPDATE billing_ledgerentry SET amount = amount - 1 WHERE kind = 'charge'",
        "DELETE FROM billing_ledgerentry WHERE kind = 'charge'",
        "UPDATE calls_attempt SET answered_at = NULL WHERE answered_at IS NOT NULL",
        "DELETE FROM billing_hold WHERE charged > 0",
    ],
    "promise_calling_window": [
        # 08:59:59 and 20:59:31 in India; the campaign rings for 30 s.
        "UPDATE calls_attempt SET placed_at = '2026-11-23 03:29:59Z' WHERE id = {ONE_CALL}",
        "UPDATE calls_attempt SET placed_at = '2026-11-23 15:29:31Z' WHERE id = {ONE_CALL}",
        "UPDATE campaigns_campaign SET window_closes = '10:30'",
        # As if the account had moved before the calls, or its hours had been other ones then.
        "UPDATE audit_auditentry SET at = at - interval '1 h' WHERE action = 'account.change'",
        """UPDATE audit_auditentry SET before = '{{"window_opens": "11:00"}}'
            WHERE before ? 'window_opens'""",
        "UPDATE campaigns_campaign SET starts_at = starts_at + interval '1 h'",
        "UPDATE campaigns_campaign SET ends_at = starts_at",
        "UPDATE campaigns_campaign SET starts_at = starts_at - interval '31 days'",
    ],
    "promise_do_not_call": [
        "INSERT INTO contacts_dndentry (account_id, e164, added_at)"
        " SELECT account_id, e164, placed_at - interval '2 s' FROM calls_attempt"
        " WHERE id = {ONE_CALL}",
    ],
    "promise_caller_id": [
        "UPDATE calls_attempt SET caller_id = '+918000000000' WHERE id = {ONE_CALL}",
    ],
    "promise_caller_id_is_verified": [
        # Unverified between the calls, never verified, and unverified by hand.
        "UPDATE audit_auditentry SET at = at - interval '5 min'"
        " WHERE action = 'caller_id.unverify'",
        "DELETE FROM audit_auditentry WHERE action = 'caller_id.add'",
        "DELETE FROM audit_auditentry WHERE action = 'caller_id.unverify'",
    ],
    "promise_target_history": [
        "UPDATE campaigns_target SET status = 'invalid' WHERE status = 'completed'",
        "UPDATE campaigns_targetchange SET new = 'busy' WHERE new = 'retry'",
        "DELETE FROM campaigns_targetchange WHERE new = 'in-progress'",
        "DELETE FROM campaigns_targetchange",
        "INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)"
        " SELECT id, 'completed', 'retry', '', changed_at FROM campaigns_target"
        " WHERE status = 'completed'",
    ],
    "promise_campaign_history": [
        "DELETE FROM campaigns_campaignchange",
        "DELETE FROM campaigns_campaignchange WHERE new = 'paused'",
        "UPDATE campaigns_campaign SET status = 'archived'",
    ],
    "promise_told": [
        "UPDATE campaigns_campaign SET call_completed_url = 'https://crm.example/done'",
        "UPDATE calls_attempt SET status = 'no-answer' WHERE id = {ONE_CALL};"
        "UPDATE campaigns_campaign SET call_no_answer_url = 'https://crm.example/missed'",
    ],
    "promise_delivered": [f"{DELIVERY} {{ACME}}, 'c1:popup') AS one (account_id, lane)"],
    "promise_no_call_while_stopped": [
        "UPDATE campaigns_campaignchange SET at = at - interval '4 min' WHERE new = 'paused'",
        "UPDATE campaigns_campaignchange SET at = at - interval '3 min' WHERE new = 'completed'",
        "UPDATE campaigns_campaignchange SET at = at + interval '2 s', new = 'created'"
        " WHERE old = ''; UPDATE calls_attempt SET placed_at = placed_at + interval '4 s'",
    ],
    "promise_completed_once": [
        "INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)"
        " SELECT campaign_id, old, new, reason, actor, at FROM campaigns_campaignchange"
        " WHERE new = 'completed'",
    ],
    "promise_nothing_waits_after_the_end": [
        "UPDATE campaigns_target SET status = 'scheduled' WHERE campaign_id = {DIALLED}",
        "UPDATE campaigns_campaign SET status = 'completed'",
    ],
    "promise_agents_are_released": [
        "UPDATE calls_session SET status = 'ready', ended_at = NULL;"
        "UPDATE campaigns_campaignchange SET at = at - interval '2 h' WHERE new = 'completed'",
    ],
    "promise_durations": [
        "UPDATE calls_attempt SET ended_at = answered_at - interval '1 s'",
        "UPDATE calls_attempt SET placed_at = answered_at + interval '1 s'"
        " WHERE answered_at IS NOT NULL",
        "UPDATE calls_session SET ended_at = created_at - interval '2 s'",
    ],
    "promise_audit": [
        "DELETE FROM audit_auditentry WHERE action = 'campaign.pause'",
        "UPDATE audit_auditentry SET account_id = {OTHER}",
        "INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)"
        " SELECT {DIALLED}, 'completed', 'archived', '', 'devi', max(at) + interval '1 s'"
        " FROM campaigns_campaignchange",
    ],
    "promise_account_of_calls": [
        "UPDATE calls_attempt SET account_id = {OTHER} WHERE id = {ONE_CALL}",
        "UPDATE calls_attempt SET user_id = user_id + 1 WHERE id = {ONE_CALL}",
        "UPDATE calls_attempt SET campaign_id = campaign_id - 1 WHERE id = {ONE_CALL}",
        "UPDATE calls_attempt SET target_id = target_id + 3 WHERE id = {ONE_CALL}",
        "UPDATE campaigns_target SET e164 = '+919999999999' WHERE status = 'completed'",
    ],
    "promise_account_of_sessions": [
        "UPDATE calls_session SET account_id = {OTHER}",
        "UPDATE calls_session SET campaign_id = campaign_id - 1",
        "UPDATE calls_session SET user_id = (SELECT min(id) FROM accounts_user)",
        "UPDATE calls_session SET device_id = (SELECT min(id) FROM agents_agentdevice)",
    ],
    "promise_account_of_targets": [
        "UPDATE campaigns_target SET account_id = {OTHER} WHERE status = 'completed'",
    ],
    "promise_account_of_campaigns": [
        "UPDATE campaigns_callerid SET account_id = {OTHER}",
        "UPDATE contacts_contactlist SET account_id = {OTHER}",
        "UPDATE agents_group SET account_id = {OTHER}",
        "UPDATE campaigns_campaign SET created_by_id = (SELECT max(id) FROM accounts_user)",
        "INSERT INTO campaigns_campaignagent (campaign_id, user_id)"
        " SELECT {DIALLED}, min(id) FROM accounts_user",
    ],
    "promise_account_of_groups": [
        "UPDATE agents_groupmember SET user_id = (SELECT min(id) FROM accounts_user)",
    ],
    "promise_account_of_lists": [
        "UPDATE contacts_contact SET account_id = {ACME}",
    ],
    "promise_account_of_webhooks": [f"{DELIVERY} {{OTHER}}, 'c1:popup') AS one (account_id, lane)"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        pytest.param(name, plant, id=f"{name}-{at}")
        for name, plants in PLANTS.items()
        for at, plant in enumerate(plants)
    ],
)
def test_a_planted_breach_is_named(unprotected: str, name: str, plant: str) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(plant.format_map(ROWS))
        found = {each.promise.statement: each for each in verdicts(LATER)}
        transaction.set_rollback(True)
    breach = found[name]
    assert breach.broken > 0
    assert len(breach.examples) == min(5, breach.broken)
    assert str(breach).startswith(f"{breach.broken} {breach.promise.broken} ({breach.examples[0]}")


def test_without_a_plant_the_unprotected_tables_break_no_promise(unprotected: str) -> None:
    assert broken_promises(LATER) == []


def test_a_call_that_was_asked_for_just_before_the_resumption_breaks_no_promise(
    unprotected: str,
) -> None:
    resumed = (
        "UPDATE campaigns_campaignchange SET at = at + make_interval(secs => %s)"
        " WHERE old = 'paused'"
    )
    for late, is_broken in ((1.9, False), (2.1, True)):
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(resumed, [late])
            found = {each.promise.statement: each for each in verdicts(LATER)}
            transaction.set_rollback(True)
        assert bool(found["promise_no_call_while_stopped"].broken) is is_broken


def test_each_promise_has_a_plant() -> None:
    assert [promise.statement for promise in PROMISES] == list(PLANTS)
