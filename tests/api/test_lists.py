"""Lists: named, filled, emptied and deleted."""

from __future__ import annotations

import re

import pytest

from autodialer.apps.contacts.models import ContactList, ListMember
from tests.api.client import Caller
from tests.support.book import Book, make_book

pytestmark = pytest.mark.django_db


def numbers_of(crm: Caller, list_id: int | str) -> list[str]:
    items = crm.get(f"/lists/{list_id}/contacts").json()["items"]
    return [one["contact"]["number"] for one in items]


def test_a_list_is_made_renamed_and_deleted(book: Book, crm: Caller) -> None:
    made = crm.post("/lists", {"name": "  Gold  "})
    assert made.status_code == 201
    assert (made.json()["name"], made.json()["contacts"]) == ("Gold", 0)
    address = f"/lists/{made.json()['id']}"
    assert made["Location"] == f"/api/v1{address}"
    read = crm.get(address)
    assert read["ETag"] == made["ETag"]
    assert re.fullmatch(r'"[!#-~]+"', read["ETag"]), "an entity-tag of RFC 9110, 8.8.3"
    assert (read.json()["forbidden"], read.json()["campaigns"]) == (0, 0)
    renamed = crm.patch(address, {"name": "Silver"}, If_Match=read["ETag"])
    assert renamed.json()["name"] == "Silver"
    assert crm.patch(address, {"name": "Late"}, If_Match=read["ETag"]).status_code == 412
    assert crm.patch(address, {"name": "Leads"}, If_Match=renamed["ETag"]).status_code == 409
    assert crm.ask("DELETE", address).status_code == 204
    assert crm.get(address).status_code == 404


def test_what_calling_a_list_would_mean_is_told(book: Book, crm: Caller) -> None:
    book.campaign()
    crm.post("/dnd", {"numbers": ["9000000001"]})
    told = crm.get(f"/lists/{book.list_id}").json()
    assert (told["contacts"], told["forbidden"], told["campaigns"]) == (3, 1, 1)


def test_contacts_are_put_at_the_end_of_a_list_and_taken_out(book: Book, crm: Caller) -> None:
    ids = [
        crm.post("/contacts", {"number": number}).json()["id"]
        for number in ("9876543219", "9876543211")
    ]
    assert crm.post(f"/lists/{book.list_id}/contacts", {"contact_ids": ids}).json() == {"added": 2}
    assert crm.post(f"/lists/{book.list_id}/contacts", {"contact_ids": ids}).json() == {"added": 0}
    assert numbers_of(crm, book.list_id)[3:] == ["+919876543219", "+919876543211"]
    removed = crm.post(f"/lists/{book.list_id}/contacts/remove", {"contact_ids": ids[:1]})
    assert removed.json() == {"removed": 1}
    one = f"/lists/{book.list_id}/contacts/{ids[1]}"
    assert crm.ask("DELETE", one).status_code == 204
    assert crm.ask("DELETE", one).status_code == 404
    assert len(numbers_of(crm, book.list_id)) == 3
    assert crm.get(f"/contacts/{ids[0]}").status_code == 200


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["Alpha", "Beta", "Leads"]),
        ("-name", ["Leads", "Beta", "Alpha"]),
        ("created", ["Leads", "Beta", "Alpha"]),
        ("-created", ["Alpha", "Beta", "Leads"]),
    ],
)
def test_lists_are_sorted_and_leafed_through(sort: str, expected: list[str], crm: Caller) -> None:
    for name in ("Beta", "Alpha"):
        crm.post("/lists", {"name": name})
    names: list[str] = []
    address = f"/lists?limit=1&sort={sort}"
    while address:
        page = crm.get(address).json()
        names += [one["name"] for one in page["items"]]
        address = page["next"]
    assert names == expected


@pytest.mark.parametrize("sort", ["number;DROP", "password", "id", ""])
def test_other_sorts_are_refused_with_the_legal_ones(sort: str, crm: Caller) -> None:
    answer = crm.get(f"/lists?sort={sort}")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("?sort", "unknown_value")
    assert "-created" in error["message"]


@pytest.mark.parametrize("name", ["", "   ", "\u200b", "x" * 101, "a\nb"])
def test_a_name_that_nobody_could_read_is_refused(name: str, crm: Caller) -> None:
    answer = crm.post("/lists", {"name": name})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/name"]


def test_lists_and_contacts_of_another_account_are_not_found(book: Book, crm: Caller) -> None:
    zenith = make_book("Zenith")
    member = ListMember.objects.filter(contact_list=zenith.list_id).first()
    assert member is not None
    address = f"/lists/{zenith.list_id}"
    body = {"contact_ids": [str(member.contact_id)]}
    for answer in (
        crm.get(address),
        crm.patch(address, {"name": "Mine"}, If_Match="*"),
        crm.ask("DELETE", address),
        crm.get(f"{address}/contacts"),
        crm.post(f"{address}/contacts", body),
        crm.post(f"{address}/contacts/remove", body),
        crm.ask("DELETE", f"{address}/contacts/{member.contact_id}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    own = crm.post(f"/lists/{book.list_id}/contacts", body)
    assert own.status_code == 422
    assert [error["pointer"] for error in own.json()["errors"]] == ["/contact_ids/0"]
    assert [one["id"] for one in crm.get("/lists").json()["items"]] == [str(book.list_id)]
    assert ContactList.objects.get(pk=zenith.list_id).size == 3
