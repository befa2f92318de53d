"""What a file may look like: workbooks, said columns, files of rejected rows, odd bytes."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest

from autodialer.apps.accounts.models import Account
from autodialer.apps.accounts.services import create_account
from autodialer.apps.contacts.models import Contact, ContactList, ListMember
from autodialer.apps.imports.checked_rows import NothingToImportError, write_rejected
from autodialer.apps.imports.files import clean_file_name
from autodialer.apps.imports.problems import FileError, SameFileError
from autodialer.apps.imports.queries import preview
from autodialer.apps.imports.services import ImportResult, import_dnd, import_list
from autodialer.apps.imports.table import Reading
from autodialer.apps.imports.xlsx_file import MAX_ROWS
from autodialer.domain.errors import InvalidInputError
from tests.support.book import NOON, csv_of
from tests.support.workbook import with_parts, workbook_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return create_account(name="Acme", now=NOON)


def load(
    account: Account, data: bytes, name: str = "Leads", reading: Reading | None = None
) -> ImportResult:
    return import_list(
        account=account, name=name, data=data, now=NOON, reading=reading or Reading()
    )


def test_a_workbook_is_read_as_it_shows_its_cells(account: Account) -> None:
    data = workbook_of(
        [
            ("Phone", "First Name", "Joined", "Plan", "Active"),
            (9876543210, "Asha", date(2026, 1, 2), 2.5, True),
            ("098765 43211", "=1+1", datetime(2026, 1, 2, 3, 4, tzinfo=UTC).replace(tzinfo=None)),
            (),
            (9876543212.0, None),
            ("9.87E+09", "rounded"),
            (1.2345678901234567e20, "rounded too"),
            (9876543213, "a", "b", "c", "d", "one too many"),
        ]
    )
    result = load(account, data)
    assert (result.encoding, result.imported) == ("xlsx", 3)
    assert [(row.line, row.code) for row in result.rejected] == [
        (6, "number_scientific"),
        (7, "number_scientific"),
        (8, "row_columns"),
    ]
    asha = Contact.objects.get(e164="+919876543210")
    assert asha.fields == {"Joined": "2026-01-02", "Plan": "2.5", "Active": "TRUE"}
    assert Contact.objects.filter(e164="+919876543212").exists()


def test_the_content_decides_not_the_name(account: Account) -> None:
    data = workbook_of([("number",), ("9876543210",)])
    made = import_list(account=account, name="A", data=data, file_name="leads.csv", now=NOON)
    assert made.imported == 1


BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "98765"><!ENTITY b "&a;&a;">]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row><c t="inlineStr"><is><t>number</t></is></c></row>
<row><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>"""


def last_row_at(line: int) -> bytes:
    """A sheet of a few bytes with a number in its last row."""
    return b"""<?xml version="1.0"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>number</t></is></c></row>
<row r="%d"><c r="A%d" t="inlineStr"><is><t>9876543210</t></is></c></row>
</sheetData></worksheet>""" % (line, line)


@pytest.mark.timeout(60)  # two thousand million rows take hours
@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"xl/worksheets/sheet1.xml": BOMB}, "file_type"),
        ({"xl/worksheets/sheet1.xml": last_row_at(2_000_000_000)}, "file_too_big"),
        ({"xl/styles.xml": b"<"}, "file_type"),
        ({"xl/styles.xml": b" " * (4 * 1024 * 1024 + 1)}, "file_too_big"),
        ({"xl/sharedStrings.xml": b" " * (32 * 1024 * 1024 + 1)}, "file_too_big"),
        ({"xl/workbook.xml": b"<a/>"}, "file_empty"),
        ({"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row><c r='?'"}, "file_type"),
    ],
)
def test_a_damaged_or_hostile_workbook_is_refused(
    account: Account, parts: dict[str, bytes], code: str
) -> None:
    data = with_parts(workbook_of([("number", "name"), ("9876543210", "Asha")]), parts)
    with pytest.raises(FileError) as refused:
        load(account, data)
    assert refused.value.code == code
    assert not ContactList.objects.exists()


@pytest.mark.timeout(90)
def test_a_workbook_with_a_number_in_the_last_row_of_all_is_read_soon(account: Account) -> None:
    parts = {"xl/worksheets/sheet1.xml": last_row_at(MAX_ROWS)}
    assert load(account, with_parts(workbook_of([("number",)]), parts)).imported == 1


def test_a_workbook_cut_short_and_an_archive_are_refused(account: Account) -> None:
    whole = workbook_of([("number",), ("9876543210",)])
    for data in (whole[: len(whole) // 2], with_parts(whole, {})[:100], b"PK\x03\x04" + b"\0" * 50):
        with pytest.raises(FileError) as refused:
            load(account, data)
        assert refused.value.code == "file_type"


def test_a_workbook_may_have_as_many_columns_as_any_file(account: Account) -> None:
    with pytest.raises(FileError) as refused:
        load(account, workbook_of([["number"] + ["c"] * 100, ["9876543210"]]))
    assert refused.value.code == "too_many_columns"


def test_what_is_said_about_columns_overrides_the_guess(account: Account) -> None:
    data = b"Phone,Alt Phone,Name,Note,Secret\n9876543210,9876543211,Asha,hi,x\n"
    columns = {"alt phone": "number", "Name": "Kunde", "NOTE": "first_name", "Secret": "-"}
    load(account, data, reading=Reading(columns=columns))
    contact = Contact.objects.get()
    assert (contact.e164, contact.first_name) == ("+919876543211", "hi")
    assert contact.fields == {"Phone": "9876543210", "Kunde": "Asha"}


def test_columns_without_header_are_named_by_position(account: Account) -> None:
    columns = {"column_2": "number", "column_1": "first_name"}
    load(account, b"Asha,9876543210\n", reading=Reading(columns=columns, has_header=False))
    assert Contact.objects.get().first_name == "Asha"


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"Mobile": "number"}, "unknown_column"),
        ({"number": "tag", "name": "tag"}, "column_twice"),
        ({"number": "-"}, "no_number_column"),
    ],
)
def test_columns_that_cannot_be_are_refused(
    account: Account, columns: dict[str, str], code: str
) -> None:
    with pytest.raises(FileError) as refused:
        load(account, b"number,name\n9876543210,Asha\n", reading=Reading(columns=columns))
    assert refused.value.code == code


def test_said_encoding_and_separator_are_used(account: Account) -> None:
    data = "number|name\n9876543210|Ж,;".encode("cp1251")
    load(account, data, reading=Reading(encoding="cp1251", separator="|"))
    assert Contact.objects.get().first_name == "Ж,;"
    for wrong in (Reading(encoding="rot13"), Reading(separator="x")):
        with pytest.raises(InvalidInputError):
            load(account, data, "B", wrong)


@pytest.mark.parametrize("tail", [b"A", b"\0\xd8", b"\0\xd8A\0"])
def test_utf_16_that_is_cut_in_a_character_loses_one_row_only(
    account: Account, tail: bytes
) -> None:
    text = "number,name\n9876543210,Asha\n9876543211,"
    result = load(account, text.encode("utf-16-le") + tail)
    assert (result.imported, [row.code for row in result.rejected]) == (1, ["row_encoding"])


def test_a_file_of_rejected_rows_may_be_rejected_and_corrected_again(account: Account) -> None:
    result = load(account, b"number,name\n9876543210,A\n12,B\n13,C\n")
    for name, wrong in (("Again", "12,"), ("Once more", "13,")):
        out = io.StringIO()
        write_rejected(result.rejected, result.headings, out)
        assert out.getvalue().splitlines()[0].count("line_number") == 1
        good = wrong.replace("1", "987654321").encode()
        result = load(account, out.getvalue().encode().replace(wrong.encode(), good), name)
        assert result.imported == 1
    assert result.rejected == ()
    assert all(not contact.fields for contact in Contact.objects.all())


def test_a_row_with_too_many_cells_is_rejected_until_it_is_corrected(account: Account) -> None:
    result = load(account, b"number,name\n9876543210,A\n9876543211,Shah, Asha\n")
    rejected, headings, text = result.rejected, result.headings, ""
    for line in ("3", "2"):
        out = io.StringIO()
        write_rejected(rejected, headings, out)
        text = out.getvalue()
        assert f"9876543211,Shah, Asha,{line},row_columns," in text
        with pytest.raises(NothingToImportError) as refused:
            load(account, text.encode(), "Again")
        rejected, headings = refused.value.rejected, refused.value.headings
    corrected = text.replace("Shah, Asha", '"Shah, Asha"')
    assert load(account, corrected.encode(), "Again").imported == 1


def test_a_preview_says_how_a_file_would_be_read(account: Account) -> None:
    seen = preview(account, b"Phone;Name;City\n9876543210;Asha;Pune\n")
    assert seen.meanings == ("number", "first_name", "City")
    assert (seen.separator, seen.has_header) == (";", True)
    assert seen.sample == (("9876543210", "Asha", "Pune"),)


def test_the_same_file_again_is_told_and_can_be_insisted_on(account: Account) -> None:
    load(account, csv_of(2))
    with pytest.raises(SameFileError) as refused:
        import_list(account=account, name="B", data=csv_of(2), now=NOON, again=False)
    assert "imported as 'Leads' on 23 November 2026" in str(refused.value)
    assert load(account, csv_of(2), "B").imported == 2
    assert import_list(account=account, name="C", data=csv_of(3), now=NOON, again=False).imported


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\lists\\leads.csv", "leads.csv"),
        ("a\r\nX: y.csv", "aX: y.csv"),
        ("\u202egpj.csv", "gpj.csv"),
        ("😀 leads.csv", "😀 leads.csv"),
        ("CON.csv", "CON.csv"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"),
        ("\ud800.csv", "?.csv"),
        ("..", "file"),
        ("", "file"),
    ],
)
def test_a_file_name_is_cleaned_to_be_shown(raw: str, shown: str) -> None:
    assert clean_file_name(raw) == shown


def test_a_file_of_numbers_fills_the_do_not_call_registry(account: Account) -> None:
    data = b"number\n9876543210\n+91 98765 43210\n12\n1800 123 4567\n"
    result = import_dnd(account=account, data=data, now=NOON)
    assert (result.added, result.known) == (2, 1)
    assert [row.line for row in result.rejected] == [4]
    again = import_dnd(account=account, data=data, now=NOON)
    assert (again.added, again.known) == (0, 3)


def test_positions_of_a_list_are_the_lines_of_its_file(account: Account) -> None:
    load(account, b"number\n9876543210\n12\n9876543211\n")
    assert list(ListMember.objects.order_by("seq").values_list("seq", flat=True)) == [2, 4]
