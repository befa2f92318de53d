"""Contacts that come many at a time: all of them or none, and everything that is wrong at once."""

from __future__ import annotations

import pytest

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.contacts.batch import NewContact
from autodialer.apps.contacts.models import Contact, DndEntry, ListMember
from autodialer.apps.contacts.person import Person
from autodialer.apps.contacts.services import add_contacts, add_dnd_numbers
from autodialer.domain.errors import ConflictError, ManyInvalidError, NotFoundError
from tests.support.book import NOON, Book, make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book(rows=3)


def numbers_of(list_id: int) -> list[str]:
    members = ListMember.objects.filter(contact_list=list_id).order_by("seq")
    return list(members.values_list("contact__e164", flat=True))


def test_contacts_join_the_end_of_a_list_in_their_order(book: Book) -> None:
    given = [NewContact(number) for number in ("9876543219", "9876543211", "9876543215")]
    saved = add_contacts(account=book.account, contacts=given, list_id=book.list_id, now=NOON)
    assert [one.e164 for one in saved] == ["+919876543219", "+919876543211", "+919876543215"]
    assert all(one.is_new for one in saved)
    assert numbers_of(book.list_id)[3:] == [one.e164 for one in saved]


def test_a_known_number_is_updated_and_keeps_what_is_not_said(book: Book) -> None:
    first = NewContact(
        "9876543210", Person(first_name="Asha", company="Acme", fields={"city": "Pune"})
    )
    (made,) = add_contacts(account=book.account, contacts=[first], now=NOON)
    again = NewContact(
        "+91 98765 43210", Person(first_name="", company="Zenith", fields={"plan": "gold"})
    )
    (updated,) = add_contacts(account=book.account, contacts=[again], now=NOON)
    assert (updated.id, updated.is_new) == (made.id, False)
    contact = Contact.objects.get(pk=made.id)
    assert (contact.first_name, contact.company) == ("Asha", "Zenith")
    assert contact.fields == {"city": "Pune", "plan": "gold"}


def test_of_a_number_that_is_given_twice_the_first_counts(book: Book) -> None:
    given = [
        NewContact("9876543210", Person(first_name="First")),
        NewContact("09876543210", Person(first_name="Second")),
    ]
    first, second = add_contacts(account=book.account, contacts=given, now=NOON)
    assert first == second
    assert Contact.objects.get(pk=first.id).first_name == "First"


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_saved(book: Book) -> None:
    before = Contact.objects.count()
    given = [
        NewContact("9876543210"),
        NewContact("112", Person(first_name="x" * 101, tag="y" * 101)),
        NewContact("08045678901"),  # the account's caller id
        NewContact("9876543211", Person(fields={"": "nameless"})),
        NewContact(""),
    ]
    with pytest.raises(ManyInvalidError) as refused:
        add_contacts(account=book.account, contacts=given, now=NOON)
    assert [(error.field, error.code) for error in refused.value.errors] == [
        ("contacts/1/number", "number_emergency"),
        ("contacts/1/first_name", "too_long"),
        ("contacts/1/tag", "too_long"),
        ("contacts/2/number", "number_is_ours"),
        ("contacts/3/fields", "field_missing"),
        ("contacts/4/number", "number_missing"),
    ]
    assert "5 more" in str(refused.value)
    assert Contact.objects.count() == before


def test_a_list_that_is_not_there_saves_no_contact(book: Book) -> None:
    before = Contact.objects.count()
    with pytest.raises(NotFoundError):
        add_contacts(
            account=book.account, contacts=[NewContact("9876543210")], list_id=10**9, now=NOON
        )
    assert Contact.objects.count() == before


def test_an_agent_changes_no_contact_of_somebody_else(book: Book) -> None:
    (made,) = add_contacts(
        account=book.account,
        contacts=[NewContact("9876543210", Person(company="Acme"))],
        now=NOON,
        actor=Actor.of(book.admin),
    )
    with pytest.raises(ConflictError):
        add_contacts(
            account=book.account,
            contacts=[NewContact("9876543210", Person(company="Mine"))],
            now=NOON,
            actor=Actor.of(book.agent),
        )
    assert Contact.objects.get(pk=made.id).company == "Acme"


def test_numbers_never_reach_another_account(book: Book) -> None:
    stranger = make_book("Zenith")
    mine, theirs = (
        add_contacts(account=one.account, contacts=[NewContact("9876543210")], now=NOON)[0]
        for one in (book, stranger)
    )
    assert mine.id != theirs.id
    assert mine.is_new
    assert theirs.is_new


def test_the_registry_names_each_text_that_is_no_number(book: Book) -> None:
    with pytest.raises(ManyInvalidError) as refused:
        add_dnd_numbers(account=book.account, numbers=["9876543210", "x", "12"], now=NOON)
    assert [error.field for error in refused.value.errors] == ["numbers/1", "numbers/2"]
    assert not DndEntry.objects.exists()
