"""The callbacks of programs that were written for Exotel: which are told, and what they get."""

from __future__ import annotations

import json
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


def test_the_callback_of_a_single_call_gets_a_form_with_its_sid(book: Book) -> None:
    session_id = connect_call(
        account=book.account,
        phone=book.device.address,
        number="+919876543210",
        caller_id=book.caller_id.pk,
        tells=Tells(call_url=f"{CRM}/calls", custom_field="order 7"),
        now=NOON,
    )
    call = dial(Session.objects.get(pk=session_id))
    answer(call)
    end(call, "completed", "answered")
    (letter,) = letters()
    assert (letter.method, letter.url) == ("POST", f"{CRM}/calls")
    assert letter.headers["content-type"] == "application/x-www-form-urlencoded"
    form = {name: values[0] for name, values in parse_qs(letter.body.decode()).items()}
    assert form | {"Legs[0][Status]": "completed"} == form
    expected = {
        "CallSid": session_id.hex,
        "Status": "completed",
        "From": book.device.address,
        "To": "+919876543210",
        "CustomField": "order 7",
        "ConversationDuration": "25",
        "EndTime": "2026-11-23 10:30:30",
        "RecordingUrl": f"https://dialer.example/recordings/{call.pk}/",
    }
    assert {name: form[name] for name in expected} == expected
