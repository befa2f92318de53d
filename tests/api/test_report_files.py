"""The report of a campaign as files: CSV at once, a workbook when a worker has written it."""

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
def reports(book: Book) -> str:
    return f"/campaigns/{book.campaign().pk}/reports"


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.EXPORTS = tmp_path
    return tmp_path


def test_the_numbers_are_downloaded_as_csv_and_that_is_noted(
    book: Book, crm: Caller, reports: str
) -> None:
    answer = crm.get(f"{reports}/numbers.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["number"] for row in rows] == [f"+9190000000{at:02}" for at in range(3)]
    assert entries(book.account)[0].who == "API key CRM"


def test_a_report_is_asked_for_followed_and_downloaded(
    book: Book, crm: Caller, reports: str, folder: Path
) -> None:
    asked = crm.post(f"{reports}/workbooks")
    assert (asked.status_code, asked.json()["is_ready"], asked.json()["file"]) == (202, False, None)
    address = asked["Location"]
    assert crm.post(f"{reports}/workbooks")["Location"] == address
    early = crm.get(f"{address}/report.xlsx", Accept="*/*")
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")
    write_export(export_id=int(asked.json()["id"]), folder=folder, clock=now)
    ready = crm.get(address).json()
    assert (ready["is_ready"], ready["error"]) == (True, "")
    answer = crm.get(ready["file"])
    sheets = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).sheetnames
    assert sheets == ["numbers", "calls", "summary"]
    newest = entries(book.account)[0]
    assert (newest.action, newest.who) == ("report.download", "API key CRM")


def test_only_a_key_that_downloads_reports_takes_them_away(book: Book, reports: str) -> None:
    others = [scope for scope in KeyScope if scope is not KeyScope.REPORTS_READ]
    weak = caller(book.account, others, "weak")
    for answer in (weak.get(f"{reports}/calls.csv"), weak.post(f"{reports}/workbooks")):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_reports_of_another_account_or_campaign_are_not_found(
    book: Book, crm: Caller, reports: str, folder: Path
) -> None:
    zenith = make_book("Zenith")
    theirs = f"/campaigns/{zenith.campaign().pk}/reports"
    address = caller(zenith.account).post(f"{theirs}/workbooks")["Location"]
    of_list = crm.post(f"/lists/{book.list_id}/workbooks")["Location"].rpartition("/")[2]
    for answer in (
        crm.post(f"{theirs}/workbooks"),
        crm.get(address),
        crm.get(f"{address}/report.xlsx"),
        crm.get(f"{reports}/workbooks/{address.rpartition('/')[2]}"),
        crm.get(f"{reports}/workbooks/{of_list}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
