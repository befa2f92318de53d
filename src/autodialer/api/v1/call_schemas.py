"""Calls and numbers of a campaign as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from autodialer.api.fields import ListAsked, Reply
from autodialer.apps.calls.details import SEARCH_FROM
from autodialer.domain.outcome import CallStatus
from autodialer.domain.target import TargetStatus

if TYPE_CHECKING:
    from autodialer.apps.calls.details import CallDetail
    from autodialer.apps.calls.queries import CallRow
    from autodialer.apps.campaigns.targets import TargetRow


class CallsAsked(ListAsked):
    """Which calls of the campaign, in which order."""

    status: CallStatus | None = None
    number: str = Field(
        "", max_length=40, description=f"Part of the number; below {SEARCH_FROM} digits, all."
    )
    sort: Literal["-placed", "placed"] = "-placed"


class CallReply(Reply):
    """One call. `status` is empty while it lives; `talk_s` is null until it has ended."""

    id: str
    number: str
    contact: str
    agent: str
    try_no: int | None
    state: str
    status: str
    reason: str
    abandoned: bool
    placed_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    talk_s: float | None
    has_recording: bool


class CallDetailReply(CallReply):
    """One call in full. `cost` is in minor units of `currency`, null if nothing is charged."""

    caller_id: str
    what_happened: str
    estimated: bool
    ring_s: float | None
    cost: int | None
    currency: str


class TargetsAsked(ListAsked):
    """Which numbers of the campaign, in the order of the list."""

    status: TargetStatus | None = None


class TargetReply(Reply):
    """One number of a campaign. `due_at` is when it is retried."""

    number: str
    contact: dict[str, Any]
    status: TargetStatus
    reason: str
    tries: int
    due_at: datetime | None
    changed_at: datetime


class StepReply(Reply):
    """One step of a number's history."""

    old: str
    new: str
    reason: str
    at: datetime


class TargetDetailReply(TargetReply):
    """One number with its history, and a sentence that says why it was or was not called."""

    why: str
    history: list[StepReply]


_SAME: Final = CallReply.model_fields.keys() - {"id", "has_recording"}


def call_fields(row: CallRow) -> dict[str, Any]:
    """Return what a reply says of a call."""
    return {
        "id": str(row.id),
        "has_recording": bool(row.recording),
        **{name: getattr(row, name) for name in _SAME},
    }


def detail_fields(detail: CallDetail) -> dict[str, Any]:
    """Return what a reply says of a call in full."""
    own = CallDetailReply.model_fields.keys() - CallReply.model_fields.keys()
    return {**call_fields(detail.call), **{name: getattr(detail, name) for name in own}}


def target_fields(row: TargetRow) -> dict[str, Any]:
    """Return what a reply says of a number."""
    return {name: getattr(row, name) for name in TargetReply.model_fields}
