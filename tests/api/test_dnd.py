"""The do-not-call registry: read, added to, and never shortened by a key."""

from __future__ import annotations

import pytest

from autodialer.apps.contacts.models import DndEntry
from tests.api.client import Caller, caller
from tests.api.files import send_file
from tests.support.book import make_book

pytestmark = pytest.mark.django_db


def test_numbers_are_forbidden_and_found(crm: Caller) -> None:
    told = crm.post(
        "/dnd", {"numbers": ["9876543210", "+919876543210", "1800 123 4567"], "reason": "asked"}
    )
    assert told.json() == {"added": 2, "known": 1}
    (one,) = crm.get("/dnd?number=098765 43210").json()["items"]
    assert (one["number"], one["reason"]) == ("+919876543210", "asked")
    assert crm.get(f"/dnd/{one['id']}").json() == one
    assert crm.get("/dnd?number=9000000000").json()["items"] == []
    assert len(crm.get("/dnd?limit=1").json()["items"]) == 1
    assert crm.get("/dnd?limit=1").json()["next"]


def test_all_that_is_no_number_is_told_and_nothing_added(crm: Caller) -> None:
    answer = crm.post("/dnd", {"numbers": ["9876543210", "x", ""], "reason": "r" * 201})
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/reason"]
    answer = crm.post("/dnd", {"numbers": ["9876543210", "x", ""]})
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("/numbers/1", "number_invalid"),
        ("/numbers/2", "number_missing"),
    ]
    assert not DndEntry.objects.exists()


def test_a_file_of_numbers_is_taken_and_its_bad_rows_told(crm: Caller) -> None:
    data = b"number\n9876543210\nx\n09876543210\n"
    told = send_file(crm, "/dnd/file", data, reason="regulator").json()
    assert (told["added"], told["known"], told["rejected"]) == (1, 1, 1)
    assert [(row["line"], row["code"]) for row in told["rejected_rows"]] == [(3, "number_invalid")]
    assert DndEntry.objects.get().reason == "regulator"
    refused = send_file(crm, "/dnd/file", b"")
    assert (refused.status_code, refused.json()["code"]) == (422, "file_empty")
    unknown = send_file(crm, "/dnd/file", data, colour="red").json()["errors"]
    assert [(one["pointer"], one["code"]) for one in unknown] == [("/colour", "unknown_field")]


def test_no_key_takes_a_number_off(crm: Caller) -> None:
    crm.post("/dnd", {"numbers": ["9876543210"]})
    (one,) = crm.get("/dnd").json()["items"]
    assert crm.ask("DELETE", f"/dnd/{one['id']}").status_code == 405


def test_the_registry_of_another_account_is_not_seen(crm: Caller) -> None:
    zenith = caller(make_book("Zenith").account)
    zenith.post("/dnd", {"numbers": ["9876543210"]})
    (theirs,) = zenith.get("/dnd").json()["items"]
    assert crm.get("/dnd").json()["items"] == []
    assert crm.get(f"/dnd/{theirs['id']}").status_code == 404
