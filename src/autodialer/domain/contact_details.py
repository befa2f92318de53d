"""What a Get Contacts URL says of a customer: read tolerantly, cleaned like a contact of a list."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from autodialer.domain.errors import AutodialerError

LONGEST_ANSWER: Final = 1_000_000
# Those of the address book's contacts; what is longer is cut, because nobody is there to mend it.
NAME_LENGTH: Final = 100
EMAIL_LENGTH: Final = 254
FIELD_LENGTH: Final = 1_000
MOST_FIELDS: Final = 100

_KNOWN: Final = frozenset(
    {"number", "name", "first_name", "last_name", "company_name", "email", "tag", "custom"}
)


class DetailsUnreadableError(AutodialerError):
    """A Get Contacts URL answered with something else than a contact."""

    code = "get_contacts_unreadable"


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """A customer by name, and free fields in their order. "" is not known."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    email: str = ""
    tag: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def known(self) -> dict[str, Any]:
        """Return what is known, in the form in which a campaign copies contacts."""
        return {name: value for name, value in asdict(self).items() if value}


def read_details(text: str) -> ContactDetails:
    """Return the contact of an answer, which is JSON as Exotel writes a contact.

    Values that are neither text nor numbers are left out, other keys of the contact are fields.
    Raises DetailsUnreadableError.
    """
    try:
        found = json.loads(text.removeprefix("\ufeff")) if len(text) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DetailsUnreadableError("The answer is no contact in JSON.")
    first = _text(found.get("first_name"), NAME_LENGTH) or _text(found.get("name"), NAME_LENGTH)
    return ContactDetails(
        first_name=first,
        last_name=_text(found.get("last_name"), NAME_LENGTH),
        company=_text(found.get("company_name"), NAME_LENGTH),
        email=_text(found.get("email"), EMAIL_LENGTH),
        tag=_text(found.get("tag"), NAME_LENGTH),
        fields=dict(_fields(found)),
    )


def _fields(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    custom = found.get("custom")
    given = custom if isinstance(custom, dict) else {}
    others = {name: value for name, value in found.items() if name not in _KNOWN}
    for raw_name, raw_value in [*given.items(), *others.items()][:MOST_FIELDS]:
        name, value = _text(raw_name, NAME_LENGTH), _text(raw_value, FIELD_LENGTH)
        if name and value:
            yield name, value


def _text(raw: Any, longest: int) -> str:
    if not isinstance(raw, str | int | float) or isinstance(raw, bool):
        return ""
    # Cut before it is worked on, and again because composing may add a character.
    kept = "".join(char for char in str(raw)[: 2 * longest] if _is_storable(char))
    return unicodedata.normalize("NFC", kept).strip()[:longest].rstrip()


def _is_storable(char: str) -> bool:
    return char != "\0" and not "\ud800" <= char <= "\udfff"
