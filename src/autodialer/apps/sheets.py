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

from xlsxwriter import Workbook

from autodialer.apps.spreadsheet import FORMULA_STARTS, shield
from autodialer.apps.texts import E164

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO, TextIO

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

Value: TypeAlias = str | int | float | Decimal | datetime | None

TEXT: Final = "@"  # Excel's own format for text: it stays text when somebody edits the cell
MONEY: Final = "0.00"
TIME: Final = "yyyy-mm-dd hh:mm:ss"
WIDTH: Final = 18
LONGEST_TEXT: Final = 32_767  # what a cell of Excel holds
_BAD: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# "#" begins what Excel takes for an error, such as #N/A.
_FORMULA: Final = (*FORMULA_STARTS, "#")
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

    Rows pass through temporary files, not through memory.
    """
    with Workbook(to, {"constant_memory": True}) as book:
        cells = _Cells(book)
        return [cells.add(section) for section in sections]


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


class _Cells:
    """Writes values into sheets, each as what it is: no text becomes a formula, link or number."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._heading = book.add_format({"bold": True, "num_format": TEXT})
        self._text = book.add_format({"num_format": TEXT})
        self._money = book.add_format({"num_format": MONEY})
        self._time = book.add_format({"num_format": TIME})

    def add(self, section: Section) -> int:
        """Write a table as a sheet of its own; return the number of rows."""
        sheet: Worksheet = self._book.add_worksheet(section.name)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(section.columns) - 1, WIDTH)
        for at, name in enumerate(section.columns):
            sheet.write_string(0, at, _readable(name), self._heading)
        count = 0
        for count, row in enumerate(section.rows, start=1):
            for at, value in enumerate(row):
                self._write(sheet, count, at, value)
        return count

    def _write(self, sheet: Worksheet, row: int, at: int, value: Value) -> None:
        if isinstance(value, str):
            if value:
                sheet.write_string(row, at, _readable(value), self._format_of(value))
        elif isinstance(value, Decimal):
            sheet.write_number(row, at, float(value), self._money)  # all that Excel has
        elif isinstance(value, datetime):
            # Excel knows no zones: what the clock on the account's wall showed.
            sheet.write_datetime(row, at, value.replace(tzinfo=None), self._time)
        elif value is not None:
            sheet.write_number(row, at, value)

    def _format_of(self, value: str) -> Format | None:
        return self._text if value.startswith(_FORMULA) else None


def _readable(text: str) -> str:
    """Return what XML can hold of a text: it knows one kind of line end, no control characters."""
    one_end = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    return _BAD.sub("\N{REPLACEMENT CHARACTER}", one_end)[:LONGEST_TEXT]
