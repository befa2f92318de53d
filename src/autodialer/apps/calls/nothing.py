"""Why a claim found no target, from the facts of `nothing_to_claim`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.session import EndReason, NoMore, NothingNow, Wait
from autodialer.domain.window import CallWindow, may_ring, narrowed, next_opening

if TYPE_CHECKING:
    from collections.abc import Mapping

_OVER = frozenset({CampaignStatus.COMPLETED, CampaignStatus.ARCHIVED})


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Nothing waits and nothing is live: the campaign can be completed."""


def why_nothing(row: Mapping[str, Any], now: datetime) -> NothingNow | NoMore | Exhausted:
    """Say what a session without a target is told: what ends it first, then what it waits for."""
    return _end_of(row, now) or _wait_of(row, now)


def _end_of(row: Mapping[str, Any], now: datetime) -> NoMore | None:
    if row["session_status"] != "ready":
        return NoMore(EndReason.AGENT_LEFT)
    if row["stop_reason"]:
        return NoMore(EndReason(row["stop_reason"]))
    if row["campaign_status"] in _OVER or row["ends_at"] <= now:
        return NoMore(EndReason.CAMPAIGN_COMPLETED)
    if not row["takes_part"]:
        return NoMore(EndReason.REMOVED_FROM_CAMPAIGN)
    return None


def _wait_of(row: Mapping[str, Any], now: datetime) -> NothingNow | Exhausted:
    status = CampaignStatus(row["campaign_status"])
    if status is CampaignStatus.PAUSED or not row["caller_id_verified"]:
        return NothingNow(Wait.PAUSED)
    if status is CampaignStatus.CREATED or now < row["starts_at"]:
        # A start that has passed is carried out any moment: not a time to wait for.
        return NothingNow(Wait.NOT_STARTED, row["starts_at"] if now < row["starts_at"] else None)
    return _of_a_running_campaign(row, now)


def _of_a_running_campaign(row: Mapping[str, Any], now: datetime) -> NothingNow | Exhausted:
    due: datetime | None = row["next_due"]
    if not row["has_scheduled"] and due is None and not row["source_is_open"]:
        return _of_the_last(row, now)
    window = _window_of(row)
    ring_timeout = timedelta(seconds=row["ring_timeout_s"])
    if not may_ring(window, now, ring_timeout):
        return NothingNow(Wait.OUTSIDE_WINDOW, next_opening(window, now, ring_timeout))
    waits = row["has_scheduled"] or (due is not None and due <= now)
    rest_ends_at: datetime | None = row["rest_ends_at"]
    if waits and rest_ends_at is None:
        return NothingNow(Wait.NUMBERS_BUSY)
    if waits and rest_ends_at is not None and not row["source_is_open"]:
        return NothingNow(Wait.RECENTLY_CALLED, next_opening(window, rest_ends_at, ring_timeout))
    if row["source_is_open"] or due is None:
        return NothingNow(Wait.SOURCE_SLOW, _later(row["source_not_before"], now))
    # A retry that falls due at night waits for the morning.
    return NothingNow(Wait.RETRY_LATER, next_opening(window, due, ring_timeout))


def _of_the_last(row: Mapping[str, Any], now: datetime) -> NothingNow | Exhausted:
    if row["has_live"]:
        return NothingNow(Wait.NUMBERS_BUSY)
    late: datetime | None = row["late_numbers_until"]
    return Exhausted() if late is None else NothingNow(Wait.SOURCE_SLOW, late)


def _later(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None


def _window_of(row: Mapping[str, Any]) -> CallWindow:
    account = CallWindow(ZoneInfo(row["zone"]), row["account_opens"], row["account_closes"])
    return narrowed(account, row["campaign_opens"], row["campaign_closes"])
