"""Workbooks that take a while: a worker writes them, the page follows, next day they are gone."""

from __future__ import annotations

import io
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import openpyxl
import pytest
from django.test import Client

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.audit.queries import entries
from autodialer.apps.exports import queries, services
from autodialer.apps.exports.models import Export
from autodialer.apps.imports.services import import_list
from autodialer.domain.exports import Takeaway
from autodialer.ops.worker import run_worker
from tests.support.book import NOON, Book, csv_of, make_book
from tests.support.visit import signed_in
from tests.web.visit import streamed, text

if TYPE_CHECKING:
    from pytest_django import Settings

LONG: Final = queries.MOST_AT_ONCE + 1
LATER: Final = NOON + timedelta(days=1, seconds=1)


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Where workbooks are written."""
    settings.EXPORTS = tmp_path / "exports"
    settings.EXPORTS.mkdir(mode=0o700)
    return Path(settings.EXPORTS)


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


@pytest.fixture
def asha(book: Book) -> Client:
    return signed_in(book.supervisor)


def noon() -> datetime:
    return NOON


def ask(book: Book) -> int:
    return services.ask_export(
        account=book.account, what=Takeaway.LIST, subject_id=book.list_id, now=NOON
    )


def write(export_id: int, folder: Path) -> None:
    services.write_export(export_id=export_id, folder=folder, clock=noon)


def taken(answer: Any) -> bytes:
    """What a download holds; read to its end, so that its file is closed."""
    assert answer.status_code == 200
    return streamed(answer)


def sheet(data: bytes, name: str) -> list[Any]:
    return list(openpyxl.load_workbook(io.BytesIO(data), read_only=True)[name].values)


@pytest.mark.usefixtures("folder")
def test_a_long_report_is_written_by_a_worker_and_taken_when_it_is_there(
    live_database: str, settings: Settings
) -> None:
    book = make_book(rows=LONG)
    campaign, asha = book.campaign(), signed_in(book.supervisor)
    asked = asha.get(f"/campaigns/{campaign.pk}/report/workbook/")
    assert asked["Location"] == f"/campaigns/{campaign.pk}/report/prepare/"
    assert "prepared in the background" in text(asha.get(asked["Location"]))
    assert not Export.objects.exists()
    page = asha.post(asked["Location"])["Location"]
    waiting = text(asha.get(page))
    assert "Being prepared" in waiting
    assert f'max="{LONG}"' in waiting
    assert asha.get(f"{page}file/").status_code == 409
    assert asha.post(asked["Location"])["Location"] == page
    run_worker(until_idle=True)
    assert "Download" in text(asha.get(page))
    answer = asha.get(f"{page}file/")
    assert answer["Content-Disposition"].startswith('attachment; filename="report-diwali-')
    assert len(sheet(taken(answer), "numbers")) == LONG + 1
    (file,) = settings.EXPORTS.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "Ready" in text(asha.get(asked["Location"]))
    noted = [entry.action for entry in entries(book.account)][:2]
    assert noted == ["report.download", "export.ask"]


def test_a_long_list_goes_the_same_way_and_a_short_one_is_there_at_once(
    book: Book, asha: Client, folder: Path
) -> None:
    assert taken(asha.get(f"/lists/{book.list_id}/export.xlsx"))
    long = import_list(account=book.account, name="Long", data=csv_of(LONG), now=NOON).list_id
    asked = asha.get(f"/lists/{long}/export.xlsx")["Location"]
    page = asha.post(asked)["Location"]
    export_id = int(page.split("/")[-2])
    write(export_id, folder)
    row = queries.export_row(book.account, OPERATOR, export_id)
    assert (row.rows_total, row.rows_done) == (LONG, LONG)
    assert len(sheet(taken(asha.get(f"{page}file/")), "contacts")) == LONG + 1
    assert taken(asha.get(f"/lists/{long}/export.csv"))


def test_looking_at_the_head_of_a_download_takes_nothing_away(book: Book, asha: Client) -> None:
    before = len(entries(book.account))
    assert asha.head(f"/lists/{book.list_id}/export.csv").status_code == 405
    assert len(entries(book.account)) == before


def test_a_worker_that_was_taken_for_dead_leaves_the_workbook_to_the_next(
    book: Book, folder: Path
) -> None:
    export_id = ask(book)

    def begun_by_another_meanwhile() -> datetime:
        Export.objects.update(tries=7)
        return NOON

    services.write_export(export_id=export_id, folder=folder, clock=begun_by_another_meanwhile)
    assert list(folder.iterdir()) == []
    assert Export.objects.get().finished_at is None


def test_what_ends_worker_after_worker_is_given_up_with_a_sentence(
    book: Book, asha: Client, folder: Path
) -> None:
    export_id = ask(book)
    Export.objects.update(tries=services.MOST_TRIES)
    write(export_id, folder)
    assert "take it as CSV instead" in text(asha.get(f"/exports/{export_id}/"))
    assert asha.get(f"/exports/{export_id}/file/").status_code == 409
    assert list(folder.iterdir()) == []


def test_workbooks_are_deleted_after_a_day_and_so_is_what_workers_left_behind(
    book: Book, asha: Client, folder: Path
) -> None:
    old = ask(book)
    write(old, folder)
    Export.objects.update(created_at=NOON - timedelta(seconds=2))
    new = ask(book)
    write(new, folder)
    kept = folder / Export.objects.get(pk=new).file
    left, young = folder / "left.xlsx", folder / "young.xlsx"
    for file, at in ((left, NOON - timedelta(seconds=2)), (young, LATER)):
        file.touch()
        os.utime(file, (at.timestamp(), at.timestamp()))
    assert services.expire_exports(folder=folder, now=LATER - timedelta(seconds=2)) == 2
    assert set(folder.iterdir()) == {kept, young}
    assert asha.get(f"/exports/{old}/file/").status_code == 404
    assert taken(asha.get(f"/exports/{new}/file/"))


def test_a_workbook_whose_file_is_gone_says_so(book: Book, asha: Client, folder: Path) -> None:
    export_id = ask(book)
    write(export_id, folder)
    for file in folder.iterdir():
        file.unlink()
    answer = asha.get(f"/exports/{export_id}/file/")
    assert answer.status_code == 404
    assert "prepare it again" in text(answer)
