"""Lists as files: CSV at once, a workbook when a worker has written it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.audit.queries import entries
from autodialer.apps.exports.services import write_export
from tests.api.client import Caller, caller, now
from tests.support.book import Book, make_book

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.EXPORTS = tmp_path
    return tmp_path


def test_a_list_is_downloaded_as_csv_and_that_is_noted(book: Book, crm: Caller) -> None:
    answer = crm.get(f"/lists/{book.list_id}/contacts.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="list-{book.list_id}.csv"'
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["number"] for row in rows] == [f"+9190000000{at:02}" for at in range(3)]
    newest = entries(book.account)[0]
    assert (newest.action, newest.who) == ("list.export", "API key CRM")


def test_a_workbook_is_asked_for_followed_and_downloaded(
    book: Book, crm: Caller, folder: Path
) -> None:
    asked = crm.post(f"/lists/{book.list_id}/workbooks")
    assert (asked.status_code, asked.json()["is_ready"], asked.json()["file"]) == (202, False, None)
    address = asked["Location"]
    early = crm.get(f"{address}/list.xlsx", Accept="*/*")
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")
    write_export(export_id=int(asked.json()["id"]), folder=folder, clock=now)
    ready = crm.get(address).json()
    assert (ready["is_ready"], ready["rows_done"], ready["error"]) == (True, 3, "")
    answer = crm.get(ready["file"])
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert sheet is not None
    assert sheet.max_row == 4


def test_only_a_key_that_exports_takes_lists_away(book: Book) -> None:
    others = [scope for scope in KeyScope if scope is not KeyScope.CONTACTS_EXPORT]
    weak = caller(book.account, others, "weak")
    for answer in (
        weak.get(f"/lists/{book.list_id}/contacts.csv"),
        weak.post(f"/lists/{book.list_id}/workbooks"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_lists_of_another_account_are_not_found(book: Book, crm: Caller, folder: Path) -> None:
    zenith = make_book("Zenith")
    address = caller(zenith.account).post(f"/lists/{zenith.list_id}/workbooks")["Location"]
    own = f"/lists/{book.list_id}/workbooks/{address.rpartition('/')[2]}"
    for answer in (
        crm.get(f"/lists/{zenith.list_id}/contacts.csv"),
        crm.post(f"/lists/{zenith.list_id}/workbooks"),
        crm.get(address),
        crm.get(f"{address}/list.xlsx"),
        crm.get(own),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
