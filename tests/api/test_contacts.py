"""Contacts: made, read, changed and deleted, one by one and many at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.contacts.models import Contact, ListMember
from tests.api.client import Caller
from tests.support.book import Book, make_book

pytestmark = pytest.mark.django_db


def problems(answer: Any) -> list[tuple[str, str]]:
    """Place and code of each error of a refusal."""
    assert answer["Content-Type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def test_a_contact_is_made_read_changed_and_deleted(crm: Caller) -> None:
    made = crm.post(
        "/contacts",
        {"number": "098765 43210", "first_name": " Asha ", "fields": {"city": "Pune"}},
    )
    assert made.status_code == 201
    contact = made.json()
    assert (contact["number"], contact["first_name"]) == ("+919876543210", "Asha")
    read = crm.get(f"/contacts/{contact['id']}")
    assert made["Location"] == f"/api/v1/contacts/{contact['id']}"
    assert read.json() == contact
    assert read["ETag"] == made["ETag"]
    assert re.fullmatch(r'"[!#-~]+"', read["ETag"]), "an entity-tag of RFC 9110, 8.8.3"
    changed = crm.patch(
        f"/contacts/{contact['id']}", {"company": "Acme", "fields": {}}, If_Match=read["ETag"]
    )
    assert changed.json() == {**contact, "company": "Acme", "fields": {}}
    assert changed["ETag"] != read["ETag"]
    assert crm.ask("DELETE", f"/contacts/{contact['id']}").status_code == 204
    assert crm.get(f"/contacts/{contact['id']}").status_code == 404


def test_a_contact_that_was_changed_meanwhile_is_not_overwritten(crm: Caller) -> None:
    made = crm.post("/contacts", {"number": "9876543210"})
    address, seen = f"/contacts/{made.json()['id']}", made["ETag"]
    assert crm.patch(address, {"tag": "first"}, If_Match=seen).status_code == 200
    late = crm.patch(address, {"tag": "second"}, If_Match=seen)
    assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
    assert late["ETag"] == crm.get(address)["ETag"]
    assert crm.patch(address, {"tag": "third"}).status_code == 428
    assert crm.get(address).json()["tag"] == "first"
    assert crm.patch(address, {"tag": "any"}, If_Match="*").status_code == 200


def test_contacts_are_found_by_number_and_text(book: Book, crm: Caller) -> None:
    crm.post("/contacts", {"number": "9876543210", "company": "Acme"})
    for query in ("number=09876543210", "number=%2B919876543210", "search=acm", "search=76543"):
        found = crm.get(f"/contacts?{query}").json()["items"]
        assert [one["number"] for one in found] == ["+919876543210"], query
    assert crm.get("/contacts?search=nobody").json() == {"items": [], "next": None}
    assert problems(crm.get("/contacts?number=12")) == [("?number", "number_wrong_length")]
    make_book("Bharat")  # has contacts of its own
    newest_first = [one["id"] for one in crm.get("/contacts").json()["items"]]
    oldest_first = [one["id"] for one in crm.get("/contacts?sort=created").json()["items"]]
    assert newest_first == oldest_first[::-1]
    assert len(newest_first) == 4


def test_pages_hold_every_contact_once_though_others_are_made_meanwhile(crm: Caller) -> None:
    known = {one["id"] for one in crm.get("/contacts").json()["items"]}
    seen: list[str] = []
    address = "/contacts?limit=1"
    while address:
        page = crm.get(address).json()
        seen += [one["id"] for one in page["items"]]
        crm.post("/contacts", {"number": f"98765{43210 + len(seen)}"})
        address = page["next"]
    assert sorted(seen) == sorted(known)


BAD_NUMBERS = [
    ("9.87654321E+09", "number_scientific"),
    ("98765432101", "number_wrong_length"),
    ("", "number_missing"),
    ("N/A", "number_missing"),
    ("9876543210,9876543211", "number_multiple"),
    ("sip:9876543210@evil.example", "number_invalid"),
    ("9876543210&PJSIP/900", "number_invalid"),
    ("112", "number_emergency"),
    ("+1911", "number_emergency"),
    ("+1 900 555 0123", "number_premium"),
    ("1800 123 4567", "number_toll_free"),
    ("0000000000", "number_invalid"),
    ("9" * 300, "number_too_long"),
    ("++919876543210", "number_invalid"),
    ("08045678901", "number_is_ours"),
]


@pytest.mark.parametrize(("number", "code"), BAD_NUMBERS)
def test_a_number_that_cannot_be_dialled_is_refused(number: str, code: str, crm: Caller) -> None:
    answer = crm.post("/contacts", {"number": number})
    assert answer.status_code == 422
    assert problems(answer) == [("/number", code)]


@pytest.mark.parametrize(
    "text",
    [
        *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "${jndi:x}"),
        *("=HYPERLINK(1)", "\u202etxt.exe", "👩‍👩‍👧", "Robert'); DROP TABLE x;--", "NULL"),
        *("a\r\nX-Header: 1", "नमस्ते", "x" * 100),
    ],
)
def test_any_text_comes_back_letter_for_letter(text: str, crm: Caller) -> None:
    made = crm.post("/contacts", {"number": "9876543210", "company": text, "fields": {"n": text}})
    assert made.status_code == 201
    read = crm.get(f"/contacts/{made.json()['id']}").json()
    assert (read["company"], read["fields"]) == (text, {"n": text})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/number", "missing")]),
        ({"number": 9876543210}, [("/number", "wrong_type")]),
        (
            {"number": True, "tag": None, "fields": {"a": 1}},
            [("/tag", "wrong_type"), ("/fields/a", "wrong_type"), ("/number", "wrong_type")],
        ),
        (
            {"number": "9876543210", "id": "1", "account_id": "1", "colour": "red"},
            [("/id", "read_only"), ("/account_id", "read_only"), ("/colour", "unknown_field")],
        ),
        (
            {"number": "12", "tag": "x" * 101, "email": "x" * 255},
            [("/number", "number_wrong_length"), ("/email", "too_long"), ("/tag", "too_long")],
        ),
        ({"number": "9876543210", "tag": "\ud800"}, [("/tag", "text_not_storable")]),
        ({"number": "9876543210", "list_id": "x"}, [("/list_id", "id_invalid")]),
    ],
)
def test_all_that_is_wrong_is_told_at_once(
    body: dict[str, Any], expected: list[tuple[str, str]], crm: Caller
) -> None:
    answer = crm.post("/contacts", body)
    assert answer.status_code == 422
    assert sorted(problems(answer)) == sorted(expected)
    assert Contact.objects.count() == 3


def test_a_known_number_is_a_conflict(crm: Caller) -> None:
    assert crm.post("/contacts", {"number": "9000000000"}).status_code == 409


def test_many_are_saved_at_once_and_each_is_told(book: Book, crm: Caller) -> None:
    contacts = [
        {"number": "9876543210", "first_name": "Asha"},
        {"number": "+919876543210", "first_name": "Again"},
        {"number": "9000000000", "company": "Acme"},
    ]
    answer = crm.post("/contacts/batch", {"contacts": contacts, "list_id": str(book.list_id)})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["created"], told["updated"]) == (1, 1)
    assert [one["outcome"] for one in told["contacts"]] == ["created", "duplicate", "updated"]
    known = crm.get(f"/contacts/{told['contacts'][2]['id']}").json()
    assert (known["company"], known["fields"]) == ("Acme", {"city": "Pune"})
    assert ListMember.objects.filter(contact_list=book.list_id).count() == 4


def test_of_many_with_errors_none_is_saved_and_all_errors_are_told(crm: Caller) -> None:
    contacts = [{"number": "9876543210"}, {"number": "112", "tag": "x" * 101}, {"number": "12"}]
    answer = crm.post("/contacts/batch", {"contacts": contacts})
    assert answer.status_code == 422
    assert problems(answer) == [
        ("/contacts/1/number", "number_emergency"),
        ("/contacts/1/tag", "too_long"),
        ("/contacts/2/number", "number_wrong_length"),
    ]
    assert Contact.objects.count() == 3


def test_five_thousand_are_saved_at_once_and_one_more_is_too_many(crm: Caller) -> None:
    many = [
        {"number": f"98{at:08}", "first_name": "Person", "company": "A company " * 9}
        for at in range(5_001)
    ]
    assert problems(crm.post("/contacts/batch", {"contacts": many})) == [("/contacts", "too_many")]
    assert problems(crm.post("/contacts/batch", {"contacts": []})) == [("/contacts", "too_few")]
    with CaptureQueriesContext(connection) as asked:
        answer = crm.post("/contacts/batch", {"contacts": many[:5_000]})
    assert (answer.status_code, answer.json()["created"]) == (200, 5_000)
    assert len(asked) < 20


def test_several_are_deleted_or_none(crm: Caller) -> None:
    ids = [one["id"] for one in crm.get("/contacts").json()["items"]]
    refused = crm.post("/contacts/delete", {"contact_ids": [ids[0], "77777777"]})
    assert (refused.status_code, problems(refused)) == (422, [("/contact_ids/1", "not_found")])
    assert crm.post("/contacts/delete", {"contact_ids": ids[:2]}).json() == {"deleted": 2}
    assert [one["id"] for one in crm.get("/contacts").json()["items"]] == ids[2:]


def test_what_belongs_to_another_account_is_not_found(book: Book, crm: Caller) -> None:
    theirs = make_book("Zenith")
    foreign = Contact.objects.filter(account=theirs.account).first()
    assert foreign is not None
    address = f"/contacts/{foreign.pk}"
    absent = crm.get("/contacts/77777777").json()
    for answer in (
        crm.get(address),
        crm.patch(address, {"tag": "mine"}, If_Match="*"),
        crm.ask("DELETE", address),
        crm.get(f"{address}/lists"),
    ):
        assert answer.status_code == 404
        assert answer.json()["code"] == absent["code"]
    assert crm.post(
        "/contacts", {"number": "9876543210", "list_id": str(theirs.list_id)}
    ).status_code in {404, 422}
    nested = crm.post("/contacts/delete", {"contact_ids": [str(foreign.pk)]})
    assert problems(nested) == [("/contact_ids/0", "not_found")]
    assert Contact.objects.filter(account=theirs.account, tag="").count() == 3
    assert Contact.objects.filter(account=book.account).count() == 3


def test_a_page_asks_as_much_for_one_contact_as_for_fifty(book: Book, crm: Caller) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert crm.get("/contacts?limit=50").status_code == 200
        return len(asked)

    queries()  # the first use of a key is noted
    few = queries()
    many = [{"number": f"98765{at:05}"} for at in range(60)]
    crm.post("/contacts/batch", {"contacts": many})
    assert queries() == few


def test_the_lists_of_a_contact_are_listed(book: Book, crm: Caller) -> None:
    contact = crm.get("/contacts").json()["items"][0]
    found = crm.get(f"/contacts/{contact['id']}/lists").json()["items"]
    assert [one["id"] for one in found] == [str(book.list_id)]
