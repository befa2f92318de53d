"""Which column of a file is what: by its heading, else by what stands in it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.contacts.csv_file import MAX_COLUMNS
from autodialer.apps.contacts.numbers import NumberError, parse_number
from autodialer.apps.contacts.problems import FileError
from autodialer.apps.spreadsheet import unshield
from autodialer.apps.texts import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.contacts.csv_file import CsvFile, Row

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


def find_columns(file: CsvFile, region: str, number_column: str | None = None) -> Columns:
    """Say what the columns are; `number_column` is a heading that overrides the guess.

    Without a header row the columns are called column_1, column_2, ... Raises FileError.
    """
    sample = [row for row in file.sample() if not row.problem]
    if not sample:
        raise FileError("file_no_rows")
    first, has_header = sample[0], not _looks_like_data(sample[0], region)
    width = len(first.cells)
    if width > MAX_COLUMNS:
        raise FileError("too_many_columns")
    headings = _headings(first) if has_header else tuple(f"column_{n + 1}" for n in range(width))
    body = sample[1:] if has_header else sample
    if not body:
        raise FileError("file_no_rows")
    number = _number_column(headings, body, region, number_column)
    known = _known(headings, number) if has_header else {}
    taken = {number, *known.values()}
    others = {heading: at for at, heading in enumerate(headings) if at not in taken}
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


def _number_column(
    headings: Sequence[str], body: Sequence[Row], region: str, wanted: str | None
) -> int:
    if wanted is not None:
        return _named(headings, wanted)
    fits = [_share(body, at, region) for at in range(len(headings))]
    named = [at for at, heading in enumerate(headings) if plain(heading) in NUMBER_HEADINGS]
    if named:
        return max(named, key=lambda at: fits[at])
    best = max(range(len(headings)), key=lambda at: fits[at])
    if fits[best] * 2 < len(body):
        raise FileError("no_number_column", f"Its columns are: {', '.join(headings)[:300]}.")
    return best


def _named(headings: Sequence[str], wanted: str) -> int:
    for at, heading in enumerate(headings):
        if plain(heading) == plain(wanted):
            return at
    raise FileError("no_number_column", f"Its columns are: {', '.join(headings)[:300]}.")


def _share(body: Sequence[Row], at: int, region: str) -> int:
    return sum(len(row.cells) > at and _is_number(row.cells[at], region) for row in body)


def _known(headings: Sequence[str], number: int) -> dict[str, int]:
    """Return the first column that fits each field of a contact."""
    found: dict[str, int] = {}
    for at, heading in enumerate(headings):
        for field, names in HEADINGS.items():
            if at != number and field not in found and plain(heading) in names:
                found[field] = at
                break
    return found
