"""Ids as Exotel's clients keep them: 32 lower-case hexadecimal digits."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from autodialer.domain.errors import NotFoundError
from autodialer.domain.ids import sid_of

__all__ = ["no_such", "number_of", "sid_of", "uuid_of"]

_SID: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST: Final = 2**63 - 1  # what PostgreSQL counts up to


def number_of(sid: str, kind: str) -> int:
    """Return our number of a thing. Raises NotFoundError for what can be none of ours."""
    if _SID.fullmatch(sid) and (number := int(sid, 16)) <= _LARGEST:
        return number
    raise no_such(kind, sid)


def uuid_of(sid: str, kind: str) -> UUID:
    """Return the id of a call. Raises NotFoundError for what can be none of ours."""
    if _SID.fullmatch(sid):
        return UUID(hex=sid)
    raise no_such(kind, sid)


def no_such(kind: str, sid: str) -> NotFoundError:
    """Return the error for a sid that names nothing in this account."""
    return NotFoundError(f"There is no {kind} {sid[:64]!r} in this account.")
