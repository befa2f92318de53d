"""Reading a CSV file as people send it: encoding, separator and header are found, not asked."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.imports.problems import FileError
from autodialer.apps.imports.table import GUESS, MAX_COLUMNS, SAMPLE_ROWS, Row
from autodialer.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.apps.imports.table import Reading

SEPARATORS: Final = ",;\t|"
ENCODINGS: Final = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"),
    *("cp1252", "cp1251", "iso-8859-1", "iso-8859-15"),
)
MOST_CONTROLS: Final = 20  # one character in so many; text has none

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FORMATS: Final = (
    (b"\xd0\xcf\x11\xe0", "It is an old Excel workbook (.xls): save it as .xlsx."),
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
class CsvFile:
    """A file whose form is known; `rows` reads it again from the beginning each time."""

    data: bytes
    encoding: str
    separator: str
    skip_lines: int = 0

    def rows(self) -> Iterator[Row]:
        """Yield the records that are not blank, in order. Bad ones carry their problem."""
        text = io.TextIOWrapper(io.BytesIO(self.data), self.encoding, errors=_MARK, newline="")
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


def open_csv(data: bytes, reading: Reading = GUESS) -> CsvFile:
    """Find out what `reading` leaves open. Raises FileError when it cannot be a CSV file."""
    _check_reading(reading)
    _check_type(data)
    encoding = reading.encoding or _encoding(data)
    _check_readable(_head(data, encoding))
    declared = _declared_separator(data, encoding)
    separator = reading.separator or declared or _likely_separator(data, encoding)
    found = CsvFile(data, encoding, separator, skip_lines=1 if declared else 0)
    sample = found.sample()
    if not sample:
        raise FileError("file_empty")
    if max(len(row.cells) for row in sample) > MAX_COLUMNS:
        raise FileError("too_many_columns")
    return found


def _check_reading(reading: Reading) -> None:
    """Raise InvalidInputError for an encoding or a separator that we do not know."""
    if reading.encoding and reading.encoding not in ENCODINGS:
        raise InvalidInputError(
            "encoding", f"Choose one of {', '.join(ENCODINGS)}.", "encoding_unknown"
        )
    if reading.separator and reading.separator not in SEPARATORS:
        raise InvalidInputError(
            "separator", "Choose comma, semicolon, TAB or bar.", "separator_unknown"
        )


def _marked(error: UnicodeError) -> tuple[str, int]:
    """Put a lone surrogate, which is in no honest text, in place of bytes that are no text."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return ("\udcff", error.end)


# Python's own "surrogateescape" gives up on UTF-16 that is cut in the middle of a character.
_MARK: Final = "autodialer-mark"
codecs.register_error(_MARK, _marked)


def _row(line: int, cells: tuple[str, ...]) -> Row:
    # Bytes that the encoding does not know were marked by lone surrogates.
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
    text = data.decode("utf-8", errors=_MARK)
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
