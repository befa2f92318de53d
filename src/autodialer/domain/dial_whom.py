"""Numbers from a URL (R18): how an answer is read, and what becomes of the source after it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from autodialer.domain.errors import AutodialerError

LONGEST_ANSWER: Final = 10_000
MOST_NUMBERS: Final = 100
# This many useless answers in a row: a person has to look at the source.
MAX_FAILURES: Final = 10
# This many answers in a row that were all finished numbers: it has nothing new.
MAX_REPEATS: Final = 5
LONGEST_BACKOFF: Final = timedelta(seconds=60)

_WRITTEN: Final = re.compile(r"(?:tel:)?\+?[\d\s()./\-]{1,60}", re.IGNORECASE)


class AnswerUnreadableError(AutodialerError):
    """A Dial-Whom URL answered with something else than numbers."""

    code = "dial_whom_unreadable"


def read_answer(text: str) -> tuple[str, ...]:
    """Return the numbers of an answer as they are written; none: the source has ended.

    One number, or several with commas between them. Whether they can be dialled is not asked
    here. Raises AnswerUnreadableError.
    """
    if len(text) > LONGEST_ANSWER:
        raise AnswerUnreadableError("The answer is longer than 10,000 characters.")
    parts = [part.strip() for part in text.strip().split(",")] if text.strip() else []
    if len(parts) > MOST_NUMBERS:
        raise AnswerUnreadableError("The answer holds more than 100 numbers.")
    if not all(_WRITTEN.fullmatch(part) for part in parts):
        raise AnswerUnreadableError("The answer is no number, nor a list with commas between.")
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class SourceState:
    """How the asking goes. Answers that were asked for before `not_before` tell nothing new."""

    failures: int = 0
    repeats: int = 0
    not_before: datetime | None = None
    exhausted_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still give numbers."""
        return self.exhausted_at is None

    @property
    def has_failed(self) -> bool:
        """Whether its campaign must pause until somebody has seen to it."""
        return self.failures >= MAX_FAILURES

    def may_be_asked(self, now: datetime) -> bool:
        """Return whether it is open and not to be left alone for a while."""
        return self.is_open and (self.not_before is None or self.not_before <= now)


def after_failure(state: SourceState, asked_at: datetime, now: datetime) -> SourceState:
    """Count an answer that did not come or was of no use; wait longer after each."""
    if _is_old(state, asked_at):
        return state
    failures = state.failures + 1
    return replace(state, failures=failures, not_before=now + _backoff(failures))


def after_end(state: SourceState, now: datetime) -> SourceState:
    """Note that the source said it has no more numbers."""
    return replace(state, exhausted_at=state.exhausted_at or now)


def after_numbers(
    state: SourceState, *, fresh: int, unfinished: int, asked_at: datetime, now: datetime
) -> SourceState:
    """Judge an answer of numbers that can be dialled: how many are new, how many known and open.

    A number that waits or is in a call is no sign of the end; only finished ones are.
    """
    if fresh:
        return SourceState(exhausted_at=state.exhausted_at)
    if _is_old(state, asked_at):
        return state
    if unfinished:
        return replace(state, failures=0, not_before=now + _backoff(1))
    repeats = state.repeats + 1
    waits = replace(state, failures=0, repeats=repeats, not_before=now + _backoff(repeats))
    return after_end(waits, now) if repeats >= MAX_REPEATS else waits


def _is_old(state: SourceState, asked_at: datetime) -> bool:
    """Several agents may have asked at once: their equal answers count as one."""
    return state.not_before is not None and asked_at < state.not_before


def _backoff(times: int) -> timedelta:
    return min(timedelta(seconds=1 << (times - 1)), LONGEST_BACKOFF)
