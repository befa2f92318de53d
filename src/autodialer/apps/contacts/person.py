"""What is known of a contact besides the number, cleaned as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.texts import clean_text, storable
from autodialer.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_LENGTH: Final = 100
EMAIL_LENGTH: Final = 254
FIELD_LENGTH: Final = 1_000
MOST_FIELDS: Final = 100


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
        changes: dict[str, object] = {
            name: _text(name, value, EMAIL_LENGTH if name == "email" else NAME_LENGTH)
            for name in ("first_name", "last_name", "company", "email", "tag")
            if (value := getattr(self, name)) is not None
        }
        if self.fields is not None:
            changes["fields"] = _fields(self.fields)
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
