"""Dial-Whom sources in PostgreSQL: who waits for a number, and what an answer changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from autodialer.adapters.pg.database import Connection, Database, Row, step
from autodialer.apps.contacts.numbers import NumberError, parse_number
from autodialer.domain.campaign import MAX_TARGETS, PauseReason
from autodialer.domain.dial_whom import (
    SourceState,
    SourceTrouble,
    after_end,
    after_failure,
    after_numbers,
)
from autodialer.domain.ids import AccountId, CampaignId, SessionId
from autodialer.domain.window import CallWindow, may_ring, narrowed
from autodialer.ports.numbers import NumberRequest
from autodialer.ports.store import Lease, LeaseLostError

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
    """See `ports.store.Store`; return whether the campaign was paused."""
    async with database.bulk() as connection:
        row, ours = await _locked(connection, lease, request)
        state = _state(row)
        new = await _heard(connection, row | {"ours": ours}, state, request, answer, now)
        if new != state:
            await _run(connection, "note_source", **_columns(request.campaign_id, new))
        if not new.has_failed:
            return False
        paused = await _run(
            connection,
            "pause_one",
            campaign_id=request.campaign_id,
            reason=PauseReason.DIAL_WHOM_FAILED,
            actor=DIALER,
            now=now,
        )
        return bool(paused)


async def _heard(  # noqa: PLR0917  what an answer is judged by
    connection: Connection,
    row: Row,
    state: SourceState,
    request: NumberRequest,
    answer: Given,
    now: datetime,
) -> SourceState:
    room = MAX_TARGETS - row["target_count"]
    if row["is_over"] or answer == () or (room <= 0 and not isinstance(answer, SourceTrouble)):
        return after_end(state, now)
    if isinstance(answer, SourceTrouble):
        return after_failure(state, answer, request.asked_at, now)
    wanted = [number for number in _in_order(answer, row["region"]) if number not in row["ours"]]
    if not wanted:
        return after_failure(state, SourceTrouble.NOTHING_TO_DIAL, request.asked_at, now)
    (added,) = await _run(
        connection,
        "add_numbers",
        campaign_id=request.campaign_id,
        numbers=wanted[:room],
        now=now,
    )
    return after_numbers(
        state,
        fresh=added["fresh"],
        unfinished=added["unfinished"],
        asked_at=request.asked_at,
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


async def _locked(
    connection: Connection, lease: Lease, request: NumberRequest
) -> tuple[Row, frozenset[str]]:
    """Lock campaign and source, so that the next statements see what was committed before.

    Also returns the account's own numbers, in the same round trip: an agent waits.
    """
    fence = {"node_id": lease.node_id, "epoch": lease.epoch}
    locked = step("campaigns", "lock_source", **fence, campaign_id=request.campaign_id)
    own = step("contacts", "own_numbers", account_id=request.account_id)
    async with connection.pipeline():
        source = await connection.execute(locked.query, locked.values)
        numbers = await connection.execute(own.query, own.values)
        rows, ours = await source.fetchall(), await numbers.fetchall()
    if not rows:
        raise LeaseLostError("Another process drives this node now; this one has stopped.")
    return rows[0], frozenset(row["e164"] for row in ours)


async def _run(connection: Connection, name: str, **values: Any) -> list[Row]:
    asked = step("campaigns", name, **values)
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
        started_at=row["started_at"],
        ready_at=row["ready_at"],
        custom_field=row["custom_field"],
        plain_http=row["plain_http"],
    )
