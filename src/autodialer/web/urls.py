"""All addresses of the pages, from the tables beside their views."""

from __future__ import annotations

from typing import Final

from autodialer.web.routes import Route
from autodialer.web.views import (
    calls,
    campaign,
    campaign_actions,
    campaign_form,
    campaigns,
    contacts,
    dnd,
    exports,
    groups,
    imports,
    keys,
    lists,
    office,
    people,
    recordings,
    reports,
    setup,
    webhooks,
    work,
)

ROUTES: Final[tuple[Route, ...]] = (
    *calls.ROUTES,
    *campaign.ROUTES,
    *campaigns.ROUTES,
    *campaign_form.ROUTES,
    *campaign_actions.ROUTES,
    *contacts.ROUTES,
    *dnd.ROUTES,
    *exports.ROUTES,
    *groups.ROUTES,
    *imports.ROUTES,
    *keys.ROUTES,
    *lists.ROUTES,
    *office.ROUTES,
    *people.ROUTES,
    *setup.ROUTES,
    *recordings.ROUTES,
    *reports.ROUTES,
    *webhooks.ROUTES,
    *work.ROUTES,
)

urlpatterns = [route.url() for route in ROUTES]
