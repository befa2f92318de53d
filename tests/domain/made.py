"""Sessions, calls and events to test with, one of each kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from autodialer.domain.ids import AttemptId, CampaignId, SessionId, TargetId
from autodialer.domain.outcome import CallStatus, LegEnd
from autodialer.domain.retry import RetryPolicy
from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    AgentHeldBack,
    Call,
    CallNotSent,
    CallRefused,
    Claimed,
    CustomerAbandoned,
    CustomerAnswered,
    CustomerGone,
    CustomerRinging,
    EndReason,
    Event,
    LeaveAsked,
    MediaServerLost,
    NoMore,
    NothingNow,
    NumberForbidden,
    OutcomeLost,
    Phase,
    Session,
    StopAsked,
    Wait,
    Woken,
)

NOW: Final = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
SESSION_ID: Final = SessionId(UUID(int=1))
OURS: Final = AttemptId(UUID(int=2))
FOREIGN: Final = AttemptId(UUID(int=3))
POLICY: Final = RetryPolicy(2, frozenset({CallStatus.BUSY, CallStatus.NO_ANSWER}))
CALL: Final = Call(
    attempt_id=OURS,
    target_id=TargetId(7),
    campaign_id=CampaignId(8),
    e164="+919800000100",
    caller_id="+918047112233",
    tries=1,
    policy=POLICY,
    ring_timeout=timedelta(seconds=30),
    max_talk=timedelta(hours=1),
    placed_at=NOW,
)
ANSWERED_CALL: Final = replace(CALL, answered_at=NOW)
BUSY_END: Final = LegEnd(sip_code=486)


def session_in(phase: Phase, *, leaving: EndReason | None = None) -> Session:
    """Return a session as it stands in `phase`, its call in progress where it has one."""
    calls = {Phase.DIALING: CALL, Phase.TALKING: ANSWERED_CALL}
    return Session(
        SESSION_ID,
        phase,
        idle_limit=timedelta(seconds=120),
        call=calls.get(phase),
        waiting_since=NOW if phase in (Phase.HELD_BACK, Phase.WAITING) else None,
        leaving=leaving,
    )


def one_of_each(attempt_id: AttemptId = OURS) -> tuple[Event, ...]:
    """Return one event of each type; those about a call name `attempt_id`."""
    return (
        AgentAnswered(),
        AgentHeldBack(),
        AgentGone(),
        StopAsked(),
        LeaveAsked(EndReason.REMOVED_FROM_CAMPAIGN),
        MediaServerLost(),
        CustomerRinging(attempt_id),
        CustomerAnswered(attempt_id),
        CustomerAbandoned(attempt_id),
        CustomerGone(attempt_id, BUSY_END),
        CallRefused(attempt_id),
        OutcomeLost(attempt_id),
        CallNotSent(attempt_id),
        NumberForbidden(attempt_id),
        Claimed(replace(CALL, attempt_id=attempt_id)),
        NothingNow(Wait.RETRY_LATER, NOW + 30 * SECOND),
        NoMore(EndReason.CAMPAIGN_COMPLETED),
        Woken(),
    )
