"""All addresses of the pages, from the tables beside their views."""

from __future__ import annotations

from itertools import chain
from typing import Final

from autodialer.web.routes import Route
from autodialer.web.views import campaigns, office

ROUTES: Final[tuple[Route, ...]] = tuple(chain(campaigns.ROUTES, office.ROUTES))

urlpatterns = [route.url() for route in ROUTES]
