"""The page of one campaign as it moves, for all who have it open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.permissions import RULES, Permission
from autodialer.apps.calls.queries import agents_of
from autodialer.apps.campaigns.access import check_visible
from autodialer.apps.campaigns.queries import changes_of, menus, rows_of
from autodialer.ports.screens import Shown
from autodialer.web.live_topics import Topic, fragment, signal, the_id_of
from autodialer.web.views.calls import version
from autodialer.web.views.campaign import agents_beside, figures_shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodialer.apps.campaigns.queries import CampaignRow
    from autodialer.web.live_topics import Fragments, View, Viewer


def _watch(viewer: Viewer, campaign_id: int) -> None:
    check_visible(viewer.account, viewer.actor, campaign_id)


def _render(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    """Return the parts that move: for agents those of their page only."""
    rows = rows_of(view.account, ids)
    parts = {row.id: {"work-counts": fragment("work/_counts.html", campaign=row)} for row in rows}
    if RULES[Permission.VIEW_CALLS].scope(view.role) is None:
        return parts
    return {row.id: {**parts[row.id], **more} for row, more in _for_supervisors(view, rows)}


def _for_supervisors(
    view: View, rows: Sequence[CampaignRow]
) -> Iterator[tuple[CampaignRow, Fragments]]:
    """Yield the parts of each campaign's page, after one round of queries for all of them."""
    account, ids = view.account, [row.id for row in rows]
    figures = figures_shown(account, ids, view.now)
    agents, history = agents_of(account, ids), changes_of(account, ids)
    choices = menus(account, ids, Actor("", view.role))
    for row in rows:
        beside = agents_beside(account, row, agents[row.id], view.now)
        menu = {"row": row, "choices": choices[row.id]}
        yield (
            row,
            {
                "campaign-status": fragment("campaign/_status.html", row=row),
                "campaign-counts": fragment(
                    "campaign/_counts.html", counts=row.counts, figures=figures[row.id]
                ),
                "campaign-agents": fragment("campaign/_agents.html", **beside),
                "campaign-menu": fragment("campaign/_menu.html", **menu),
                "campaign-history": fragment("campaign/_history.html", changes=history[row.id]),
                **signal(f"calls-{row.id}", version(row.counts)),
            },
        )


TOPICS: Final = (Topic("campaign", _watch, _render, shown_in=the_id_of(Shown.CAMPAIGN)),)
