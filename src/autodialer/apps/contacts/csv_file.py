"""Reading a CSV file as people send it: encoding, separator and header are found, not asked."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.contacts.problems import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_COLUMNS: Final = 100
SEPARATORS: Final = ",;\t"
SAMPLE_ROWS: Final = 50
MOST_CONTROLS: Final = 20  # one character in so many; text has none

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FORMATS: Final = (
    (b"PK\x03\x04", "It is an Excel workbook or a ZIP archive."),
    (b"\xd0\xcf\x11\xe0", "It is an old Excel workbook."),
    (b"%PDF", "It is a PDF document."),
    (b"\x89PNG", "It is a picture."),
    (b"\xff\xd8\xff", "It is a picture."),
    (b"GIF8", "It is a picture."),
    (b"MZ", "It is a program."),
    (b"\x7fELF", "It is a program."),
    (b"\x1f\x8b", "It is a compressed file."),
    (b"7z\xbc\xaf", "It is a compressed file."),
    (b"Rar!", "It is a compressed file."),
    (b"<!doctype", "It is a web page."),
    (b"<html", "It is a web page."),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `line` is where it begins in the file; `problem` is a code of ROW_PROBLEMS."""

    line: int
    cells: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose form is known; `rows` reads it again from the beginning each time."""

    data: bytes
    encoding: str
    separator: str
    skip_lines: int = 0

    def rows(self) -> Iterator[Row]:
        """Yield the records that are not blank, in order. Bad ones carry their problem."""
        text = io.TextIOWrapper(
            io.BytesIO(self.data), self.encoding, errors="surrogateescape", newline=""
        )
        for _ in range(self.skip_lines):
            text.readline()
        reader = csv.reader(text, delimiter=self.separator)
        while True:
            line = self.skip_lines + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield Row(line, (), "row_unreadable")
                continue
            if any(cell and not cell.isspace() for cell in cells):
                yield _row(line, tuple(cells))

    def sample(self) -> list[Row]:
        """Return the first rows, enough to guess what the columns are."""
        return list(itertools.islice(self.rows(), SAMPLE_ROWS))


def open_csv(data: bytes) -> CsvFile:
    """Find out the form of the file. Raises FileError when it cannot be a CSV file."""
    if len(data) > MAX_BYTES:
        raise FileError("file_too_big")
    _check_type(data)
    encoding = _encoding(data)
    _check_readable(_head(data, encoding))
    found = CsvFile(data, encoding, _declared_separator(data, encoding), skip_lines=1)
    if not found.separator:
        found = CsvFile(data, encoding, _likely_separator(data, encoding))
    sample = found.sample()
    if not sample:
        raise FileError("file_empty")
    if max(len(row.cells) for row in sample) > MAX_COLUMNS:
        raise FileError("too_many_columns")
    return found


def _row(line: int, cells: tuple[str, ...]) -> Row:
    # Bytes that the encoding does not know were read as lone surrogates.
    broken = any(not cell.isascii() and _has_surrogate(cell) for cell in cells)
    return Row(line, cells, "row_encoding" if broken else "")


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _check_type(data: bytes) -> None:
    start = data[:16].lstrip().lower()
    for magic, what in _OTHER_FORMATS:
        if data.startswith(magic) or (magic.startswith(b"<") and start.startswith(magic)):
            raise FileError("file_type", what)


def _check_readable(head: str) -> None:
    """Raise FileError for a binary format that we do not know by name."""
    controls = sum(character < " " and character not in "\t\r\n" for character in head[:4096])
    if controls * MOST_CONTROLS > len(head[:4096]):
        raise FileError("file_type")


def _encoding(data: bytes) -> str:
    """Return the Python name of the encoding: by its mark, by NULs, else UTF-8 or Windows-1252."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    head = data[:4096]
    if head.count(0) > len(head) // 4:
        # In UTF-16 the high byte of each ASCII character is NUL.
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    return "utf-8" if _mostly_utf8(data) else "cp1252"


def _mostly_utf8(data: bytes) -> bool:
    """Return whether bad bytes, if any, are the exception: then their rows are refused."""
    if data.isascii():
        return True
    text = data.decode("utf-8", errors="surrogateescape")
    beyond = Counter(_has_surrogate(character) for character in text if not character.isascii())
    return beyond[False] > beyond[True] or not beyond[True]


def _head(data: bytes, encoding: str) -> str:
    """Return the first lines as text; a character that the cut has halved is dropped."""
    return data[: 256 * 1024].decode(encoding, errors="ignore").lstrip("\ufeff")


def _declared_separator(data: bytes, encoding: str) -> str:
    """Return the separator of a first line `sep=;` as Excel writes it, or nothing."""
    first = _head(data, encoding).split("\n", 1)[0].rstrip("\r")
    is_declared = len(first) == len("sep=;") and first.lower().startswith("sep=")
    return first[-1] if is_declared else ""


def _likely_separator(data: bytes, encoding: str) -> str:
    """Return the separator that gives most of the first rows the same width above one."""
    lines = io.StringIO(_head(data, encoding), newline="")
    sample = "".join(itertools.islice(lines, SAMPLE_ROWS))
    return max(SEPARATORS, key=lambda separator: _agreement(sample, separator))


def _agreement(sample: str, separator: str) -> tuple[int, int]:
    try:
        widths = [
            len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
        ]
    except csv.Error:
        return (0, 0)
    width, rows = Counter(widths).most_common(1)[0] if widths else (1, 0)
    return (rows, width) if width > 1 else (0, 0)
