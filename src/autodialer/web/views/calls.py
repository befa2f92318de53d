"""The calls of a campaign: the table, one call in full, and why a number was or was not called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.shortcuts import render

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls.details import (
    SEARCH_FROM,
    Asked,
    Mark,
    call_detail,
    call_page,
    recording_problem,
)
from autodialer.apps.calls.explain import why_number
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.campaigns.queries import campaign_counts, target_changes
from autodialer.domain.errors import InvalidInputError, NotFoundError
from autodialer.domain.outcome import CallStatus
from autodialer.web.routes import Route

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse, QueryDict

    from autodialer.apps.campaigns.counting import TargetCounts
    from autodialer.web.access import PageRequest

LONGEST: Final = 40  # letters of a number as people write it


def render_calls(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Show the table alone, for htmx, and which state of the campaign it shows."""
    known = version(campaign_counts(request.account, campaign_id))
    shown = {**calls_shown(request, campaign_id), "version": known}
    return render(request, "campaign/_calls.html", shown)


def version(counts: TargetCounts) -> str:
    """Return what differs as soon as a call begins or ends."""
    return "-".join(str(count) for count in counts.by_status.values())


def calls_shown(request: PageRequest, campaign_id: int) -> dict[str, Any]:
    """Return what `campaign/_calls.html` needs."""
    asked = _asked(request.GET)
    return {
        "campaign_id": campaign_id,
        "asked": asked,
        "calls": call_page(request.account, campaign_id, asked),
        "statuses": list(CallStatus),
        "is_too_short": bool(asked.number) and not asked.digits,
        "search_from": SEARCH_FROM,
    }


def call(request: PageRequest, campaign_id: int, attempt_id: UUID) -> HttpResponse:
    """Show one call in full: opened below its row by htmx, else a page."""
    found = call_detail(request.account, request.actor, campaign_id, attempt_id)
    shown = {
        "campaign_id": campaign_id,
        "detail": found,
        "call": found.call,
        "recording_problem": recording_problem(settings.RECORDINGS, found),
    }
    template = "campaign/_call.html" if request.htmx else "campaign/call.html"
    return render(request, template, shown)


def why(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Say why a number was or was not called, with all that happened to it."""
    campaign = visible_campaign(request.account, request.actor, campaign_id, Permission.VIEW_CALLS)
    number = request.GET.get("number", "").strip()[:LONGEST]
    shown = {"campaign": campaign, "number": number, **_answer(request, campaign_id, number)}
    template = "campaign/_why.html" if request.htmx else "campaign/why.html"
    return render(request, template, shown)


def _answer(request: PageRequest, campaign_id: int, number: str) -> dict[str, Any]:
    """Return the sentence and the history; what cannot be answered is a sentence too."""
    if not number:
        return {}
    try:
        found = why_number(request.account, campaign_id, number, request.now)
    except (NotFoundError, InvalidInputError) as error:
        return {"sentence": str(error)}
    steps = target_changes(request.account, campaign_id, found.subject)
    return {"found": found, "sentence": found.sentence, "steps": steps}


def _asked(query: QueryDict) -> Asked:
    """Return what an address asks for; what cannot be understood counts as not asked."""
    status = query.get("status", "")
    return Asked(
        number=query.get("number", "").strip()[:LONGEST],
        status=CallStatus(status) if status in set(CallStatus) else None,
        oldest_first=query.get("sort") == "date",
        after=Mark.parse(query.get("after", "")),
        before=Mark.parse(query.get("before", "")),
    )


_P = Permission
ROUTES: Final = (
    Route(
        "campaigns/<int:campaign_id>/calls/<uuid:attempt_id>/", "campaign_call", call, _P.VIEW_CALLS
    ),
    Route("campaigns/<int:campaign_id>/why/", "campaign_why", why, _P.VIEW_CALLS),
)
