"""What other systems are told about an account, and how often telling them is tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class EventKind(StrEnum):
    """What happened, as the `type` of a webhook names it."""

    CAMPAIGN_CREATED = "campaign.created"
    CAMPAIGN_STARTED = "campaign.started"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_COMPLETED = "campaign.completed"
    CAMPAIGN_ARCHIVED = "campaign.archived"
    CALL_DIALING = "call.dialing"
    # Told to popup URLs alone; no endpoint can choose it.
    CALL_RINGING = "call.ringing"
    CALL_ANSWERED = "call.answered"
    CALL_ENDED = "call.ended"
    NUMBER_FINISHED = "number.finished"
    # A single call that never came to its number; told to its own callback alone.
    SESSION_ENDED = "session.ended"
    # Only when a person asks for it; no endpoint can choose it.
    TEST = "webhook.test"


_NOT_CHOSEN: Final = frozenset({EventKind.CALL_RINGING, EventKind.SESSION_ENDED, EventKind.TEST})
KINDS: Final = tuple(kind for kind in EventKind if kind not in _NOT_CHOSEN)


class Purpose(StrEnum):
    """Why a request is sent: a webhook, or one of the URLs of a campaign."""

    WEBHOOK = "webhook"
    CALL_COMPLETED = "call_completed"
    CALL_NO_ANSWER = "call_no_answer"
    POPUP = "popup"
    # The callbacks of a program that was written for Exotel.
    CALL_TOLD = "call_told"
    NUMBER_TOLD = "number_told"
    CAMPAIGN_TOLD = "campaign_told"


CALLBACKS: Final = frozenset({Purpose.CALL_TOLD, Purpose.NUMBER_TOLD, Purpose.CAMPAIGN_TOLD})


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DisabledReason(StrEnum):
    """Why nothing is sent to an endpoint any more."""

    BY_HAND = "disabled_by_user"
    GONE = "gone"
    FAILING = "failing"


class Trouble(StrEnum):
    """Why a try that got no answer of the peer came to nothing; a peer's answer is `http_503`."""

    ENDPOINT_DISABLED = "endpoint_disabled"
    ENDPOINT_DELETED = "endpoint_deleted"
    TOO_LATE = "too_late"


_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
# Before each try; the example schedule of Standard Webhooks.
SCHEDULE: Final = (
    0 * _SECOND, 5 * _SECOND, 5 * _MINUTE, 30 * _MINUTE,
    2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 10 * _HOUR,
)  # fmt: skip
# What an agent's screen shows of a call is stale in a moment.
POPUP_SCHEDULE: Final = (0 * _SECOND, 5 * _SECOND)
POPUP_VALID_FOR: Final = timedelta(minutes=1)
# Of each pause, so that what failed together does not come back together.
JITTER: Final = 0.1
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)
DEADLINE: Final = timedelta(seconds=15)
# An endpoint to which nothing could be delivered for so long is disabled.
FAILING_FOR: Final = timedelta(days=5)
# In which both secrets of an endpoint sign, after a rotation.
SECRET_OVERLAP: Final = timedelta(hours=24)
KEPT_FOR: Final = timedelta(days=30)

_OK: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_GONE: Final = 410
_WAIT: Final = frozenset({429, 503})

_SCHEDULES: Final[Mapping[Purpose, tuple[timedelta, ...]]] = MappingProxyType(
    dict.fromkeys(Purpose, SCHEDULE) | {Purpose.POPUP: POPUP_SCHEDULE}
)


@dataclass(frozen=True, slots=True)
class Answered:
    """The peer answered; `retry_after` is what it asked for, if anything."""

    status: int
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer of use: the kind of failure, never words of the peer."""

    kind: str


Reply: TypeAlias = Answered | Unanswered


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a try came to. `due_at` is the next one's; `gone`: the peer wants nothing any more."""

    status: DeliveryStatus
    outcome: str
    due_at: datetime | None = None
    gone: bool = False


def judge(purpose: Purpose, tries: int, reply: Reply, now: datetime, spread: float) -> Verdict:
    """Say what a try came to, of which `tries` went before; `spread` is random from 0 to 1.

    2xx is delivered. 410 says that nothing is wanted any more, and 429 and 503 when to come again,
    as far as a day. Everything else, redirects too, is tried again by the schedule, to its end.
    """
    outcome = outcome_of(reply)
    match reply:
        case Answered(status) if status in _OK:
            return Verdict(DeliveryStatus.DELIVERED, outcome)
        case Answered(status) if status == _GONE:
            return Verdict(DeliveryStatus.FAILED, outcome, gone=True)
    schedule = _SCHEDULES[purpose]
    if tries + 1 >= len(schedule):
        return Verdict(DeliveryStatus.FAILED, outcome)
    pause = schedule[tries + 1] * (1 + JITTER * spread)
    return Verdict(DeliveryStatus.PENDING, outcome, now + max(pause, asked_to_wait(reply)))


def is_too_late(purpose: Purpose, happened_at: datetime, now: datetime) -> bool:
    """Return whether sending has no use any more."""
    return purpose is Purpose.POPUP and now > happened_at + POPUP_VALID_FOR


def refused(trouble: Trouble) -> Verdict:
    """Return the verdict on what is not sent at all."""
    return Verdict(DeliveryStatus.FAILED, trouble)


def outcome_of(reply: Reply) -> str:
    """Return a reply as people and programs read it, such as `http_503` or `timeout`."""
    match reply:
        case Answered(status) if status in _REDIRECT:
            return "redirect_refused"
        case Answered(status):
            return f"http_{status}"
        case Unanswered(kind):
            return kind


def last_try_after() -> timedelta:
    """Return when the last try follows the first, without jitter."""
    return sum(SCHEDULE, timedelta())


def asked_to_wait(reply: Reply) -> timedelta:
    """Return how long the peer asked to be left alone, a day at most; zero when it did not."""
    match reply:
        case Answered(status, timedelta() as wait) if status in _WAIT:
            return min(wait, LONGEST_RETRY_AFTER)
        case _:
            return timedelta()


def retry_after(header: str, now: datetime) -> timedelta | None:
    """Return the pause that a Retry-After header asks for, seconds or a date; None: no pause."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        # More digits than a year has seconds are longer than anything that is obeyed.
        return min(timedelta(seconds=int(text[:9])), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return min(max(at - now, timedelta()), LONGEST_RETRY_AFTER) or None
