"""The list of campaigns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.campaigns import listing
from autodialer.apps.campaigns.access import check_visible
from autodialer.apps.campaigns.counting import TargetCounts, count_targets
from autodialer.apps.campaigns.listing import Order, Wanted
from autodialer.apps.texts import clean_text
from autodialer.apps.webhooks.queries import stopped_by_themselves
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.errors import InvalidInputError
from autodialer.ports.screens import Shown
from autodialer.web.access import may
from autodialer.web.live_topics import (
    Topic,
    fragment,
    own_account,
    signal,
    the_account_of,
    the_id_of,
)
from autodialer.web.pages import cut, page_number
from autodialer.web.recent import Recent
from autodialer.web.routes import Route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import StrEnum

    from django.http import HttpResponse, QueryDict

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.counting import CountAll
    from autodialer.web.access import PageRequest
    from autodialer.web.live_topics import Fragments, View, Viewer

    E = TypeVar("E", bound=StrEnum)

PER_PAGE: Final = 25
LONGEST_SEARCH: Final = 100
COUNTS: Final[Recent[int, TargetCounts]] = Recent()
ORDERS: Final = (
    (Order.NEWEST, gettext_lazy("Newest first")),
    (Order.OLDEST, gettext_lazy("Oldest first")),
    (Order.NAME, gettext_lazy("Name, A to Z")),
    (Order.NAME_DOWN, gettext_lazy("Name, Z to A")),
    (Order.STATUS, gettext_lazy("Status, in progress first")),
    (Order.STATUS_DOWN, gettext_lazy("Status, in progress last")),
)


def index(request: PageRequest) -> HttpResponse:
    """Show the campaigns, or to htmx the table that another filter shows."""
    is_part = request.htmx.target == "campaigns" and not request.htmx.history_restore_request
    template = "campaigns/_table.html" if is_part else "campaigns/index.html"
    response = render(request, template, _shown(request))
    # The back button must not find the part where the page was.
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def performance(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Show the performance of one campaign: what a page had no time to count."""
    check_visible(request.account, request.actor, campaign_id)
    counts = _recent_counts(request.account, campaign_id)
    shown = {"campaign_id": campaign_id, "counts": counts}
    return render(request, "campaigns/_performance_of.html", shown)


def _recent_counts(account: Account, campaign_id: int) -> TargetCounts:
    """Return the counts of not long ago, shared by all who look: large ones are counted rarely."""
    ids = [campaign_id]
    return COUNTS.get(campaign_id, lambda: count_targets(account, ids)[campaign_id])


def recent_counts(account: Account) -> CountAll:
    """Return what gives the counts of campaigns as they were not long ago, in one query at most."""
    return lambda ids: COUNTS.get_all(ids, partial(count_targets, account))


def _stopped_webhooks(request: PageRequest) -> int:
    """Return how many endpoints were stopped by themselves, for whom they matter to."""
    if not may(request, Permission.VIEW_WEBHOOKS):
        return 0
    return stopped_by_themselves(request.account)


def _shown(request: PageRequest) -> dict[str, Any]:
    wanted = _wanted(request.GET)
    total = listing.matches(request.account, request.actor, wanted)
    last = max(1, -(-total // PER_PAGE))
    number = min(page_number(request.GET.get("page", "")), last)
    rows = listing.entries(
        request.account,
        request.actor,
        wanted,
        count=recent_counts(request.account),
        offset=(number - 1) * PER_PAGE,
        limit=PER_PAGE + 1,
    )
    return {
        "page": cut(rows, number, PER_PAGE, total),
        "wanted": wanted,
        "is_filtered": wanted.status is not None or bool(wanted.search),
        "has_archived": not rows and listing.has_any(request.account, request.actor),
        "is_manager": may(request, Permission.EDIT_CAMPAIGN),
        "may_create": may(request, Permission.CREATE_CAMPAIGN),
        "stopped_webhooks": partial(_stopped_webhooks, request),
        "statuses": list(CampaignStatus),
        "orders": ORDERS,
        "version": listing.version(request.account),
    }


def _wanted(query: QueryDict) -> Wanted:
    return Wanted(
        status=_one_of(CampaignStatus, query.get("status", ""), "status"),
        search=clean_text(query.get("q", ""))[:LONGEST_SEARCH],
        order=_one_of(Order, query.get("sort", ""), "sort") or Order.NEWEST,
    )


def _one_of(kind: type[E], asked: str, field: str) -> E | None:
    """Return the value that a query asks for, None for none. Raises InvalidInputError."""
    if not asked:
        return None
    if asked not in set(kind):
        raise InvalidInputError(field, _("Choose one of: %s.") % ", ".join(kind))
    return kind(asked)


# Live pages: each row of the table, and whether there is another one.


def _may_watch(viewer: Viewer, campaign_id: int) -> None:
    check_visible(viewer.account, viewer.actor, campaign_id)


def _anybody(viewer: Viewer, account_id: int) -> None:
    """Every role has the page; which campaigns are on it, it says itself."""


def _rows(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    count = partial(_recent_counts, view.account)
    rows = listing.entries_of(view.account, view.role, ids, count)
    return {
        row.id: {f"campaign-{row.id}": fragment("campaigns/_row.html", row=row)} for row in rows
    }


def _version(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    return {view.account.pk: signal("campaigns", listing.version(view.account))}


TOPICS: Final = (
    Topic("campaign-row", _may_watch, _rows, shown_in=the_id_of(Shown.CAMPAIGN)),
    Topic(
        "campaigns",
        _anybody,
        _version,
        shown_in=the_account_of(Shown.CAMPAIGN),
        own_id=own_account,
    ),
)

ROUTES: Final = (
    Route("", "campaigns", index, Permission.LIST_CAMPAIGNS),
    Route(
        "campaigns/<int:campaign_id>/performance/",
        "campaign_performance",
        performance,
        Permission.VIEW_CAMPAIGN,
    ),
)
