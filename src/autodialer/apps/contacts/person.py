"""What is known of a contact besides the number, cleaned as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from autodialer.apps.texts import clean_text, storable
from autodialer.domain.errors import Complaints, InvalidInputError

NAME_LENGTH: Final = 100
EMAIL_LENGTH: Final = 254
FIELD_LENGTH: Final = 1_000
MOST_FIELDS: Final = 100
LENGTHS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "first_name": NAME_LENGTH,
        "last_name": NAME_LENGTH,
        "company": NAME_LENGTH,
        "email": EMAIL_LENGTH,
        "tag": NAME_LENGTH,
    }
)


@dataclass(frozen=True, slots=True)
class Person:
    """The editable part of a contact; None leaves a value as it is. `fields` replaces all."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    email: str | None = None
    tag: str | None = None
    fields: Mapping[str, str] | None = None

    def changes(self) -> dict[str, object]:
        """Return the given values by name, cleaned. Raises InvalidInputError."""
        changes: dict[str, object] = {}
        complaints = Complaints()
        for name, longest in LENGTHS.items():
            value = getattr(self, name)
            if value is not None:
                with complaints.at():
                    changes[name] = _text(name, value, longest)
        if self.fields is not None:
            with complaints.at():
                changes["fields"] = _fields(self.fields)
        complaints.check()
        return changes


NOBODY: Final = Person()


def _text(name: str, raw: str, longest: int) -> str:
    if not storable(raw):
        raise InvalidInputError(
            name, f"The {name} holds a character that is no text: type it again.", "text_unstorable"
        )
    text = clean_text(raw)
    if len(text) > longest:
        raise InvalidInputError(
            name, f"The {name} is longer than {longest} characters.", "too_long"
        )
    return text


def _fields(raw: Mapping[str, str]) -> dict[str, str]:
    if len(raw) > MOST_FIELDS:
        raise InvalidInputError("fields", f"Give at most {MOST_FIELDS} fields.", "too_many_fields")
    cleaned = {
        _text("name of a field", name, NAME_LENGTH): _text(name[:80], value, FIELD_LENGTH)
        for name, value in raw.items()
    }
    if "" in cleaned:
        raise InvalidInputError("fields", "Give each field a name.", "field_missing")
    return cleaned
