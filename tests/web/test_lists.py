"""Lists and the address book: what supervisors and agents see and change."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.contacts import queries
from autodialer.apps.contacts.models import Contact, ContactList
from autodialer.apps.contacts.person import Person
from autodialer.apps.contacts.services import add_to_list, create_contact, create_list
from autodialer.apps.imports.services import import_list
from tests.support.book import NOON, Book, csv_of, make_book
from tests.web.visit import HTMX, signed_in, streamed, text


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


@pytest.fixture
def asha(book: Book) -> Client:
    return signed_in(book.supervisor)


def test_a_list_is_shown_with_its_size_and_maker(asha: Client, book: Book) -> None:
    create_list(account=book.account, name="Empty", now=NOON, actor=Actor.of(book.supervisor))
    rows = asha.get("/lists/").context["page"].rows
    assert [(row.name, row.contacts, row.made_by) for row in rows] == [
        ("Empty", 0, "Asha"),
        ("Leads", 3, ""),
    ]


def test_a_new_list_opens_and_a_taken_name_keeps_what_was_typed(asha: Client, book: Book) -> None:
    refused = asha.post("/lists/new/", {"name": "Leads"})
    assert refused.status_code == 422
    assert "There is a list called" in text(refused)
    assert 'value="Leads"' in text(refused)
    made = asha.post("/lists/new/", {"name": " Diwali "})
    assert made["Location"] == f"/lists/{ContactList.objects.get(name='Diwali').pk}/"
    dialog = asha.post("/lists/new/", {"name": "Holi"}, headers=HTMX)
    assert dialog["HX-Redirect"] == f"/lists/{ContactList.objects.get(name='Holi').pk}/"


def test_a_list_is_renamed_in_a_dialog(asha: Client, book: Book) -> None:
    assert 'value="Leads"' in text(asha.get(f"/lists/{book.list_id}/rename/", headers=HTMX))
    asha.post(f"/lists/{book.list_id}/rename/", {"name": "Old leads"})
    assert ContactList.objects.get(pk=book.list_id).name == "Old leads"


def test_before_a_list_is_deleted_it_is_said_what_stays(asha: Client, book: Book) -> None:
    book.campaign("One")
    book.campaign("Two")
    question = text(asha.get(f"/lists/{book.list_id}/delete/"))
    assert "3 contacts stay in the address book" in question
    assert "2 campaigns made from it keep their copy" in question
    assert ContactList.objects.filter(pk=book.list_id).exists()
    asha.post(f"/lists/{book.list_id}/delete/")
    assert not ContactList.objects.filter(pk=book.list_id).exists()
    assert Contact.objects.count() == 3


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("09000000001", 1),
        ("90000 00002", 1),
        ("person", 3),
        ("PERSON 1", 1),
        ("nobody", 0),
        ("pe", 3),
        ("\0", 3),
        ("a\0b", 0),
    ],
)
def test_a_list_is_searched_by_number_or_name_from_three_characters(
    asha: Client, book: Book, typed: str, found: int
) -> None:
    page = asha.get(f"/lists/{book.list_id}/", {"q": typed})
    assert len(page.context["page"].rows) == found
    assert ("Nothing found for" in text(page)) == (found == 0)


def test_a_long_list_is_leafed_through(asha: Client, book: Book) -> None:
    long = import_list(account=book.account, name="Long", data=csv_of(120), now=NOON).list_id
    last = asha.get(f"/lists/{long}/", {"page": "3"}).context["page"]
    assert (last.first, last.last, last.total, last.next) == (101, 120, 120, None)
    assert last.rows[-1].contact.e164 == "+919000000119"


def test_a_page_asks_as_much_for_one_row_as_for_fifty(asha: Client, book: Book) -> None:
    long = import_list(account=book.account, name="Long", data=csv_of(60), now=NOON).list_id
    for at in range(5):
        create_list(account=book.account, name=f"List {at}", now=NOON)

    def asked(url: str) -> int:
        asha.get(url)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert asha.get(url).status_code == 200
        return len(captured)

    assert asked(f"/lists/{long}/") == asked(f"/lists/{book.list_id}/")
    assert asked("/lists/") == asked("/lists/?q=Leads")
    assert asked("/lists/contacts/") == asked("/lists/contacts/?q=person%202")


def test_contacts_are_looked_for_and_added_and_taken_out(asha: Client, book: Book) -> None:
    made = create_list(account=book.account, name="Mine", now=NOON).pk
    found = asha.get(f"/lists/{made}/add/", {"q": "person"}).context["page"].rows
    assert len(found) == 3
    asha.post(f"/lists/{made}/add/", {"contact": [found[0].id, found[1].id]})
    assert ContactList.objects.get(pk=made).size == 2
    assert len(asha.get(f"/lists/{made}/add/").context["page"].rows) == 1
    asha.post(f"/lists/{made}/remove/", {"contact": found[0].id})
    rows = asha.get(f"/lists/{made}/").context["page"].rows
    assert [row.contact.id for row in rows] == [found[1].id]
    nothing = asha.post(f"/lists/{made}/remove/")
    assert nothing.status_code == 422
    assert "Tick the contacts first" in text(nothing)


def test_a_new_contact_joins_the_list_it_was_made_for(asha: Client, book: Book) -> None:
    url = f"/lists/contacts/new/?list={book.list_id}"
    page = {
        "number": "098765 43210",
        "first_name": "<b>Asha</b>",
        "field_name": ["city", "", "plan"],
        "field_value": ["Pune", "", "gold"],
    }
    assert asha.post(url, page)["Location"] == f"/lists/{book.list_id}/"
    made = Contact.objects.get(e164="+919876543210")
    assert (made.first_name, made.fields) == ("<b>Asha</b>", {"city": "Pune", "plan": "gold"})
    shown = text(asha.get(f"/lists/{book.list_id}/"))
    assert "&lt;b&gt;Asha&lt;/b&gt;" in shown
    assert "<b>Asha" not in shown
    assert ContactList.objects.get(pk=book.list_id).size == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"number": "12"}, "too few or too many digits"),
        ({"number": "9000000001"}, "There is a contact with the number +919000000001 already."),
        ({"field_name": ["city", "city"], "field_value": ["a", "b"]}, "two fields called city"),
        ({"field_name": [""], "field_value": ["Pune"]}, "Give each field a name."),
        ({"first_name": "x" * 101}, "at most 100 characters"),
    ],
)
def test_a_refused_contact_keeps_what_was_typed(
    asha: Client, book: Book, change: dict[str, object], sentence: str
) -> None:
    page = {"number": "9876543210", "field_name": ["k"], "field_value": ["kept"], "tag": "t1"}
    answer = asha.post("/lists/contacts/new/", page | change)
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert 'value="t1"' in text(answer)
    assert Contact.objects.count() == 3


def test_a_contact_is_changed_and_emptied_rows_lose_their_field(asha: Client, book: Book) -> None:
    row = queries.contact_rows(book.account, OPERATOR, search="Person 1")[0]
    assert row.fields == {"city": "Pune"}
    page = asha.get(f"/lists/contacts/{row.id}/")
    assert [one.name for one in page.context["lists"]] == ["Leads"]
    form = {"number": row.e164, "first_name": "Devi", "field_name": [""], "field_value": [""]}
    assert asha.post(f"/lists/contacts/{row.id}/", form).status_code == 302
    changed = queries.contact_row(book.account, OPERATOR, row.id)
    assert (changed.first_name, dict(changed.fields)) == ("Devi", {})


def test_before_contacts_are_deleted_it_is_said_what_they_leave(asha: Client, book: Book) -> None:
    ids = list(Contact.objects.values_list("pk", flat=True))[:2]
    question = text(asha.get("/lists/contacts/delete/", {"contact": ids}))
    assert "Delete 2 contacts?" in question
    assert "They leave 1 list as well" in question
    asha.post("/lists/contacts/delete/", {"contact": ids})
    assert Contact.objects.count() == 1
    assert ContactList.objects.get(pk=book.list_id).size == 1


def test_an_agent_sees_and_changes_only_what_is_their_own(book: Book) -> None:
    bina, actor = signed_in(book.agent), Actor.of(book.agent)
    mine = create_list(account=book.account, name="Bina's", now=NOON, actor=actor).pk
    own = create_contact(account=book.account, number="9876543210", now=NOON, actor=actor).pk
    add_to_list(account=book.account, list_id=mine, contact_ids=[own], now=NOON, actor=actor)
    assert [row.name for row in bina.get("/lists/").context["page"].rows] == ["Bina's"]
    assert [row.id for row in bina.get("/lists/contacts/").context["page"].rows] == [own]
    theirs = Contact.objects.exclude(pk=own)[0].pk
    for path in ("", "rename/", "delete/", "add/"):
        assert bina.get(f"/lists/{book.list_id}/{path}").status_code == 404
    assert bina.get(f"/lists/contacts/{theirs}/").status_code == 404
    assert bina.get(f"/lists/contacts/delete/?contact={theirs}").status_code == 404
    assert bina.post(f"/lists/{mine}/add/", {"contact": theirs}).status_code == 404
    page = text(bina.get(f"/lists/{mine}/"))
    assert "export." not in page
    assert bina.get(f"/lists/{mine}/export.csv").status_code == 403


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_exported_list_is_the_same_list_when_it_is_imported(
    asha: Client, book: Book, form: str
) -> None:
    nasty = ("=1+1", "'=1+1", "'quoted'", "+91", "-x", "a,b;c", 'say "hi"', "x\ny", "0123", "क")
    made = create_list(account=book.account, name="Nasty", now=NOON).pk
    for at, raw in enumerate(nasty):
        person = Person(first_name=raw, tag=raw, fields={"note": raw, f"f{at}": raw, "name": raw})
        create_contact(
            account=book.account, number=f"98765432{at:02}", person=person, list_id=made, now=NOON
        )
    before = [row.contact for row in queries.member_rows(book.account, OPERATOR, made)]
    answer = asha.get(f"/lists/{made}/export.{form}")
    assert answer["Content-Disposition"] == f'attachment; filename="nasty.{form}"'
    data = streamed(answer)
    Contact.objects.all().delete()
    again = import_list(account=book.account, name="Again", data=data, now=NOON)
    assert again.rejected == ()
    after = [row.contact for row in queries.member_rows(book.account, OPERATOR, again.list_id)]
    assert [(one.e164, one.first_name, one.tag, dict(one.fields)) for one in after] == [
        (one.e164, one.first_name, one.tag, dict(one.fields)) for one in before
    ]
    assert AuditEntry.objects.filter(action="list.export").count() == 1


def test_an_export_shields_what_a_spreadsheet_would_calculate(asha: Client, book: Book) -> None:
    person = Person(first_name="=cmd|' /C calc'!A0")
    create_contact(
        account=book.account, number="9876543210", person=person, list_id=book.list_id, now=NOON
    )
    data = streamed(asha.get(f"/lists/{book.list_id}/export.csv")).decode("utf-8-sig")
    last = list(csv.DictReader(io.StringIO(data)))[-1]
    assert (last["number"], last["first_name"]) == ("+919876543210", "'=cmd|' /C calc'!A0")


def test_the_size_of_a_list_is_always_its_number_of_members(book: Book) -> None:
    other = create_list(account=book.account, name="Other", now=NOON)
    ids = list(Contact.objects.values_list("pk", flat=True))
    add_to_list(account=book.account, list_id=other.pk, contact_ids=ids, now=NOON)
    add_to_list(account=book.account, list_id=other.pk, contact_ids=ids, now=NOON)
    Contact.objects.filter(pk=ids[0]).delete()
    for found in ContactList.objects.all():
        assert found.size == found.members.count() == 2
