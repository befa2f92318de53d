"""How our parameters are written into the addresses of a campaign."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo


def with_parameters(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return the address with parameters after its own query, which stays as it was written."""
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters]
    if not pairs:
        return url
    base = url.partition("#")[0]
    if "?" not in base:
        base += "?"
    elif not base.endswith(("?", "&")):
        base += "&"
    return base + "&".join(pairs)


def wall_time(at: datetime, zone: ZoneInfo) -> str:
    """Return a time of the account's clocks as `2026-11-23 12:31:59`."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def created_time(at: datetime, zone: ZoneInfo) -> str:
    """Return it as `Created` has it, `Mon, 23 Nov 2026 12:31:59`: in English everywhere."""
    local = at.astimezone(zone)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[local.weekday()]
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return f"{day}, {local:%d} {months[local.month - 1]} {local:%Y %H:%M:%S}"
