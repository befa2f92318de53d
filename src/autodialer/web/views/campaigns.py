"""The list of campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.shortcuts import render

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.campaigns import queries
from autodialer.web.routes import Route

if TYPE_CHECKING:
    from django.http import HttpResponse

    from autodialer.web.access import PageRequest


def index(request: PageRequest) -> HttpResponse:
    """Show the campaigns."""
    rows = queries.campaign_rows(request.account)
    return render(request, "campaigns/index.html", {"rows": rows})


ROUTES: Final = (Route("", "campaigns", index, Permission.LIST_CAMPAIGNS),)
