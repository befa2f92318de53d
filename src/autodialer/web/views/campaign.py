"""The page of one campaign for those who run it: what it is, how it goes, who works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import get_language

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls.explain import why_idle
from autodialer.apps.calls.figures import CallFigures, figures_of
from autodialer.apps.calls.queries import AgentRow, AgentState, agent_rows, agents_of
from autodialer.apps.calls.services import stop_session
from autodialer.apps.campaigns import queries
from autodialer.apps.campaigns.access import campaigns_of_agent, check_visible, visible_campaign
from autodialer.apps.campaigns.actions import choices
from autodialer.domain.errors import NotFoundError
from autodialer.web.access import may
from autodialer.web.recent import Recent
from autodialer.web.routes import FORM, Route
from autodialer.web.views.calls import calls_shown, render_calls, version
from autodialer.web.views.campaigns import recent_counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.counting import TargetCounts
    from autodialer.apps.campaigns.queries import CampaignRow
    from autodialer.web.access import PageRequest

# A campaign of a hundred thousand calls takes a tenth of a second to sum up.
FIGURES: Final[Recent[int, CallFigures]] = Recent()
# The counts as they are drawn: the same for all who may see them and read the same language.
_DRAWN: Final[Recent[tuple[int, str | None], str]] = Recent()

# The page and its parts -----------------------------------------------------------------------


def page(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Show a campaign to its supervisors; its agents are sent to where they work."""
    found = visible_campaign(request.account, request.actor, campaign_id)
    if not may(request, Permission.VIEW_CALLS):
        return redirect("campaign_work", campaign_id)
    if request.htmx.target == "calls":
        return render_calls(request, campaign_id)
    now = request.now
    (row,) = queries.rows_of(request.account, [campaign_id])
    shown = {
        "row": row,
        **counts_shown(request.account, row.id, row.counts, now),
        **agents_shown(request.account, row, now),
        **calls_shown(request, campaign_id),
        "version": version(row.counts),
        "now": now,
        "changes": queries.changes(request.account, campaign_id),
        "choices": choices(found, request.actor),
        "is_agent": _is_agent(request, campaign_id),
    }
    return render(request, "campaign/page.html", shown)


def counts(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Show the counts, of this moment or shortly before: what the refresh icon asks for."""
    check_visible(request.account, request.actor, campaign_id)
    if not request.htmx:
        return redirect("campaign", campaign_id)
    key = (campaign_id, get_language())
    return HttpResponse(_DRAWN.get(key, lambda: _draw_counts(request, campaign_id)))


def _draw_counts(request: PageRequest, campaign_id: int) -> str:
    """Return the fragment. It knows no user: what is drawn for one is shown to others."""
    counted = recent_counts(request.account)([campaign_id])[campaign_id]
    shown = counts_shown(request.account, campaign_id, counted, request.now)
    return render_to_string("campaign/_counts.html", shown)


def counts_shown(
    account: Account, campaign_id: int, counted: TargetCounts, now: datetime
) -> dict[str, Any]:
    """Return what `campaign/_counts.html` needs."""
    figures = figures_shown(account, [campaign_id], now)[campaign_id]
    return {"counts": counted, "figures": figures}


def figures_shown(account: Account, ids: Sequence[int], now: datetime) -> Mapping[int, CallFigures]:
    """Return the figures of these campaigns as they were not long ago; one query at most."""
    return FIGURES.get_all(ids, lambda missing: figures_of(account, missing, now))


def agents_shown(account: Account, row: CampaignRow, now: datetime) -> dict[str, Any]:
    """Return what `campaign/_agents.html` needs; a constant number of queries."""
    return agents_beside(account, row, agents_of(account, [row.id])[row.id], now)


def agents_beside(
    account: Account, row: CampaignRow, agents: Sequence[AgentRow], now: datetime
) -> dict[str, Any]:
    """Return what `campaign/_agents.html` needs; asks only why agents wait, when one does."""
    waits = any(agent.state is AgentState.WAITING for agent in agents)
    why = why_idle(account, row.id, now) if waits else ""
    return {"row": row, "agents": agents, "why_idle": why}


def _is_agent(request: PageRequest, campaign_id: int) -> bool:
    """Return whether this person also works on the campaign."""
    return campaigns_of_agent(request.account, request.user).filter(pk=campaign_id).exists()


# Stopping an agent ----------------------------------------------------------------------------


def stop(request: PageRequest, campaign_id: int, session_id: UUID) -> HttpResponse:
    """Ask whether an agent shall be released, and release them: after the call, or at once."""
    check_visible(request.account, request.actor, campaign_id)
    agent = _connected(request.account, campaign_id, session_id)
    if request.method != "POST":
        return render(request, "campaign/stop.html", {"agent": agent})
    stop_session(
        account=request.account,
        session_id=session_id,
        at_once=request.POST.get("when") == "now",
        actor=request.actor,
        now=request.now,
    )
    return redirect("campaign", campaign_id)


def _connected(account: Account, campaign_id: int, session_id: UUID) -> AgentRow:
    for agent in agent_rows(account, campaign_id):
        if agent.session_id == session_id:
            return agent
    raise NotFoundError("This agent is not connected any more: nothing needs to be stopped.")


_P = Permission
ROUTES: Final = (
    Route("campaigns/<int:campaign_id>/", "campaign", page, _P.VIEW_CAMPAIGN),
    Route("campaigns/<int:campaign_id>/counts/", "campaign_counts", counts, _P.VIEW_CALLS),
    Route(
        "campaigns/<int:campaign_id>/agents/<uuid:session_id>/stop/",
        "campaign_stop_agent",
        stop,
        _P.STOP_OTHER_AGENT,
        FORM,
    ),
)
