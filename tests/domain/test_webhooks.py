"""The schedule of deliveries, their signatures, and what the URLs of a campaign are sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from autodialer.domain import notices, passthru
from autodialer.domain.notices import (
    AgentFacts,
    CallFacts,
    CampaignFacts,
    MoveFacts,
    Notice,
    NumberFacts,
)
from autodialer.domain.outcome import CallStatus, Reason
from autodialer.domain.parcels import Parcel, Stationery
from autodialer.domain.signing import Keyring, signed_headers
from autodialer.domain.webhooks import (
    JITTER,
    KINDS,
    SCHEDULE,
    Answered,
    DeliveryStatus,
    EventKind,
    Purpose,
    Reply,
    Unanswered,
    is_too_late,
    judge,
    last_try_after,
)

NOW = datetime(2026, 11, 23, 5, 0, 7, tzinfo=UTC)
AT = NOW - timedelta(seconds=40)
CALL = CallFacts(
    id=UUID("5f1c0000-0000-4000-8000-00000000000a"),
    number="+919876500002",
    caller_id="+918045670000",
    agent=AgentFacts(7, "Bina", "bina@acme.example", "+919876500001"),
    placed_at=AT,
    try_no=1,
    answered_at=AT + timedelta(seconds=10),
    ended_at=NOW,
    status=CallStatus.COMPLETED,
    reason=Reason.ANSWERED,
)
ENDED = Notice(
    id=UUID("5f1c0000-0000-4000-8000-00000000000b"),
    kind=EventKind.CALL_ENDED,
    at=NOW,
    zone=ZoneInfo("Asia/Kolkata"),
    campaign=CampaignFacts(12, "Diwali"),
    call=CALL,
    number=NumberFacts("+919876500002", "completed", "answered", 1, {"first_name": "Asha"}),
)
KEYRING = Keyring(b"the key of this installation")

# The schedule --------------------------------------------------------------------------------


def pauses(purpose: Purpose, reply: Reply, spread: float = 0.0) -> list[timedelta]:
    """The pauses between the tries of a delivery that gets this reply each time."""
    found: list[timedelta] = []
    for tries in range(20):
        verdict = judge(purpose, tries, reply, NOW, spread)
        if verdict.due_at is None:
            assert verdict.status is DeliveryStatus.FAILED
            return found
        found.append(verdict.due_at - NOW)
    raise AssertionError("It never ends.")


def test_what_fails_is_tried_eight_times_in_28_hours() -> None:
    assert pauses(Purpose.WEBHOOK, Answered(500)) == list(SCHEDULE[1:])
    assert pauses(Purpose.CALL_COMPLETED, Unanswered("timeout")) == list(SCHEDULE[1:])
    assert last_try_after() == timedelta(hours=27, minutes=35, seconds=5)


def test_what_failed_together_does_not_come_back_together() -> None:
    early, late = (pauses(Purpose.WEBHOOK, Answered(500), spread) for spread in (0.0, 1.0))
    assert late == [pause * (1 + JITTER) for pause in early]


def test_a_popup_is_tried_twice_within_ten_seconds_and_never_after_a_minute() -> None:
    assert sum(pauses(Purpose.POPUP, Unanswered("timeout"), 1.0), timedelta()) < timedelta(
        seconds=10
    )
    assert not is_too_late(Purpose.POPUP, NOW - timedelta(seconds=60), NOW)
    assert is_too_late(Purpose.POPUP, NOW - timedelta(seconds=61), NOW)
    assert not is_too_late(Purpose.CALL_COMPLETED, NOW - timedelta(days=1), NOW)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert judge(Purpose.WEBHOOK, 0, Answered(status), NOW, 0).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Answered(301), "redirect_refused"),
        (Answered(404), "http_404"),
        (Answered(500), "http_500"),
        (Unanswered("tls_failed"), "tls_failed"),
    ],
)
def test_anything_else_is_tried_again(reply: Reply, outcome: str) -> None:
    verdict = judge(Purpose.WEBHOOK, 0, reply, NOW, 0)
    assert (verdict.status, verdict.outcome) == (DeliveryStatus.PENDING, outcome)


def test_410_says_that_nothing_is_wanted_any_more() -> None:
    verdict = judge(Purpose.WEBHOOK, 0, Answered(410), NOW, 0)
    assert (verdict.status, verdict.gone) == (DeliveryStatus.FAILED, True)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(seconds=1), timedelta(seconds=5)),
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=3), timedelta(hours=24)),
    ],
)
def test_who_asks_to_wait_is_obeyed_for_a_day_at_most(asked: timedelta, waited: timedelta) -> None:
    verdict = judge(Purpose.WEBHOOK, 0, Answered(429, asked), NOW, 0)
    assert verdict.due_at == NOW + waited


# Signatures ----------------------------------------------------------------------------------


def test_a_receiver_verifies_a_letter_with_the_secret_that_it_was_shown() -> None:
    parcel = Parcel(1, 1, "e1", Purpose.WEBHOOK, "https://crm.example/in", ["salt"], 0, ENDED)
    letter = Stationery(KEYRING, "https://dialer.example").letter(parcel, NOW)
    shown = KEYRING.shown("salt")
    secret = base64.b64decode(shown.removeprefix("whsec_"))
    assert shown.startswith("whsec_")
    assert 24 <= len(secret) <= 64  # as the specification has it
    signed = f"{letter.headers['webhook-id']}.{letter.headers['webhook-timestamp']}.".encode()
    digest = hmac.new(secret, signed + letter.body, hashlib.sha256).digest()
    assert letter.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert letter.headers["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_the_example_of_the_specification_gives_its_signature() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        [secret],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_both_secrets_sign_after_a_rotation_and_no_two_salts_have_one_secret() -> None:
    parcel = Parcel(1, 1, "e1", Purpose.WEBHOOK, "https://a.example/", ["new", "old"], 0, ENDED)
    letter = Stationery(KEYRING, "").letter(parcel, NOW)
    new, old = letter.headers["webhook-signature"].split(" ")
    alone = Stationery(KEYRING, "").letter(replace(parcel, salts=["old"]), NOW)
    assert alone.headers["webhook-signature"] == old != new
    assert Keyring(b"another").secret("old") != KEYRING.secret("old")


def test_a_try_repeats_the_id_and_has_its_own_time() -> None:
    parcel = Parcel(1, 1, "e1", Purpose.WEBHOOK, "https://a.example/", ["salt"], 0, ENDED)
    paper = Stationery(KEYRING, "")
    first, later = paper.letter(parcel, NOW), paper.letter(parcel, NOW + timedelta(hours=1))
    assert first.headers["webhook-id"] == later.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != later.headers["webhook-timestamp"]
    assert first.body == later.body


# Bodies --------------------------------------------------------------------------------------


def told(notice: Notice) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(notices.body(notice))
    assert list(found) == ["type", "timestamp", "data"]
    return found


def test_the_body_says_what_happened_and_when_it_did() -> None:
    found = told(ENDED)
    assert found["type"] == "call.ended"
    assert found["timestamp"] == "2026-11-23T05:00:07.000+00:00"
    assert found["data"]["campaign"] == {"id": "12", "name": "Diwali"}
    assert found["data"]["contact"] == {"first_name": "Asha"}
    call = found["data"]["call"]
    assert (call["status"], call["reason"], call["talk_s"], call["try"]) == (
        "completed",
        "answered",
        30,
        1,
    )


def test_dialling_and_answering_say_nothing_of_the_end_however_late_they_are_told() -> None:
    dialing = told(replace(ENDED, kind=EventKind.CALL_DIALING))["data"]["call"]
    answered = told(replace(ENDED, kind=EventKind.CALL_ANSWERED))["data"]["call"]
    assert {*answered} - {*dialing} == {"answered_at"}
    assert "status" not in answered


def test_a_number_and_a_campaign_are_told_with_their_reasons() -> None:
    number = replace(ENDED, kind=EventKind.NUMBER_FINISHED, call=None)
    assert told(number)["data"]["number"]["status"] == "completed"
    move = MoveFacts("paused", "low_balance", "schedule")
    step = replace(ENDED, kind=EventKind.CAMPAIGN_PAUSED, call=None, number=None, move=move)
    assert told(step)["data"]["campaign"] == {
        "id": "12",
        "name": "Diwali",
        "status": "paused",
        "reason": "low_balance",
        "by": "schedule",
    }


# The URLs of a campaign ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "pair"),
    [
        (CallStatus.COMPLETED, Reason.ANSWERED, ("completed", "completed")),
        (CallStatus.NO_ANSWER, Reason.RING_TIMEOUT, ("incomplete", "no-answer")),
        (CallStatus.NO_ANSWER, Reason.AGENT_LEFT, ("client-hangup", "canceled")),
        (CallStatus.BUSY, Reason.BUSY, ("incomplete", "busy")),
        (CallStatus.FAILED, Reason.UNKNOWN_NUMBER, ("incomplete", "failed")),
    ],
)
def test_each_end_has_the_pair_that_receivers_key_on(
    status: CallStatus, reason: Reason, pair: tuple[str, str]
) -> None:
    call = replace(CALL, status=status, reason=reason)
    sent = dict(passthru.ended_call(replace(ENDED, call=call), call, NOW))
    assert (sent["CallType"], sent["DialCallStatus"]) == pair


@pytest.mark.parametrize("status", CallStatus)
@pytest.mark.parametrize("reason", Reason)
def test_every_end_has_a_pair(status: CallStatus, reason: Reason) -> None:
    assert all(passthru.end_pair(replace(CALL, status=status, reason=reason)))


def test_an_answered_call_is_sent_with_these_parameters() -> None:
    sent = dict(passthru.ended_call(ENDED, CALL, NOW, "https://dialer.example/recordings/1/"))
    assert sent == {
        "CallSid": "5f1c000000004000800000000000000a",
        "CallFrom": "+919876500001",
        "CallTo": "+919876500002",
        "Direction": "outbound-dial",
        "Created": "Mon, 23 Nov 2026 10:29:27",
        "StartTime": "2026-11-23 10:29:27",
        "EndTime": "2026-11-23 10:30:07",
        "CallType": "completed",
        "DialCallStatus": "completed",
        "DialCallDuration": "40",
        "DialWhomNumber": "+919876500002",
        "From": "+919876500001",
        "To": "+919876500002",
        "OutgoingPhoneNumber": "+918045670000",
        "CurrentTime": "2026-11-23 10:30:07",
        "AgentEmail": "bina@acme.example",
        "CampaignSid": "12",
        "RecordingUrl": "https://dialer.example/recordings/1/",
        "Legs[0][Number]": "+919876500002",
        "Legs[0][Type]": "single",
        "Legs[0][OnCallDuration]": "30",
        "Legs[0][CallerId]": "+918045670000",
        "Legs[0][CauseCode]": "NORMAL_CLEARING",
        "Legs[0][Cause]": "16",
    }


def test_what_a_program_gave_with_its_campaign_is_told_again() -> None:
    notice = replace(ENDED, campaign=CampaignFacts(12, "Diwali", "order 7"))
    assert dict(passthru.ended_call(notice, CALL, NOW))["CustomField"] == "order 7"
    assert (
        dict(passthru.popup(replace(notice, kind=EventKind.CALL_DIALING), CALL, NOW))["CustomField"]
        == "order 7"
    )


def test_a_ring_that_nobody_answered_has_its_cause_and_no_recording() -> None:
    call = replace(CALL, status=CallStatus.NO_ANSWER, reason=Reason.RING_TIMEOUT, answered_at=None)
    sent = dict(passthru.ended_call(ENDED, call, NOW, "https://dialer.example/recordings/1/"))
    assert "RecordingUrl" not in sent
    assert (sent["Legs[0][CauseCode]"], sent["Legs[0][Cause]"]) == ("RING_TIMEOUT", "1003")
    assert sent["Legs[0][OnCallDuration]"] == "0"


@pytest.mark.parametrize(
    ("kind", "event", "status"),
    [
        (EventKind.CALL_DIALING, "Dial", "busy"),
        (EventKind.CALL_RINGING, "Ringing", "busy"),
        (EventKind.CALL_ANSWERED, "Answered", "busy"),
        (EventKind.CALL_ENDED, "Terminal", "free"),
    ],
)
def test_a_popup_tells_the_agent_s_page_who_is_called(
    kind: EventKind, event: str, status: str
) -> None:
    sent = dict(passthru.popup(replace(ENDED, kind=kind), CALL, NOW))
    assert (sent["EventType"], sent["Status"]) == (event, status)
    assert (sent["From"], sent["DialWhomNumber"]) == ("+919876500002", "+919876500001")
    assert sent["AgentEmail"] == "bina@acme.example"


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        ("https://crm.example/hook", "https://crm.example/hook?CallSid="),
        ("https://crm.example/hook?", "https://crm.example/hook?CallSid="),
        ("https://crm.example/h?key=a%2Fb&x=+", "https://crm.example/h?key=a%2Fb&x=+&CallSid="),
        ("https://crm.example/h?k=%E0&", "https://crm.example/h?k=%E0&CallSid="),
        ("https://crm.example/h?k=1#top", "https://crm.example/h?k=1&CallSid="),
    ],
)
def test_the_user_s_own_query_stays_byte_for_byte(url: str, begins: str) -> None:
    parcel = Parcel(1, 1, "c12:popup", Purpose.CALL_COMPLETED, url, ["salt"], 0, ENDED)
    letter = Stationery(KEYRING, "https://dialer.example").letter(parcel, NOW)
    assert letter.url.startswith(begins)
    assert "Legs%5B0%5D%5BCauseCode%5D=NORMAL_CLEARING" in letter.url
    assert dict(parse_qsl(urlsplit(letter.url).query))["CallTo"] == "+919876500002"
    assert (letter.method, letter.body) == ("GET", b"")


# The pages that say so -----------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in this language."""
    text = (DOCS / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_examples_of_the_reference_are_what_is_sent() -> None:
    move = MoveFacts("paused", "low_balance", "schedule")
    paused = replace(ENDED, kind=EventKind.CAMPAIGN_PAUSED, call=None, number=None, move=move)
    finished = replace(ENDED, kind=EventKind.NUMBER_FINISHED, call=None)
    found = [json.loads(block) for block in blocks("reference/webhooks.md", "json")]
    assert found == [told(paused), told(ENDED), told(finished)]


def test_the_reference_names_every_event() -> None:
    text = (DOCS / "reference/webhooks.md").read_text()
    named = re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", text, re.MULTILINE)
    assert named == [kind.value for kind in (*KINDS, EventKind.TEST)]


def test_the_receiver_of_the_howto_tells_ours_from_others() -> None:
    (source,) = blocks("howto/receive-webhooks.md", "python")
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102  the page's own example
    now = datetime.fromtimestamp(int(time.time()), UTC)
    parcel = Parcel(1, 1, "e1", Purpose.WEBHOOK, "https://a.example/", ["salt"], 0, ENDED)
    letter = Stationery(KEYRING, "").letter(parcel, now)
    is_ours, secret = names["is_ours"], KEYRING.shown("salt")
    assert is_ours(secret, letter.headers, letter.body)
    assert not is_ours(secret, letter.headers, letter.body + b" ")
    assert not is_ours(KEYRING.shown("other"), letter.headers, letter.body)
    old = Stationery(KEYRING, "").letter(parcel, now - timedelta(minutes=6))
    assert not is_ours(secret, old.headers, old.body)


@pytest.mark.parametrize(
    ("section", "pairs"),
    [
        ("## Popup", passthru.popup(replace(ENDED, kind=EventKind.CALL_DIALING), CALL, NOW)),
        ("## Call completed", passthru.ended_call(ENDED, CALL, NOW, "https://d.example/r/")),
    ],
)
def test_the_page_of_addresses_names_every_parameter(
    section: str, pairs: list[tuple[str, str]]
) -> None:
    text = (DOCS / "reference/urls.md").read_text().partition(section)[2].partition("\n## ")[0]
    words = re.findall(r"`([^`]+)`", text)
    named = {word if word[0] != "[" else f"Legs[0]{word}" for word in words}
    assert {name for name, _ in pairs} <= named
