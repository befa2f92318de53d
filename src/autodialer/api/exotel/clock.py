"""Times as Exotel writes and reads them: by the clock on the account's wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from autodialer.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account

_V1: Final = "%Y-%m-%d %H:%M:%S"
# No zone is further from UTC than a day: every wall clock can show what lies between.
_EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
_LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)


def v2_time(account: Account, at: datetime | None) -> str | None:
    """Return RFC 3339 with the account's offset, like 2030-01-01T10:00:00+05:30."""
    return at.astimezone(ZoneInfo(account.zone)).isoformat(timespec="seconds") if at else None


def v1_time(account: Account, at: datetime | None) -> str | None:
    """Return the wall clock without a zone, like 2030-01-01 10:00:00."""
    return at.astimezone(ZoneInfo(account.zone)).strftime(_V1) if at else None


def read_v2(text: str, field: str) -> datetime:
    """Return an instant of an RFC 3339 text. Raises InvalidInputError, also without an offset."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _unreadable(field, "2030-01-01T10:00:00+05:30") from None
    if at.utcoffset() is None:
        raise InvalidInputError(
            field, f"{field} must carry its offset from UTC, like +05:30.", "offset_required"
        )
    return _sane(at, field)


def read_v1(text: str, field: str, account: Account) -> datetime:
    """Return an instant of a wall clock's text, or of a date. Raises InvalidInputError."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _unreadable(field, "2030-01-01 10:00:00") from None
    return _sane(at if at.tzinfo else at.replace(tzinfo=ZoneInfo(account.zone)), field)


def seconds(length: timedelta | float | None) -> int | None:
    """Return a length in whole seconds, rounded to the nearest."""
    if isinstance(length, timedelta):
        length = length.total_seconds()
    return None if length is None else round(length)


def _sane(at: datetime, field: str) -> datetime:
    """Refuse years that no wall clock shows. Naive values of a zone at the edge overflow."""
    try:
        if _EARLIEST <= at <= _LATEST:
            return at
    except OverflowError:
        pass
    raise _unreadable(field, "2030-01-01T10:00:00+05:30")


def _unreadable(field: str, example: str) -> InvalidInputError:
    return InvalidInputError(field, f"{field} is no time: write it like {example}.", "time_invalid")
