"""One pass over a file: good rows are staged, the others counted and written down."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from autodialer.apps.contacts.queries import own_numbers
from autodialer.apps.contacts.staging import StagedRow
from autodialer.apps.imports.checked_rows import RejectedRow, RejectedWriter, check_rows
from autodialer.apps.imports.columns import find_columns
from autodialer.apps.imports.files import open_file
from autodialer.apps.imports.table import GUESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.staging import Staging
    from autodialer.apps.imports.columns import Columns
    from autodialer.apps.imports.table import Reading, Table

# So many rows between two looks at the progress: some tenths of a second.
BATCH: Final = 5_000


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file whose form and columns are known."""

    table: Table
    columns: Columns


@dataclass(slots=True)
class Tally:
    """What was found so far. `ready` rows may still hold duplicates of one another."""

    seen: int = 0
    ready: int = 0
    problems: Counter[str] = field(default_factory=Counter)

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
    table = open_file(data, reading)
    return OpenedFile(table, find_columns(table, region, reading))


def check_all(
    file: OpenedFile, account: Account, staged: Staging, rejected: list[RejectedRow] | Rejects
) -> Iterator[Tally]:
    """Check every row and stage the good ones; yield the tally after each batch.

    Raises FileError at the first row beyond the limit.
    """
    tally = Tally()
    keep = rejected.write if isinstance(rejected, Rejects) else rejected.append
    rows = check_rows(file.table, file.columns, account.region, own_numbers(account))
    while batch := list(itertools.islice(rows, BATCH)):
        good = [row for row in batch if isinstance(row, StagedRow)]
        for row in batch:
            if isinstance(row, RejectedRow):
                keep(row)
                tally.problems[row.code] += 1
        staged.add(good)
        tally.seen += len(batch)
        tally.ready += len(good)
        yield tally
