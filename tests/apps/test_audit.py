"""The audit log: complete, true and unchangeable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.audit import queries
from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.campaigns import services as campaigns
from autodialer.apps.campaigns.queries import plan_of
from autodialer.apps.campaigns.terms import Terms
from autodialer.domain.errors import AutodialerError
from tests.support.book import NOON, Book, make_book

LATER = Terms(starts_at=NOON + timedelta(hours=1))
# The apps whose privileged services, those that are told who acts, must leave an entry.
AUDITED = ("campaigns",)


def privileged() -> Iterator[str]:
    for app in AUDITED:
        module = import_module(f"autodialer.apps.{app}.services")
        for name, service in inspect.getmembers(module, inspect.isfunction):
            public = not name.startswith("_") and service.__module__ == module.__name__
            if public and "actor" in inspect.signature(service).parameters:
                yield f"{app}.{name}"


def steer(verb: str) -> Callable[[Book], object]:
    def act(book: Book) -> object:
        service = getattr(campaigns, f"{verb}_campaign")
        (campaign_id,) = (c.pk for c in [book.campaign(terms=LATER if verb == "archive" else None)])
        if verb == "resume":
            campaigns.pause_campaign(
                account=book.account, campaign_id=campaign_id, actor=OPERATOR, now=NOON
            )
        return service(account=book.account, campaign_id=campaign_id, actor=OPERATOR, now=NOON)

    return act


def edit(book: Book) -> object:
    campaign = book.campaign(terms=LATER)
    return campaigns.edit_campaign(
        account=book.account,
        campaign_id=campaign.pk,
        actor=OPERATOR,
        plan=plan_of(campaign),
        now=NOON,
    )


def add_caller_id(book: Book) -> object:
    return campaigns.add_caller_id(
        account=book.account, actor=OPERATOR, number="08045678902", now=NOON
    )


def unverify_caller_id(book: Book) -> object:
    return campaigns.unverify_caller_id(
        account=book.account, actor=OPERATOR, caller_id=book.caller_id.pk, now=NOON
    )


# How to do each of them once; the last act is the one that is looked at.
ACTS: dict[str, Callable[[Book], object]] = {
    "campaigns.add_caller_id": add_caller_id,
    "campaigns.unverify_caller_id": unverify_caller_id,
    "campaigns.create_campaign": lambda book: book.campaign(),
    "campaigns.clone_campaign": steer("clone"),
    "campaigns.edit_campaign": edit,
    "campaigns.pause_campaign": steer("pause"),
    "campaigns.resume_campaign": steer("resume"),
    "campaigns.complete_campaign": steer("complete"),
    "campaigns.archive_campaign": steer("archive"),
}
ACTIONS = {
    "campaigns.add_caller_id": "caller_id.add",
    "campaigns.unverify_caller_id": "caller_id.unverify",
}


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


@pytest.mark.parametrize("service", [*privileged()])
def test_each_privileged_service_leaves_an_entry(book: Book, service: str) -> None:
    assert service in ACTS, "say here how it is called"
    ACTS[service](book)
    verb, _, kind = service.partition(".")[2].partition("_")
    newest = queries.entries(book.account)[0]
    assert newest.action == ACTIONS.get(service, f"{kind}.{verb}")
    assert newest.at == NOON


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
