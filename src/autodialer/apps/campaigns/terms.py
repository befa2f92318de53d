"""The terms of a campaign: what may be asked for, checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from autodialer.domain.campaign import MAX_DURATION, MIN_DURATION, START_GRACE, CallType
from autodialer.domain.errors import InvalidInputError, gathered
from autodialer.domain.retry import MAX_RETRIES, RETRYABLE, RetryMechanism
from autodialer.domain.window import CallWindow, narrowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.accounts.models import Account

MOST_INTERVAL_MIN: Final = 1_440
RING_TIMEOUT_S: Final = range(5, 121)
IDLE_LIMIT_S: Final = range(10, 3_601)
MAX_TALK_S: Final = range(30, 4 * 3_600 + 1)
URLS: Final = ("popup_url", "call_completed_url", "call_no_answer_url", "get_contacts_url")


@dataclass(frozen=True, slots=True)
class Terms:
    """When and how a campaign calls. `starts_at` None is now, `ends_at` None is the longest."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    window_opens: time | None = None
    window_closes: time | None = None
    retries: int = 0
    retry_statuses: Sequence[str] = ()
    retry_interval_min: int = 30
    retry_mechanism: RetryMechanism = RetryMechanism.LINEAR
    ring_timeout_s: int = 30
    idle_limit_s: int = 120
    max_talk_s: int = 3_600
    call_type: str = CallType.TRANSACTIONAL.value
    popup_url: str = ""
    call_completed_url: str = ""
    call_no_answer_url: str = ""
    get_contacts_url: str = ""


def check_schedule(terms: Terms, now: datetime) -> tuple[datetime, datetime]:
    """Return start and end. A start up to two minutes ago is now (R5). Raises InvalidInputError."""
    starts_at = terms.starts_at or now
    _check_zone(starts_at, "starts_at")
    if starts_at < now - START_GRACE:
        raise InvalidInputError(
            "starts_at", "The start has passed: choose a later one.", "start_in_past"
        )
    starts_at = max(starts_at, now)
    ends_at = terms.ends_at or starts_at + MAX_DURATION
    _check_zone(ends_at, "ends_at")
    if ends_at < starts_at + MIN_DURATION:
        raise InvalidInputError(
            "ends_at", "The end must be at least 2 minutes after the start.", "end_too_early"
        )
    if ends_at > starts_at + MAX_DURATION:
        raise InvalidInputError(
            "ends_at", "The end must be at most 30 days after the start.", "too_long"
        )
    return starts_at, ends_at


def check_terms(terms: Terms, account: Account) -> None:
    """Raise InvalidInputError, naming the field, unless all numbers are within their limits."""
    gathered(
        lambda: _check_window(terms, account),
        lambda: _check_retries(terms),
        lambda: _check_statuses(terms),
        lambda: _check_interval(terms),
        lambda: _check_seconds("ring_timeout_s", terms.ring_timeout_s, RING_TIMEOUT_S),
        lambda: _check_seconds("idle_limit_s", terms.idle_limit_s, IDLE_LIMIT_S),
        lambda: _check_seconds("max_talk_s", terms.max_talk_s, MAX_TALK_S),
        lambda: _check_call_type(terms),
    )


def _check_call_type(terms: Terms) -> None:
    if terms.call_type not in set(CallType):
        raise InvalidInputError(
            "call_type", f"The call type can be {', '.join(CallType)}.", "call_type_unknown"
        )


def _check_zone(instant: datetime, field: str) -> None:
    if instant.utcoffset() is None:
        raise InvalidInputError(
            field, "The time must carry its offset from UTC, like +05:30.", "offset_required"
        )


def _check_window(terms: Terms, account: Account) -> None:
    opens, closes = terms.window_opens, terms.window_closes
    if (opens is None) != (closes is None):
        raise InvalidInputError(
            "window", "Give both hours of the calling window, or neither.", "window_half"
        )
    window = narrowed_hours(account, opens, closes)
    if (opens or window.opens, closes or window.closes) != (window.opens, window.closes):
        hours = f"{account.window_opens:%H:%M} to {account.window_closes:%H:%M}"
        raise InvalidInputError(
            "window", f"The calling window must lie within {hours}.", "window_too_wide"
        )
    if window.length < timedelta(seconds=terms.ring_timeout_s):
        raise InvalidInputError(
            "window", "The calling window must be open at least for one ring.", "window_empty"
        )


def narrowed_hours(account: Account, opens: time | None, closes: time | None) -> CallWindow:
    """Return when calls may ring in a campaign with these hours (None: the account's own)."""
    hours = CallWindow(ZoneInfo(account.zone), account.window_opens, account.window_closes)
    return narrowed(hours, opens, closes)


def _check_retries(terms: Terms) -> None:
    if not 0 <= terms.retries <= MAX_RETRIES:
        raise InvalidInputError("retries", "Choose 0 to 3 retries.", "retries_out_of_range")


def _check_statuses(terms: Terms) -> None:
    legal = sorted(status.value for status in RETRYABLE)
    statuses = list(terms.retry_statuses)
    if not set(statuses) <= set(legal) or len(set(statuses)) < len(statuses):
        raise InvalidInputError(
            "retry_statuses", f"Retry on some of {', '.join(legal)}, each once.", "status_unknown"
        )
    if terms.retries and not statuses:
        raise InvalidInputError(
            "retry_statuses",
            f"Say after which results to retry: {', '.join(legal)}.",
            "statuses_missing",
        )


def _check_interval(terms: Terms) -> None:
    if not 1 <= terms.retry_interval_min <= MOST_INTERVAL_MIN:
        raise InvalidInputError(
            "retry_interval_min", "Choose 1 to 1,440 minutes.", "interval_out_of_range"
        )


def _check_seconds(field: str, value: int, legal: range) -> None:
    if value not in legal:
        raise InvalidInputError(
            field, f"Choose {legal[0]:,} to {legal[-1]:,} seconds.", f"{field}_out_of_range"
        )
