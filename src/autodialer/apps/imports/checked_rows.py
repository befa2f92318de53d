"""From the rows of a file to contacts that can be dialled, and to rows that say what is wrong."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from autodialer.apps.contacts.numbers import NumberError, parse_caller_id, parse_number
from autodialer.apps.contacts.staging import KNOWN_FIELDS, StagedRow
from autodialer.apps.imports.columns import ERROR_COLUMNS
from autodialer.apps.imports.problems import ROW_PROBLEMS, FileError
from autodialer.apps.spreadsheet import shield, unshield
from autodialer.apps.texts import clean_text
from autodialer.domain.campaign import MAX_TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from autodialer.apps.imports.columns import Columns
    from autodialer.apps.imports.table import Row, Table

LONGEST_KNOWN: Final = {"email": 254}
LONGEST_NAME: Final = 100
LONGEST_OTHER: Final = 1_000


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was left out. `code` is in ROW_PROBLEMS, `cells` are as in the file."""

    line: int
    code: str
    cells: tuple[str, ...]


class NothingToImportError(FileError):
    """Every row of the file was rejected; `rejected` tells why."""

    def __init__(self, rejected: Sequence[RejectedRow], headings: Sequence[str]) -> None:
        self.rejected, self.headings = tuple(rejected), tuple(headings)
        first = self.rejected[0]
        super().__init__("no_valid_rows", f"Line {first.line}: {ROW_PROBLEMS[first.code].cause}")


CheckedRow: TypeAlias = StagedRow | RejectedRow


def check_rows(
    table: Table, columns: Columns, region: str, ours: frozenset[str]
) -> Iterator[CheckedRow]:
    """Yield each row of the file, good or rejected, in order. `ours` are numbers never to call.

    Raises FileError at the first row beyond the limit.
    """
    for row in _body(table, columns):
        try:
            yield _good_row(row, columns, region, ours)
        except (_RowError, NumberError) as error:
            yield RejectedRow(row.line, error.code, row.cells)


def check_numbers(table: Table, columns: Columns, region: str) -> Iterator[str | RejectedRow]:
    """Yield the number of each row, or the row when it holds none; any that rings will do.

    Raises FileError at the first row beyond the limit.
    """
    for row in _body(table, columns):
        try:
            yield parse_caller_id(_number_cell(row, columns), region)
        except (_RowError, NumberError) as error:
            yield RejectedRow(row.line, error.code, row.cells)


def _body(table: Table, columns: Columns) -> Iterator[Row]:
    """Yield the rows below the header, as many as a list may have."""
    rows = table.rows()
    if columns.has_header:
        next(rows)
    for count, row in enumerate(rows, start=1):
        if count > MAX_TARGETS:
            raise FileError("list_too_big")
        yield row


def write_rejected(rows: Sequence[RejectedRow], headings: Sequence[str], to: TextIO) -> None:
    """Write the rows as CSV: the columns of the file, then what is wrong and how to fix it.

    The file can be corrected and imported again as it is.
    """
    writer = RejectedWriter(to, headings)
    for row in rows:
        writer.write(row)


class RejectedWriter:
    """Writes rejected rows as CSV, one after the other."""

    def __init__(self, to: TextIO, headings: Sequence[str]) -> None:
        self._is_our_file = tuple(headings[-len(ERROR_COLUMNS) :]) == ERROR_COLUMNS
        self._headings = headings[: -len(ERROR_COLUMNS)] if self._is_our_file else headings
        self._writer = csv.writer(to)
        self._writer.writerow([*map(shield, self._headings), *ERROR_COLUMNS])

    def write(self, row: RejectedRow) -> None:
        """Add a row; missing cells become empty ones.

        One with too many keeps them all: cut to fit, it would pass the next import uncorrected.
        """
        cells = [shield(printable(cell)) for cell in self._own_cells(row)]
        cells += [""] * (len(self._headings) - len(cells))
        problem = ROW_PROBLEMS[row.code]
        self._writer.writerow([*cells, row.line, row.code, problem.cause, problem.remedy])

    def _own_cells(self, row: RejectedRow) -> Sequence[str]:
        """Return the cells without what we had added to them when they were rejected before."""
        has_ours = len(row.cells) >= len(self._headings) + len(ERROR_COLUMNS)
        return row.cells[: -len(ERROR_COLUMNS)] if self._is_our_file and has_ours else row.cells


class _RowError(Exception):
    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def _good_row(row: Row, columns: Columns, region: str, ours: frozenset[str]) -> StagedRow:
    raw = _number_cell(row, columns)
    e164 = parse_number(raw, region)
    if e164 in ours:
        raise _RowError("number_is_ours")
    known = tuple(_known_cell(row, columns, field) for field in KNOWN_FIELDS)
    others = {
        heading: text
        for heading, at in columns.others.items()
        if (text := _cell(row.cells[at], LONGEST_OTHER))
    }
    own = orjson.dumps(others).decode() if others else "{}"
    return StagedRow(row.line, e164, known, own, raw)


def _number_cell(row: Row, columns: Columns) -> str:
    if row.problem:
        raise _RowError(row.problem)
    if len(row.cells) != columns.width:
        raise _RowError("row_columns")
    return row.cells[columns.number].strip()


def _known_cell(row: Row, columns: Columns, field: str) -> str:
    at = columns.known.get(field)
    return "" if at is None else _cell(row.cells[at], LONGEST_KNOWN.get(field, LONGEST_NAME))


def _cell(raw: str, longest: int) -> str:
    text = unshield(raw.strip() if raw.isascii() else clean_text(raw))
    if len(text) > longest:
        raise _RowError("text_too_long")
    if "\0" in text:
        raise _RowError("text_unstorable")
    return text


def printable(cell: str) -> str:
    """Return the cell for a UTF-8 file: bytes that were no text become question marks."""
    return cell.encode("utf-8", errors="replace").decode("utf-8")
