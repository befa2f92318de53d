"""Parts of a table that stay true while rows come and go: each begins after a row, not at a count.

An order is a row of columns, `-` before those that fall; the last one is unique. A place in it is
one value for each column, as JSON holds it: times are microseconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, Q

from autodialer.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model, QuerySet

    M = TypeVar("M", bound=Model)

Place: TypeAlias = "Sequence[str | int]"

NEWEST_FIRST: Final = ("-id",)
OLDEST_FIRST: Final = ("id",)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class PlaceError(InvalidInputError):
    """These values are no place in the order: they are of another list."""

    def __init__(self) -> None:
        super().__init__("cursor", "This is no place in this list: begin anew.", "cursor_invalid")


def part(rows: QuerySet[M], order: Sequence[str], after: Place | None, limit: int) -> QuerySet[M]:
    """Return at most `limit` rows in this order, from the beginning or after a place in it.

    Raises PlaceError.
    """
    if after is not None:
        rows = rows.filter(_beyond(order, values_of(rows.model, order, after)))
    return rows.order_by(*order)[:limit]


def values_of(model: type[Model], order: Sequence[str], place: Place | None) -> list[object]:
    """Return what the columns of the order hold at the place, Nones without one.

    Raises PlaceError.
    """
    if place is None:
        return [None] * len(order)
    if len(place) != len(order):
        raise PlaceError
    return [_read(model, column, value) for column, value in zip(order, place, strict=True)]


def place_of(row: object, order: Sequence[str]) -> tuple[str | int, ...]:
    """Return where a row stands in this order."""
    return tuple(_written(getattr(row, column.removeprefix("-"))) for column in order)


def _beyond(order: Sequence[str], after: Sequence[object]) -> Q:
    """Return the condition that a row stands after the place, as an index can follow it."""
    column, value = order[0].removeprefix("-"), after[0]
    side = "lt" if order[0].startswith("-") else "gt"
    beyond = Q(**{f"{column}__{side}": value})
    if len(order) == 1:
        return beyond
    return Q(**{f"{column}__{side}e": value}) & (beyond | _beyond(order[1:], after[1:]))


def _written(value: object) -> str | int:
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    return value if isinstance(value, int) else str(value)


def _read(model: type[Model], column: str, value: str | int) -> object:
    field = model._meta.get_field(column.removeprefix("-"))
    try:
        if isinstance(field, DateTimeField):
            held: object = _EPOCH + int(value) * _MICROSECOND
        else:
            held = field.to_python(value)  # type: ignore[union-attr]  # a column, not a relation
    except (ValueError, OverflowError, ValidationError):
        raise PlaceError from None
    if _written(held) != value:  # a number as a text may be larger than its column
        raise PlaceError
    return held
