"""Campaigns: made, shown, changed, steered and taken away, and the details of their calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autodialer.api.exotel import words
from autodialer.api.exotel.clock import seconds, v1_time, v2_time
from autodialer.api.exotel.envelope import Item, Reply, page
from autodialer.api.exotel.plans import (
    CALLBACKS,
    DIALER,
    URLS,
    changed_plan,
    new_plan,
    numbers,
    tells_of_body,
)
from autodialer.api.exotel.reading import json_body, only, parameters, span, text
from autodialer.api.exotel.sids import number_of, sid_of
from autodialer.apps.calls.offsets import calls_at
from autodialer.apps.campaigns.offsets import Found, campaigns_at, counts_of
from autodialer.apps.campaigns.pages import card
from autodialer.apps.campaigns.queries import changes_of
from autodialer.apps.campaigns.services import (
    archive_campaign,
    change_tells,
    complete_campaign,
    create_campaign,
    edit_campaign,
    pause_campaign,
    resume_campaign,
)
from autodialer.apps.campaigns.tells import Tells, tells_of
from autodialer.domain.campaign import CampaignAction, CampaignStatus
from autodialer.domain.errors import IllegalTransitionError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from autodialer.api.exotel.reading import Body
    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.calls.queries import CallRow
    from autodialer.apps.campaigns.counting import TargetCounts
    from autodialer.apps.campaigns.pages import CampaignCard
    from autodialer.apps.campaigns.queries import ChangeRow

KIND: Final = "campaign"
MOST: Final = 500
_COLUMNS: Final = ("date_created", "name")
_SERVICES: Final[Mapping[CampaignAction, Callable[..., None]]] = {
    CampaignAction.PAUSE: pause_campaign,
    CampaignAction.RESUME: resume_campaign,
    CampaignAction.COMPLETE: complete_campaign,
    CampaignAction.ARCHIVE: archive_campaign,
}


def create(request: ApiRequest) -> Reply:
    """Make a dialer campaign of a list, of numbers or of a Dial-Whom URL."""
    account, body = request.account, only(json_body(request), "campaigns")
    plan = new_plan(account, body, f"{sid_of(account.pk)} {v1_time(account, request.now)}")
    made = create_campaign(
        account=account,
        actor=request.actor,
        name=plan.name,
        caller_id=plan.caller_id,
        list_id=plan.list_id,
        dial_whom_url=plan.dial_whom_url,
        group_id=plan.group_id,
        agent_ids=plan.agent_ids,
        terms=plan.terms,
        numbers=numbers(body),
        tells=tells_of_body(body),
        now=request.now,
    )
    return Reply([_shown(request, made.pk)])


def index(request: ApiRequest) -> Reply:
    """Show campaigns, the oldest first unless asked otherwise; archived ones by their status."""
    asked = parameters(request)
    offset, limit = span(asked, most=MOST)
    column, down = words.sorting(text(asked, "sort_by"), _COLUMNS, "date_created:asc")
    found, total = campaigns_at(
        request.account,
        request.actor,
        statuses=words.campaign_statuses(text(asked, "status")),
        name=text(asked, "name"),
        by_name=column == "name",
        down=down,
        offset=offset,
        limit=limit,
    )
    shown = _data(request, found)
    return page(shown, total=total, offset=offset, limit=limit)


def show(request: ApiRequest, sid: str) -> Reply:
    """Show one campaign."""
    return Reply([_shown(request, number_of(sid, KIND))])


def change(request: ApiRequest, sid: str) -> Reply:
    """Carry out an action, or change the plan; callbacks can be changed at any time."""
    campaign_id, body = number_of(sid, KIND), only(json_body(request), "campaigns")
    if body.keys() & CALLBACKS.keys():
        change_tells(
            account=request.account,
            campaign_id=campaign_id,
            actor=request.actor,
            tells=tells_of_body(body),
            now=request.now,
        )
    if "action" in body:
        _act(request, campaign_id, words.action(text(body, "action")))
    elif body.keys() - CALLBACKS.keys():
        _edit(request, campaign_id, body)
    return Reply([_shown(request, campaign_id)])


def _act(request: ApiRequest, campaign_id: int, action: CampaignAction) -> None:
    """Carry out an action. What still calls is paused before it is completed."""
    status = card(request.account, request.actor, campaign_id).status
    if action is CampaignAction.COMPLETE and status == CampaignStatus.IN_PROGRESS:
        raise IllegalTransitionError(
            "campaign", status, CampaignStatus.COMPLETED, (CampaignAction.PAUSE,)
        )
    _SERVICES[action](
        account=request.account, campaign_id=campaign_id, actor=request.actor, now=request.now
    )


def _edit(request: ApiRequest, campaign_id: int, body: Body) -> None:
    if "from" in body:
        raise InvalidInputError(
            "from", "from cannot be changed: make a list and name it in lists.", "from_is_fixed"
        )
    plan = card(request.account, request.actor, campaign_id).plan
    edit_campaign(
        account=request.account,
        campaign_id=campaign_id,
        actor=request.actor,
        plan=changed_plan(request.account, body, plan),
        now=request.now,
    )


def delete(request: ApiRequest, sid: str) -> Reply:
    """Put away a campaign that has not started; it is kept, archived."""
    campaign_id = number_of(sid, KIND)
    status = card(request.account, request.actor, campaign_id).status
    if status != CampaignStatus.CREATED:
        raise IllegalTransitionError("campaign", status, "deleted", ())
    archive_campaign(
        account=request.account, campaign_id=campaign_id, actor=request.actor, now=request.now
    )
    return Reply([_shown(request, campaign_id)])


def call_details(request: ApiRequest, sid: str) -> Reply:
    """Show the calls of a campaign that have ended, the oldest first unless asked otherwise."""
    account, asked, campaign_id = request.account, parameters(request), number_of(sid, KIND)
    card(account, request.actor, campaign_id)
    offset, limit = span(asked, most=MOST)
    _, down = words.sorting(text(asked, "sort_by"), ("date_created",), "date_created:asc")
    rows, total = calls_at(
        account,
        campaign_id,
        statuses=words.call_statuses(text(asked, "status")),
        down=down,
        offset=offset,
        limit=limit,
    )
    shown = [call_data(request, row) for row in rows]
    return page(shown, total=total, offset=offset, limit=limit)


def call_data(request: ApiRequest, row: CallRow) -> dict[str, Any]:
    """Return a call as its campaign shows it."""
    account = request.account
    return {
        "call_sid": row.id.hex,
        "number": row.number,
        "name": row.contact,
        "agent": row.agent,
        "duration": seconds(row.talk_s) or 0,
        "status": row.status,
        "caller_id": row.caller_id,
        "direction": "Outgoing",
        "digits": "",
        "recording_url": recording_url(request, row),
        "date_created": v2_time(account, row.placed_at),
        "start_time": v2_time(account, row.answered_at or row.placed_at),
        "end_time": v2_time(account, row.ended_at),
    }


def recording_url(request: ApiRequest, row: CallRow) -> str | None:
    """Return where the recording can be had with an API key; None: there is none."""
    if not row.recording:
        return None
    return request.build_absolute_uri(f"/api/v1/calls/{row.id}/recording")


def _shown(request: ApiRequest, campaign_id: int) -> Item:
    account = request.account
    found = card(account, request.actor, campaign_id)
    counts = counts_of(account, [campaign_id])
    (data,) = _data(request, [Found(found, counts[campaign_id])])
    return Item(data)


def _data(request: ApiRequest, found: Sequence[Found]) -> list[dict[str, Any]]:
    account = request.account
    ids = [one.card.id for one in found]
    told, moves = tells_of(account, ids), changes_of(account, ids)
    return [
        campaign_data(account, one.card, one.counts, told[one.card.id], moves[one.card.id])
        | {"report_url": _report_url(request, one.card.id)}
        for one in found
    ]


def _report_url(request: ApiRequest, campaign_id: int) -> str:
    """Return where the numbers and what became of them can be had as CSV with an API key."""
    return request.build_absolute_uri(f"/api/v1/campaigns/{campaign_id}/reports/numbers.csv")


def campaign_data(
    account: Account,
    found: CampaignCard,
    counts: TargetCounts,
    told: Tells,
    moves: Iterable[ChangeRow],
) -> dict[str, Any]:
    """Return a campaign as clients read it."""
    sid, plan, terms = sid_of(found.id), found.plan, found.plan.terms
    steps = list(moves)
    started = (step.at for step in steps if step.new == CampaignStatus.IN_PROGRESS)
    return {
        "id": sid,
        "account_sid": sid_of(account.pk),
        "name": plan.name,
        "type": "trans",
        "campaign_type": DIALER,
        "status": words.CAMPAIGN_STATUSES[CampaignStatus(found.status)],
        "reason": found.reason,
        "caller_id": found.caller_number,
        "lists": [] if plan.list_id is None else [sid_of(plan.list_id)],
        "dial_whom_url": plan.dial_whom_url,
        "group_id": None if plan.group_id is None else str(plan.group_id),
        "agents": [sid_of(agent) for agent in plan.agent_ids],
        **{theirs: getattr(terms, ours) for theirs, ours in URLS.items()},
        "call_duplicate_numbers": False,
        "retries": {
            "number_of_retries": terms.retries,
            "interval_mins": terms.retry_interval_min,
            "mechanism": words.MECHANISMS[terms.retry_mechanism],
            "on_status": list(terms.retry_statuses),
        },
        "schedule": {
            "send_at": v2_time(account, terms.starts_at),
            "end_at": v2_time(account, terms.ends_at),
        },
        **{theirs: getattr(told, ours) or None for theirs, ours in CALLBACKS.items()},
        "mode": "auto",
        "stats": words.stats(counts),
        "summary": words.summary(sid, counts),
        "date_created": v2_time(account, found.created_at),
        "date_updated": v2_time(account, max([found.created_at, *(step.at for step in steps)])),
        "date_started": v2_time(account, next(started, None)),
        "uri": f"/v2/accounts/{sid_of(account.pk)}/campaigns/{sid}",
    }
