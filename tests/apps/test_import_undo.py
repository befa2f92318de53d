"""Imports that are taken back: what goes, what stays, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.audit.queries import entries
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.contacts.models import Contact, ContactList, ListMember
from autodialer.apps.contacts.services import add_to_list, create_list
from autodialer.apps.imports import queries
from autodialer.apps.imports.services import queue_import, run_import
from autodialer.apps.imports.undo import NotUndoableError, Undone, check_undoable, undo_import
from autodialer.domain.errors import IllegalTransitionError, NotFoundError
from autodialer.ops.backup.archive import Seal, verified
from autodialer.ops.backup.load import restore
from autodialer.ops.backup.save import save
from tests.support.book import NOON, Book, make_book
from tests.support.visit import signed_in

NEW, KNOWN = "+919876500099", "+919000000001"
FILE = f"number,first_name\n{NEW},Ila\n{KNOWN},Asha\n".encode()
# After the book was made, so that what it holds is of another moment.
SAVED = NOON + timedelta(minutes=1)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def book(live_database: str) -> Book:
    return make_book()


def saved(book: Book, list_id: int | None = None) -> int:
    """An import of a new number and a known one, saved a minute past noon."""
    import_id = queue_import(
        account=book.account,
        actor=Actor.of(book.supervisor),
        name="" if list_id else "New",
        list_id=list_id,
        file_name="leads.csv",
        data=FILE,
        again=True,
        now=NOON,
    )
    run_import(import_id=import_id, clock=lambda: SAVED)
    return import_id


def undo(book: Book, import_id: int, **changes: object) -> Undone:
    asked = {"account": book.account, "actor": Actor.of(book.supervisor), "now": LATER, **changes}
    return undo_import(import_id=import_id, **asked)  # type: ignore[arg-type]


def numbers_in(list_id: int) -> set[str]:
    return set(
        ListMember.objects.filter(contact_list=list_id).values_list("contact__e164", flat=True)
    )


def test_a_list_that_an_import_made_goes_with_the_contacts_that_were_new(book: Book) -> None:
    import_id = saved(book)
    assert undo(book, import_id) == Undone(members=2, contacts=1, is_list_gone=True)
    assert not ContactList.objects.filter(name="New").exists()
    assert not Contact.objects.filter(e164=NEW).exists()
    # Who was known stays, with what the file said of them.
    assert Contact.objects.get(e164=KNOWN).first_name == "Asha"
    assert numbers_in(book.list_id) >= {KNOWN}
    row = queries.import_row(book.account, OPERATOR, import_id)
    assert (row.status, row.list_id, row.undo_until) == ("undone", None, None)
    newest = entries(book.account)[0]
    assert (newest.action, newest.at) == ("list.import_undo", LATER)


def test_a_list_that_was_there_before_keeps_what_was_in_it(book: Book) -> None:
    before = numbers_in(book.list_id)
    import_id = saved(book, book.list_id)
    assert numbers_in(book.list_id) == before | {NEW}
    assert undo(book, import_id) == Undone(members=1, contacts=1, is_list_gone=False)
    assert numbers_in(book.list_id) == before


def test_contacts_that_were_changed_or_stand_in_another_list_stay(book: Book) -> None:
    import_id = saved(book)
    new = Contact.objects.get(e164=NEW)
    other = create_list(account=book.account, name="Other", now=NOON)
    add_to_list(account=book.account, list_id=other.pk, contact_ids=[new.pk], now=NOON)
    assert undo(book, import_id).contacts == 0
    assert numbers_in(other.pk) == {NEW}

    second = saved(make := make_book("Bharat"))
    Contact.objects.filter(account=make.account, e164=NEW).update(last_name="Roy")
    assert undo(make, second) == Undone(members=2, contacts=0, is_list_gone=True)
    assert Contact.objects.filter(account=make.account, last_name="Roy").exists()


def test_a_list_to_which_somebody_added_stays_with_what_was_added(book: Book) -> None:
    import_id = saved(book)
    made = ContactList.objects.get(name="New")
    ids = list(Contact.objects.filter(account=book.account).values_list("pk", flat=True))
    add_to_list(account=book.account, list_id=made.pk, contact_ids=ids, now=NOON)
    added = numbers_in(made.pk) - {NEW, KNOWN}
    assert not undo(book, import_id).is_list_gone
    assert numbers_in(made.pk) == added


def test_what_a_campaign_was_made_of_is_not_taken_back(book: Book) -> None:
    import_id = saved(book, book.list_id)
    campaign = book.campaign()
    Campaign.objects.update(created_at=LATER)
    with pytest.raises(NotUndoableError):
        undo(book, import_id)
    with pytest.raises(NotUndoableError):
        check_undoable(book.account, Actor.of(book.supervisor), import_id, LATER)
    # Asked before it is tried: the page has the sentence in the place of the button.
    page = signed_in(book.supervisor).get(f"/lists/imports/{import_id}/undo/").content.decode()
    assert "A campaign was made of this list since" in page
    assert "Undo this import" not in page
    assert Target.objects.filter(campaign=campaign, e164=NEW).exists()
    assert NEW in numbers_in(book.list_id)


def test_an_import_is_taken_back_once_and_within_a_day(book: Book) -> None:
    import_id = saved(book)
    with pytest.raises(NotUndoableError):
        undo(book, import_id, now=SAVED + timedelta(hours=24, seconds=1))
    undo(book, import_id, now=SAVED + timedelta(hours=24))
    with pytest.raises(IllegalTransitionError):
        undo(book, import_id)


def test_after_a_backup_was_restored_nothing_is_taken_back(book: Book, tmp_path: Path) -> None:
    """All rows are of one new transaction then: who was added by hand cannot be told."""
    import_id = saved(book)
    backup, seal = tmp_path / "backup.zip", Seal(b"the key of this installation, long enough")
    save(backup, seal, None, SAVED)
    with verified(backup, seal) as found:
        restore(found, tmp_path, LATER, replace=True)
    made = ContactList.objects.get(name="New")
    with pytest.raises(NotUndoableError, match="A backup was restored since"):
        check_undoable(book.account, OPERATOR, import_id, LATER)
    with pytest.raises(NotUndoableError, match="A backup was restored since"):
        undo(book, import_id)
    assert numbers_in(made.pk) == {NEW, KNOWN}
    assert queries.import_row(book.account, OPERATOR, import_id).status == "done"


def test_a_transaction_of_another_server_is_not_taken_for_that_of_the_import(book: Book) -> None:
    import_id = saved(book)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE imports_listimport SET saved_in = pg_current_xact_id()::text || '@1'"
        )
    with pytest.raises(NotUndoableError, match="A backup was restored since"):
        undo(book, import_id)


def test_nobody_takes_back_what_they_may_not_see(book: Book) -> None:
    import_id = saved(book)
    for stranger in (Actor.of(make_book("Bharat").admin), Actor.of(book.agent)):
        with pytest.raises(NotFoundError):
            undo(book, import_id, actor=stranger, account=stranger.user.account)  # type: ignore[union-attr]
    assert ContactList.objects.filter(name="New").exists()
