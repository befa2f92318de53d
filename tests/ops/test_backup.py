"""A backup that is made while calls live, restored elsewhere: all of it, and it calls nobody."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from psycopg import errors, sql

from autodialer.adapters.pg.store import PgStore
from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, set_group_members
from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.billing.models import Hold, Purse
from autodialer.apps.billing.services import set_payment_mode, set_tariffs, top_up
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.promises import broken_promises
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign, CampaignChange
from autodialer.apps.campaigns.services import pause_campaign, resume_campaign
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.webhooks.models import Delivery, Endpoint, Event
from autodialer.domain import outcome
from autodialer.domain.ids import SessionId
from autodialer.domain.money import PaymentMode, Rate
from autodialer.domain.session import Claimed, EndReason
from autodialer.ops.backup import tables
from autodialer.ops.backup.archive import Seal, verified
from autodialer.ops.backup.load import Restored, restore
from autodialer.ops.backup.save import save
from autodialer.ops.errors import BackupVersionError, RestoreRefusedError
from autodialer.ports.store import Lease
from tests.contract.store_world import claimed, finishing, lease_of, new_attempt
from tests.support.book import NOON, Book, make_book
from tests.support.database import Databases, django_on

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

SEAL: Final = Seal(b"the key of this installation, long enough")
MINUTE: Final = timedelta(minutes=1)
SAVED_AT: Final = NOON + 5 * MINUTE
RESTORED_AT: Final = NOON + 60 * MINUTE
HELLO: Final = b"RIFF and so on"


@dataclass(frozen=True)
class Office:
    """A site in the middle of its work, and the folder of its recordings."""

    url: str
    book: Book
    running: Campaign
    recordings: Path
    answered: str


@pytest.fixture(scope="module")
def office(
    databases: Databases,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Office]:
    """One call that has ended, one that rings, one that is talking, a Start that nobody took."""
    with databases.copy() as url, django_on(url), django_db_blocker.unblock():
        yield make_office(url, tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module")
def backup(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backup") / "backup.zip"
    save(file, SEAL, office.recordings, SAVED_AT)
    return file


def make_office(url: str, recordings: Path) -> Office:
    book = make_book(rows=6)
    running = book.campaign(terms=Terms(retries=1, retry_statuses=("failed",)))
    paused = book.campaign("Stopped")
    pause_campaign(account=book.account, campaign_id=paused.pk, actor=OPERATOR, now=NOON)
    book.campaign("Tomorrow", Terms(starts_at=NOON + timedelta(days=1)))
    Endpoint.objects.create(
        account=book.account,
        url="https://crm.example/in",
        salt="s",
        created_at=NOON,
        changed_at=NOON,
    )
    _pay(book)
    talker, ringer, waiter = _agents(book)
    sessions = [_start(book, running, user, NOON) for user in (talker, ringer)]
    answered = asyncio.run(_work(url, *sessions))
    _start(book, running, waiter, SAVED_AT - timedelta(seconds=1))
    (recordings / answered).write_bytes(HELLO)
    return Office(url, book, running, recordings, answered)


def _pay(book: Book) -> None:
    set_payment_mode(account=book.account, mode=PaymentMode.PREPAID, actor=OPERATOR, now=NOON)
    rates = {"+91": Rate(60, 60, 60, 60)}
    set_tariffs(account=book.account, rates=rates, actor=OPERATOR, now=NOON)
    top_up(account=book.account, amount=100_000, reference="INV-1", actor=OPERATOR, now=NOON)


def _agents(book: Book) -> list[User]:
    users = [
        create_user(
            account=book.account,
            email=f"agent{at}@acme.example",
            name=f"Agent {at}",
            role=Role.AGENT,
            now=NOON,
        )
        for at in range(3)
    ]
    for at, user in enumerate(users):
        add_device(
            account=book.account,
            user_id=user.pk,
            kind=DeviceKind.PHONE,
            address=f"+9199000000{at:02d}",
            now=NOON,
        )
    ids = [user.pk for user in users]
    set_group_members(account=book.account, now=NOON, group_id=book.group.pk, user_ids=ids)
    return users


def _start(book: Book, campaign: Campaign, user: User, at: datetime) -> SessionId:
    started = start_session(account=book.account, campaign_id=campaign.pk, user_id=user.pk, now=at)
    return SessionId(started.session_id)


async def _work(url: str, talks: SessionId, rings: SessionId) -> str:
    """Leave one call talking and one ringing; return the recording of one that was answered."""
    async with PgStore(url) as store:
        lease = await lease_of(store)
        await store.take_sessions(lease, 2, NOON)
        for session in (talks, rings):
            await store.mark_ready(lease, session, NOON)
        first = claimed(await store.claim(lease, talks, new_attempt(), NOON))
        await store.mark_answered(lease, first.attempt_id, NOON + timedelta(seconds=5))
        ended = NOON + MINUTE
        await store.finish(lease, finishing(first, outcome.TALKED, ended), None)
        second = claimed(await store.claim(lease, talks, new_attempt(), ended))
        await store.mark_answered(lease, second.attempt_id, ended + timedelta(seconds=5))
        claimed(await store.claim(lease, rings, new_attempt(), SAVED_AT - timedelta(seconds=5)))
        await store.release_lease(lease, SAVED_AT)
    return f"{first.attempt_id.hex}.wav"


@dataclass(frozen=True)
class There:
    """Another, empty installation: its database, in which Django works, and its recordings."""

    url: str
    recordings: Path


@pytest.fixture
def there(databases: Databases, office: Office, tmp_path: Path) -> Iterator[There]:
    with databases.copy() as url, django_on(url):
        yield There(url, tmp_path / "there")


@pytest.fixture(scope="module")
def restored(
    databases: Databases, backup: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[There, Restored]]:
    """The backup in another installation, only to be looked at."""
    with databases.copy() as url:
        there = There(url, tmp_path_factory.mktemp("there"))
        with django_on(url):
            done = bring_back(backup, there.recordings)
        yield there, done


@pytest.fixture
def afterwards(restored: tuple[There, Restored]) -> Iterator[There]:
    with django_on(restored[0].url):
        yield restored[0]


def bring_back(backup: Path, folder: Path, **options: Any) -> Restored:
    with verified(backup, SEAL) as found:
        return restore(found, folder, RESTORED_AT, **options)


def content(url: str) -> dict[str, str]:
    """What each table holds, as one digest a table."""
    with psycopg.connect(url) as raw:
        return {table.name: _digest(raw, table) for table in tables.saved_tables(raw)}


def _digest(raw: psycopg.Connection[Any], table: tables.Table) -> str:
    rows = raw.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table.name)))
    return hashlib.sha256("\n".join(sorted(row for (row,) in rows)).encode()).hexdigest()


def test_everything_that_was_at_rest_comes_back_as_it_was(
    office: Office, restored: tuple[There, Restored]
) -> None:
    there, done = restored
    before, after = content(office.url), content(there.url)
    assert {name for name, digest in before.items() if after[name] != digest} == {
        # The nodes, what lived, what it had reserved, and that campaigns are paused, with history.
        *("calls_node", "calls_session", "calls_attempt", "billing_hold", "billing_purse"),
        *("billing_ledgerentry", "campaigns_campaign", "campaigns_campaignchange"),
        *("campaigns_target", "campaigns_targetchange", "audit_auditentry"),
        # Those who want to know are told of that.
        *("webhooks_event", "webhooks_delivery"),
    }
    assert (done.campaigns_paused, done.sessions_ended, done.calls_ended) == (2, 3, 2)
    assert (there.recordings / office.answered).read_bytes() == HELLO
    assert done.made_at == SAVED_AT


def test_a_restored_system_breaks_no_promise(afterwards: There) -> None:
    assert broken_promises(RESTORED_AT) == []


def test_every_campaign_that_ran_or_waited_is_paused_and_says_why(afterwards: There) -> None:
    told = set(Campaign.objects.values_list("name", "status", "reason"))
    assert told == {
        ("Diwali", "paused", "restored"),
        ("Tomorrow", "paused", "restored"),
        ("Stopped", "paused", "paused_by_user"),
    }
    steps = CampaignChange.objects.filter(reason="restored", at=RESTORED_AT)
    moves = {("in-progress", "paused"), ("created", "paused")}
    assert set(steps.values_list("old", "new")) == moves
    noted = AuditEntry.objects.filter(at=RESTORED_AT).values_list("action", flat=True)
    assert sorted(noted) == ["backup.restore", "campaign.pause", "campaign.pause"]


def test_what_lived_has_ended_and_was_a_try(afterwards: There) -> None:
    assert set(Session.objects.values_list("status", "end_reason")) == {("ended", "restored")}
    outcomes = Attempt.objects.values_list("state", "status", "reason", "estimated")
    assert sorted(outcomes) == [
        ("ended", "completed", "answered", False),
        ("ended", "completed", "answered", True),
        ("ended", "failed", "outcome_unknown", True),
    ]
    talked = Attempt.objects.get(status="completed", estimated=True)
    assert talked.ended_at == SAVED_AT  # charged up to what is known
    lost = Attempt.objects.get(status="failed").target
    assert (lost.status, lost.tries) == ("retry", 1)
    assert not Hold.objects.filter(status="open").exists()
    assert Purse.objects.get().held == 0
    node = Node.objects.get()
    assert (node.holder, node.lease_until, node.switch_instance) == ("", None, "")


def test_what_was_not_delivered_still_will_be_under_the_same_id(
    office: Office, afterwards: There
) -> None:
    with psycopg.connect(office.url) as raw:
        waiting = raw.execute("SELECT event_id, lane FROM webhooks_delivery").fetchall()
    assert waiting
    here = Delivery.objects.filter(status="pending").values_list("event_id", "lane")
    assert set(waiting) <= set(here)
    kinds = Event.objects.filter(at=RESTORED_AT).values_list("kind", flat=True)
    assert set(kinds) == {"campaign.paused"}


def test_triggers_guard_a_restored_database(afterwards: There) -> None:
    with psycopg.connect(afterwards.url) as raw, pytest.raises(errors.RestrictViolation):
        raw.execute("DELETE FROM audit_auditentry")


def test_a_resumed_campaign_goes_on_with_those_who_were_not_called(
    office: Office, backup: Path, there: There
) -> None:
    bring_back(backup, there.recordings)
    called = set(Attempt.objects.values_list("e164", flat=True))
    assert len(called) == 3
    highest = Campaign.objects.order_by("-pk")[0].pk
    assert office.book.campaign("New").pk > highest
    later = RESTORED_AT + MINUTE
    for name in ("Diwali", "Tomorrow"):
        campaign = Campaign.objects.get(name=name)
        resume_campaign(
            account=campaign.account, campaign_id=campaign.pk, actor=OPERATOR, now=later
        )
    statuses = dict(Campaign.objects.values_list("name", "status"))
    assert statuses["Tomorrow"] == "created"  # its start is still to come
    assert statuses["Diwali"] == "in-progress"
    user = User.objects.get(name="Agent 0")
    session = _start(office.book, Campaign.objects.get(name="Diwali"), user, later)
    asyncio.run(_claim_three(there.url, session, later, called))
    assert broken_promises(later + MINUTE) == []


async def _claim_three(url: str, session: SessionId, at: datetime, called: set[str]) -> None:
    """Those who were never called come first; who was called and lost comes as a retry."""
    async with PgStore(url) as store:
        lease = await store.acquire_lease("north", "new", at, timedelta(days=1))
        assert isinstance(lease, Lease)
        await store.take_sessions(lease, 1, at)
        await store.mark_ready(lease, session, at)
        tries = []
        for _ in range(4):
            call = claimed(await store.claim(lease, session, new_attempt(), at))
            tries.append((call.e164 in called, call.tries))
            await store.finish(lease, finishing(call, outcome.TALKED, at), None)
        assert tries == [(False, 1), (False, 1), (False, 1), (True, 2)]
        assert not isinstance(await store.claim(lease, session, new_attempt(), at), Claimed)
        await store.end_session(lease, session, EndReason.STOPPED, at)


def test_a_database_that_is_not_empty_is_left_alone(
    office: Office, backup: Path, tmp_path: Path
) -> None:
    before = content(office.url)
    with pytest.raises(RestoreRefusedError, match="--replace"):
        bring_back(backup, tmp_path)
    assert content(office.url) == before
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_restored_while_a_dialer_drives_a_node(
    office: Office, backup: Path, tmp_path: Path
) -> None:
    node = Node.objects.filter(name="north")
    node.update(holder="dialer", lease_until=RESTORED_AT + timedelta(seconds=5))
    before = content(office.url)
    with pytest.raises(RestoreRefusedError, match="north"):
        bring_back(backup, tmp_path, replace=True)
    assert content(office.url) == before
    node.update(holder="", lease_until=SAVED_AT)


def test_nothing_is_restored_while_somebody_works_in_the_database(
    office: Office, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodialer.ops.backup.load._PATIENCE", "SET LOCAL lock_timeout = '50ms'")
    with psycopg.connect(office.url) as page:
        page.execute("SELECT count(*) FROM campaigns_target")
        with pytest.raises(RestoreRefusedError, match="stop the pages"):
            bring_back(backup, tmp_path, replace=True)


def test_a_restore_that_fails_at_its_end_changes_nothing(
    office: Office, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RestoreRefusedError("as if the power had gone")

    before = content(office.url)
    monkeypatch.setattr("autodialer.ops.backup.load.record_for_all", fail)
    with pytest.raises(RestoreRefusedError):
        bring_back(backup, tmp_path, replace=True)
    assert content(office.url) == before
    assert list(tmp_path.iterdir()) == []
    with psycopg.connect(office.url) as raw, pytest.raises(errors.RestrictViolation):
        raw.execute("DELETE FROM campaigns_targetchange")


def test_replace_forgets_what_came_after_the_backup(backup: Path, there: There) -> None:
    create_account(name="Came later", now=RESTORED_AT)
    Node.objects.create(name="south", epoch=70, created_at=NOON)
    bring_back(backup, there.recordings, replace=True)
    assert [account.name for account in Account.objects.all()] == ["Acme"]
    assert Node.objects.get(name="north").epoch > 70  # a dialer of then is not believed
    assert broken_promises(RESTORED_AT) == []


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM django_migrations WHERE app = 'webhooks'", "newer"),
        (
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('calls', '0099_later', '2026-11-23')",
            "older",
        ),
        ("ALTER TABLE calls_node ADD COLUMN colour text", "not those of this version"),
    ],
)
def test_a_backup_of_another_version_is_refused(
    backup: Path, there: There, statement: str, says: str
) -> None:
    with psycopg.connect(there.url) as raw:
        raw.execute(statement)
    with pytest.raises(BackupVersionError, match=says):
        bring_back(backup, there.recordings)
    assert not Account.objects.exists()


def test_a_backup_is_of_one_instant(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed while it is made is in none of its tables, whenever each is read."""
    original = tables.saved_tables

    def meddling(raw: psycopg.Connection[Any]) -> list[tables.Table]:
        found = original(raw)  # the first statement of the transaction: its instant
        with psycopg.connect(office.url) as other:
            other.execute("UPDATE webhooks_endpoint SET description = 'Meddled'")
        return found

    monkeypatch.setattr(tables, "saved_tables", meddling)
    save(tmp_path / "b.zip", SEAL, None, SAVED_AT)
    # Other tests compare this office with what was restored of it.
    assert Endpoint.objects.filter(description="Meddled").update(description="") == 1
    with verified(tmp_path / "b.zip", SEAL) as found:
        assert b"Meddled" not in b"".join(found.blocks("tables/webhooks_endpoint"))
