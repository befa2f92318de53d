"""All addresses of the pages, from the tables beside their views."""

from __future__ import annotations

from itertools import chain
from typing import Final

from autodialer.web.routes import Route
from autodialer.web.views import campaigns, contacts, dnd, lists, office, people

ROUTES: Final[tuple[Route, ...]] = tuple(
    chain(campaigns.ROUTES, lists.ROUTES, contacts.ROUTES, dnd.ROUTES, office.ROUTES, people.ROUTES)
)

urlpatterns = [route.url() for route in ROUTES]
