"""Looking for broken promises in what is stored: for operators, tests and soak runs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from django.db import connection

from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "counts_add_up": "{} campaigns whose counts do not add up.",
        "tries_within_limit": "{} targets with more or fewer calls than tries.",
        "one_call_a_number": "{} pairs of calls to one number at the same time.",
        "live_targets_have_calls": "{} targets in progress without a call.",
        "nothing_stuck": "{} calls that last longer than a call can.",
    }
)


def broken_promises(now: datetime) -> list[str]:
    """Return one sentence for each promise that does not hold at `now`; none: all is well."""
    with connection.cursor() as cursor:
        cursor.execute(statement("calls", "broken_promises"), {"now": now})
        return [_SENTENCES[promise].format(broken) for promise, broken in cursor.fetchall()]
