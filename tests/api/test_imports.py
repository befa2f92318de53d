"""Files that become lists: taken at once, checked by a worker, confirmed, corrected."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from django.test.client import BOUNDARY

from autodialer.apps.contacts.models import Contact, ContactList
from autodialer.apps.imports.models import ListImport
from autodialer.apps.imports.services import run_import
from autodialer.apps.imports.table import MAX_BYTES
from tests.api.client import Caller, caller, now
from tests.api.files import send_file, send_form
from tests.support.book import Book, csv_of, make_book
from tests.support.workbook import workbook_of

pytestmark = pytest.mark.django_db

GOOD = b"tel,name,plan\n9876543210,Asha,gold\n09876543210,Again,\n12,Short,\n"


def work(answer: Any) -> str:
    """Do what a worker would; return the id of the import."""
    assert answer.status_code == 202, answer.content
    import_id: str = answer.json()["id"]
    run_import(import_id=int(import_id), clock=now)
    return import_id


def test_a_file_becomes_a_list_and_says_what_was_left_out(crm: Caller) -> None:
    taken = send_file(crm, "/imports", GOOD, name="../../etc/leads.csv")
    assert taken.json()["status"] == "queued"
    assert taken["Location"] == f"/api/v1/imports/{taken.json()['id']}"
    import_id = work(taken)
    done = crm.get(f"/imports/{import_id}").json()
    assert (done["status"], done["name"], done["file_name"]) == ("done", "leads", "leads.csv")
    assert (done["rows_total"], done["ready"], done["duplicates"], done["rejected"]) == (3, 2, 1, 1)
    (problem,) = done["problems"]
    assert (problem["code"], problem["rows"], problem["line"], problem["example"]) == (
        "number_wrong_length",
        1,
        4,
        "12",
    )
    assert problem["remedy"]
    members = crm.get(f"/lists/{done['list_id']}/contacts").json()["items"]
    assert [one["contact"]["number"] for one in members] == ["+919876543210"]
    assert members[0]["contact"]["fields"] == {"plan": "gold"}
    rejected = crm.get(done["rejected_rows"])
    assert rejected["Content-Type"].startswith("text/csv")
    (row,) = csv.DictReader(rejected.content.decode("utf-8-sig").splitlines())
    assert (row["tel"], row["error_code"]) == ("12", "number_wrong_length")
    assert crm.get("/imports?status=done&limit=1").json()["items"] == [done]
    assert crm.get("/imports?status=failed").json()["items"] == []


def test_nothing_is_saved_before_a_manual_import_is_confirmed(book: Book, crm: Caller) -> None:
    lists = ContactList.objects.count()
    import_id = work(send_file(crm, "/imports", GOOD, name="a.csv", confirm="manual"))
    checked = crm.get(f"/imports/{import_id}").json()
    assert (checked["status"], checked["outlook"]["numbers"]) == ("checked", 1)
    assert ContactList.objects.count() == lists
    preview = crm.get(f"/imports/{import_id}/preview").json()
    assert preview["headings"] == ["tel", "name", "plan"]
    assert preview["meanings"] == ["number", "first_name", "plan"]
    planned = crm.post(f"/imports/{import_id}/plan", {"columns": {"plan": "-", "name": "company"}})
    work(planned)
    confirmed = crm.post(f"/imports/{import_id}/confirm", {"name": "Gold"})
    work(confirmed)
    done = crm.get(f"/imports/{import_id}").json()
    assert (done["status"], done["name"]) == ("done", "Gold")
    contact = Contact.objects.get(e164="+919876543210")
    assert (contact.company, contact.fields) == ("Asha", {})
    again = crm.post(f"/imports/{import_id}/confirm", {})
    assert (again.status_code, again.json()["current_state"]) == (409, "done")


def test_a_file_joins_a_list(book: Book, crm: Caller) -> None:
    work(send_file(crm, "/imports", GOOD, list_id=str(book.list_id)))
    assert ContactList.objects.get(pk=book.list_id).size == 4


def test_an_import_is_cancelled_and_its_file_forgotten(crm: Caller) -> None:
    import_id = work(send_file(crm, "/imports", GOOD, confirm="manual"))
    assert crm.post(f"/imports/{import_id}/cancel").json()["status"] == "cancelled"
    assert crm.post(f"/imports/{import_id}/cancel").status_code == 409
    assert crm.get(f"/imports/{import_id}/preview").status_code == 404
    assert crm.get(f"/imports/{import_id}/rejected.csv").status_code == 404


def test_the_same_file_is_imported_again_only_if_it_is_meant(crm: Caller) -> None:
    work(send_file(crm, "/imports", GOOD))
    refused = send_file(crm, "/imports", GOOD, name="b.csv")
    assert (refused.status_code, refused.json()["code"]) == (409, "same_file")
    work(send_file(crm, "/imports", GOOD, name="b.csv", again="true"))


def test_a_workbook_is_read_as_one_whatever_it_is_called(crm: Caller) -> None:
    data = workbook_of([["number", "name"], ["9876543210", "Asha"]])
    import_id = work(send_file(crm, "/imports", data, name="leads.csv"))
    assert crm.get(f"/imports/{import_id}").json()["status"] == "done"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "file_empty"),
        (b"number,name\n", 422, "file_no_rows"),
        (b"\n\n\n", 422, "file_empty"),
        (b"%PDF-1.4 whatever", 422, "file_type"),
        (b"PK\x03\x04 broken", 422, "file_type"),
        (b"<html><body>9876543210</body></html>", 422, "file_type"),
        (b"name,city\nAsha,Pune\n", 422, "no_number_column"),
        (
            b",".join([b"h"] * 101) + b"\n" + b",".join([b"9876543210"] * 101),
            422,
            "too_many_columns",
        ),
        (b"number\n" + b"9" * MAX_BYTES, 413, "file_too_big"),
    ],
)
def test_a_file_that_can_be_no_list_is_refused_at_once(
    data: bytes, status: int, code: str, crm: Caller
) -> None:
    answer = send_file(crm, "/imports", data)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not ListImport.objects.filter(file_name="leads.csv").exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("region", "XX", "region_unknown"),
        ("encoding", "klingon", "unknown_value"),
        ("separator", ",;", "unknown_value"),
        ("confirm", "maybe", "unknown_value"),
        ("columns", "[", "wrong_type"),
        ("columns", "[1]", "wrong_type"),
        ("columns", '{"tel": 1}', "wrong_type"),
        ("columns", "[" * 10_000, "wrong_type"),
        ("list_id", "1 OR 1=1", "id_invalid"),
        ("account_id", "1", "unknown_field"),
        ("again", "perhaps", "wrong_type"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(
    field: str, value: str, code: str, crm: Caller
) -> None:
    answer = send_file(crm, "/imports", GOOD, **{field: value})
    assert answer.status_code == 422
    errors = [(one["pointer"].split("/")[1], one["code"]) for one in answer.json()["errors"]]
    assert errors == [(field, code)]


def test_columns_are_said_as_json(crm: Caller) -> None:
    said = json.dumps({"column_1": "number", "column_2": "company"})
    data = b"9876543210,Acme\n9876543211,Zenith\n"
    work(send_file(crm, "/imports", data, columns=said, has_header="false"))
    assert Contact.objects.get(e164="+919876543211").company == "Zenith"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"x", "multipart/form-data", 400),
        (b"nonsense", "multipart/form-data; boundary=", 400),
        (f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}", 422),
    ],
)
def test_what_is_no_form_with_a_file_is_refused(
    body: bytes, kind: str, status: int, crm: Caller
) -> None:
    assert send_form(crm, "/imports", body, kind).status_code == status


def test_imports_of_another_account_are_not_found(crm: Caller) -> None:
    zenith = make_book("Zenith")
    theirs = work(send_file(caller(zenith.account), "/imports", GOOD, confirm="manual"))
    for answer in (
        crm.get(f"/imports/{theirs}"),
        crm.get(f"/imports/{theirs}/preview"),
        crm.get(f"/imports/{theirs}/rejected.csv"),
        crm.post(f"/imports/{theirs}/plan", {}),
        crm.post(f"/imports/{theirs}/confirm", {}),
        crm.post(f"/imports/{theirs}/cancel"),
        send_file(crm, "/imports", csv_of(2), list_id=str(zenith.list_id)),
    ):
        assert answer.status_code == 404
    assert theirs not in [one["id"] for one in crm.get("/imports").json()["items"]]
    assert crm.get(f"/imports?list_id={zenith.list_id}").json()["items"] == []
