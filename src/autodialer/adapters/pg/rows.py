"""Rows of the hot statements as the domain's types."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from autodialer.domain.ids import AccountId, AttemptId, CampaignId, SessionId, TargetId
from autodialer.domain.outcome import CallStatus, Reason
from autodialer.domain.recovery import StoredSession
from autodialer.domain.retry import RetryMechanism, RetryPolicy
from autodialer.domain.session import Call, EndReason
from autodialer.ports.details import DetailsRequest
from autodialer.ports.store import SessionOrder, StopOrder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.domain.session import FinishCall


def call_of(row: Mapping[str, Any]) -> Call:
    """Return the call of a row of `claim`, `present_call` or `live_sessions`."""
    return Call(
        attempt_id=AttemptId(row["attempt_id"]),
        target_id=TargetId(row["target_id"]),
        campaign_id=CampaignId(row["campaign_id"]),
        e164=row["e164"],
        caller_id=row["caller_id"],
        # NULL only in a call that was given back: it was not a try.
        tries=row["try_no"] or 0,
        policy=_policy_of(row),
        ring_timeout=timedelta(seconds=row["ring_timeout_s"]),
        max_talk=timedelta(seconds=row["max_talk_s"]),
        placed_at=row["placed_at"],
        answered_at=row["answered_at"],
        # Asked about when it is placed, and told when it rings, by whoever claimed it.
        asks_details=row.get("asks_details") or False,
        tells_ringing=row.get("tells_ringing") or False,
    )


def _policy_of(row: Mapping[str, Any]) -> RetryPolicy:
    return RetryPolicy(
        retries=row["retries"],
        statuses=frozenset(CallStatus(status) for status in row["retry_statuses"]),
        interval=timedelta(minutes=row["retry_interval_min"]),
        mechanism=RetryMechanism(row["retry_mechanism"]),
    )


def ending_of(finish: FinishCall) -> dict[str, Any]:
    """Return what `finish` and `finish_and_claim` are told of the end of a call."""
    return {
        "attempt_id": finish.attempt_id,
        "status": finish.result.status,
        "reason": finish.result.reason,
        "abandoned": finish.result.abandoned,
        "estimated": finish.estimated,
        "at": finish.at,
        "answered_at": finish.answered_at,
        "given_back": finish.result.reason == Reason.NOT_SENT,
        "move": finish.move.status,
        "move_reason": finish.move.reason,
        "due_at": finish.move.due_at,
    }


def details_request_of(row: Mapping[str, Any]) -> DetailsRequest:
    """Return the request of a row of `details_to_ask`."""
    return DetailsRequest(
        attempt_id=AttemptId(row["attempt_id"]),
        campaign_id=CampaignId(row["campaign_id"]),
        account_id=AccountId(row["account_id"]),
        url=row["url"],
        e164=row["e164"],
        agent_address=row["agent_address"],
        custom_field=row["custom_field"],
        plain_http=row["plain_http"],
    )


def order_of(row: Mapping[str, Any]) -> SessionOrder:
    """Return the order of a row of `new_sessions`."""
    return SessionOrder(
        session_id=SessionId(row["session_id"]),
        device_kind=row["device_kind"],
        device_address=row["device_address"],
        caller_id=row["caller_id"],
        ring_timeout=timedelta(seconds=row["ring_timeout_s"]),
        idle_limit=timedelta(seconds=row["idle_limit_s"]),
    )


def stored_of(row: Mapping[str, Any]) -> StoredSession:
    """Return the session of a row of `live_sessions`."""
    return StoredSession(
        session_id=SessionId(row["session_id"]),
        idle_limit=timedelta(seconds=row["idle_limit_s"]),
        ready_at=row["ready_at"],
        call=call_of(row) if row["attempt_id"] else None,
        is_by_trunk=row["is_by_trunk"],
    )


def stop_of(row: Mapping[str, Any]) -> StopOrder:
    """Return the order of a row of `stop_orders`."""
    return StopOrder(SessionId(row["session_id"]), EndReason(row["reason"]), row["at_once"])
