"""The audit log: complete, true and unchangeable."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.audit import queries
from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.calls.services import play_recording, start_session, stop_session
from autodialer.apps.campaigns import services as campaigns
from autodialer.apps.campaigns.queries import plan_of
from autodialer.apps.campaigns.terms import Terms
from autodialer.domain.errors import AutodialerError
from tests.support.acts import ACTS, LATER, answered_call
from tests.support.book import NOON, Book, make_book
from tests.support.services import told_who_acts

# Services that are told who acts and leave nothing of their own, and why.
LEFT_BY_OTHERS = {
    "audit.record": "is what leaves it",
    "campaigns.audit": "is what leaves it, of a campaign",
    "campaigns.note_change": "part of its caller's transaction; left there",
    "campaigns.new_single_call": "part of calls.connect_call; leaves campaign.create",
    "contacts.note_export": "is what leaves it, of a list that is taken away",
    "webhooks.delivery_detail": "reads, and payloads are made of what the reader may see",
    "campaigns.pause_restored": "leaves one in each campaign that it pauses",
    "contacts.list_of_numbers": "part of its caller's transaction; left there",
    "contacts.insert_dnd": "part of its caller's transaction; left there",
    "imports.begin_import": "changes nothing that anybody else sees",
    "imports.plan_import": "changes nothing that anybody else sees",
    "imports.confirm_import": "ends in list.import when the worker has saved the rows",
    "imports.cancel_import": "changes nothing that anybody else sees",
    "imports.check_undoable": "changes nothing",
    "imports.undo_import": "see test_import_undo: it needs a transaction of its own",
    "accounts.make_first_admin": "is new_account and new_user, and leaves the entry of each",
    "accounts.create_account": "leaves it in the account that it makes",
    "accounts.new_account": "is create_account inside a transaction",
    "accounts.new_user": "is create_user inside a transaction",
    "agents.new_device": "is add_device inside a transaction",
    "agents.invite_user": "is these two, and leaves the entry of each",
}


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


@pytest.mark.parametrize("service", ACTS)
def test_each_service_that_is_told_who_acts_leaves_one_entry(book: Book, service: str) -> None:
    walker = replace(OPERATOR, name="walker", request_id="req-7", from_address="192.0.2.7")
    ACTS[service].do(book, walker)
    newest, *rest = queries.entries(book.account)
    assert (newest.action, newest.who, newest.at) == (ACTS[service].action, "walker", NOON)
    assert [e for e in rest if (e.action, e.who) == (newest.action, "walker")] == []
    # A worker finishes an import; who asked for it is known, the request is over.
    request = ("req-7", "192.0.2.7") if service != "imports.queue_import" else (None, None)
    assert (newest.request_id, newest.from_address) == request


def test_no_service_that_is_told_who_acts_is_left_out_of_the_walk() -> None:
    assert {*ACTS, *LEFT_BY_OTHERS} == set(told_who_acts())


def test_a_recording_that_is_played_in_pieces_is_noted_once(book: Book) -> None:
    call, asha = answered_call(book), Actor.of(book.supervisor)

    def play(minutes: int, actor: Actor) -> str:
        return play_recording(
            account=book.account,
            call_id=call.pk,
            actor=actor,
            now=NOON + timedelta(minutes=minutes),
        )

    assert {play(0, asha), play(1, asha), play(9, asha)} == {f"{call.pk}.wav"}
    assert len(queries.entries(book.account, subject_kind="call")) == 1
    play(9, Actor.of(book.admin))
    play(11, asha)
    assert [e.who for e in queries.entries(book.account, subject_kind="call")] == [
        "Asha",
        "Devi",
        "Asha",
    ]


def test_what_people_do_to_themselves_on_the_phone_is_not_privileged(book: Book) -> None:
    bina, before = Actor.of(book.agent), len(queries.entries(book.account))
    campaign_id = book.campaign().pk
    started = start_session(
        account=book.account,
        campaign_id=campaign_id,
        user_id=book.agent.pk,
        actor=bina,
        now=NOON,
    )
    stop_session(account=book.account, session_id=started.session_id, actor=bina, now=NOON)
    assert len(queries.entries(book.account)) == before + 1  # the campaign


def test_an_entry_tells_who_did_what_to_which_thing_and_only_what_changed(book: Book) -> None:
    campaign = book.campaign()
    asha = Actor(book.supervisor.name, Actor.of(book.supervisor).role, book.supervisor, "req-1")
    campaigns.pause_campaign(
        account=book.account, campaign_id=campaign.pk, actor=asha, now=NOON + timedelta(minutes=1)
    )
    (entry, *_) = queries.entries(
        book.account, subject_kind="campaign", subject_id=str(campaign.pk)
    )
    assert (entry.who, entry.action, entry.request_id) == ("Asha", "campaign.pause", "req-1")
    assert entry.before == {"status": "in-progress", "reason": ""}
    assert entry.after == {"status": "paused", "reason": "paused_by_user"}


def test_an_edit_keeps_only_the_differences(book: Book) -> None:
    campaign = book.campaign(terms=LATER)
    plan = plan_of(campaign)
    terms = Terms(starts_at=LATER.starts_at, ends_at=campaign.ends_at, ring_timeout_s=45)
    campaigns.edit_campaign(
        account=book.account,
        campaign_id=campaign.pk,
        actor=OPERATOR,
        plan=plan.__class__(
            "Holi", plan.caller_id, plan.list_id, group_id=plan.group_id, terms=terms
        ),
        now=NOON,
    )
    newest = queries.entries(book.account)[0]
    assert newest.before == {"name": "Diwali", "ring_timeout_s": 30}
    assert newest.after == {"name": "Holi", "ring_timeout_s": 45}


def test_what_was_refused_leaves_no_entry(book: Book) -> None:
    campaign = book.campaign()
    before = len(queries.entries(book.account))
    with pytest.raises(AutodialerError):
        campaigns.resume_campaign(
            account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=NOON
        )
    assert len(queries.entries(book.account)) == before


def test_no_account_sees_the_log_of_another(book: Book) -> None:
    stranger = make_book("Zenith")
    book.campaign()
    ours = [entry.action for entry in queries.entries(book.account)]
    theirs = [entry.action for entry in queries.entries(stranger.account)]
    assert "campaign.create" in ours
    assert "campaign.create" not in theirs
    assert theirs.count("caller_id.add") == 1


@pytest.mark.parametrize(
    "query",
    [
        "UPDATE audit_auditentry SET who = 'nobody'",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry",
    ],
)
def test_postgresql_refuses_to_change_or_delete_an_entry(book: Book, query: str) -> None:
    with connection.cursor() as cursor:
        # Else a table with foreign keys that are yet to be checked cannot be emptied at all.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="only added to"), transaction.atomic():
            cursor.execute(query)
    assert AuditEntry.objects.exclude(who="nobody").exists()


def test_an_account_begins_with_who_made_it(book: Book) -> None:
    (first,) = queries.entries(book.account, subject_kind="account")
    assert (first.action, first.who) == ("account.create", "operator")
