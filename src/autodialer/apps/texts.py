"""Names and other short texts: one way to clean them before they are stored."""

from __future__ import annotations

import unicodedata
from typing import Final

from autodialer.domain.errors import InvalidInputError

NAME_LENGTH: Final = 100
# Directions of letters that can turn what stands beside them (Unicode annex 9).
_TURNING: Final = frozenset({"R", "AL", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI"})
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
# How every telephone number is stored.
E164: Final = r"^\+[1-9][0-9]{6,14}$"


def clean_text(raw: str) -> str:
    """Return the text as it is stored: NFC, without spaces at its ends. Nothing is escaped here."""
    return unicodedata.normalize("NFC", raw).strip()


def storable(text: str) -> bool:
    """Return whether PostgreSQL can keep the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def clean_name(raw: str, *, field: str = "name", most: int = NAME_LENGTH) -> str:
    """Return a name of 1 to `most` characters of which one can be seen, or raise InvalidInputError.

    Also refuses line breaks and other control characters: names stand in logs and file names.
    """
    name = clean_text(raw)
    if not any(unicodedata.category(character)[0] not in "CZ" for character in name):
        raise InvalidInputError(field, f"Give a {field}.", f"{field}_missing")
    if len(name) > most:
        raise InvalidInputError(field, f"The {field} is longer than {most} characters.", "too_long")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise InvalidInputError(
            field, f"The {field} holds a control character: type it again.", "control_character"
        )
    return name


def isolated(text: str) -> str:
    """Return the text so that in a sentence it turns the direction of itself only.

    Most texts turn nothing and come back unchanged.
    """
    if text.isascii() or not any(unicodedata.bidirectional(letter) in _TURNING for letter in text):
        return text
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"
