"""Tables for spreadsheets, streamed at any size: as CSV, or as sheets of an Excel workbook.

In CSV, telephone numbers of our own making are E.164 and keep their plus sign; every other text is
shielded so that no spreadsheet calculates it, and importing the file as a list undoes that. In a
workbook every text is typed as text: nothing is calculated, no digit of a number is lost.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from autodialer.apps.spreadsheet import FORMULA_STARTS, shield
from autodialer.apps.texts import E164

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO, TextIO

    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

Value: TypeAlias = str | int | float | Decimal | datetime | None

HEADER: Final = Font(bold=True)
TEXT: Final = "@"  # Excel's own format for text: it stays text when somebody edits the cell
MONEY: Final = "0.00"
WIDTH: Final = 18
_BAD: Final = ILLEGAL_CHARACTERS_RE
_FORMULA: Final = (*FORMULA_STARTS, *ERROR_CODES)
_MARKED: Final = frozenset((*FORMULA_STARTS, "'"))
_E164: Final = re.compile(E164)


@dataclass(frozen=True, slots=True)
class Section:
    """One table. Its rows can be read once."""

    name: str
    columns: Sequence[str]
    rows: Iterator[Sequence[Value]]


def distinct(headings: Sequence[str]) -> tuple[str, ...]:
    """Return the headings with a number after those that were there before, as an import does."""
    found: list[str] = []
    for heading in headings:
        name, again = heading, 2
        while name in found:
            name, again = f"{heading} ({again})", again + 1
        found.append(name)
    return tuple(found)


def write_csv(section: Section, to: TextIO) -> int:
    """Write a table as CSV without keeping it in memory; return the number of rows."""
    writer = csv.writer(to)
    writer.writerow(map(_safe, section.columns))
    count = 0
    for count, row in enumerate(section.rows, start=1):  # noqa: B007  the last one is returned
        writer.writerow(map(_safe, row))
    return count


def csv_lines(section: Section) -> Iterator[str]:
    """Yield a table as CSV line by line, with the mark by which Excel knows UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(map(_safe, section.columns))
    for row in section.rows:
        yield writer.writerow(map(_safe, row))


def write_workbook(sections: Sequence[Section], to: BinaryIO) -> list[int]:
    """Write each table as a sheet; return their numbers of rows.

    Rows pass through a temporary file, not through memory.
    """
    book = Workbook(write_only=True)
    rows = [_add(book, section) for section in sections]
    book.save(to)
    return rows


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line


def _safe(value: Value) -> Value:
    if isinstance(value, str):
        # Of millions of cells few begin like this: the first character settles it for the rest.
        may_need_it = value[:1] in _MARKED and not _E164.fullmatch(value)
        return shield(value) if may_need_it else value
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _add(book: Workbook, section: Section) -> int:
    sheet: WriteOnlyWorksheet = book.create_sheet(section.name)
    sheet.freeze_panes = "A2"
    for at in range(len(section.columns)):
        letters = get_column_letter(1 + at)
        sheet.column_dimensions[letters].width = WIDTH  # type: ignore[attr-defined]  # not in the stubs
    sheet.append([_heading(sheet, name) for name in section.columns])
    count = 0
    for count, row in enumerate(section.rows, start=1):  # noqa: B007  the last one is returned
        sheet.append([_cell(sheet, value) for value in row])
    return count


def _heading(sheet: WriteOnlyWorksheet, name: str) -> Cell:
    cell = _text(sheet, name)
    cell.font = HEADER
    return cell


def _cell(sheet: WriteOnlyWorksheet, value: Value) -> Cell | Value:
    if isinstance(value, str):
        is_plain = not value.startswith(_FORMULA) and not _BAD.search(value)
        return (value or None) if is_plain else _text(sheet, value)
    if isinstance(value, Decimal):
        cell = WriteOnlyCell(sheet, float(value))  # all that Excel has
        cell.number_format = MONEY
        return cell
    # Excel knows no zones: what the clock on the account's wall showed.
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _text(sheet: WriteOnlyWorksheet, value: str) -> Cell:
    """Return a cell that is text, whatever it looks like; XML has no control characters."""
    cell = WriteOnlyCell(sheet, _BAD.sub("\N{REPLACEMENT CHARACTER}", value))
    cell.data_type, cell.number_format = "s", TEXT
    return cell
