"""Imports that ask before they save: kept, read as a person says, checked, confirmed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.contacts import services as book_services
from autodialer.apps.contacts.models import Contact, ContactList
from autodialer.apps.contacts.queries import member_rows
from autodialer.apps.contacts.services import add_dnd_numbers, create_list, delete_list
from autodialer.apps.contacts.staging import Staging
from autodialer.apps.imports import queries
from autodialer.apps.imports.models import ImportFile, ListImport
from autodialer.apps.imports.problems import FileError, SameFileError
from autodialer.apps.imports.services import (
    begin_import,
    cancel_import,
    confirm_import,
    expire_imports,
    plan_import,
    run_import,
)
from autodialer.apps.imports.table import Reading
from autodialer.domain.errors import (
    ConflictError,
    IllegalTransitionError,
    InvalidInputError,
    NotFoundError,
)
from tests.support.book import NOON, Book, csv_of, make_book

MIXED = (
    b"tel,name\n9876543210,as it is\n098765 43211,fixed\n09876543210,twice\n"
    b"12,short\n13,short too\n9000000001,known\n9811111111,never\n"
)


@pytest.fixture
def book(live_database: str) -> Book:
    return make_book()


def begin(book: Book, data: bytes = MIXED, name: str = "New", **more: object) -> int:
    return begin_import(
        account=book.account,
        actor=Actor.of(book.supervisor),
        file_name="leads.csv",
        data=data,
        name=name,
        now=NOON,
        **more,  # type: ignore[arg-type]  # what a test wants to say
    )


def plan(book: Book, import_id: int, reading: Reading | None = None) -> None:
    said, asha = reading or Reading(), Actor.of(book.supervisor)
    plan_import(account=book.account, actor=asha, import_id=import_id, reading=said)


def confirm(book: Book, import_id: int, name: str = "") -> None:
    asha = Actor.of(book.supervisor)
    confirm_import(account=book.account, actor=asha, import_id=import_id, name=name)


def cancel(book: Book, import_id: int) -> None:
    asha = Actor.of(book.supervisor)
    cancel_import(account=book.account, actor=asha, import_id=import_id, now=NOON)


def work(import_id: int) -> None:
    run_import(import_id=import_id, clock=lambda: NOON)


def row(book: Book, import_id: int) -> queries.ImportRow:
    return queries.import_row(book.account, OPERATOR, import_id)


def test_what_was_checked_is_told_and_nothing_is_saved_before_the_yes(book: Book) -> None:
    add_dnd_numbers(account=book.account, numbers=["9811111111"], now=NOON)
    import_id = begin(book)
    assert (row(book, import_id).status, ProcrastinateJob.objects.count()) == ("draft", 0)
    plan(book, import_id)
    assert (row(book, import_id).status, ProcrastinateJob.objects.count()) == ("queued", 1)
    work(import_id)
    checked = row(book, import_id)
    assert (checked.status, checked.rows_total, checked.rejected) == ("checked", 7, 2)
    assert (checked.untouched, checked.outlook.fixed, checked.duplicates) == (3, 1, 1)
    assert (checked.outlook.known, checked.outlook.forbidden) == (1, 1)
    assert checked.fixes[0] == (3, "098765 43211", "+919876543211")
    problem = checked.problems[0]
    assert (problem.code, problem.rows, problem.line, problem.example) == (
        "number_wrong_length",
        2,
        5,
        "12",
    )
    assert b"short too" in queries.rejected_file(book.account, OPERATOR, import_id)
    assert not ContactList.objects.filter(name="New").exists()
    confirm(book, import_id)
    work(import_id)
    done = row(book, import_id)
    assert (done.status, done.contacts, done.duplicates, done.rejected) == ("done", 4, 1, 2)
    assert ContactList.objects.get(name="New", pk=done.list_id or 0).size == 4
    assert AuditEntry.objects.filter(action="list.import").latest("pk").who == "Asha"
    assert not ImportFile.objects.filter(kind="uploaded").exists()


def test_a_new_list_may_be_called_otherwise_at_the_yes(book: Book) -> None:
    import_id = begin(book)
    plan(book, import_id)
    work(import_id)
    create_list(account=book.account, name="New", now=NOON)
    with pytest.raises(ConflictError):
        confirm(book, import_id)
    confirm(book, import_id, "Newer")
    work(import_id)
    assert ContactList.objects.get(name="Newer").size == 4


def test_it_can_be_read_otherwise_after_the_check_as_often_as_one_likes(book: Book) -> None:
    import_id = begin(book, b"tel,n\n0412 345 678,Asha\n")
    for _ in range(4):  # more often than workers may die
        plan(book, import_id)
        work(import_id)
        assert (row(book, import_id).status, row(book, import_id).ready) == ("checked", 0)
    with pytest.raises(ConflictError):
        confirm(book, import_id)
    plan(book, import_id, Reading(region="AU", columns={"n": "first_name"}))
    work(import_id)
    confirm(book, import_id)
    work(import_id)
    assert Contact.objects.get(e164="+61412345678").first_name == "Asha"


def test_rows_join_the_end_of_a_list_and_known_members_keep_their_place(book: Book) -> None:
    import_id = begin(book, b"number\n9876543210\n9000000001\n", list_id=book.list_id)
    plan(book, import_id)
    work(import_id)
    assert row(book, import_id).outlook.members == 1
    confirm(book, import_id)
    work(import_id)
    done = row(book, import_id)
    assert (done.status, done.name, done.list_id, done.joins) == (
        "done",
        "Leads",
        book.list_id,
        True,
    )
    members = member_rows(book.account, OPERATOR, book.list_id)
    assert [one.contact.e164[-4:] for one in members] == ["0000", "0001", "0002", "3210"]
    assert ContactList.objects.get(pk=book.list_id).size == 4


def test_a_list_that_would_become_too_long_stays_as_it_is(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_services, "MAX_TARGETS", 4)
    import_id = begin(book, b"number\n9876543210\n9876543211\n", list_id=book.list_id)
    plan(book, import_id)
    work(import_id)
    confirm(book, import_id)
    work(import_id)
    assert (row(book, import_id).status, row(book, import_id).error_code) == (
        "failed",
        "list_too_big",
    )
    assert ContactList.objects.get(pk=book.list_id).size == 3
    assert Contact.objects.count() == 3


def test_a_list_that_is_gone_at_the_end_fails_the_import(book: Book) -> None:
    import_id = begin(book, list_id=book.list_id)
    plan(book, import_id)
    work(import_id)
    confirm(book, import_id)
    delete_list(account=book.account, list_id=book.list_id, now=NOON)
    work(import_id)
    assert (row(book, import_id).status, row(book, import_id).error_code) == ("failed", "not_found")


@pytest.mark.parametrize(
    ("data", "more", "refusal"),
    [
        (b"", {}, "file_empty"),
        (b"%PDF", {}, "file_type"),
        (b"number\n", {}, "file_no_rows"),
        (MIXED, {"name": "Leads"}, "conflict"),
        (MIXED, {"name": ""}, "name_missing"),
        (MIXED, {"region": "XX"}, "unknown_region"),
        (MIXED, {"list_id": 10**12}, "not_found"),
    ],
)
def test_what_can_be_no_import_is_refused_before_it_is_kept(
    book: Book, data: bytes, more: dict[str, object], refusal: str
) -> None:
    with pytest.raises((FileError, ConflictError, InvalidInputError, NotFoundError)) as refused:
        begin(book, data, **more)  # type: ignore[arg-type]  # any of its arguments
    assert refused.value.code == refusal
    assert ListImport.objects.count() == 1


def test_a_file_that_became_a_list_before_is_told(book: Book) -> None:
    with pytest.raises(SameFileError):
        begin(book, csv_of(3))
    assert begin(book, csv_of(3), again=True)


def test_a_column_of_numbers_that_nobody_can_guess_is_asked_for(book: Book) -> None:
    import_id = begin(book, b"who,what\nAsha,x\nBina,y\n")
    asha = Actor.of(book.supervisor)
    shown = queries.draft_preview(book.account, asha, import_id, Reading())
    assert "number" not in shown.meanings
    with pytest.raises(FileError) as refused:
        plan(book, import_id)
    assert refused.value.code == "no_number_column"
    plan(book, import_id, Reading(columns={"what": "number"}))


def test_each_step_is_taken_once_and_in_order(book: Book) -> None:
    import_id = begin(book)
    with pytest.raises(IllegalTransitionError):
        confirm(book, import_id)
    plan(book, import_id)
    with pytest.raises(IllegalTransitionError):
        plan(book, import_id)
    work(import_id)
    confirm(book, import_id)
    for step in (confirm, plan):
        with pytest.raises(IllegalTransitionError):
            step(book, import_id)
    work(import_id)
    with pytest.raises(IllegalTransitionError):
        cancel(book, import_id)
    assert row(book, import_id).status == "done"


def test_a_cancelled_file_is_forgotten_and_its_job_does_nothing(book: Book) -> None:
    import_id = begin(book)
    plan(book, import_id)
    cancel(book, import_id)
    work(import_id)
    assert row(book, import_id).status == "cancelled"
    assert not ImportFile.objects.exists()
    with pytest.raises(NotFoundError):
        queries.draft_preview(book.account, OPERATOR, import_id, Reading())


def test_a_check_that_is_cancelled_in_the_middle_ends(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = begin(book)
    plan(book, import_id)
    monkeypatch.setattr(Staging, "add", lambda *_rows: cancel(book, import_id))
    work(import_id)
    assert row(book, import_id).status == "cancelled"
    assert not ImportFile.objects.exists()


def test_what_nobody_goes_on_with_is_forgotten_after_a_week(book: Book) -> None:
    kept, checked = begin(book, name="A"), begin(book, name="B")
    plan(book, checked)
    work(checked)
    assert expire_imports(now=NOON + timedelta(days=7)) == 0
    assert expire_imports(now=NOON + timedelta(days=7, seconds=1)) == 2
    assert {row(book, kept).status, row(book, checked).status} == {"cancelled"}
    assert not ImportFile.objects.exists()


def test_an_agent_joins_and_continues_only_what_is_their_own(book: Book) -> None:
    bina = Actor.of(book.agent)
    theirs = begin(book)
    for act in (
        lambda: plan_import(account=book.account, actor=bina, import_id=theirs, reading=Reading()),
        lambda: confirm_import(account=book.account, actor=bina, import_id=theirs),
        lambda: cancel_import(account=book.account, actor=bina, import_id=theirs, now=NOON),
        lambda: queries.draft_preview(book.account, bina, theirs, Reading()),
        lambda: begin_import(
            account=book.account,
            actor=bina,
            file_name="x",
            data=MIXED,
            list_id=book.list_id,
            now=NOON,
        ),
    ):
        with pytest.raises(NotFoundError):
            act()
