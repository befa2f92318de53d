"""One pass over a file: good rows are staged, the others counted and written down."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from autodialer.apps.contacts.queries import own_numbers
from autodialer.apps.contacts.staging import StagedRow
from autodialer.apps.imports.checked_rows import RejectedRow, RejectedWriter, check_rows, printable
from autodialer.apps.imports.columns import find_columns
from autodialer.apps.imports.files import open_file
from autodialer.apps.imports.table import GUESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.staging import Staging
    from autodialer.apps.imports.columns import Columns
    from autodialer.apps.imports.table import Reading, Table

FIXES_SHOWN: Final = 5
EXAMPLE_LENGTH: Final = 80
# So many rows between two looks at the progress: some tenths of a second.
BATCH: Final = 5_000


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file whose form and columns are known; `region` is the home country of its numbers."""

    table: Table
    columns: Columns
    region: str


@dataclass(slots=True)
class Tally:
    """What was found so far. `ready` rows may still hold duplicates of one another."""

    seen: int = 0
    ready: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    # The first rejected row of each code, and the first numbers that were written oddly.
    examples: dict[str, tuple[int, str]] = field(default_factory=dict)
    fixes: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """How many rows were left out."""
        return self.problems.total()


class Rejects:
    """Keeps the rejected rows as the bytes of a CSV file that spreadsheets open as UTF-8."""

    def __init__(self, columns: Columns) -> None:
        self._bytes = io.BytesIO()
        self._text = io.TextIOWrapper(self._bytes, "utf-8-sig", newline="")
        self._writer = RejectedWriter(self._text, columns.headings)
        self.first: RejectedRow | None = None

    def write(self, row: RejectedRow) -> None:
        """Add a row."""
        self.first = self.first or row
        self._writer.write(row)

    def content(self) -> bytes:
        """Return the file; empty when no row was rejected."""
        self._text.flush()
        return self._bytes.getvalue() if self.first else b""


def open_and_find(data: bytes, region: str, reading: Reading = GUESS) -> OpenedFile:
    """Return the file with its columns. Raises FileError."""
    table, home = open_file(data, reading), reading.region or region
    return OpenedFile(table, find_columns(table, home, reading), home)


def check_all(
    file: OpenedFile, account: Account, staged: Staging, rejected: list[RejectedRow] | Rejects
) -> Iterator[Tally]:
    """Check every row and stage the good ones; yield the tally after each batch.

    Raises FileError at the first row beyond the limit.
    """
    tally = Tally()
    keep = rejected.write if isinstance(rejected, Rejects) else rejected.append
    rows = check_rows(file.table, file.columns, file.region, own_numbers(account))
    while batch := list(itertools.islice(rows, BATCH)):
        good = [row for row in batch if isinstance(row, StagedRow)]
        for row in batch:
            if isinstance(row, RejectedRow):
                keep(row)
                tally.problems[row.code] += 1
                if row.code not in tally.examples:
                    tally.examples[row.code] = (row.line, _example(row, file.columns))
            elif len(tally.fixes) < FIXES_SHOWN and row.is_fixed:
                tally.fixes.append((row.line, row.raw[:EXAMPLE_LENGTH], row.e164))
        staged.add(good)
        tally.seen += len(batch)
        tally.ready += len(good)
        yield tally


def _example(row: RejectedRow, columns: Columns) -> str:
    """Return what stands in a bad row: the number if that is what is bad, else all of it."""
    is_number = row.code.startswith("number_") and len(row.cells) > columns.number
    text = row.cells[columns.number] if is_number else ", ".join(row.cells)
    return printable(text).replace("\0", "\N{REPLACEMENT CHARACTER}")[:EXAMPLE_LENGTH]
