"""Campaigns as JSON: what may be sent and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from autodialer.api.fields import ListAsked, Reply
from autodialer.apps.campaigns.listing import SEARCH_FROM
from autodialer.domain.campaign import CampaignAction, CampaignStatus

if TYPE_CHECKING:
    from datetime import time

    from autodialer.apps.campaigns.counting import TargetCounts
    from autodialer.apps.campaigns.pages import CampaignCard

# Fields of the plan's terms that are answered as they are.
_TERMS: Final = (
    "starts_at",
    "ends_at",
    "retries",
    "retry_interval_min",
    "ring_timeout_s",
    "idle_limit_s",
    "max_talk_s",
    "call_type",
    "popup_url",
    "call_completed_url",
    "call_no_answer_url",
    "get_contacts_url",
)


class CampaignsAsked(ListAsked):
    """Which campaigns, in which order. Archived ones are left out unless asked for."""

    status: CampaignStatus | None = None
    search: str = Field(
        "", max_length=100, description=f"Part of the name; below {SEARCH_FROM} characters, all."
    )
    sort: Literal["-created", "created", "name", "-name"] = "-created"


class CampaignReply(Reply):
    """A campaign. Hours are those of the account's clock, null: the account's own."""

    id: str
    name: str
    status: CampaignStatus
    reason: str = Field(description="Why it has the status, such as `low_balance`; may be empty.")
    list_id: str | None
    list_name: str
    dial_whom_url: str
    group_id: str | None
    group_name: str
    agent_ids: list[str]
    caller_id: str
    caller_number: str
    starts_at: datetime
    ends_at: datetime
    window_opens: str | None
    window_closes: str | None
    retries: int
    retry_statuses: list[str]
    retry_interval_min: int
    retry_mechanism: str
    ring_timeout_s: int
    idle_limit_s: int
    max_talk_s: int
    call_type: str
    popup_url: str
    call_completed_url: str
    call_no_answer_url: str
    get_contacts_url: str
    target_count: int
    made_by: str
    created_at: datetime
    actions: list[CampaignAction] = Field(description="What this key may do with it now.")


class CountsReply(Reply):
    """The ten counts of one instant: they add up to `total`, the size of the campaign's copy."""

    total: int
    by_status: dict[str, int]


class CampaignWithCounts(CampaignReply):
    """A campaign with its counts."""

    counts: CountsReply


def campaign_fields(card: CampaignCard) -> dict[str, Any]:
    """Return what a reply says of a campaign."""
    plan, terms = card.plan, card.plan.terms
    return {
        "id": str(card.id),
        "name": plan.name,
        "status": card.status,
        "reason": card.reason,
        "list_id": _id(plan.list_id),
        "list_name": card.list_name,
        "dial_whom_url": plan.dial_whom_url,
        "group_id": _id(plan.group_id),
        "group_name": card.group_name,
        "agent_ids": [str(agent) for agent in plan.agent_ids],
        "caller_id": str(plan.caller_id),
        "caller_number": card.caller_number,
        "window_opens": _hour(terms.window_opens),
        "window_closes": _hour(terms.window_closes),
        "retry_statuses": list(terms.retry_statuses),
        "retry_mechanism": terms.retry_mechanism.value,
        **{name: getattr(terms, name) for name in _TERMS},
        "target_count": card.target_count,
        "made_by": card.made_by,
        "created_at": card.created_at,
        "actions": list(card.actions),
    }


def counts_reply(counts: TargetCounts) -> CountsReply:
    """Return counts as JSON."""
    return CountsReply(
        total=counts.total,
        by_status={status.value: count for status, count in counts.by_status.items()},
    )


def _id(number: int | None) -> str | None:
    return None if number is None else str(number)


def _hour(hour: time | None) -> str | None:
    return None if hour is None else f"{hour:%H:%M}"
