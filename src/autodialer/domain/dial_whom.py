"""Numbers from a URL (R18): how an answer is read, and what becomes of the source after it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from autodialer.domain.errors import AutodialerError

if TYPE_CHECKING:
    from autodialer.domain.ids import AccountId, CampaignId, SessionId

LONGEST_TEXT: Final = 10_000
LONGEST_JSON: Final = 1_000_000
MOST_NUMBERS: Final = 100
# This many useless answers in a row: a person has to look at the source.
MAX_FAILURES: Final = 10
# This many answers in a row that were all finished numbers: it has nothing new.
MAX_REPEATS: Final = 5
LONGEST_BACKOFF: Final = timedelta(seconds=60)
# Whoever asked before the source ended has an answer by then: the dialer waits 5.5 s for one.
LATEST_ANSWER: Final = timedelta(seconds=6)

# Of the shapes in use none has more than four levels. Whoever answers must neither keep the dialer
# busy nor end it.
_DEEPEST: Final = 6
_WRITTEN: Final = re.compile(r"(?:tel:)?\+?[\d\s()./\-]{1,60}", re.IGNORECASE)


class SourceTrouble(StrEnum):
    """Why an answer of a Dial-Whom URL was of no use; the first ones are `ports.http`'s."""

    URL_REFUSED = "url_refused"
    DNS_FAILED = "dns_failed"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    CONNECT_FAILED = "connect_failed"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    BUSY = "busy"
    REDIRECT_REFUSED = "redirect_refused"
    TOO_LARGE = "too_large"
    BAD_ANSWER = "bad_answer"
    HTTP_STATUS = "http_status"
    NOT_NUMBERS = "not_numbers"
    NOTHING_TO_DIAL = "nothing_to_dial"


@dataclass(frozen=True, slots=True)
class NumberRequest:
    """One waiting agent needs one number; who that is, and since when it is connected.

    `agent` is the name, `agent_address` where the agent is called, `caller_id` E.164. `zone` and
    `region` are the account's, `plain_http` its leave to do without TLS.
    """

    session_id: SessionId
    campaign_id: CampaignId
    url: str
    agent: str
    caller_id: str
    asked_at: datetime
    account_id: AccountId
    agent_address: str
    agent_email: str
    zone: str
    region: str
    started_at: datetime
    ready_at: datetime
    custom_field: str = ""
    plain_http: bool = False


# What the URL gave to a waiting agent: numbers as they are written (none: it has ended), or why
# there are none.
Given = tuple[str, ...] | SourceTrouble


class AnswerUnreadableError(AutodialerError):
    """A Dial-Whom URL answered with something else than numbers."""

    code = "dial_whom_unreadable"


def read_answer(text: str) -> tuple[str, ...]:
    """Return the numbers of an answer as they are written; none: the source has ended.

    One number, or several with commas between them; or the JSON of Exotel's Programmable Connect
    (`{"destination": {"numbers": [...]}}`), whatever the content type says. Whether they can be
    dialled is not asked here. Raises AnswerUnreadableError.
    """
    text = text.removeprefix("\ufeff").strip()
    parts = _from_json(text) if text[:1] in {"{", "[", '"'} else _from_text(text)
    if len(parts) > MOST_NUMBERS:
        raise AnswerUnreadableError("The answer holds more than 100 numbers.")
    if not all(_WRITTEN.fullmatch(part) for part in parts):
        raise AnswerUnreadableError("The answer is no number, nor a list with commas between.")
    return tuple(parts)


def _from_text(text: str) -> Sequence[str]:
    if len(text) > LONGEST_TEXT:
        raise AnswerUnreadableError("The answer is longer than 10,000 characters.")
    return [part.strip() for part in text.split(",")] if text else []


def _from_json(text: str) -> Sequence[str]:
    if len(text) > LONGEST_JSON:
        raise AnswerUnreadableError("The answer is longer than 1,000,000 characters.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise AnswerUnreadableError("The answer begins like JSON but is none.") from None
    return _numbers_in(found, _DEEPEST)


def _numbers_in(found: Any, levels: int) -> Sequence[str]:
    """Return the numbers of any of the shapes that are in use; nothing else is guessed at."""
    if levels == 0:
        raise AnswerUnreadableError("The answer is JSON that is nested deeper than numbers are.")
    match found:
        case {"destination": inner} | {"numbers": inner} | {"contact_uri": inner}:
            return _numbers_in(inner, levels - 1)
        case None:
            return []
        case str():
            return _from_text(found.strip())
        case int() if not isinstance(found, bool):
            return [str(found)]
        case list():
            parts = (_numbers_in(part, levels - 1) for part in found[: MOST_NUMBERS + 1])
            return list(chain.from_iterable(parts))
        case _:
            raise AnswerUnreadableError("The answer is JSON without destination and numbers.")


@dataclass(frozen=True, slots=True)
class SourceState:
    """How the asking goes. Answers that were asked for before `not_before` tell nothing new.

    `trouble` is what was wrong with the last answer, None when it was a good one.
    """

    failures: int = 0
    repeats: int = 0
    not_before: datetime | None = None
    exhausted_at: datetime | None = None
    trouble: SourceTrouble | None = None

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


def after_failure(
    state: SourceState, trouble: SourceTrouble, asked_at: datetime, now: datetime
) -> SourceState:
    """Count an answer that did not come or was of no use; wait longer after each."""
    if _is_old(state, asked_at):
        return state
    failures = state.failures + 1
    rest = now + _backoff(failures)
    return replace(state, failures=failures, not_before=rest, trouble=trouble)


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
    good = replace(state, failures=0, trouble=None)
    if unfinished:
        return replace(good, not_before=now + _backoff(1))
    repeats = state.repeats + 1
    waits = replace(good, repeats=repeats, not_before=now + _backoff(repeats))
    return after_end(waits, now) if repeats >= MAX_REPEATS else waits


def _is_old(state: SourceState, asked_at: datetime) -> bool:
    """Several agents may have asked at once: their equal answers count as one."""
    return state.not_before is not None and asked_at < state.not_before


def _backoff(times: int) -> timedelta:
    return min(timedelta(seconds=1 << (times - 1)), LONGEST_BACKOFF)
