"""The legal calling window: no phone rings outside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# TRAI (India): commercial calls between 09:00 and 21:00 of the called person's day.
LEGAL_OPENS: Final = time(9)
LEGAL_CLOSES: Final = time(21)


@dataclass(frozen=True, slots=True)
class CallWindow:
    """Wall-clock hours of one day in `zone`. Where `closes` is not after `opens`, never open."""

    zone: ZoneInfo
    opens: time = LEGAL_OPENS
    closes: time = LEGAL_CLOSES

    @property
    def length(self) -> timedelta:
        """For how long it is open; negative when it never is."""
        return _since_midnight(self.closes) - _since_midnight(self.opens)


def narrowed(account: CallWindow, opens: time | None, closes: time | None) -> CallWindow:
    """Return the account's hours as a campaign narrows them; it can never widen them (R4).

    None is the account's own. Hours that were legal when the campaign was made may lie outside
    the account's present ones: then the window is never open, and `next_opening` is None.
    """
    return CallWindow(
        account.zone,
        max(account.opens, opens or account.opens),
        min(account.closes, closes or account.closes),
    )


def may_ring(window: CallWindow, now: datetime, ring_timeout: timedelta) -> bool:
    """Return whether a call started at `now` (aware) also stops ringing inside the window.

    The SQL of the claim holds the same rule; a test runs both on the same instants.
    """
    local = now.astimezone(window.zone)
    closes_at = datetime.combine(local.date(), window.closes, tzinfo=window.zone)
    return window.opens <= local.time() and now + ring_timeout <= closes_at


def next_opening(window: CallWindow, now: datetime, ring_timeout: timedelta) -> datetime | None:
    """Return the first instant at or after `now` at which a call may ring; None when none may."""
    if window.length < ring_timeout:
        return None
    if may_ring(window, now, ring_timeout):
        return now
    local = now.astimezone(window.zone)
    opening = datetime.combine(local.date(), window.opens, tzinfo=window.zone)
    if opening <= now:
        opening = datetime.combine(
            local.date() + timedelta(days=1), window.opens, tzinfo=window.zone
        )
    return opening.astimezone(now.tzinfo)


def _since_midnight(clock: time) -> timedelta:
    return timedelta(
        hours=clock.hour,
        minutes=clock.minute,
        seconds=clock.second,
        microseconds=clock.microsecond,
    )
