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
    (rows,) = await database.run(waiting(lease, now))
    return requests_of(rows, now)


def waiting(lease: Lease, now: datetime, session_id: SessionId | None = None) -> Step:
    """Asks who waits for a number: all of the node, or this session if it does."""
    asked = {"node_id": lease.node_id, "session_id": session_id, "now": now}
    return step("calls", "numbers_to_ask", **asked)


def requests_of(rows: Sequence[Row], now: datetime) -> list[NumberRequest]:
    """Return the requests of the rows of `waiting` whose campaigns may call at this hour."""
    return [_request(row, now) for row in rows if _is_open(row, now)]


@dataclass(frozen=True, slots=True)
class Asked:
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an answer: the row of the claim that followed it, if one did by now."""

    claimed: Row | None
    is_paused: bool = False


async def take_answer(
    database: Database, asked: Asked, answer: Given, claiming: Step | None = None
) -> Taken:
    """See `ports.store.Store`.

    New numbers, as nearly every answer has, take one round trip, in which `claiming` follows: an
    agent waits. Of any other answer nothing is stored that way, and it is looked at with care.
    """
    claimed = None
    if isinstance(answer, tuple) and answer:
        is_added, claimed = await _add(database, asked, answer, claiming)
        if is_added:
            return Taken(claimed)
    async with database.bulk() as connection:
        locked = await _run(connection, asked.locking)
        require_lease(locked)
        (row,) = locked
        state = _state(row)
        new = await _heard(connection, row, state, asked, answer)
        if new != state:
            noted = _columns(asked.request.campaign_id, new)
            await _run(connection, step("campaigns", "note_source", **noted))
        if not new.has_failed:
            return Taken(claimed)
        pausing = step(
            "campaigns",
            "pause_one",
            campaign_id=asked.request.campaign_id,
            reason=PauseReason.DIAL_WHOM_FAILED,
            actor=DIALER,
            now=asked.now,
        )
        return Taken(claimed, is_paused=bool(await _run(connection, pausing)))


async def _add(
    database: Database, asked: Asked, answer: Sequence[str], claiming: Step | None
) -> tuple[bool, Row | None]:
    """Return whether the answer had new numbers, which are stored then, and what was claimed.

    Without a claim it is not waited for on the disk: the next claim does, and with its own commit
    for this one. A power cut before that loses an answer of which nobody was called, as one a
    moment earlier would.
    """
    steps = asked.locking, asked.adding(answer)
    if claiming is None:
        _, locked, (added,) = await database.run(step("campaigns", "commit_later"), *steps)
        claimed = None
    else:
        locked, (added,), (claimed,) = await database.run(*steps, claiming)
    require_lease(locked)
    return bool(added["fresh"]), claimed


async def _heard(
    connection: Connection, row: Row, state: SourceState, asked: Asked, answer: Given
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
