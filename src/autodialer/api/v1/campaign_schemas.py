"""Campaigns as JSON: what may be sent and what is answered."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from autodialer.api.fields import WORD, Body, Hour, Id, Instant, ListAsked, Reply
from autodialer.apps.addresses import LONGEST_URL
from autodialer.apps.campaigns.listing import SEARCH_FROM
from autodialer.apps.campaigns.terms import (
    IDLE_LIMIT_S,
    MAX_TALK_S,
    MOST_INTERVAL_MIN,
    RING_TIMEOUT_S,
    Terms,
)
from autodialer.apps.texts import NAME_LENGTH
from autodialer.domain.campaign import CallType, CampaignAction, CampaignStatus
from autodialer.domain.retry import MAX_RETRIES, RetryMechanism

if TYPE_CHECKING:
    from datetime import time

    from autodialer.apps.campaigns.counting import TargetCounts
    from autodialer.apps.campaigns.pages import CampaignCard
    from autodialer.apps.campaigns.plan import Plan

MOST_AGENTS: Final = 1_000
TERM_NAMES: Final = frozenset(field.name for field in fields(Terms))
RetryStatus = Literal["busy", "failed", "no-answer"]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
Url = Annotated[str, Field(max_length=LONGEST_URL)]

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


class _TermsBody(Body):
    """When and how a campaign calls."""

    starts_at: Instant | None = Field(None, description="Null: now.")
    ends_at: Instant | None = Field(None, description="Null: 30 days after the start.")
    window_opens: Hour | None = Field(None, description="Null: the account's own hours.")
    window_closes: Hour | None = None
    retries: int = Field(0, ge=0, le=MAX_RETRIES)
    retry_statuses: list[RetryStatus] = Field([], max_length=3)
    retry_interval_min: int = Field(30, ge=1, le=MOST_INTERVAL_MIN)
    retry_mechanism: Annotated[RetryMechanism, WORD] = RetryMechanism.LINEAR
    ring_timeout_s: int = Field(30, ge=RING_TIMEOUT_S[0], le=RING_TIMEOUT_S[-1])
    idle_limit_s: int = Field(120, ge=IDLE_LIMIT_S[0], le=IDLE_LIMIT_S[-1])
    max_talk_s: int = Field(3_600, ge=MAX_TALK_S[0], le=MAX_TALK_S[-1])
    call_type: Annotated[CallType, WORD] = CallType.TRANSACTIONAL
    popup_url: Url = ""
    call_completed_url: Url = ""
    call_no_answer_url: Url = ""
    get_contacts_url: Url = ""

    def terms(self) -> Terms:
        """Return the terms that are asked for."""
        return Terms(**_plain({name: getattr(self, name) for name in TERM_NAMES}))


class CampaignBody(_TermsBody):
    """A new campaign. Its name is unique among those that are not archived."""

    name: Name
    caller_id: Id
    list_id: Id | None = Field(None, description="Either this or `dial_whom_url`.")
    dial_whom_url: Url = ""
    group_id: Id | None = Field(None, description="Either this or `agent_ids`.")
    agent_ids: list[Id] = Field([], max_length=MOST_AGENTS)


def _without_defaults(schema: dict[str, Any]) -> None:
    """Say in the document that what is left out is not set to anything."""
    for described in schema["properties"].values():
        described.pop("default", None)


class CampaignChange(CampaignBody):
    """What to change of a campaign: only what is given."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    name: Name = Field(default_factory=str)  # never used: only what was sent counts
    caller_id: Id = Field(default_factory=int)
    copy_again: bool = Field(False, description="Copy the list again, as it is now.")


class CloneBody(Body):
    """How the clone differs."""

    name: Name | None = None
    starts_at: Instant | None = None


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


def changed_plan(plan: Plan, body: CampaignChange) -> Plan:
    """Return the plan with what was sent put in; what excludes it is left out by itself."""
    given = {name: getattr(body, name) for name in body.model_fields_set - {"copy_again"}}
    if given.get("list_id"):
        given.setdefault("dial_whom_url", "")
    elif given.get("dial_whom_url"):
        given.setdefault("list_id", None)
    if given.get("group_id"):
        given.setdefault("agent_ids", ())
    elif given.get("agent_ids"):
        given.setdefault("group_id", None)
    terms = _plain({name: given.pop(name) for name in TERM_NAMES & given.keys()})
    if "agent_ids" in given:
        given["agent_ids"] = tuple(given["agent_ids"])
    return replace(plan, **given, terms=replace(plan.terms, **terms))


def _plain(terms: dict[str, Any]) -> dict[str, Any]:
    """Return terms with the words that `Terms` holds."""
    if "retry_statuses" in terms:
        terms["retry_statuses"] = tuple(terms["retry_statuses"])
    if "call_type" in terms:
        terms["call_type"] = terms["call_type"].value
    return terms


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
