"""Ids as people may write them into an address."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 18  # digits; any such number is a bigint


def parse_id(asked: str) -> int | None:
    """Return the id that a query or a form names; None for what can be none."""
    return int(asked) if asked.isdecimal() and len(asked) <= _LONGEST else None
