"""Campaigns are made, changed and steered; what cannot be is refused by field or by state."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest

from autodialer.api.v1.campaign_schemas import RetryStatus
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.domain.retry import RETRYABLE
from tests.api.client import Caller, caller, now
from tests.support.book import Book, make_book

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.django_db
HOUR: Final = timedelta(hours=1)
URL: Final = "https://crm.example/next"


def wanted(book: Book, **fields: Any) -> dict[str, Any]:
    """What makes a campaign that starts in an hour."""
    return {
        "name": "Diwali",
        "caller_id": str(book.caller_id.pk),
        "list_id": str(book.list_id),
        "group_id": str(book.group.pk),
        "starts_at": (now() + HOUR).isoformat(),
        **fields,
    }


def errors_of(answer: Any) -> Mapping[str, str]:
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


def test_every_status_that_may_be_retried_can_be_asked_for() -> None:
    assert set(get_args(RetryStatus)) == {status.value for status in RETRYABLE}


def test_a_campaign_is_made_with_every_field(book: Book, crm: Caller) -> None:
    fields = {
        "retries": 2,
        "retry_statuses": ["busy", "no-answer"],
        "retry_interval_min": 15,
        "retry_mechanism": "exponential",
        "window_opens": "10:00",
        "window_closes": "18:30",
        "ring_timeout_s": 20,
        "idle_limit_s": 60,
        "max_talk_s": 600,
        "call_type": "transactional",
        "popup_url": "https://crm.example/popup",
        "call_completed_url": "https://crm.example/done",
        "call_no_answer_url": "https://crm.example/missed",
        "get_contacts_url": "https://crm.example/who",
    }
    made = crm.post("/campaigns", wanted(book, **fields))
    assert made.status_code == 201, made.json()
    assert made["Location"] == f"/api/v1/campaigns/{made.json()['id']}"
    read = crm.get(made["Location"]).json()
    assert {name: read[name] for name in fields} == fields
    assert (read["status"], read["target_count"], read["made_by"]) == ("created", 3, "")
    assert read["counts"]["by_status"]["scheduled"] == 3


def test_a_campaign_of_a_url_and_single_agents_is_made(book: Book, crm: Caller) -> None:
    agents = [str(book.agent.pk)]
    sent = wanted(book, list_id=None, dial_whom_url=URL, group_id=None, agent_ids=agents)
    made = crm.post("/campaigns", sent).json()
    assert (made["dial_whom_url"], made["agent_ids"], made["list_id"]) == (URL, agents, None)


def test_all_wrong_fields_are_named_at_once(book: Book, crm: Caller) -> None:
    answer = crm.post(
        "/campaigns",
        {"name": "", "retries": True, "caller_id": 5, "agent_ids": ["x"], "starts_at": "soon"},
    )
    assert answer.status_code == 422
    assert errors_of(answer) == {
        "/name": "too_short",
        "/retries": "wrong_type",
        "/caller_id": "id_invalid",
        "/agent_ids/0": "id_invalid",
        "/starts_at": "time_invalid",
    }


def test_all_rules_that_are_broken_are_named_at_once(book: Book, crm: Caller) -> None:
    answer = crm.post(
        "/campaigns",
        wanted(
            book,
            name="\u200b",
            list_id=str(10**9),
            group_id=None,
            caller_id=str(10**9),
            starts_at=(now() - HOUR).isoformat(),
            retries=1,
            window_opens="07:00",
            window_closes="10:00",
            popup_url="http://user:secret@crm.example/",
        ),
    )
    assert answer.status_code == 422
    assert errors_of(answer) == {
        "/name": "name_missing",
        "/list_id": "unknown_reference",
        "/group_id": "participants_missing",
        "/caller_id": "unknown_reference",
        "/starts_at": "start_in_past",
        "/retry_statuses": "statuses_missing",
        "/window_opens": "window_too_wide",
        "/popup_url": errors_of(answer)["/popup_url"],
    }
    assert not Campaign.objects.exists()


def test_what_belongs_to_another_account_is_named_as_if_it_were_not_there(
    book: Book, crm: Caller
) -> None:
    bharat = make_book("Bharat")
    foreign = {
        "list_id": str(bharat.list_id),
        "group_id": str(bharat.group.pk),
        "caller_id": str(bharat.caller_id.pk),
    }
    for name, value in foreign.items():
        answers = [
            crm.post("/campaigns", wanted(book, **{name: each})) for each in (value, str(10**9))
        ]
        assert [errors_of(each) for each in answers] == [{f"/{name}": "unknown_reference"}] * 2
        assert "Bharat" not in answers[0].content.decode()


def test_a_name_that_is_in_use_is_a_conflict(book: Book, crm: Caller) -> None:
    assert crm.post("/campaigns", wanted(book)).status_code == 201
    assert crm.post("/campaigns", wanted(book, name="DIWALI")).status_code == 409


def test_what_is_left_out_of_a_change_stays(book: Book, crm: Caller) -> None:
    made = crm.post("/campaigns", wanted(book, retries=1, retry_statuses=["busy"]))
    path = made["Location"]
    changed = crm.patch(path, {"name": "Holi", "ring_timeout_s": 15}, If_Match=made["ETag"])
    assert changed.status_code == 200, changed.json()
    before, after = made.json(), changed.json()
    differ = {name for name in before if before[name] != after[name]}
    assert differ == {"name", "ring_timeout_s"}


def test_a_url_takes_the_place_of_the_list_and_the_other_way_round(book: Book, crm: Caller) -> None:
    made = crm.post("/campaigns", wanted(book))
    asked = crm.patch(made["Location"], {"dial_whom_url": URL}, If_Match=made["ETag"])
    assert (asked.json()["list_id"], asked.json()["target_count"]) == (None, 0)
    listed = {"list_id": str(book.list_id)}
    back = crm.patch(made["Location"], listed, If_Match=asked["ETag"])
    assert (back.json()["dial_whom_url"], back.json()["target_count"]) == ("", 3)


def test_a_change_says_which_version_it_is_of(book: Book, crm: Caller) -> None:
    made = crm.post("/campaigns", wanted(book))
    path = made["Location"]
    without = crm.patch(path, {"name": "Holi"})
    assert (without.status_code, without.json()["code"]) == (428, "precondition_required")
    changed = crm.patch(path, {"name": "Holi"}, If_Match=made["ETag"])
    stale = crm.patch(path, {"name": "Onam"}, If_Match=made["ETag"])
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    assert stale["ETag"] == changed["ETag"] == crm.get(path)["ETag"]
    assert crm.get(path).json()["name"] == "Holi"


def test_a_clone_gets_the_next_free_name(book: Book, crm: Caller) -> None:
    made = crm.post("/campaigns", wanted(book))
    clone = crm.post(f"{made['Location']}/clone", {})
    assert (clone.status_code, clone.json()["name"]) == (201, "Diwali (2)")
    named = crm.post(f"{made['Location']}/clone", {"name": "Holi"})
    assert named.json()["name"] == "Holi"


def test_a_campaign_is_paused_resumed_completed_and_archived(book: Book, crm: Caller) -> None:
    path = f"/campaigns/{book.campaign().pk}"
    seen = [
        crm.post(f"{path}/{verb}").json()["status"]
        for verb in ("pause", "resume", "pause", "complete", "archive")
    ]
    assert seen == ["paused", "in-progress", "paused", "completed", "archived"]
    assert set(Target.objects.values_list("status", flat=True)) == {"failed-no-attempt"}


@pytest.mark.parametrize(
    ("steps", "state", "allowed"),
    [
        ("resume", "in-progress", ["pause", "clone"]),
        ("archive", "in-progress", ["pause", "clone"]),
        ("pause pause", "paused", ["resume", "complete", "clone"]),
        ("pause complete resume", "completed", ["archive", "clone"]),
        ("pause complete archive resume", "archived", ["clone"]),
    ],
)
def test_what_the_state_forbids_is_a_conflict_that_says_what_it_allows(
    steps: str, state: str, allowed: list[str], book: Book, crm: Caller
) -> None:
    path = f"/campaigns/{book.campaign().pk}"
    *prepared, verb = steps.split()
    for each in prepared:
        crm.post(f"{path}/{each}")
    answer = crm.post(f"{path}/{verb}")
    told = answer.json()
    assert (answer.status_code, told["code"]) == (409, "illegal_transition")
    assert (told["current_state"], told["allowed_actions"]) == (state, allowed)


def test_a_key_completes_no_campaign_that_is_in_progress(book: Book, crm: Caller) -> None:
    answer = crm.post(f"/campaigns/{book.campaign().pk}/complete")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert Campaign.objects.get().status == "in-progress"


def test_the_history_names_the_key(book: Book, crm: Caller) -> None:
    campaign = book.campaign()
    crm.post(f"/campaigns/{campaign.pk}/pause")
    assert campaign.changes.latest("pk").actor == "API key CRM"


def test_a_key_that_may_read_changes_nothing(book: Book) -> None:
    reader = caller(book.account, [KeyScope.CAMPAIGNS_READ])
    campaign = book.campaign()
    for path, body in (("/campaigns", {}), (f"/campaigns/{campaign.pk}/pause", None)):
        answer = reader.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
        assert "campaigns:write" in answer.json()["detail"]
    assert Campaign.objects.get().status == "in-progress"


NO_INTEGERS: Final = ["-1", "4", "3.0", '"3"', "true", "3e0", "1" + "0" * 400, "null", "[]", "{}"]


@pytest.mark.parametrize("value", NO_INTEGERS)
def test_retries_are_a_whole_number_from_0_to_3(value: str, book: Book, crm: Caller) -> None:
    text = json.dumps(wanted(book, retries="HERE")).replace('"HERE"', value)
    answer = crm.client.post(
        "/api/v1/campaigns",
        text,
        "application/json",
        headers={"Authorization": f"Bearer {crm.key}"},
    )
    assert answer.status_code == 422
    assert set(errors_of(answer)) == {"/retries"}


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"starts_at": "2026-11-22T10:00:00"}, "/starts_at", "offset_required"),
        ({"starts_at": "2026-11-22"}, "/starts_at", "time_invalid"),
        ({"starts_at": "2026-W47-7"}, "/starts_at", "time_invalid"),
        ({"starts_at": "20261122T1000"}, "/starts_at", "time_invalid"),
        ({"starts_at": "2026-02-30T10:00:00+05:30"}, "/starts_at", "time_invalid"),
        ({"starts_at": "2026-11-22T25:00:00Z"}, "/starts_at", "time_invalid"),
        ({"starts_at": "2026-11-22T10:00:60Z"}, "/starts_at", "time_invalid"),
        ({"starts_at": "9999-12-31T23:59:59-12:00"}, "/starts_at", "time_invalid"),
        ({"starts_at": 1_700_000_000}, "/starts_at", "time_invalid"),
        ({"window_opens": "21:00", "window_closes": "09:00"}, "/window_opens", "window_empty"),
        ({"window_opens": "09:00", "window_closes": "09:00"}, "/window_opens", "window_empty"),
        ({"window_opens": "09:00"}, "/window_opens", "window_half"),
        ({"window_opens": "24:00", "window_closes": "09:00"}, "/window_opens", "hour_invalid"),
        ({"retries": 2}, "/retry_statuses", "statuses_missing"),
        ({"retries": 1, "retry_statuses": ["completed"]}, "/retry_statuses/0", "unknown_value"),
        ({"retries": 1, "retry_statuses": ["busy"] * 2}, "/retry_statuses", "status_unknown"),
        ({"retry_interval_min": 0}, "/retry_interval_min", "out_of_range"),
        ({"retry_interval_min": 10**9}, "/retry_interval_min", "out_of_range"),
        ({"max_talk_s": 0}, "/max_talk_s", "out_of_range"),
        ({"max_talk_s": 90_000}, "/max_talk_s", "out_of_range"),
        ({"status": "paused"}, "/status", "read_only"),
        ({"id": "7"}, "/id", "read_only"),
        ({"account_id": "7"}, "/account_id", "read_only"),
        ({"colour": "red"}, "/colour", "unknown_field"),
    ],
)
def test_a_field_that_cannot_be_used_is_refused_by_its_name(
    fields: dict[str, Any], pointer: str, code: str, book: Book, crm: Caller
) -> None:
    answer = crm.post("/campaigns", wanted(book, **fields))
    assert answer.status_code == 422
    assert errors_of(answer) == {pointer: code}


def test_the_schedule_has_the_limits_of_the_requirements(book: Book, crm: Caller) -> None:
    start = now() + HOUR
    for lasts, status in (
        (timedelta(minutes=2) - timedelta(seconds=1), 422),
        (timedelta(days=30, seconds=1), 422),
        (timedelta(minutes=2), 201),
        (timedelta(days=30), 201),
    ):
        times = {"starts_at": start.isoformat(), "ends_at": (start + lasts).isoformat()}
        answer = crm.post("/campaigns", wanted(book, name=str(lasts), **times))
        assert answer.status_code == status


TEXTS: Final = [
    "x" * 100,
    "<script>alert(1)</script>",
    "{{7*7}} ${jndi:ldap://x} $(id)",
    "=HYPERLINK(1)",
    "Robert'); DROP TABLE",
    "\u202egnp.exe",
    "👨‍👩‍👧‍👦 Z̸̡a̷l̶g̵o̵",
    "NULL",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_name_comes_back_as_it_was_sent(text: str, book: Book, crm: Caller) -> None:
    made = crm.post("/campaigns", wanted(book, name=text))
    assert made.status_code == 201, made.json()
    assert crm.get(made["Location"]).json()["name"] == text


@pytest.mark.parametrize(
    "text", ["", " ", "\u200b", "x" * 101, "a\r\nX-Header: 1", "a\0b", "\ud800"]
)
def test_a_name_that_cannot_be_kept_is_refused(text: str, book: Book, crm: Caller) -> None:
    answer = crm.post("/campaigns", wanted(book, name=text))
    assert answer.status_code == 422
    assert set(errors_of(answer)) == {"/name"}
