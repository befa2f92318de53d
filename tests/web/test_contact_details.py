"""What Get Contacts said of a customer, wherever a call is shown."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.template.loader import render_to_string

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.calls import report
from autodialer.apps.calls.console import console, state_keys
from autodialer.apps.calls.details import call_detail
from autodialer.apps.calls.models import Attempt, Session
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.sheets import write_csv
from tests.apps.test_sessions import place, start
from tests.support.book import NOON, Book, make_book

pytestmark = pytest.mark.django_db
SAID = {
    "first_name": "Rao <b>",
    "company": "Acme",
    "fields": {"order id": "A-17<script>", "city": "Mumbai"},
}


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def call(book: Book) -> Attempt:
    campaign = book.campaign()
    Target.objects.filter(campaign=campaign).update(
        contact={
            "first_name": "Asha",
            "last_name": "Old",
            "tag": "vip",
            "fields": {"city": "Pune", "plan": "gold"},
        }
    )
    session = start(book, campaign)
    Session.objects.filter(pk=session.pk).update(status="ready", ready_at=NOON)
    return place(session, 0)


def say(call: Attempt, contact: dict[str, Any] = SAID) -> None:
    Attempt.objects.filter(pk=call.pk).update(contact=contact)


def test_the_agents_card_fills_when_the_answer_comes(book: Book, call: Attempt) -> None:
    before = state_keys(book.account, [book.agent.pk])
    say(call)
    assert state_keys(book.account, [book.agent.pk]) != before
    shown = console(book.account, call.campaign, book.agent, NOON).callee
    assert shown is not None
    assert shown.call.contact == "Rao <b>"
    assert shown.fields == [
        ("Company", "Acme"),
        ("Tag", "vip"),
        ("city", "Mumbai"),
        ("plan", "gold"),
        ("order id", "A-17<script>"),
    ]
    page = render_to_string("work/_callee.html", {"callee": shown, "campaign": call.campaign})
    assert "A-17&lt;script&gt;" in page
    assert "<b>" not in page


def test_without_an_answer_the_list_is_shown(book: Book, call: Attempt) -> None:
    shown = console(book.account, call.campaign, book.agent, NOON).callee
    assert shown is not None
    assert shown.call.contact == "Asha Old"
    say(call, {"fields": {"city": "Mumbai"}})
    shown = console(book.account, call.campaign, book.agent, NOON).callee
    assert shown is not None
    assert shown.call.contact == "Asha Old"
    assert ("city", "Mumbai") in shown.fields


def test_details_and_report_of_a_call_have_the_answer(book: Book, call: Attempt) -> None:
    say(call)
    detail = call_detail(book.account, Actor.of(book.supervisor), call.campaign_id, call.pk)
    assert detail.call.contact == "Rao <b>"
    assert ("order id", "A-17<script>") in detail.fields
    out = io.StringIO(newline="")
    write_csv(report.calls(book.account, Campaign.objects.get(pk=call.campaign_id)), out)
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert row["contact"] == "Rao <b>"
