"""Dial-Whom sources in PostgreSQL: who waits for a number, and what an answer changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from autodialer.adapters.pg.database import Connection, Database, Row, Step, step
from autodialer.adapters.pg.fence import fence, require_lease
from autodialer.apps.contacts.numbers import NumberError, parse_number
from autodialer.domain.campaign import MAX_TARGETS, PauseReason
from autodialer.domain.dial_whom import (
    NumberRequest,
    SourceState,
    SourceTrouble,
    after_end,
    after_failure,
    after_numbers,
)
from autodialer.domain.ids import AccountId, CampaignId, SessionId
from autodialer.domain.window import CallWindow, may_ring, narrowed
from autodialer.ports.store import Lease

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.domain.dial_whom import Given

DIALER: Final = "dialer"


async def numbers_to_ask(
    database: Database, lease: Lease, now: datetime
) -> Sequence[NumberRequest]:
    """See `ports.store.Store`."""
    (rows,) = await database.run(step("calls", "numbers_to_ask", node_id=lease.node_id, now=now))
    return [_request(row, now) for row in rows if _is_open(row, now)]


async def take_answer(
    database: Database,
    lease: Lease,
    request: NumberRequest,
    answer: Given,
    now: datetime,
) -> bool:
    """See `ports.store.Store`; return whether the campaign was paused.

    New numbers, as nearly every answer has, take one round trip: an agent waits. Of any other
    answer nothing is stored that way, and it is looked at with care.
    """
    asked = _Asked(lease, request, now)
    if isinstance(answer, tuple) and answer and await _has_added(database, asked, answer):
        return False
    async with database.bulk() as connection:
        locked = await _run(connection, asked.locking)
        require_lease(locked)
        (row,) = locked
        state = _state(row)
        new = await _heard(connection, row, state, asked, answer)
        if new != state:
            noted = _columns(request.campaign_id, new)
            await _run(connection, step("campaigns", "note_source", **noted))
        if not new.has_failed:
            return False
        pausing = step(
            "campaigns",
            "pause_one",
            campaign_id=request.campaign_id,
            reason=PauseReason.DIAL_WHOM_FAILED,
            actor=DIALER,
            now=now,
        )
        return bool(await _run(connection, pausing))


@dataclass(frozen=True, slots=True)
class _Asked:
    """An answer to a request, as the dialer of this lease heard it."""

    lease: Lease
    request: NumberRequest
    now: datetime

    @property
    def locking(self) -> Step:
        """Locks campaign and source, so that the next statement sees what was committed before."""
        return step("campaigns", "lock_source", **self._fence)

    def adding(self, answer: Sequence[str]) -> Step:
        """Adds what is new of an answer."""
        return step(
            "campaigns",
            "add_numbers",
            **self._fence,
            account_id=self.request.account_id,
            numbers=_in_order(answer, self.request.region),
            most=MAX_TARGETS,
            now=self.now,
        )

    @property
    def _fence(self) -> dict[str, Any]:
        return {**fence(self.lease), "campaign_id": self.request.campaign_id}


async def _has_added(database: Database, asked: _Asked, answer: Sequence[str]) -> bool:
    """Return whether the answer had new numbers, which are stored then.

    Not waited for on the disk: the claim of a number does, and with its own commit for this one. A
    power cut before that loses an answer of which nobody was called, as one a moment earlier would.
    """
    later = step("campaigns", "commit_later")
    _, locked, (added,) = await database.run(later, asked.locking, asked.adding(answer))
    require_lease(locked)
    return bool(added["fresh"])


async def _heard(
    connection: Connection, row: Row, state: SourceState, asked: _Asked, answer: Given
) -> SourceState:
    asked_at, now = asked.request.asked_at, asked.now
    is_full = row["target_count"] >= MAX_TARGETS
    if row["is_over"] or answer == () or (is_full and not isinstance(answer, SourceTrouble)):
        return after_end(state, now)
    if isinstance(answer, SourceTrouble):
        return after_failure(state, answer, asked_at, now)
    (added,) = await _run(connection, asked.adding(answer))
    if not added["dialable"]:
        return after_failure(state, SourceTrouble.NOTHING_TO_DIAL, asked_at, now)
    return after_numbers(
        state,
        fresh=added["fresh"],
        unfinished=added["unfinished"],
        asked_at=asked_at,
        now=now,
    )


def _state(row: Row) -> SourceState:
    return SourceState(
        failures=row["failures"],
        repeats=row["repeats"],
        not_before=row["not_before"],
        exhausted_at=row["exhausted_at"],
        trouble=SourceTrouble(row["trouble"]) if row["trouble"] else None,
    )


def _in_order(answer: Sequence[str], region: str) -> list[str]:
    """Return what can be dialled of an answer, each number once."""
    numbers: dict[str, None] = {}
    for raw in answer:
        try:
            numbers[parse_number(raw, region)] = None
        except NumberError:
            continue
    return list(numbers)


async def _run(connection: Connection, asked: Step) -> list[Row]:
    cursor = await connection.execute(asked.query, asked.values)
    return await cursor.fetchall() if cursor.description else []


def _columns(campaign_id: CampaignId, state: SourceState) -> dict[str, Any]:
    return {
        "campaign_id": campaign_id,
        "failures": state.failures,
        "repeats": state.repeats,
        "not_before": state.not_before,
        "exhausted_at": state.exhausted_at,
        "trouble": state.trouble or "",
    }


def _is_open(row: Row, now: datetime) -> bool:
    account = CallWindow(ZoneInfo(row["zone"]), row["account_opens"], row["account_closes"])
    window = narrowed(account, row["campaign_opens"], row["campaign_closes"])
    return may_ring(window, now, timedelta(seconds=row["ring_timeout_s"]))


def _request(row: Row, now: datetime) -> NumberRequest:
    return NumberRequest(
        session_id=SessionId(row["session_id"]),
        campaign_id=CampaignId(row["campaign_id"]),
        url=row["url"],
        agent=row["agent"],
        caller_id=row["caller_id"],
        asked_at=now,
        account_id=AccountId(row["account_id"]),
        agent_address=row["agent_address"],
        agent_email=row["agent_email"],
        zone=row["zone"],
        region=row["region"],
        started_at=row["started_at"],
        ready_at=row["ready_at"],
        custom_field=row["custom_field"],
        plain_http=row["plain_http"],
    )
