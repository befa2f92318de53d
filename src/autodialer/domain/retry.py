"""What a target becomes after a call: done, retried later, or failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from autodialer.domain.outcome import CallResult, CallStatus, Reason
from autodialer.domain.target import TargetStatus

if TYPE_CHECKING:
    from datetime import datetime

MAX_RETRIES: Final = 3
MIN_INTERVAL: Final = timedelta(minutes=1)
MAX_INTERVAL: Final = timedelta(minutes=1_440)
# Between the end of a call to a number and the next one, in all campaigns of an account.
REDIAL_GAP: Final = timedelta(seconds=60)
LONGEST_REDIAL_GAP: Final = timedelta(hours=1)
RETRYABLE: Final = frozenset({CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED})


class RetryMechanism(StrEnum):
    """How the interval grows: constant, or doubling after each try."""

    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A campaign's rules for another try. `retries` is 0 to 3, after the first try."""

    retries: int = 0
    statuses: frozenset[CallStatus] = frozenset()
    interval: timedelta = timedelta(minutes=30)
    mechanism: RetryMechanism = RetryMechanism.LINEAR

    def grants_another(self, status: CallStatus, tries: int) -> bool:
        """Return whether a target tried `tries` times, last with `status`, is tried again."""
        return status in self.statuses and tries <= self.retries

    def delay_after(self, tries: int) -> timedelta:
        """Return the wait after the `tries`-th try (1 for the first)."""
        if self.mechanism is RetryMechanism.LINEAR:
            return self.interval
        return self.interval * (1 << (tries - 1))


@dataclass(frozen=True, slots=True)
class TargetMove:
    """Where a target goes when its call has ended. `due_at` is set exactly for `retry`."""

    status: TargetStatus
    reason: str
    due_at: datetime | None = None


def move_after_call(
    result: CallResult, tries: int, policy: RetryPolicy, now: datetime
) -> TargetMove:
    """Decide the target's next status after its `tries`-th try ended with `result` at `now`."""
    if result.status is CallStatus.COMPLETED:
        return TargetMove(TargetStatus.COMPLETED, result.reason)
    if not result.permanent and policy.grants_another(result.status, tries):
        return TargetMove(TargetStatus.RETRY, result.reason, now + policy.delay_after(tries))
    if result.reason == Reason.DO_NOT_CALL:
        return TargetMove(TargetStatus.FAILED_DND, result.reason)
    if result.reason == Reason.OUTCOME_UNKNOWN:
        return TargetMove(TargetStatus.INVALID, result.reason)
    return TargetMove(TargetStatus.FAILED, result.reason)


def give_back(tries: int, now: datetime) -> TargetMove:
    """Undo a claim whose call was surely never sent: the `tries`-th try did not happen."""
    if tries == 1:
        return TargetMove(TargetStatus.SCHEDULED, "")
    return TargetMove(TargetStatus.RETRY, Reason.NOT_SENT, now)
