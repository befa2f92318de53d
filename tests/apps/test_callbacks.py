"""The callbacks of programs that were written for Exotel: which are told, and what they get."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import connection

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.calls.models import Session
from autodialer.apps.calls.services import connect_call
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.services import (
    complete_campaign,
    create_campaign,
    pause_campaign,
    resume_campaign,
)
from autodialer.apps.campaigns.tells import Tells
from autodialer.apps.statements import statement
from autodialer.apps.webhooks.facts import parcel_of
from autodialer.apps.webhooks.models import Delivery
from autodialer.domain.ids import sid_of
from autodialer.domain.parcels import Letter, Stationery
from autodialer.domain.session import EndReason
from autodialer.domain.signing import Keyring
from tests.support.book import NOON, Book, make_book
from tests.support.outbox import answer, connected, dial, end, told

CRM = "https://crm.example"
ALL = Tells(f"{CRM}/calls?key=1", f"{CRM}/numbers", f"{CRM}/campaigns", "order 7")


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def campaign_with(book: Book, tells: Tells) -> Campaign:
    return create_campaign(
        account=book.account,
        actor=OPERATOR,
        name="Onam",
        caller_id=book.caller_id.pk,
        list_id=book.list_id,
        group_id=book.group.pk,
        tells=tells,
        now=NOON,
    )


def letters() -> list[Letter]:
    """What a courier would send, in the order of the deliveries."""
    ids = list(Delivery.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(statement("webhooks", "facts"), {"ids": ids})
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    stationery = Stationery(Keyring(b"k" * 32), "https://dialer.example")
    return [stationery.letter(parcel_of(row, NOON), NOON) for row in rows]


def posted(letter: Letter) -> Any:
    assert (letter.method, letter.headers["content-type"]) == ("POST", "application/json")
    assert letter.headers["webhook-id"].startswith("msg_")
    return json.loads(letter.body)


def test_each_callback_is_told_what_it_is_for_and_no_more(book: Book) -> None:
    campaign = campaign_with(book, ALL)
    call = dial(connected(book, campaign))
    answer(call)
    end(call, "completed", "answered")
    assert told() == [
        ("campaign_told", "campaign.started"),
        ("call_told", "call.ended"),
        ("number_told", "number.finished"),
    ]
    started, of_call, of_number = letters()
    sid = sid_of(campaign.pk)
    assert posted(started) == {
        "campaign_sid": sid,
        "status": "InProgress",
        "date_created": "2026-11-23T10:30:00+05:30",
        "date_updated": "2026-11-23T10:30:00+05:30",
        "report_url": f"https://dialer.example/api/v1/campaigns/{campaign.pk}/reports/numbers.csv",
    }
    assert of_call.url == f"{CRM}/calls?key=1"
    assert posted(of_call) == {
        "campaign_sid": sid,
        "call_sid": call.pk.hex,
        "number": call.e164,
        "status": "completed",
        "date_created": "2026-11-23T10:30:00+05:30",
        "date_updated": "2026-11-23T10:30:30+05:30",
    }
    assert posted(of_number) == {
        "campaign_sid": sid,
        "to": call.e164,
        "from": book.caller_id.e164,
        "call_sids": [call.pk.hex],
        "status": "completed",
        "date_created": "2026-11-23T10:30:00+05:30",
        "date_updated": "2026-11-23T10:30:30+05:30",
    }


def test_the_end_of_a_campaign_is_told_with_the_numbers_that_it_finishes(book: Book) -> None:
    campaign = campaign_with(book, ALL)
    act = {"account": book.account, "campaign_id": campaign.pk, "actor": OPERATOR, "now": NOON}
    pause_campaign(**act)  # type: ignore[arg-type]
    resume_campaign(**act)  # type: ignore[arg-type]
    pause_campaign(**act)  # type: ignore[arg-type]
    complete_campaign(**act)  # type: ignore[arg-type]
    assert told() == [
        ("campaign_told", "campaign.started"),
        ("campaign_told", "campaign.completed"),
        *[("number_told", "number.finished")] * 3,
    ]
    assert posted(letters()[1])["status"] == "Completed"
    assert {posted(each)["status"] for each in letters()[2:]} == {"failed-no-attempt"}


def test_nobody_is_told_of_a_call_that_was_never_sent(book: Book) -> None:
    campaign = campaign_with(book, Tells(call_url=f"{CRM}/calls"))
    end(dial(connected(book, campaign)), "failed", "not_sent", sent=False)
    assert told() == []


def test_a_campaign_without_callbacks_tells_nobody(book: Book) -> None:
    campaign_with(make_book("Bharat"), ALL)
    Delivery.objects.all().delete()
    end(dial(connected(book, book.campaign())), "busy", "busy")
    assert told() == []


def single_call(book: Book, tells: Tells) -> Session:
    session_id = connect_call(
        account=book.account,
        phone=book.device.address,
        number="+919876543210",
        caller_id=book.caller_id.pk,
        tells=tells,
        now=NOON,
    )
    return Session.objects.get(pk=session_id)


def fields_of(letter: Letter) -> dict[str, str]:
    assert (letter.method, letter.url) == ("POST", f"{CRM}/calls")
    assert letter.headers["content-type"] == "application/x-www-form-urlencoded"
    return {name: values[0] for name, values in parse_qs(letter.body.decode()).items()}


SINGLE = Tells(call_url=f"{CRM}/calls", custom_field="order 7")


def test_the_callback_of_a_single_call_gets_a_form_with_its_sid(book: Book) -> None:
    session = single_call(book, SINGLE)
    call = dial(session)
    answer(call)
    end(call, "completed", "answered")
    (letter,) = letters()
    form = fields_of(letter)
    assert form | {"Legs[0][Status]": "completed"} == form
    expected = {
        "CallSid": session.pk.hex,
        "EventType": "terminal",
        "Status": "completed",
        "From": book.device.address,
        "To": "+919876543210",
        "CustomField": "order 7",
        "ConversationDuration": "25",
        "EndTime": "2026-11-23 10:30:30",
        "RecordingUrl": f"https://dialer.example/recordings/{call.pk}/",
    }
    assert {name: form[name] for name in expected} == expected
    # Its session ends after it, which is no other end of the call.
    leave(session, EndReason.CAMPAIGN_COMPLETED)
    assert told() == [("call_told", "call.ended")]


def leave(session: Session, reason: EndReason) -> None:
    at = NOON + timedelta(seconds=20)
    Session.objects.filter(pk=session.pk).update(status="ended", end_reason=reason, ended_at=at)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (EndReason.AGENT_NO_ANSWER, "no-answer"),
        (EndReason.AGENT_BUSY, "busy"),
        (EndReason.AGENT_LEFT, "canceled"),
        (EndReason.OUTSIDE_WINDOW, "failed"),
    ],
)
def test_a_single_call_that_never_came_to_its_number_is_told_all_the_same(
    book: Book, reason: EndReason, status: str
) -> None:
    session = single_call(book, SINGLE)
    leave(session, reason)
    assert told() == [("call_told", "session.ended")]
    (letter,) = letters()
    form = fields_of(letter)
    expected = {
        "CallSid": session.pk.hex,
        "EventType": "terminal",
        "Status": status,
        "From": book.device.address,
        "To": "+919876543210",
        "PhoneNumberSid": book.caller_id.e164,
        "StartTime": "2026-11-23 10:30:00",
        "EndTime": "2026-11-23 10:30:20",
        "Legs[0][Status]": status,
    }
    assert {name: form[name] for name in expected} == expected


def test_a_call_that_was_never_sent_is_told_when_its_session_ends(book: Book) -> None:
    session = single_call(book, SINGLE)
    end(dial(session), "failed", "not_sent", sent=False)
    assert told() == []
    leave(session, EndReason.SWITCH_AWAY)
    assert told() == [("call_told", "session.ended")]


def test_a_session_of_a_campaign_that_calls_nobody_is_told_to_nobody(book: Book) -> None:
    session = connected(book, campaign_with(book, Tells(call_url=f"{CRM}/calls")))
    leave(session, EndReason.AGENT_NO_ANSWER)
    assert told() == []


@pytest.mark.parametrize(
    ("on_answer", "on_end", "kinds"),
    [
        (True, True, ["call.answered", "call.ended"]),
        (True, False, ["call.answered"]),
        (False, True, ["call.ended"]),
    ],
)
def test_a_single_call_is_told_of_what_was_asked_for(
    book: Book, *, on_answer: bool, on_end: bool, kinds: list[str]
) -> None:
    call = dial(single_call(book, replace(SINGLE, on_answer=on_answer, on_end=on_end)))
    answer(call)
    end(call, "completed", "answered")
    assert [kind for _, kind in told()] == kinds
    first = fields_of(letters()[0])
    if on_answer:
        assert (first["EventType"], first["Status"]) == ("answered", "in-progress")
        assert {"EndTime", "RecordingUrl"}.isdisjoint(first)


def test_a_single_call_is_told_in_json_or_in_parts_to_who_asked_for_it(book: Book) -> None:
    end(dial(single_call(book, replace(SINGLE, content_type="application/json"))), "busy", "busy")
    (as_json,) = letters()
    assert posted(as_json)["Legs"] == [{"OnCallDuration": "0", "Status": "busy"}]
    assert posted(as_json)["CustomField"] == "order 7"

    other = make_book("Bharat")
    Delivery.objects.all().delete()
    tells = replace(SINGLE, content_type="multipart/form-data")
    end(dial(single_call(other, tells)), "busy", "busy")
    (in_parts,) = letters()
    kind = in_parts.headers["content-type"].encode()
    message = message_from_bytes(b"Content-Type: %s\r\n\r\n%s" % (kind, in_parts.body))
    parts = {
        part.get_param("name", header="content-disposition"): part.get_payload()
        for part in message.walk()
        if not part.is_multipart()
    }
    assert parts["CustomField"] == "order 7"
    assert parts["Legs[0][Status]"] == "busy"
