"""Which column of a file is what: by its heading, else by what stands in it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.contacts.numbers import NumberError, parse_number
from autodialer.apps.imports.problems import FileError
from autodialer.apps.imports.table import GUESS, MAX_COLUMNS
from autodialer.apps.spreadsheet import unshield
from autodialer.apps.texts import clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.apps.imports.table import Reading, Row, Table

NUMBER: Final = "number"
LEFT_OUT: Final = "-"
NOWHERE: Final = -1  # no column looks like telephone numbers
# What a file of rejected rows adds to the columns of its source.
ERROR_COLUMNS: Final = ("line_number", "error_code", "what_is_wrong", "how_to_fix")
# Headings as `plain` returns them; more languages are a matter of more words.
NUMBER_HEADINGS: Final = frozenset(
    {
        *("number", "phone", "phonenumber", "phoneno", "phonenum", "telephone", "telephonenumber"),
        *("mobile", "mobilenumber", "mobileno", "mobilephone", "cell", "cellphone", "cellnumber"),
        *("contact", "contactnumber", "contactno", "tel", "msisdn", "e164", "whatsapp"),
        *("customernumber", "customerphone", "customermobile", "whatsappnumber"),
    }
)
HEADINGS: Final = {
    "first_name": {"firstname", "first", "givenname", "name", "fullname", "customername"},
    "last_name": {"lastname", "last", "surname", "familyname"},
    "company": {"company", "companyname", "organisation", "organization", "employer"},
    "email": {"email", "emailaddress", "mail", "emailid"},
    "tag": {"tag", "label", "segment"},
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The meaning of each column. `known` are fields of a contact; `others` keep their heading."""

    width: int
    number: int
    known: dict[str, int]
    others: dict[str, int]
    headings: tuple[str, ...]
    has_header: bool


def find_columns(table: Table, region: str, reading: Reading = GUESS) -> Columns:
    """Say what the columns are; what `reading` says about a column overrides the guess.

    Without a header row the columns are called column_1, column_2, ... Raises FileError.
    """
    found = guess_columns(table, region, reading)
    if found.number == NOWHERE:
        raise FileError("no_number_column", f"Its columns are: {_names(found.headings)}.")
    return found


def guess_columns(table: Table, region: str, reading: Reading = GUESS) -> Columns:
    """As `find_columns`; the column of the numbers may be NOWHERE, for a person to say."""
    sample = [row for row in table.sample() if not row.problem]
    if not sample:
        raise FileError("file_no_rows")
    first, has_header = sample[0], reading.has_header
    if has_header is None:
        has_header = not _looks_like_data(first, region)
    width = len(first.cells)
    if width > MAX_COLUMNS:
        raise FileError("too_many_columns")
    headings = _headings(first) if has_header else tuple(f"column_{n + 1}" for n in range(width))
    body = sample[1:] if has_header else sample
    if not body:
        raise FileError("file_no_rows")
    meanings = _said(headings, reading) | _left_out(headings)
    number = _number_column(headings, body, region, meanings)
    known = _known(headings, {number: NUMBER} | meanings, guess=has_header)
    taken = {number, *known.values()}
    others = {
        meanings.get(at, heading): at
        for at, heading in enumerate(headings)
        if at not in taken and meanings.get(at) != LEFT_OUT
    }
    return Columns(width, number, known, others, headings, has_header)


def plain(heading: str) -> str:
    """Return a heading without case, accents, spaces and signs, for comparing."""
    folded = unicodedata.normalize("NFKD", heading.casefold())
    return re.sub(r"[\W_]", "", "".join(c for c in folded if not unicodedata.combining(c)))


def _headings(first: Row) -> tuple[str, ...]:
    """Return distinct headings: a repeated one gets a number, an empty one its position."""
    found: list[str] = []
    for at, cell in enumerate(first.cells, start=1):
        text = clean_text(unshield(cell)).replace("\0", "")[:100] or f"column_{at}"
        heading, again = text, 2
        while heading in found:
            heading, again = f"{text} ({again})", again + 1
        found.append(heading)
    return tuple(found)


def _looks_like_data(row: Row, region: str) -> bool:
    return any(_is_number(cell, region) for cell in row.cells)


def _is_number(cell: str, region: str) -> bool:
    try:
        parse_number(unshield(cell.strip()), region)
    except NumberError:
        return False
    return True


def _said(headings: Sequence[str], reading: Reading) -> dict[int, str]:
    """Return the meaning of the columns that `reading` names. Raises FileError."""
    said: dict[int, str] = {}
    for wanted, meaning in reading.columns.items():
        name = clean_text(meaning).replace("\0", "")[:100]
        if name in said.values() and name != LEFT_OUT:
            raise FileError("column_twice", f"The columns of {name!r} must be one.")
        said[_named(headings, wanted)] = name or LEFT_OUT
    return said


def _left_out(headings: Sequence[str]) -> dict[int, str]:
    """Return our own columns of a file of rejected rows: corrected, it is imported as it is."""
    ours = headings[-len(ERROR_COLUMNS) :]
    if tuple(ours) != ERROR_COLUMNS:
        return {}
    return dict.fromkeys(range(len(headings) - len(ours), len(headings)), LEFT_OUT)


def _number_column(
    headings: Sequence[str], body: Sequence[Row], region: str, meanings: Mapping[int, str]
) -> int:
    for at, meaning in meanings.items():
        if meaning == NUMBER:
            return at
    free = [at for at in range(len(headings)) if at not in meanings]
    fits = {at: _share(body, at, region) for at in free}
    named = [at for at in free if plain(headings[at]) in NUMBER_HEADINGS]
    if named:
        return max(named, key=fits.__getitem__)
    best = max(free, key=fits.__getitem__, default=None)
    return NOWHERE if best is None or fits[best] * 2 < len(body) else best


def _named(headings: Sequence[str], wanted: str) -> int:
    if wanted in headings:
        return headings.index(wanted)
    for at, heading in enumerate(headings):
        if plain(heading) == plain(wanted):
            return at
    cause = f"There is no column {wanted[:80]!r} in this file; its columns are {_names(headings)}."
    raise FileError("unknown_column", cause=cause)


def _names(headings: Sequence[str]) -> str:
    return ", ".join(headings)[:300]


def _share(body: Sequence[Row], at: int, region: str) -> int:
    return sum(len(row.cells) > at and _is_number(row.cells[at], region) for row in body)


def _known(headings: Sequence[str], meanings: Mapping[int, str], *, guess: bool) -> dict[str, int]:
    """Return the column of each field of a contact: as it was said, else the first that fits."""
    found = {meaning: at for at, meaning in meanings.items() if meaning in HEADINGS}
    for at, heading in enumerate(headings) if guess else ():
        for field, names in HEADINGS.items():
            if at not in meanings and field not in found and plain(heading) in names:
                found[field] = at
                break
    return found
