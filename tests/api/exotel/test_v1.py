"""The shapes of v1: calls and numbers, in JSON and XML."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from autodialer.api.exotel.documents import as_xml
from autodialer.api.exotel.sids import sid_of
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.services import connect_call
from autodialer.apps.campaigns.models import Target
from autodialer.apps.campaigns.tells import Tells
from autodialer.apps.contacts.services import add_dnd_numbers
from tests.api.exotel.conftest import change_zone, real_now
from tests.api.exotel.program import Program, program
from tests.support.book import NOON, Book, make_book

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def crm() -> Program:
    return program(make_book())


def get(crm: Program, path: str, status: int = 200) -> Any:
    answer = crm.client.get(f"/v1/Accounts/{crm.sid}/{path}", headers=crm.headers)
    assert answer.status_code == status, answer.content
    return answer


def single(book: Book, number: str = "+919876543210") -> Session:
    """A single call whose agent is called now."""
    session_id = connect_call(
        account=book.account,
        phone=book.device.address,
        number=number,
        caller_id=book.caller_id.pk,
        tells=Tells(custom_field="order 7"),
        now=NOON,
    )
    return Session.objects.get(pk=session_id)


def second_leg(session: Session, **changes: object) -> Attempt:
    node, _ = Node.objects.get_or_create(name="node", defaults={"created_at": NOON})
    target = Target.objects.filter(campaign=session.campaign).earliest("seq")
    values: dict[str, object] = {
        "id": uuid4(),
        "account": session.account,
        "campaign": session.campaign,
        "target": target,
        "session": session,
        "user": session.user,
        "node": node,
        "e164": target.e164,
        "caller_id": session.campaign.caller_id.e164,
        "try_no": 1,
        "placed_at": NOON + 5 * SECOND,
        "recording": "call.wav",
        **changes,
    }
    return Attempt.objects.create(**values)


def test_the_status_of_a_single_call_is_that_of_the_leg_that_decides(crm: Program) -> None:
    session = single(crm.book)
    path = f"Calls/{session.pk.hex}.json"

    def status() -> str:
        found: str = get(crm, path).json()["Call"]["Status"]
        return found

    def agent(**changes: object) -> str:
        Session.objects.filter(pk=session.pk).update(**changes)
        return status()

    assert status() == "queued"
    assert agent(status="ringing") == "ringing"
    assert agent(status="ready", ready_at=NOON + 4 * SECOND) == "in-progress"
    for reason, word in (
        ("agent_busy", "busy"),
        ("agent_no_answer", "no-answer"),
        ("agent_unreachable", "failed"),
        ("start_expired", "failed"),
        ("agent_left", "canceled"),
    ):
        assert agent(status="ended", ended_at=NOON + 9 * SECOND, end_reason=reason) == word
    leg = second_leg(session)
    assert status() == "ringing"
    Attempt.objects.filter(pk=leg.pk).update(state="talking", answered_at=NOON + 7 * SECOND)
    assert status() == "in-progress"
    Attempt.objects.filter(pk=leg.pk).update(
        state="ended", status="completed", ended_at=NOON + 37 * SECOND
    )
    assert status() == "completed"


def test_an_agent_who_leaves_while_the_number_rings_has_canceled_the_call(crm: Program) -> None:
    session = single(crm.book)
    second_leg(
        session,
        state="ended",
        status="no-answer",
        reason="agent_left",
        ended_at=NOON + 9 * SECOND,
    )
    assert get(crm, f"Calls/{session.pk.hex}.json").json()["Call"]["Status"] == "canceled"


def test_a_call_has_the_same_parts_in_json_and_xml(crm: Program) -> None:
    session = single(crm.book)
    second_leg(
        session,
        state="ended",
        status="completed",
        answered_at=NOON + 7 * SECOND,
        ended_at=NOON + 37 * SECOND,
    )
    Session.objects.update(status="ended", ready_at=NOON + 4 * SECOND, ended_at=NOON + 38 * SECOND)
    path = f"Calls/{session.pk.hex}"
    call = get(crm, f"{path}.json?details=true").json()["Call"]
    assert {name: call[name] for name in ("Sid", "From", "To", "Duration", "CustomField")} == {
        "Sid": session.pk.hex,
        "From": crm.book.device.address,
        "To": "+919876543210",
        "Duration": 37,
        "CustomField": "order 7",
    }
    assert (call["StartTime"], call["EndTime"]) == ("2026-11-23 10:30:00", "2026-11-23 10:30:37")
    assert call["Details"] == {
        "ConversationDuration": 30,
        "Leg1Status": "completed",
        "Leg2Status": "completed",
        "Legs": [{"Id": 1, "OnCallDuration": 34}, {"Id": 2, "OnCallDuration": 30}],
    }
    answer = get(crm, f"{path}?details=true")
    assert answer["Content-Type"].startswith("application/xml")
    root = ElementTree.fromstring(answer.content)  # noqa: S314  our own answer
    assert root.tag == "TwilioResponse"
    assert {part.tag: part.text for part in root.findall("Call/*") if len(part) == 0} == {
        name: None if value is None else str(value)
        for name, value in call.items()
        if name != "Details"
    }
    assert len(root.findall("Call/Details/Legs/Leg")) == 2


def test_all_calls_are_sought_and_paged(crm: Program) -> None:
    campaign = crm.book.campaign()
    session = Session.objects.create(
        id=uuid4(),
        account=crm.book.account,
        campaign=campaign,
        user=crm.book.agent,
        device=crm.book.device,
        status="ended",
        created_at=NOON,
        ended_at=NOON,
    )
    calls = [
        second_leg(
            session,
            try_no=None,
            state="ended",
            status=status,
            placed_at=NOON + timedelta(minutes=at),
            ended_at=NOON + timedelta(minutes=at + 1),
        )
        for at, status in enumerate(("busy", "failed", "busy"))
    ]

    def found(query: str) -> list[str]:
        return [call["Sid"] for call in get(crm, f"Calls.json?{query}").json()["Calls"]]

    sids = [call.pk.hex for call in calls]
    assert found("") == sids[::-1]
    assert found("SortBy=DateCreated:asc") == sids
    assert found("Status=Busy&SortBy=DateCreated:asc") == [sids[0], sids[2]]
    assert found(f"Sid={sids[1]},{sids[2]}") == [sids[2], sids[1]]
    since = "gte:2026-11-23 10:31:00;lte:2026-11-23 10:31:59"
    assert found(f"DateCreated={since}") == [sids[1]]
    assert found("To=9000000000") == sids[::-1]
    assert found("To=9000000001") == []
    assert found(f"From={crm.book.device.address}&PhoneNumber=08045678901") == sids[::-1]
    first = get(crm, "Calls.json?PageSize=2").json()
    assert [call["Sid"] for call in first["Calls"]] == [sids[2], sids[1]]
    assert (first["Metadata"]["Total"], first["Metadata"]["PrevPageUri"]) == (3, None)
    second = crm.client.get(first["Metadata"]["NextPageUri"], headers=crm.headers).json()
    assert [call["Sid"] for call in second["Calls"]] == [sids[0]]
    back = crm.client.get(second["Metadata"]["PrevPageUri"], headers=crm.headers).json()
    assert back["Calls"] == first["Calls"]
    for wrong in ("Price=1", "Status=queued", "DateCreated=gt:1", "After=x", "Sid=x"):
        assert get(crm, f"Calls?{wrong}", 404 if wrong == "Sid=x" else 400)


def test_a_connect_is_refused_with_a_rest_exception_in_both_forms(crm: Program) -> None:
    for path in ("Calls/connect.json", "Calls/connect"):
        answer = crm.client.post(
            f"/v1/Accounts/{crm.sid}/{path}",
            {"From": "9812345678", "To": "9876543210", "CallerId": crm.book.caller_id.e164},
            headers=crm.headers,
        )
        assert answer.status_code == 400
        assert b"RestException" in answer.content
        assert b"no phone of an agent" in answer.content


def test_a_connect_takes_a_sip_account_and_json(crm: Program) -> None:
    change_zone(crm.book)
    answer = crm.client.post(
        f"/v1/Accounts/{crm.sid}/Calls/connect",
        {
            "From": f"sip:{crm.book.device.address}",
            "To": "9876543210",
            "CallerId": crm.book.caller_id.e164,
            "TimeLimit": "99999",
            "TimeOut": 1,
        },
        "application/json",
        headers=crm.headers,
    )
    assert answer.status_code == 200, answer.content
    campaign = Session.objects.get().campaign
    assert (campaign.max_talk_s, campaign.ring_timeout_s) == (14_400, 5)


def test_a_forbidden_number_is_said_and_not_connected(crm: Program) -> None:
    add_dnd_numbers(account=crm.book.account, numbers=["9876543210"], now=real_now())
    known = get(crm, "Numbers/09876543210.json").json()["Numbers"]
    assert (known["PhoneNumber"], known["DND"], known["Type"]) == ("+919876543210", "Yes", "mobile")
    assert get(crm, "Numbers/9876543211.json").json()["Numbers"]["DND"] == "No"
    get(crm, "Numbers/12.json", 400)
    sent = {
        "From": crm.book.device.address,
        "To": "9876543210",
        "CallerId": crm.book.caller_id.e164,
    }
    answer = crm.client.post(
        f"/v1/Accounts/{crm.sid}/Calls/connect.json", sent, headers=crm.headers
    )
    assert answer.status_code == 403
    assert answer.json()["RestException"]["Status"] == 403


@pytest.mark.parametrize(
    ("asked", "kind", "on_answer", "on_end"),
    [
        ({}, "", False, True),
        ({"StatusCallbackEvents[0]": "answered"}, "", True, False),
        (
            {"StatusCallbackEvents[0]": "terminal", "StatusCallbackEvents[1]": "Answered"},
            "",
            True,
            True,
        ),
        ({"StatusCallbackContentType": "application/json"}, "application/json", False, True),
    ],
)
def test_a_connect_says_what_its_callback_is_told_and_how(
    crm: Program, asked: dict[str, str], kind: str, *, on_answer: bool, on_end: bool
) -> None:
    change_zone(crm.book)
    answer = connect(crm, asked)
    assert answer.status_code == 200, answer.content
    callbacks = Session.objects.get().campaign.callbacks
    assert (callbacks.content_type, callbacks.on_answer, callbacks.on_end) == (
        kind,
        on_answer,
        on_end,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("StatusCallbackEvents[0]", "ringing"), ("StatusCallbackContentType", "text/xml")],
)
def test_a_connect_refuses_a_callback_that_cannot_be_told_so(
    crm: Program, name: str, value: str
) -> None:
    change_zone(crm.book)
    answer = connect(crm, {name: value})
    assert answer.status_code == 400
    assert name.partition("[")[0] in answer.json()["RestException"]["Message"]


def connect(crm: Program, more: dict[str, str]) -> Any:
    sent = {
        "From": f"sip:{crm.book.device.address}",
        "To": "9876543210",
        "CallerId": crm.book.caller_id.e164,
        "StatusCallback": "https://crm.example/calls",
        **more,
    }
    return crm.client.post(f"/v1/Accounts/{crm.sid}/Calls/connect.json", sent, headers=crm.headers)


def test_a_call_of_another_account_is_not_there(crm: Program) -> None:
    other = single(make_book("Bharat"))
    get(crm, f"Calls/{other.pk.hex}.json", 404)
    assert sid_of(other.account_id) != crm.sid


def test_xml_holds_whatever_a_name_holds() -> None:
    text = "<&> \x00 \ud800 \N{GRINNING FACE}"
    root = ElementTree.fromstring(as_xml({"Name": text}))  # noqa: S314  our own answer
    assert root[0].text == "<&> \ufffd \ufffd \N{GRINNING FACE}"
