"""What is asked of every page: axe finds nothing, nothing scrolls sideways, nothing is foreign.

The pages come from the table of routes: a page that is added is visited by being added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import Error

from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.permissions import RULES, Permission
from autodialer.web.routes import Route
from autodialer.web.urls import ROUTES
from tests.browser.site import DESK, PHONE, Pages, Visitor, faults, scrolls_sideways
from tests.web.test_access import address
from tests.web.world import World, make_world

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import User

SIGN_IN: Final = ("/accounts/login/", "/accounts/password/reset/")
OWN: Final = ("/accounts/2fa/", "/accounts/sessions/", "/accounts/password/change/")
# Files to save, and parts of pages that htmx asks for.
NO_PAGES: Final = {
    "campaign_performance",
    "campaign_preview",
    "campaign_report_file",
    "campaign_work_part",
    "export_file",
    "recording",
}


# Some seventy pages, each looked at by axe.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world(pages: Pages) -> World:
    return make_world("Acme")


def visitor_of(route: Route, world: World) -> User:
    """Return an agent for an agent's own page, else the admin, who sees most."""
    if route.who is Permission.DIAL:
        return world.book.agent
    assert not isinstance(route.who, Permission) or RULES[route.who].scope(Role.ADMIN)
    return world.book.admin


def look(window: Visitor, path: str, faulty: list[str]) -> None:
    try:
        page = window.go(path)
    except Error as error:
        if "Download is starting" in str(error):  # a file to save
            return
        raise
    assert "/login/?next=" not in page.url, path
    if page.evaluate("document.contentType") != "text/html":
        return
    where = (
        f"{path} {page.viewport_size} {page.evaluate('document.documentElement.dataset.bsTheme')}"
    )
    faulty.extend(f"{where}: {fault}" for fault in faults(page))
    if scrolls_sideways(page):
        faulty.append(f"{where}: scrolls sideways")


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (DESK, "dark"), (PHONE, "light")])
def test_nothing_is_wrong_with_any_page(
    world: World, visit: Callable[..., Visitor], size: tuple[int, int], scheme: str
) -> None:
    faulty: list[str] = []
    stranger = visit(size=size, scheme=scheme)
    for path in SIGN_IN:
        look(stranger, path, faulty)
    windows = {
        user.pk: visit(user, size=size, scheme=scheme)
        for user in (world.book.admin, world.book.agent)
    }
    for path in OWN:
        look(windows[world.book.admin.pk], path, faulty)
    for route in ROUTES:
        if "GET" in route.methods and route.name not in NO_PAGES:
            window = windows[visitor_of(route, world).pk]
            look(window, address(route, world.ids), faulty)
    assert not faulty, "\n".join(faulty)
