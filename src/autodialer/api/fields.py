"""Types of fields in bodies and addresses: strict, and described in the OpenAPI document.

A body is a `Body`: JSON `true` is not 1, `"3"` is not 3, and what it does not know is refused.
"""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Annotated, Final, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

T = TypeVar("T")

_ID: Final = re.compile(r"[1-9][0-9]{0,17}")  # any such number is a bigint
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_HOUR: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
# Beyond these, sums with times would leave the calendar.
_YEARS: Final = range(1970, 3000)
LONGEST_CURSOR: Final = 500
MOST_AT_ONCE: Final = 200


class Body(BaseModel):
    """What a request may send; unknown and read-only fields are refused, and so are other types."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Reply(BaseModel):
    """What is answered."""


class Page(Reply, Generic[T]):
    """A part of a list; `next` is the address of the following part, null at the end."""

    items: list[T]
    next: str | None


class ListAsked(BaseModel):
    """What every list takes. Filters and sorts are fields of its own subclass."""

    limit: int = Field(50, ge=1, le=MOST_AT_ONCE, description="Most items of the answer.")
    cursor: str = Field(
        "", max_length=LONGEST_CURSOR, description="Where to go on: of `next`, opaque."
    )


def _id(value: object) -> int:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise PydanticCustomError("id_invalid", "An id is a string of digits, as the API gave it")
    return int(value)


def _instant(value: object) -> datetime:
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("time_invalid", "Write it like 2026-11-23T10:30:00+05:30")
    if found[2] is None:
        raise PydanticCustomError(
            "offset_required", "The time must carry its offset from UTC, like +05:30"
        )
    try:
        instant = datetime.fromisoformat(found[0].upper())
    except ValueError:
        raise PydanticCustomError("time_invalid", "There is no such time") from None
    if instant.year not in _YEARS:
        raise PydanticCustomError("time_invalid", "Choose a year from 1970 to 2999")
    return instant


def _hour(value: object) -> time:
    if not isinstance(value, str) or not _HOUR.fullmatch(value):
        raise PydanticCustomError("hour_invalid", "Write it like 09:00")
    return time.fromisoformat(value)


# The id of something, in a body or an address; answers have ids as `str`.
Id = Annotated[
    int, BeforeValidator(_id), WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"})
]
# RFC 3339 with an offset.
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
# Of the account's clock.
Hour = Annotated[
    time,
    BeforeValidator(_hour),
    WithJsonSchema({"type": "string", "pattern": f"^{_HOUR.pattern}$"}),
]
# A field of a `Body` that is one of the words of a StrEnum: Annotated[Words, WORD].
WORD: Final = Field(strict=False)
