"""The text of an API key: `dlr_live_` + id (8) + `_` + secret (32) + checksum (6).

The prefix and the checksum let scanners find keys that leaked, and let a mistyped one be refused
without a look into the database; the underscores let a double click select all of it.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

PREFIX: Final = "dlr_live_"
_ALPHABET: Final = string.digits + string.ascii_letters
_ID_LENGTH, _SECRET_LENGTH, _SUM_LENGTH = 8, 32, 6
_SHAPE: Final = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{_ID_LENGTH}}})_"
    rf"([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_SUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A key as its owner has it; `secret` is never stored."""

    public_id: str
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.public_id}_{self.secret}{_checksum(self.public_id, self.secret)}"

    def __repr__(self) -> str:  # so that no log ever holds it
        return f"<key {self.public_id}>"

    @property
    def secret_hash(self) -> bytes:
        """What is stored. The secret has 190 bits of chance: a fast hash cannot be turned round."""
        return sha256(self.secret.encode()).digest()


def new_token() -> Token:
    """Return a key that nobody has."""
    return Token(_random(_ID_LENGTH), _random(_SECRET_LENGTH))


def parse_token(text: str) -> Token | None:
    """Return the key that is written so; None for what can be none, or was mistyped."""
    found = _SHAPE.fullmatch(text)
    if found is None or _checksum(found[1], found[2]) != found[3]:
        return None
    return Token(found[1], found[2])


def token_of_parts(public_id: str, rest: str) -> Token | None:
    """Return the key of its id and what follows the id in it: secret and checksum."""
    return parse_token(f"{PREFIX}{public_id}_{rest}")


def _checksum(public_id: str, secret: str) -> str:
    """Return the CRC-32 of id and secret in base 62."""
    number = zlib.crc32(f"{PREFIX}{public_id}_{secret}".encode())
    digits = ""
    for _ in range(_SUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
