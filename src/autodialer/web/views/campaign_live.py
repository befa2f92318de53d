"""The page of one campaign as it moves, for all who have it open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.permissions import RULES, Permission
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.campaigns.queries import allowed_actions, campaign_row, changes
from autodialer.ports.screens import Shown
from autodialer.web.live_topics import Topic, fragment, signal, the_id_of
from autodialer.web.views.campaign import agents_shown, counts_shown, version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.apps.campaigns.queries import CampaignRow
    from autodialer.web.live_topics import Fragments, View, Viewer


def _watch(viewer: Viewer, campaign_id: int) -> None:
    visible_campaign(viewer.account, viewer.actor, campaign_id)


def _render(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    rows = (campaign_row(view.account, campaign_id) for campaign_id in ids)
    return {row.id: _fragments(view, row) for row in rows}


def _fragments(view: View, row: CampaignRow) -> Fragments:
    """Return the parts that move: for agents those of their page only."""
    of_agents = {"work-counts": fragment("work/_counts.html", campaign=row)}
    if RULES[Permission.VIEW_CALLS].scope(view.role) is None:
        return of_agents
    counts = counts_shown(view.account, row, view.now)
    agents = agents_shown(view.account, row, view.now)
    choices = allowed_actions(view.account, row.id, Actor("", view.role))
    history = changes(view.account, row.id)
    return {
        **of_agents,
        "campaign-status": fragment("campaign/_status.html", row=row),
        "campaign-counts": fragment("campaign/_counts.html", **counts),
        "campaign-agents": fragment("campaign/_agents.html", **agents),
        "campaign-menu": fragment("campaign/_menu.html", row=row, choices=choices),
        "campaign-history": fragment("campaign/_history.html", changes=history),
        **signal(f"calls-{row.id}", version(row)),
    }


TOPICS: Final = (Topic("campaign", _watch, _render, shown_in=the_id_of(Shown.CAMPAIGN)),)
