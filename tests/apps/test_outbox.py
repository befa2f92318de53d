"""What happens is told by the transaction in which it happens, to those who want to know."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.campaigns import services as campaigns
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.webhooks.models import Delivery, Endpoint, Event
from autodialer.apps.webhooks.queries import delivery_detail, endpoint_deliveries
from tests.support.book import NOON, Book, make_book
from tests.support.outbox import answer, connected, dial, end, endpoint, ring, told

CRM = "https://crm.example.com"
ALL_URLS = Terms(
    popup_url=f"{CRM}/popup",
    call_completed_url=f"{CRM}/completed",
    call_no_answer_url=f"{CRM}/no-answer",
)

NOW_RINGS = NOON + timedelta(seconds=2)


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def test_where_nobody_wants_to_know_nothing_is_written(book: Book) -> None:
    call = dial(connected(book, book.campaign()))
    answer(call)
    end(call, "completed", "answered")
    assert (Event.objects.count(), Delivery.objects.count()) == (0, 0)


def test_an_endpoint_is_told_of_all_steps_of_a_campaign_and_its_calls(book: Book) -> None:
    endpoint(book)
    campaign = book.campaign()
    call = dial(connected(book, campaign))
    answer(call)
    end(call, "completed", "answered")
    for act in (
        campaigns.pause_campaign,
        campaigns.resume_campaign,
        campaigns.complete_campaign,
        campaigns.archive_campaign,
    ):
        act(account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=NOON)
    kinds = [kind for _, kind in told()]
    assert kinds == [
        "campaign.created",
        "campaign.started",
        "call.dialing",
        "call.answered",
        "call.ended",
        "number.finished",
        "campaign.paused",
        "campaign.resumed",
        "campaign.completed",
        "number.finished",
        "number.finished",
        "campaign.archived",
    ]


def test_an_endpoint_is_told_only_of_the_kinds_that_it_wants(book: Book) -> None:
    endpoint(book, kinds=["call.ended"])
    call = dial(connected(book, book.campaign()))
    answer(call)
    end(call, "completed", "answered")
    assert told() == [("webhook", "call.ended")]


def test_two_endpoints_are_told_of_one_event_by_two_deliveries(book: Book) -> None:
    endpoint(book, kinds=["call.dialing"])
    endpoint(book, kinds=["call.dialing", "call.ended"])
    dial(connected(book, book.campaign()))
    assert Event.objects.count() == 1
    assert Delivery.objects.values("lane").distinct().count() == 2


def test_a_disabled_endpoint_and_those_of_other_accounts_are_told_nothing(book: Book) -> None:
    stranger = make_book("Zenith")
    endpoint(stranger)
    Endpoint.objects.filter(pk=endpoint(book).pk).update(
        disabled_reason="disabled_by_user", disabled_at=NOON
    )
    call = dial(connected(book, book.campaign()))
    end(call, "failed", "network_failure")
    assert told() == []


def test_an_answer_that_comes_with_the_end_is_told_before_it(book: Book) -> None:
    endpoint(book, kinds=["call.answered", "call.ended"])
    call = dial(connected(book, book.campaign()))
    at = NOON + timedelta(seconds=5)
    type(call).objects.filter(pk=call.pk).update(
        state="ended", status="completed", reason="answered", answered_at=at, ended_at=at
    )
    assert [kind for _, kind in told()] == ["call.answered", "call.ended"]


def test_what_is_rolled_back_is_not_told(book: Book) -> None:
    endpoint(book)
    session = connected(book, book.campaign())
    before = told()
    with transaction.atomic():
        dial(session)
        transaction.set_rollback(True)
    assert told() == before


# The URLs of a campaign ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "purposes"),
    [
        ("completed", "answered", {"popup", "call_completed"}),
        ("busy", "busy", {"popup", "call_completed"}),
        ("failed", "unknown_number", {"popup", "call_completed"}),
        ("no-answer", "ring_timeout", {"popup", "call_completed", "call_no_answer"}),
        ("no-answer", "agent_left", {"popup", "call_completed", "call_no_answer"}),
    ],
)
def test_each_end_goes_to_the_urls_that_are_for_it(
    book: Book, status: str, reason: str, purposes: set[str]
) -> None:
    call = dial(connected(book, book.campaign(terms=ALL_URLS)))
    assert told() == [("popup", "call.dialing")]
    end(call, status, reason)
    assert {purpose for purpose, kind in told() if kind == "call.ended"} == purposes


def test_the_popup_is_told_of_each_state_of_a_call_and_nobody_else_of_its_ringing(
    book: Book,
) -> None:
    endpoint(book, kinds=["call.answered"])
    endpoint(book)
    Delivery.objects.all().delete()
    call = dial(connected(book, book.campaign(terms=ALL_URLS)))
    Delivery.objects.all().delete()
    ring(call)
    assert told() == [("popup", "call.ringing")]
    assert Event.objects.get(kind="call.ringing").at == NOW_RINGS
    answer(call)
    end(call, "completed", "answered")
    popups = [kind for purpose, kind in told() if purpose == "popup"]
    assert popups == ["call.ringing", "call.answered", "call.ended"]


def test_a_call_that_was_surely_never_sent_ends_the_popup_and_was_no_call(book: Book) -> None:
    call = dial(connected(book, book.campaign(terms=ALL_URLS)))
    end(call, "failed", "not_sent", sent=False)
    assert told() == [("popup", "call.dialing"), ("popup", "call.ended")]


def test_what_a_url_is_sent_names_agent_and_customer(book: Book) -> None:
    call = dial(connected(book, book.campaign(terms=ALL_URLS)))
    end(call, "no-answer", "ring_timeout")
    found = Delivery.objects.get(purpose="call_no_answer")
    detail = delivery_detail(book.account, OPERATOR, found.pk, now=NOON)
    assert detail.url == f"{CRM}/no-answer"
    lines = dict(line.split("=", 1) for line in detail.payload.splitlines())
    assert lines["CallTo"] == call.e164
    assert lines["CallFrom"] == book.device.address
    assert lines["AgentEmail"] == book.agent.email
    assert lines["StartTime"] == "2026-11-23 10:30:00"


# Many at once --------------------------------------------------------------------------------


def test_a_campaign_of_thousands_is_completed_in_one_go_and_each_number_told(book: Book) -> None:
    endpoint(book)
    big = make_big(book, 5_000)
    campaigns.complete_campaign(account=book.account, campaign_id=big.pk, actor=OPERATOR, now=NOON)
    finished = Event.objects.filter(kind="number.finished", campaign=big)
    assert finished.count() == 5_000
    assert Delivery.objects.filter(event__in=finished).count() == 5_000
    newest, *_ = endpoint_deliveries(book.account, OPERATOR, Endpoint.objects.get().pk)
    payload = delivery_detail(book.account, OPERATOR, newest.id, now=NOON).payload
    assert json.loads(payload)["data"]["number"]["status"] == "failed-no-attempt"


def make_big(book: Book, size: int) -> Campaign:
    campaign = book.campaign("Big")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO campaigns_target (account_id, campaign_id, seq, e164, contact, status,"
            " reason, tries, max_tries, changed_at)"
            " SELECT account_id, id, 100 + n, '+91' || 8000000000 + n, '{}', 'scheduled', '', 0,"
            " 1, created_at FROM campaigns_campaign, generate_series(1, %s) AS n WHERE id = %s",
            [size - 3, campaign.pk],
        )
    return campaign
