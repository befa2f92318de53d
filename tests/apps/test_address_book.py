"""Lists, contacts and the do-not-call registry: who may change what, and what is kept."""

from __future__ import annotations

import pytest

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.services import create_user, set_user_active
from autodialer.apps.campaigns.models import Target
from autodialer.apps.contacts import queries, services
from autodialer.apps.contacts.models import Contact, ContactList, ListMember
from autodialer.apps.contacts.numbers import NumberError
from autodialer.apps.contacts.person import Person
from autodialer.apps.contacts.services import (
    add_dnd_numbers,
    add_to_list,
    create_contact,
    create_list,
    delete_contacts,
    delete_list,
    edit_contact,
    remove_dnd_numbers,
    remove_from_list,
    rename_list,
)
from autodialer.apps.imports.services import import_list
from autodialer.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from tests.apps.test_campaigns import race
from tests.support.book import NOON, Book, make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def person(book: Book, number: str = "9876543210", actor: Actor = OPERATOR) -> Contact:
    return create_contact(
        account=book.account,
        number=number,
        person=Person(first_name=" Asha ", fields={"city": "Pune"}),
        now=NOON,
        actor=actor,
    )


def places(book: Book, list_id: int) -> list[tuple[int, str]]:
    rows = queries.member_rows(book.account, OPERATOR, list_id)
    return [(row.seq, row.contact.e164[-2:]) for row in rows]


def test_contacts_join_at_the_end_and_the_others_keep_their_place(book: Book) -> None:
    made = [person(book, f"98765432{at}") for at in (10, 11, 12)]
    list_id = create_list(account=book.account, name="Mine", now=NOON).pk

    def add(*which: int) -> int:
        ids = [made[at].pk for at in which]
        return add_to_list(now=NOON, account=book.account, list_id=list_id, contact_ids=ids)

    assert add(2, 0, 2) == 2
    assert add(0, 1) == 1
    before = places(book, list_id)
    assert [number for _, number in before] == ["12", "10", "11"]
    remove_from_list(now=NOON, account=book.account, list_id=list_id, contact_ids=[made[0].pk])
    assert places(book, list_id) == [before[0], before[2]]
    assert add(0) == 1
    assert [number for _, number in places(book, list_id)] == ["12", "11", "10"]


def test_an_imported_list_is_continued_after_its_last_line(book: Book) -> None:
    add_to_list(now=NOON, account=book.account, list_id=book.list_id, contact_ids=[person(book).pk])
    assert [seq for seq, _ in places(book, book.list_id)] == [2, 3, 4, 5]


def test_a_list_never_grows_beyond_what_a_campaign_dials(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_TARGETS", 4)
    ids = [person(book, f"98765432{at}").pk for at in (10, 11)]
    with pytest.raises(InvalidInputError) as refused:
        add_to_list(now=NOON, account=book.account, list_id=book.list_id, contact_ids=ids)
    assert refused.value.code == "list_too_big"
    assert ListMember.objects.filter(contact_list=book.list_id).count() == 3
    add_to_list(now=NOON, account=book.account, list_id=book.list_id, contact_ids=ids[:1])


def test_of_many_who_add_at_once_nobody_passes_the_limit(
    live_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = make_book()
    monkeypatch.setattr(services, "MAX_TARGETS", 5)
    ids = [person(book, f"98765432{at}").pk for at in range(10, 16)]

    def add(contact_id: int) -> None:
        add_to_list(now=NOON, account=book.account, list_id=book.list_id, contact_ids=[contact_id])

    ends = race(*[lambda one=one: add(one) for one in ids])
    assert (ends.count("done"), ends.count("list_too_big")) == (2, 4)
    seqs = list(ListMember.objects.filter(contact_list=book.list_id).values_list("seq", flat=True))
    assert len(set(seqs)) == 5


def test_a_campaign_keeps_its_copy_whatever_becomes_of_the_list(book: Book) -> None:
    campaign = book.campaign()
    copy = list(Target.objects.filter(campaign=campaign).order_by("seq").values("e164", "contact"))
    first = queries.member_rows(book.account, OPERATOR, book.list_id)[0].contact.id
    edit_contact(
        now=NOON, account=book.account, contact_id=first, person=Person(first_name="Changed")
    )
    delete_contacts(now=NOON, account=book.account, contact_ids=[first])
    delete_list(account=book.account, now=NOON, list_id=book.list_id)
    kept = Target.objects.filter(campaign=campaign).order_by("seq").values("e164", "contact")
    assert list(kept) == copy


def test_lists_are_renamed_and_deleted_their_contacts_stay(book: Book) -> None:
    spare = create_list(account=book.account, name="Spare", now=NOON)
    with pytest.raises(ConflictError):
        rename_list(now=NOON, account=book.account, list_id=spare.pk, name="Leads")
    assert (
        rename_list(now=NOON, account=book.account, list_id=spare.pk, name=" Spare ").name
        == "Spare"
    )
    delete_list(account=book.account, now=NOON, list_id=book.list_id)
    assert [row.name for row in queries.list_rows(book.account)] == ["Spare"]
    assert Contact.objects.filter(account=book.account).count() == 3


def test_agents_make_lists_and_contacts_and_see_only_their_own(book: Book) -> None:
    bina, account = Actor.of(book.agent), book.account
    mine = person(book, actor=bina)
    my_list = create_list(account=account, name="Bina's", now=NOON, actor=bina)
    add_to_list(now=NOON, account=account, list_id=my_list.pk, contact_ids=[mine.pk], actor=bina)
    assert [row.name for row in queries.list_rows(account, bina)] == ["Bina's"]
    assert [row.id for row in queries.contact_rows(account, bina)] == [mine.pk]
    assert len(queries.list_rows(account, Actor.of(book.supervisor))) == 2
    theirs = Contact.objects.exclude(pk=mine.pk)[0].pk
    for act in (
        lambda: queries.member_rows(account, bina, book.list_id),
        lambda: queries.contact_row(account, bina, theirs),
        lambda: edit_contact(now=NOON, account=account, contact_id=theirs, actor=bina),
        lambda: delete_contacts(
            now=NOON, account=account, contact_ids=[mine.pk, theirs], actor=bina
        ),
        lambda: rename_list(now=NOON, account=account, list_id=book.list_id, name="X", actor=bina),
        lambda: delete_list(account=account, now=NOON, list_id=book.list_id, actor=bina),
        lambda: add_to_list(
            now=NOON, account=account, list_id=my_list.pk, contact_ids=[theirs], actor=bina
        ),
        lambda: add_to_list(
            now=NOON, account=account, list_id=book.list_id, contact_ids=[mine.pk], actor=bina
        ),
    ):
        with pytest.raises(NotFoundError):
            act()
    assert Contact.objects.filter(account=account).count() == 4


def test_an_agents_file_changes_no_contact_of_others(book: Book) -> None:
    person(book)
    import_list(
        account=book.account,
        name="Bina's",
        data=b"number,name,city\n9876543210,Evil,Gone\n9876543299,New,Delhi\n",
        now=NOON,
        created_by=book.agent,
    )
    kept = Contact.objects.get(e164="+919876543210")
    assert (kept.first_name, kept.fields) == ("Asha", {"city": "Pune"})
    assert Contact.objects.get(e164="+919876543299").first_name == "New"
    assert ContactList.objects.get(name="Bina's").members.count() == 2


def test_another_accounts_book_is_not_found(book: Book) -> None:
    theirs = make_book("Zenith")
    contact_id = Contact.objects.filter(account=theirs.account)[0].pk
    for act in (
        lambda: delete_list(account=book.account, now=NOON, list_id=theirs.list_id),
        lambda: edit_contact(now=NOON, account=book.account, contact_id=contact_id),
        lambda: add_to_list(
            now=NOON, account=book.account, list_id=book.list_id, contact_ids=[contact_id]
        ),
    ):
        with pytest.raises(NotFoundError):
            act()


def test_a_contact_is_edited_value_by_value(book: Book) -> None:
    made = person(book)
    edit_contact(
        now=NOON, account=book.account, contact_id=made.pk, person=Person(company="Acme", tag="")
    )
    edit_contact(now=NOON, account=book.account, contact_id=made.pk, number="9876543277")
    row = queries.contact_row(book.account, OPERATOR, made.pk)
    assert (row.e164, row.first_name, row.company) == ("+919876543277", "Asha", "Acme")
    assert dict(row.fields) == {"city": "Pune"}
    with pytest.raises(ConflictError):
        edit_contact(now=NOON, account=book.account, contact_id=made.pk, number="9000000000")


def test_a_number_that_is_known_or_ours_makes_no_contact(book: Book) -> None:
    with pytest.raises(ConflictError):
        person(book, "9000000000")
    for number, code in (("08045678901", "number_is_ours"), ("112", "number_emergency")):
        with pytest.raises(NumberError) as refused:
            person(book, number)
        assert refused.value.code == code


NAUGHTY = [
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "{% debug %}"),
    *("${jndi:ldap://x}", "$(id)", "=HYPERLINK(1)", "@SUM(1)", "+1", "-1", "＝1"),  # noqa: RUF001
    *("\u202etxt.exe", "👩‍👩‍👧", "Robert'); DROP TABLE x;--", "NULL", "None", "NaN", "\\N"),
    *("a\r\nX-Header: 1", "\u200b", "İstanbul", "नमस्ते"),
]


@pytest.mark.parametrize("text", NAUGHTY)
def test_any_text_comes_back_letter_for_letter(book: Book, text: str) -> None:
    made = create_contact(
        account=book.account,
        number="9876543210",
        person=Person(first_name=text, company=text, fields={"note": text}),
        now=NOON,
    )
    row = queries.contact_row(book.account, OPERATOR, made.pk)
    assert (row.first_name, row.company, row.fields["note"]) == (text, text, text)
    assert [found.id for found in queries.contact_rows(book.account, OPERATOR, search=text)] == [
        made.pk
    ]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 101, "x" * 10_000])
def test_text_that_cannot_be_kept_is_refused(book: Book, text: str) -> None:
    for wrong in (Person(first_name=text), Person(fields={text: "x"})):
        with pytest.raises(InvalidInputError):
            create_contact(account=book.account, number="9876543210", person=wrong, now=NOON)
    with pytest.raises(InvalidInputError):
        create_list(account=book.account, name=text, now=NOON)
    assert queries.contact_rows(book.account, OPERATOR, search=text) == []
    assert not Contact.objects.filter(e164="+919876543210").exists()


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "a\r\nb", "a\0b"])
def test_a_list_needs_a_name_that_can_be_seen(book: Book, name: str) -> None:
    with pytest.raises(InvalidInputError):
        create_list(account=book.account, name=name, now=NOON)


def test_names_that_look_equal_are_equal(book: Book) -> None:
    create_list(account=book.account, name="Caf\u00e9", now=NOON)
    with pytest.raises(ConflictError):
        create_list(account=book.account, name=" Cafe\u0301 ", now=NOON)


def test_supervisors_add_to_the_registry_and_only_admins_remove(book: Book) -> None:
    account, numbers = book.account, ["9876543210", "1800 123 4567"]
    asha = Actor.of(book.supervisor)
    assert add_dnd_numbers(account=account, numbers=numbers, now=NOON, actor=asha) == 2
    assert add_dnd_numbers(account=account, numbers=numbers, now=NOON, actor=asha) == 0
    with pytest.raises(NotAllowedError):
        remove_dnd_numbers(account=account, now=NOON, numbers=numbers, actor=asha)
    with pytest.raises(NotAllowedError):
        add_dnd_numbers(account=account, numbers=numbers, now=NOON, actor=Actor.of(book.agent))
    assert [row.e164 for row in queries.dnd_rows(account, search="98765")] == ["+919876543210"]
    devi = Actor.of(book.admin)
    assert remove_dnd_numbers(account=account, now=NOON, numbers=["09876543210"], actor=devi) == 1


def test_what_a_leaver_made_stays_for_the_managers(book: Book) -> None:
    esha = create_user(
        account=book.account, email="e@x.example", name="Esha", role=Role.AGENT, now=NOON
    )
    create_list(account=book.account, name="Esha's", now=NOON, actor=Actor.of(esha))
    set_user_active(account=book.account, user_id=esha.pk, active=False, now=NOON)
    assert "Esha's" in [row.name for row in queries.list_rows(book.account)]
    assert queries.list_rows(book.account, Actor.of(book.agent)) == []
