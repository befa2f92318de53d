"""The shapes of v2: envelopes, filters, codes, bodies of every kind, and accounts of others."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from autodialer.api.exotel.sids import sid_of
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.models import Contact
from autodialer.apps.imports.models import ListImport
from tests.api.exotel.conftest import real_now
from tests.api.exotel.program import Program, program
from tests.support.book import NOON, Book, make_book

pytestmark = pytest.mark.django_db


@pytest.fixture
def crm() -> Program:
    return program(make_book())


def dialer(book: Book, **changes: object) -> dict[str, object]:
    return {
        "campaign_type": "dialer",
        "name": "Onam",
        "caller_id": book.caller_id.e164,
        "group_id": book.group.pk,
        "lists": [sid_of(book.list_id)],
        **changes,
    }


def call(campaign: Campaign, status: str, minute: int, *, seq: int = 0) -> Attempt:
    """A call of the campaign that has ended."""
    book_user = Campaign.objects.get(pk=campaign.pk).group.members.get()  # type: ignore[union-attr]
    node, _ = Node.objects.get_or_create(name="node", defaults={"created_at": NOON})
    session = Session.objects.create(
        id=uuid4(), account=campaign.account, campaign=campaign, user=book_user,
        status="ended", created_at=NOON, ended_at=NOON,
    )  # fmt: skip
    target = Target.objects.filter(campaign=campaign).order_by("seq")[seq]
    at = NOON + timedelta(minutes=minute)
    answered = at + timedelta(seconds=5) if status == "completed" else None
    return Attempt.objects.create(
        id=uuid4(), account=campaign.account, campaign=campaign, target=target, session=session,
        user=book_user, node=node, e164=target.e164, caller_id=campaign.caller_id.e164,
        try_no=None, state="ended", status=status, placed_at=at, answered_at=answered,
        ended_at=at + timedelta(seconds=65), recording="call.wav",
    )  # fmt: skip


# Campaigns -------------------------------------------------------------------------------------


def test_a_dialer_campaign_takes_every_field_of_the_extension(crm: Program) -> None:
    urls = {
        name: f"https://crm.example/{name}?key=1"
        for name in (
            "popup_url",
            "call_completed_passthru_url",
            "call_no_answer_passthru_url",
            "get_contacts_url",
        )
    }
    made = crm.one("POST", "campaigns", {"campaigns": [dialer(crm.book, **urls)]})
    assert {name: made[name] for name in urls} == urls
    assert made["lists"] == [sid_of(crm.book.list_id)]
    assert made["group_id"] == str(crm.book.group.pk)
    assert made["status"] == "InProgress"
    assert set(made["stats"]) >= {
        *("created", "scheduled", "in-progress", "retry", "retrying", "failed", "failed-dnd"),
        *("failed-balance", "failed-no-attempt", "completed", "invalid", "paused"),
    }
    assert made["summary"]["campaign_sid"] == made["id"]
    assert made["schedule"]["send_at"].endswith("+05:30")
    assert crm.one("GET", f"campaigns/{made['id']}") == made


@pytest.mark.parametrize("numbers", [["9876543210", "+919876543211"], "9876543210, 9876543211"])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_numbers_come_as_array_or_text_wrapped_or_bare(
    crm: Program, numbers: object, *, is_wrapped: bool
) -> None:
    wanted = {**dialer(crm.book), "from": numbers}
    del wanted["lists"]
    made = crm.one("POST", "campaigns", {"campaigns": [wanted]} if is_wrapped else wanted)
    assert made["stats"]["scheduled"] == 2
    assert crm.one("GET", f"lists/{made['lists'][0]}")["name"] == "Onam"


def test_a_campaign_of_agents_and_a_dial_whom_url(crm: Program) -> None:
    wanted = dialer(
        crm.book, agents=[sid_of(crm.book.agent.pk)], dial_whom_url="https://crm.example/next"
    )
    del wanted["lists"], wanted["group_id"]
    made = crm.one("POST", "campaigns", wanted)
    assert made["agents"] == [sid_of(crm.book.agent.pk)]
    assert (made["dial_whom_url"], made["lists"]) == ("https://crm.example/next", [])


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"caller_id": ""}, 1001, "caller_id is missing"),
        ({"caller_id": "08045670000"}, 10716, "no caller id"),
        ({"group_id": 999}, 400, "There is no group '999'"),
        ({"group_id": None}, 1001, "group_id is missing"),
        ({"agents": ["x"]}, 400, "only one of group_id and agents"),
        ({"lists": []}, 1001, "a list or a Dial-Whom URL"),
        ({"lists": ["a" * 32, "b" * 32]}, 400, "A campaign has one list"),
        ({"from": ["9876543210"]}, 400, "only one of from, lists"),
        ({"campaign_type": "power"}, 400, "campaign_type can be"),
        ({"type": "promo"}, 400, "type can be trans"),
        ({"call_duplicate_numbers": True}, 400, "each number once"),
        ({"retries": {"number_of_retries": 1}}, 1001, "interval_mins is missing"),
        ({"retries": {"number_of_retries": 9, "interval_mins": 1}}, 400, "0 to 3 retries"),
        ({"retries": []}, 400, "retries must be an object"),
        ({"schedule": {"send_at": "tomorrow"}}, 400, "schedule.send_at is no time"),
        ({"schedule": {"send_at": "2020-01-01T10:00:00+05:30"}}, 400, "The start has passed"),
        ({"popup_url": "http://127.0.0.1/"}, 400, "popup_url"),
        ({"status_callback": "ftp://crm.example"}, 400, "status_callback"),
        ({"custom_field": "x" * 129}, 400, "custom"),
        ({"name": ["x"]}, 400, "name must be a text"),
    ],
)
def test_what_cannot_be_a_campaign_is_refused_by_the_name_that_clients_know(
    crm: Program, changes: dict[str, object], code: int, words: str
) -> None:
    said = crm.refused("POST", "campaigns", dialer(crm.book, **changes), status=400)
    assert said["code"] == code
    assert words in said["description"]
    assert said["reason"]
    assert not Campaign.objects.exists()


def test_an_action_steers_and_complete_needs_a_pause(crm: Program) -> None:
    path = f"campaigns/{sid_of(crm.book.campaign().pk)}"

    def act(action: str) -> object:
        return crm.one("PUT", path, {"campaigns": [{"action": action}]})["status"]

    said = crm.refused("PUT", path, {"campaigns": [{"action": "complete"}]}, status=409)
    assert "possible now: pause" in said["description"]
    assert [act(one) for one in ("pause", "resume", "pause", "complete", "archive")] == [
        *("Paused", "InProgress", "Paused", "Completed", "Archived")
    ]
    assert crm.refused("PUT", path, {"action": "explode"}, status=400)["code"] == 400


def test_a_plan_changes_until_the_start_and_callbacks_at_any_time(crm: Program) -> None:
    later = crm.book.campaign(terms=Terms(starts_at=real_now() + timedelta(days=400)))
    path = f"campaigns/{sid_of(later.pk)}"
    changed = crm.one("PUT", path, {"campaigns": [{"name": "Holi", "popup_url": ""}]})
    assert (changed["name"], changed["caller_id"]) == ("Holi", crm.book.caller_id.e164)
    running = f"campaigns/{sid_of(crm.book.campaign('Diwali').pk)}"
    told = {"call_status_callback": "https://crm.example/calls", "custom_field": "7"}
    changed = crm.one("PUT", running, told)
    assert {name: changed[name] for name in told} == told
    assert "edited" in crm.refused("PUT", running, {"name": "Holi 2"}, status=409)["description"]


def test_only_a_campaign_that_has_not_started_is_deleted(crm: Program) -> None:
    running = f"campaigns/{sid_of(crm.book.campaign('Diwali').pk)}"
    assert crm.refused("DELETE", running, status=409)["reason"] == "illegal_transition"
    later = crm.book.campaign("Holi", Terms(starts_at=real_now() + timedelta(days=400)))
    assert crm.one("DELETE", f"campaigns/{sid_of(later.pk)}")["status"] == "Archived"


def test_campaigns_are_paged_filtered_and_sorted(crm: Program) -> None:
    names = ["beta", "Alpha", "gamma"]
    ids = {name: sid_of(crm.book.campaign(name).pk) for name in names}

    def listed(query: str) -> list[str]:
        found = crm.ask("GET", f"campaigns?{query}")
        return [item["data"]["name"] for item in found["response"]]

    assert listed("") == names
    assert listed("sort_by=date_created:desc") == names[::-1]
    assert listed("sort_by=name%3Aasc&limit=2") == ["Alpha", "beta"]
    assert listed("offset=1&limit=1") == ["Alpha"]
    assert listed("name=AM") == ["gamma"]
    crm.one("PUT", f"campaigns/{ids['beta']}", {"action": "pause"})
    for spelling in ("Paused", "paused,%20completed", "PAUSED"):
        assert listed(f"status={spelling}") == ["beta"]
    assert listed("status=in_progress") == ["Alpha", "gamma"]
    assert listed("status=canceled") == []
    page = crm.ask("GET", "campaigns?limit=100000")["metadata"]
    assert page == {"total": 3, "count": 3, "offset": 0, "limit": 500}
    for wrong in ("name=%00", "status=broken", "sort_by=size", "limit=x", "offset=-1"):
        assert crm.refused("GET", f"campaigns?{wrong}", status=400)["code"] == 400


def test_call_details_have_ended_calls_with_their_statuses(crm: Program) -> None:
    campaign = crm.book.campaign()
    first, second = call(campaign, "no-answer", 0), call(campaign, "completed", 1)
    path = f"campaigns/{sid_of(campaign.pk)}/call-details"
    rows = [item["data"] for item in crm.ask("GET", path)["response"]]
    assert [row["call_sid"] for row in rows] == [first.pk.hex, second.pk.hex]
    assert (rows[0]["recording_url"], rows[0]["duration"]) == (None, 0)
    talked = rows[1]
    assert talked["recording_url"] == f"http://testserver/api/v1/calls/{second.pk}/recording"
    assert {name: talked[name] for name in ("status", "direction", "duration", "name")} == {
        "status": "completed",
        "direction": "Outgoing",
        "duration": 60,
        "name": "Person 0",
    }
    assert talked["start_time"] == "2026-11-23T10:31:05+05:30"
    only = crm.ask("GET", f"{path}?status=completed,%20busy&sort_by=date_created:desc")
    assert (only["metadata"]["total"], len(only["response"])) == (1, 1)


# Contacts and lists ----------------------------------------------------------------------------


def test_each_contact_of_a_request_has_its_own_code(crm: Program) -> None:
    sent = [
        {"number": "9876543210", "first_name": "Asha", "custom": {"order_id": 17}},
        {"number": "12"},
        {},
        {"number": "9876543211", "email": ["x"]},
        {"number": "9876543212", "company_name": "x" * 101},
    ]
    found = crm.ask("POST", "contacts", {"contacts": sent}, 207)
    assert found["metadata"] == {"total": 5, "success": 1, "failed": 4}
    assert [item["code"] for item in found["response"]] == [200, 400, 400, 400, 400]
    problems = [item["error_data"]["code"] for item in found["response"][1:]]
    assert problems == [1401, 1001, 400, 400]
    saved = found["response"][0]["data"]
    assert (saved["first_name"], saved["custom"]) == ("Asha", {"order_id": "17"})


def test_a_contact_is_shown_changed_and_deleted(crm: Program) -> None:
    made = crm.ask("POST", "contacts", {"contacts": {"number": "9876543210"}}, 207)
    path = f"contacts/{made['response'][0]['data']['sid']}"
    changed = crm.one("PUT", path, {"contacts": [{"company_name": "Acme", "tag": "vip"}]})
    assert (changed["company_name"], changed["tag"]) == ("Acme", "vip")
    several = [{"sid": changed["sid"], "tag": "old"}, {"sid": "f" * 32}, {"tag": "x"}]
    answer = crm.ask("PUT", "contacts", {"contacts": several}, 207)
    assert [item["code"] for item in answer["response"]] == [200, 404, 400]
    assert crm.one("GET", path)["tag"] == "old"
    assert crm.ask("GET", "contacts?limit=2")["metadata"]["total"] == 4
    crm.one("DELETE", path)
    assert crm.refused("GET", path, status=404)["reason"] == "not_found"


def test_lists_are_renamed_together_and_lose_contacts_alone(crm: Program) -> None:
    made = crm.ask("POST", "lists", {"lists": [{"name": "A"}, {"name": "A"}, {}]}, 207)
    assert [item["code"] for item in made["response"]] == [200, 409, 400]
    sid = made["response"][0]["data"]["sid"]
    renamed = crm.ask("PUT", "lists", {"lists": [{"sid": sid, "name": "B"}, {"sid": "x"}]}, 207)
    assert [item["code"] for item in renamed["response"]] == [200, 400]
    assert crm.one("PUT", f"lists/{sid}", {"name": "C"})["name"] == "C"
    contact = sid_of(Contact.objects.earliest("pk").pk)
    references = [{"contact_sid": contact}, {"contact_sid": "f" * 32}, {"contact_sid": "x"}]
    placed = crm.ask("POST", f"lists/{sid}/contacts", {"contact_references": references}, 207)
    assert [item["code"] for item in placed["response"]] == [200, 404, 404]
    crm.one("DELETE", f"lists/{sid}/contacts/{contact}")
    crm.refused("DELETE", f"lists/{sid}/contacts/{contact}", status=404)
    assert crm.one("GET", f"contacts/{contact}")["sid"] == contact


def test_a_file_becomes_a_list_and_says_how_far_it_is(crm: Program) -> None:
    file = SimpleUploadedFile("may.csv", b"number\n9876543210\n12\n9876543210\n", "text/csv")
    answer = crm.client.post(
        f"{crm.base}/contacts/csv-upload",
        {"file_name": file, "list_name": "May", "type": "static"},
        headers=crm.headers,
    )
    (item,) = answer.json()["response"]
    assert (item["code"], item["data"]["status"]) == (200, "in-progress")
    upload = item["data"]["upload_id"]
    ListImport.objects.filter(name="May").update(
        status="done", rows_total=3, ready=2, duplicates=1, rejected=1
    )
    for path in (f"contacts/csv-status/{upload}", f"csv-status/{upload}"):
        told = crm.one("GET", path)
        assert told["status"] == "completed"
        assert told["summary"] == {"total": 3, "success": 1, "duplicate": 1, "failed": 1}
    said = crm.refused("POST", "contacts/csv-upload", {"list_name": "May"}, status=400)
    assert said["description"].startswith("file_name is missing")


# Users -----------------------------------------------------------------------------------------


def test_refusals_of_users_are_no_lists(crm: Program) -> None:
    found = crm.ask("GET", f"users/{'f' * 32}", status=404)
    assert found["response"]["error_data"]["code"] == 404
    refused = crm.ask("POST", "users", {"first_name": "Om"}, status=400)
    assert refused["response"]["error_data"]["code"] == 1001


def test_keys_manage_agents_only(crm: Program) -> None:
    admin = {"first_name": "Om", "last_name": "X", "email": "om@acme.example", "role": "admin"}
    said = crm.ask("POST", "users", admin, status=403)
    assert "may not invite" in said["response"]["error_data"]["description"]
    crm.ask("DELETE", f"users/{sid_of(crm.book.admin.pk)}", status=403)
    crm.ask("PUT", f"users/{sid_of(crm.book.agent.pk)}", {"role": "supervisor"}, status=403)


def test_the_only_device_of_a_user_cannot_be_switched_off(crm: Program) -> None:
    path = f"users/{sid_of(crm.book.agent.pk)}/devices/{sid_of(crm.book.device.pk)}"
    said = crm.ask("PUT", f"{path}?available=False", status=409)
    assert said["response"]["error_data"]["code"] == 1012
