"""A file as the import sees it: records of text, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_COLUMNS: Final = 100
SAMPLE_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `line` is where it begins in the file; `problem` is a code of ROW_PROBLEMS."""

    line: int
    cells: tuple[str, ...]
    problem: str = ""


class Table(Protocol):
    """A file whose form is known; `rows` reads it again from the beginning each time."""

    @property
    def encoding(self) -> str:
        """How the text was read: the name of an encoding, or `xlsx`."""

    @property
    def separator(self) -> str:
        """What stands between two cells; empty for a workbook."""

    def rows(self) -> Iterator[Row]:
        """Yield the records that are not blank, in order. Bad ones carry their problem."""

    def sample(self) -> list[Row]:
        """Return the first rows, enough to guess what the columns are."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a person has said about a file; what they left out is guessed.

    `region` is the home country of numbers without a country code, the account's unless said.
    `columns` gives headings (or `column_1`, `column_2` ...) a meaning: `number`, a field of a
    contact, `-` to leave the column out, or the name of a field of their own.
    """

    encoding: str = ""
    separator: str = ""
    region: str = ""
    has_header: bool | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def as_json(self) -> dict[str, object]:
        """Return it as it is stored; `Reading(**stored)` undoes that."""
        return {
            "encoding": self.encoding,
            "separator": self.separator,
            "region": self.region,
            "has_header": self.has_header,
            "columns": dict(self.columns),
        }


GUESS: Final = Reading()
