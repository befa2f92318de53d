"""An agent's screen in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from autodialer.apps.accounts.services import change_account
from autodialer.apps.calls.models import Session
from autodialer.apps.calls.services import stop_session
from tests.support.book import NOON
from tests.support.site import now, zone_of_noon

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.site import Visitor
    from tests.support.book import Book


def test_a_change_that_comes_while_a_screen_is_put_in_is_shown(
    visit: Callable[..., Visitor], book: Book
) -> None:
    # The page asks the real clock whether anybody may be called.
    change_account(account=book.account, zone=zone_of_noon(now()), now=now())
    page = visit(book.agent).go(f"/campaigns/{book.campaign().pk}/agent/")
    # Between putting something in and listening for it there are milliseconds: here, seconds.
    page.evaluate("htmx.config.defaultSettleDelay = 3000")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Connecting your phone")).to_be_visible(timeout=15_000)
    stop_session(account=book.account, session_id=Session.objects.get().pk, now=NOON)
    expect(page.get_by_text("Not connected")).to_be_visible(timeout=15_000)
