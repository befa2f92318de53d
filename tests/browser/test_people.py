"""Co-workers in a real browser: what is a dialog on one page is a page of its own too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autodialer.apps.accounts.models import User
from tests.browser.site import Visitor
from tests.support.book import Book


@pytest.mark.parametrize("path", ["/people/new/", "/groups/new/", "/campaigns/new/", "/lists/new/"])
def test_a_dialog_that_was_opened_as_a_page_is_left_by_its_cancel(
    visit: Callable[..., Visitor], book: Book, path: str
) -> None:
    page = visit(book.admin).go(path)
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url(lambda url: not url.endswith(path))


def test_a_page_tells_itself_what_is_wrong_and_opens_no_dialog_over_it(
    visit: Callable[..., Visitor], book: Book
) -> None:
    page = visit(book.admin).go("/people/new/")
    page.get_by_label("Name").fill("Eva")
    page.get_by_label("E-mail address").fill(book.agent.email)
    page.get_by_role("button", name="Add").click()
    page.get_by_role("main").get_by_text("exists already").wait_for()
    assert not page.get_by_role("dialog").is_visible()
    page.get_by_label("E-mail address").fill("eva@acme.example")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("Eva").first.wait_for()
    assert User.objects.filter(email="eva@acme.example").exists()
