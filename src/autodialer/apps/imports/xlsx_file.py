"""Reading an Excel workbook: the first sheet that can be seen, each cell as the text it shows."""

from __future__ import annotations

import io
import itertools
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

import openpyxl

from autodialer.apps.imports.problems import FileError
from autodialer.apps.imports.table import MAX_COLUMNS, SAMPLE_ROWS, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpyxl.workbook import Workbook

# What may be unpacked. A sheet is read as a stream, its texts are kept, other parts are trees.
MAX_SHEET: Final = 256 * 1024 * 1024
MAX_TEXTS: Final = 32 * 1024 * 1024
MAX_PART: Final = 4 * 1024 * 1024
MAX_PARTS: Final = 2_000
# As many as Excel has. Between two rows that a sheet names, all others are made up.
MAX_ROWS: Final = 1_048_576
_BLOCK: Final = 64 * 1024
EXACT_DIGITS: Final = 10**15  # Excel keeps 15 digits of a number

# What zipfile, the XML parser and openpyxl raise for a file that only looks like a workbook.
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError),
    *(
        ParseError,
        expat.ExpatError,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
    ),
)


def is_zip(data: bytes) -> bool:
    """Return whether the content can be a workbook."""
    return data.startswith(b"PK\x03\x04")


@dataclass(frozen=True, slots=True)
class XlsxFile:
    """The first visible sheet of a workbook; `rows` reads it again from the beginning."""

    data: bytes
    encoding: str = "xlsx"
    separator: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not blank; short ones are filled up, as a sheet has no width."""
        width = 0
        with _sheet(self.data) as cells_of_rows:
            for line, values in enumerate(cells_of_rows, start=1):
                if line > MAX_ROWS:
                    raise FileError("file_too_big", cause="It has rows that no sheet has.")
                if values.count(None) == len(values):
                    continue  # at once: there may be a million of them
                cells = [_text(value) for value in values]
                while cells and not cells[-1].strip():
                    cells.pop()
                if not cells:
                    continue
                width = width or len(cells)
                cells += [""] * (width - len(cells))
                yield Row(line, tuple(cells))

    def sample(self) -> list[Row]:
        """Return the first rows, enough to guess what the columns are."""
        return list(itertools.islice(self.rows(), SAMPLE_ROWS))


def open_xlsx(data: bytes) -> XlsxFile:
    """Return the workbook once it is one and not too big when unpacked. Raises FileError."""
    with _as_file_error():
        archive = zipfile.ZipFile(io.BytesIO(data))
        _check_parts(archive)
        for part in archive.namelist():
            if part.endswith((".xml", ".rels")):
                _refuse_doctype(archive, part)
    found = XlsxFile(data)
    sample = found.sample()
    if not sample:
        raise FileError("file_empty")
    if max(len(row.cells) for row in sample) > MAX_COLUMNS:
        raise FileError("too_many_columns")
    return found


@contextmanager
def _sheet(data: bytes) -> Iterator[Iterator[tuple[object, ...]]]:
    with _as_file_error(), warnings.catch_warnings():
        # About styles and validations, which nobody here asks for.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            yield _values(book)
        finally:
            book.close()


def _values(book: Workbook) -> Iterator[tuple[object, ...]]:
    seen = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not seen:
        raise FileError("file_empty")
    sheet = seen[0]
    sheet.reset_dimensions()  # what a program wrote there is often wrong
    return sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True)


@contextmanager
def _as_file_error() -> Iterator[None]:
    try:
        yield
    except FileError:
        raise
    except _BROKEN as error:
        raise FileError("file_type", "It is a ZIP archive or a damaged workbook.") from error


def _check_parts(archive: zipfile.ZipFile) -> None:
    """Refuse what would fill the memory; zipfile never unpacks more than is declared here."""
    parts: Sequence[zipfile.ZipInfo] = archive.infolist()
    if "xl/workbook.xml" not in archive.namelist():
        raise FileError("file_type", "It is a ZIP archive.")
    if len(parts) > MAX_PARTS or any(part.file_size > _limit(part.filename) for part in parts):
        raise FileError("file_too_big", "The workbook is too big when it is unpacked.")


def _refuse_doctype(archive: zipfile.ZipFile, part: str) -> None:
    """Refuse a document type: only there can entities be declared, bombs and files of ours.

    No program writes one into a workbook. It stands before the first element, so the fast parser
    that reads the rest afterwards needs no guard of its own.
    """
    found: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_declared: found.append("doctype")
    parser.StartElementHandler = lambda *_element: found.append("element")
    with archive.open(part) as content:
        while not found and (block := content.read(_BLOCK)):
            parser.Parse(block)
    if "doctype" in found:
        raise FileError("file_type", "The workbook declares entities.")


def _limit(part: str) -> int:
    if part.startswith("xl/worksheets/"):
        return MAX_SHEET
    if part.startswith("xl/media/"):
        return MAX_SHEET  # pictures are never unpacked
    return MAX_TEXTS if part == "xl/sharedStrings.xml" else MAX_PART


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return "" if value is None else str(value)


def _number(value: float) -> str:
    if abs(value) >= EXACT_DIGITS:
        return f"{value:e}"  # Excel has rounded it: refused as such where a number must stand
    return str(int(value)) if value == int(value) else str(value)
