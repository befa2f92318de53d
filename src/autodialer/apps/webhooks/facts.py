"""Rows of `sql/facts.sql` as parcels: for the courier and for the page that shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from autodialer.apps.webhooks.lanes import salt_of_urls
from autodialer.domain.callbacks import AgentLegFacts, CallbackFacts
from autodialer.domain.campaign import CampaignKind
from autodialer.domain.notices import (
    AgentFacts,
    CallFacts,
    CampaignFacts,
    MoveFacts,
    Notice,
    NumberFacts,
)
from autodialer.domain.parcels import Parcel
from autodialer.domain.webhooks import CALLBACKS, EventKind, Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


def parcel_of(row: Mapping[str, Any], now: datetime) -> Parcel:
    """Return the delivery with its facts, to be sent at `now`."""
    lane = str(row["lane"])
    return Parcel(
        id=row["id"],
        account_id=row["account_id"],
        lane=lane,
        purpose=Purpose(row["purpose"]),
        url=row["url"] or "",
        salts=_salts(row, now),
        tries=row["tries"],
        notice=notice_of(row),
        callback=_callback(row),
        endpoint_id=int(lane[1:]) if lane.startswith("e") else None,
        is_disabled=bool(row["disabled_reason"]),
        plain_http=row["allows_http"],
    )


def notice_of(row: Mapping[str, Any]) -> Notice:
    """Return the event of a row with its facts."""
    return Notice(
        id=row["event_id"],
        kind=EventKind(row["kind"]),
        at=row["at"],
        zone=ZoneInfo(row["zone"]),
        campaign=_campaign(row),
        call=_call(row),
        number=_number(row),
        move=_move(row),
    )


def _salts(row: Mapping[str, Any], now: datetime) -> Sequence[str]:
    if row["salt"] is None:
        return [salt_of_urls(row["account_id"])]
    until = row["old_salt_until"]
    return [row["salt"], row["old_salt"]] if until and until > now else [row["salt"]]


def _campaign(row: Mapping[str, Any]) -> CampaignFacts | None:
    number = row["campaign_id"]
    if number is None:
        return None
    return CampaignFacts(number, row["campaign_name"], row["custom_field"])


def _call(row: Mapping[str, Any]) -> CallFacts | None:
    if row["attempt_id"] is None:
        return None
    return CallFacts(
        id=row["attempt_id"],
        number=row["called"],
        caller_id=row["caller_id"],
        agent=AgentFacts(
            row["agent_id"], row["agent_name"], row["agent_email"], row["agent_phone"]
        ),
        placed_at=row["placed_at"],
        try_no=row["try_no"],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        status=row["call_status"],
        reason=row["call_reason"],
        abandoned=row["abandoned"],
    )


def _callback(row: Mapping[str, Any]) -> CallbackFacts | None:
    if row["purpose"] not in CALLBACKS:
        return None
    is_single = row["campaign_kind"] == CampaignKind.CALL
    return CallbackFacts(
        caller_id=row["campaign_caller_id"],
        custom_field=row["custom_field"],
        made_at=row["campaign_made_at"],
        session_id=row["session_id"] if is_single else None,
        call_ids=row["call_ids"],
        content_type=row["content_type"],
        alone=_agent_leg(row) if row["kind"] == EventKind.SESSION_ENDED else None,
    )


def _agent_leg(row: Mapping[str, Any]) -> AgentLegFacts:
    return AgentLegFacts(
        phone=row["agent_phone"],
        called_at=row["session_at"],
        answered_at=row["ready_at"],
        ended_at=row["session_ended_at"],
        reason=row["end_reason"],
    )


def _number(row: Mapping[str, Any]) -> NumberFacts | None:
    if row["number"] is None:
        return None
    return NumberFacts(
        number=row["number"],
        status=row["number_status"],
        reason=row["number_reason"],
        tries=row["number_tries"],
        contact=row["contact"],
    )


def _move(row: Mapping[str, Any]) -> MoveFacts | None:
    if row["step"] is None:
        return None
    return MoveFacts(row["step"], row["step_reason"], row["step_by"])
