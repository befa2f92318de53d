"""Contacts, lists and imports in a real browser, with a worker beside the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autodialer.apps.contacts.models import Contact, ContactList
from autodialer.ops.paths import Paths
from autodialer.ops.worker import WorkerProcess
from tests.browser.site import PHONE, Visitor, faults, scrolls_sideways
from tests.support.book import Book

ROWS = "tel,who,city\n9876543211,Asha,Pune\n098765 43212,Bina,Delhi\n9876543211,twice,\n12,short,\n"


@pytest.fixture
def worker(live_database: str, tmp_path: Path) -> Iterator[None]:
    process = WorkerProcess(Paths.below(tmp_path / "worker"), live_database)
    process.start()
    yield
    process.stop()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1366, 850), PHONE])
def test_a_file_becomes_a_list_and_nobody_presses_refresh(
    visit: Callable[..., Visitor],
    book: Book,
    worker: None,
    tmp_path: Path,
    size: tuple[int, int],
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text(ROWS)
    page = visit(book.supervisor, size=size).go("/lists/imports/new/")
    page.set_input_files("input[type=file]", file)
    page.get_by_label("Name of the new list").fill("Diwali")
    page.get_by_role("button", name="Next: the columns").click()
    page.get_by_label("who", exact=True).select_option("first_name")
    assert faults(page) == []
    page.get_by_role("button", name="Next: check all rows").click()
    page.get_by_text("Make the list?").wait_for(timeout=30_000)
    assert (faults(page), scrolls_sideways(page)) == ([], False)
    page.get_by_role("button", name="Save 2 contacts").click()
    page.get_by_text("The list is ready").wait_for(timeout=30_000)
    assert (faults(page), scrolls_sideways(page)) == ([], False)
    assert ContactList.objects.get(name="Diwali").size == 2
    assert Contact.objects.get(e164="+919876543211").first_name == "Asha"
    page.get_by_role("link", name="Diwali").click()
    page.get_by_role("link", name="+919876543212").wait_for()


def test_lists_and_contacts_are_changed_in_dialogs_and_found_while_typing(
    visit: Callable[..., Visitor], book: Book
) -> None:
    page = visit(book.supervisor).go("/lists/")
    page.get_by_role("link", name="New list").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Leads")
    dialog.get_by_role("button", name="Create the list").click()
    dialog.get_by_text("There is a list called").wait_for()
    assert faults(page) == []
    dialog.get_by_label("Name").fill("Holi")
    dialog.get_by_role("button", name="Create the list").click()
    page.get_by_role("heading", name="Holi").wait_for()
    assert ContactList.objects.get(name="Holi").size == 0
    page.get_by_role("link", name="Lists", exact=True).click()
    page.get_by_role("link", name="Contacts", exact=True).click()
    page.get_by_label("Search contacts by number or name").press_sequentially("person 2")
    page.wait_for_url("**q=person%202")
    page.get_by_role("row").nth(1).wait_for()
    assert page.get_by_role("row").count() == 2


def test_a_contact_gets_as_many_fields_as_one_likes(
    visit: Callable[..., Visitor], book: Book
) -> None:
    page = visit(book.supervisor).go("/lists/contacts/new/")
    page.get_by_label("Telephone number").fill("98765 43210")
    for at in range(1, 6):
        if at > 3:
            page.get_by_role("button", name="Another field").click()
        page.get_by_label(f"Name of field {at}").fill(f"field {at}")
        page.get_by_label(f"Value of field {at}").fill(f"value {at}")
    page.get_by_role("button", name="Remove this field").first.click()
    page.get_by_role("button", name="Save the contact").click()
    page.get_by_text("+919876543210 was saved.").wait_for()
    fields = Contact.objects.get(e164="+919876543210").fields
    assert fields == {f"field {at}": f"value {at}" for at in range(2, 6)}
