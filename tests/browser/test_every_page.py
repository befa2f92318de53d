"""What is asked of every page: axe finds nothing, nothing scrolls sideways, nothing is foreign.

The pages come from the table of routes: a page that is added is visited by being added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import Error

from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.permissions import RULES, Permission
from autodialer.web.routes import Route
from autodialer.web.urls import ROUTES
from tests.browser.site import (
    COLOURS,
    DESK,
    GUIDELINES,
    PHONE,
    Pages,
    Visitor,
    faults,
    scrolls_sideways,
    turn_dark,
)
from tests.web.test_access import address
from tests.web.world import World, make_world

if TYPE_CHECKING:
    from playwright.sync_api import Page

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
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def world(pages: Pages) -> World:
    return make_world("Acme")


def visitor_of(route: Route, world: World) -> User:
    """Return an agent for an agent's own page, else the admin, who sees most."""
    if route.who is Permission.DIAL:
        return world.book.agent
    assert not isinstance(route.who, Permission) or RULES[route.who].scope(Role.ADMIN)
    return world.book.admin


def shown(window: Visitor, path: str) -> Page | None:
    """Open a page; None when it is a file to save."""
    try:
        page = window.go(path)
    except Error as error:
        if "Download is starting" in str(error):
            return None
        raise
    assert "/login/?next=" not in page.url, path
    return page if page.evaluate("document.contentType") == "text/html" else None


def wrong(page: Page, path: str, rules: Sequence[str] = GUIDELINES) -> list[str]:
    """What is wrong with the page as it is shown now."""
    found = faults(page, rules)
    if scrolls_sideways(page):
        found.append("scrolls sideways")
    theme = page.evaluate("document.documentElement.dataset.bsTheme")
    return [f"{path} {page.viewport_size} {theme}: {fault}" for fault in found]


def every_page(
    world: World, visit: Callable[..., Visitor], **options: object
) -> Iterator[tuple[Page, str]]:
    """Open one page after the other, as somebody who may see it."""
    stranger = visit(**options)
    people = (world.book.admin, world.book.agent)
    windows = {user.pk: visit(user, **options) for user in people}
    addresses = [(stranger, path) for path in SIGN_IN]
    addresses += [(windows[world.book.admin.pk], path) for path in OWN]
    addresses += [
        (windows[visitor_of(route, world).pk], address(route, world.ids))
        for route in ROUTES
        if "GET" in route.methods and route.name not in NO_PAGES
    ]
    for window, path in addresses:
        if page := shown(window, path):
            yield page, path


def test_nothing_is_wrong_with_any_page_nor_in_the_dark_nor_when_it_gets_narrow(
    world: World, visit: Callable[..., Visitor]
) -> None:
    faulty: list[str] = []
    for page, path in every_page(world, visit):
        faulty += wrong(page, path)
        turn_dark(page)
        faulty += wrong(page, path, COLOURS)
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        faulty += wrong(page, path)
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    assert not faulty, "\n".join(faulty)


@pytest.mark.parametrize("size", [PHONE, (700, 740)])
def test_every_menu_fits_on_a_telephone(
    world: World, visit: Callable[..., Visitor], size: tuple[int, int]
) -> None:
    window = visit(world.book.admin, size=size)
    for path in ("/", f"/campaigns/{world.ids['campaign_id']}/"):
        page = window.go(path)
        menus = page.locator("details.menu-toggle, details.dropdown-details").all()
        for menu in filter(lambda one: one.is_visible(), menus):
            menu.locator("summary").click()
            box = menu.locator(".menu-panel").bounding_box()
            assert box is not None
            assert box["x"] >= 0, path
            assert box["x"] + box["width"] <= size[0], path
            menu.locator("summary").click()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scheme"), [(DESK, "dark"), (PHONE, "light")])
def test_nothing_is_wrong_with_any_page_that_is_opened_so(
    world: World, visit: Callable[..., Visitor], size: tuple[int, int], scheme: str
) -> None:
    faulty: list[str] = []
    for page, path in every_page(world, visit, size=size, scheme=scheme):
        faulty += wrong(page, path)
    assert not faulty, "\n".join(faulty)
