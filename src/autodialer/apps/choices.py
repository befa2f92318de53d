"""One way to say "this column holds a value of that StrEnum", in the model and in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import CheckConstraint, Q

if TYPE_CHECKING:
    from enum import StrEnum


def one_of(field: str, values: type[StrEnum], *, name: str) -> CheckConstraint:
    """Return a CHECK that `field` is one of the enum's values."""
    return CheckConstraint(
        condition=Q(**{f"{field}__in": [value.value for value in values]}), name=name
    )
