"""The calls and numbers of a campaign: what became of each, and why."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ninja import Query, Router

from autodialer.api.cursors import next_page, place_of
from autodialer.api.fields import Id, Page
from autodialer.api.operations import operation
from autodialer.api.problems import ApiError
from autodialer.api.request import ApiRequest
from autodialer.api.v1.call_schemas import (
    CallDetailReply,
    CallReply,
    CallsAsked,
    StepReply,
    TargetDetailReply,
    TargetReply,
    TargetsAsked,
    call_fields,
    detail_fields,
    target_fields,
)
from autodialer.api.v1.parts import answer_part
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls import details
from autodialer.apps.calls.details import Asked, Mark
from autodialer.apps.calls.explain import why_number
from autodialer.apps.campaigns.access import check_visible
from autodialer.apps.campaigns.queries import target_changes
from autodialer.apps.campaigns.targets import LIST_ORDER, target_row, targets_part
from autodialer.domain.errors import InvalidInputError, NotFoundError

router: Final = Router()
_P = Permission
_CAMPAIGN: Final = "/campaigns/{campaign_id}"


@operation(
    router,
    "GET",
    f"{_CAMPAIGN}/calls",
    _P.VIEW_CALLS,
    replies={200: Page[CallReply]},
    refuses=(404,),
)
def list_calls(request: ApiRequest, campaign_id: Id, asked: Query[CallsAsked]) -> Page[CallReply]:
    """List the calls of a campaign."""
    check_visible(request.account, request.actor, campaign_id, _P.VIEW_CALLS)
    wanted = Asked(asked.number, asked.status, asked.sort == "placed", after=_mark(asked))
    page = details.call_page(request.account, campaign_id, wanted, asked.limit)
    place = None if page.next is None else (str(page.next),)
    return Page[CallReply](
        items=[CallReply(**call_fields(row)) for row in page.rows],
        next=next_page(request, asked.sort, place),
    )


@operation(
    router,
    "GET",
    f"{_CAMPAIGN}/calls/{{call_id}}",
    _P.VIEW_CALLS,
    replies={200: CallDetailReply},
    refuses=(404,),
)
def get_call(request: ApiRequest, campaign_id: Id, call_id: UUID) -> CallDetailReply:
    """Read one call in full, with what it cost."""
    found = details.call_detail(request.account, request.actor, campaign_id, call_id)
    return CallDetailReply(**detail_fields(found))


@operation(
    router,
    "GET",
    f"{_CAMPAIGN}/targets",
    _P.VIEW_CALLS,
    replies={200: Page[TargetReply]},
    refuses=(404,),
)
def list_targets(
    request: ApiRequest, campaign_id: Id, asked: Query[TargetsAsked]
) -> Page[TargetReply]:
    """List the numbers of a campaign in the order of its list, each with its status."""
    check_visible(request.account, request.actor, campaign_id, _P.VIEW_CALLS)
    return answer_part(
        Page[TargetReply],
        request,
        asked,
        order=LIST_ORDER,
        fetch=lambda after, limit: targets_part(
            request.account, campaign_id, status=asked.status, after=after, limit=limit
        ),
        show=lambda row: TargetReply(**target_fields(row)),
    )


@operation(
    router,
    "GET",
    f"{_CAMPAIGN}/targets/{{number}}",
    _P.VIEW_CALLS,
    replies={200: TargetDetailReply},
    refuses=(404,),
)
def get_target(request: ApiRequest, campaign_id: Id, number: str) -> TargetDetailReply:
    """Say why a number was or was not called.

    The number is that of the list, such as `+919876543210`.
    """
    check_visible(request.account, request.actor, campaign_id, _P.VIEW_CALLS)
    try:
        why = why_number(request.account, campaign_id, number, request.now)
    except InvalidInputError:  # it can be no number, so it is none of the campaign
        raise NotFoundError("This is not a number of the campaign.") from None
    row = target_row(request.account, campaign_id, why.subject)
    steps = target_changes(request.account, campaign_id, why.subject)
    return TargetDetailReply(
        **target_fields(row),
        why=why.sentence,
        history=[StepReply(old=s.old, new=s.new, reason=s.reason, at=s.at) for s in steps],
    )


def _mark(asked: CallsAsked) -> Mark | None:
    place = place_of(asked.cursor, asked.sort)
    if place is None:
        return None
    mark = Mark.parse(str(place[0])) if len(place) == 1 else None
    if mark is None:
        raise ApiError("cursor_invalid", "This cursor is of another list: begin without one.")
    return mark
