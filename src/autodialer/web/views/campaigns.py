"""The list of campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.campaigns import listing
from autodialer.apps.campaigns.listing import Order, Wanted
from autodialer.apps.texts import clean_text
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.errors import InvalidInputError
from autodialer.web.access import may
from autodialer.web.pages import cut, page_number
from autodialer.web.routes import Route

if TYPE_CHECKING:
    from enum import StrEnum

    from django.http import HttpResponse, QueryDict

    from autodialer.web.access import PageRequest

    E = TypeVar("E", bound=StrEnum)

PER_PAGE: Final = 25
LONGEST_SEARCH: Final = 100
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
    row = listing.entry(request.account, request.actor, campaign_id)
    return render(request, "campaigns/_performance_of.html", {"row": row})


def _shown(request: PageRequest) -> dict[str, Any]:
    wanted = _wanted(request.GET)
    total = listing.matches(request.account, request.actor, wanted)
    last = max(1, -(-total // PER_PAGE))
    number = min(page_number(request.GET.get("page", "")), last)
    rows = listing.entries(
        request.account,
        request.actor,
        wanted,
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
        "statuses": list(CampaignStatus),
        "orders": ORDERS,
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


ROUTES: Final = (
    Route("", "campaigns", index, Permission.LIST_CAMPAIGNS),
    Route(
        "campaigns/<int:campaign_id>/performance/",
        "campaign_performance",
        performance,
        Permission.VIEW_CAMPAIGN,
    ),
)
