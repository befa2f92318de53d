"""An admin connects a system, sees what it was told, and sends again what failed."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from autodialer.apps.webhooks.models import Delivery, Endpoint
from tests.browser.site import PHONE, Visitor, faults, scrolls_sideways
from tests.support.book import NOON, Book

Visit = Callable[..., Visitor]
URL = "https://crm.example.com/in?key=secret"


def test_an_endpoint_is_made_tested_and_what_failed_is_sent_again(book: Book, visit: Visit) -> None:
    page = visit(book.admin).go("/webhooks/")
    page.get_by_role("link", name="Add an endpoint").click()
    page.get_by_label("Address").fill(URL)
    page.get_by_label("call.ended").check()
    page.get_by_role("button", name="Add the endpoint").click()
    expect(page.get_by_role("heading", name=URL)).to_be_visible()

    page.get_by_role("link", name="Secret", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Show the secret").click()
    expect(dialog.get_by_label("Secret", exact=True)).to_have_value(re.compile("^whsec_"))
    assert faults(page) == []
    dialog.get_by_role("link", name="Done").click()

    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("Pending").first).to_be_visible()
    Delivery.objects.update(
        status="failed",
        outcome="timeout",
        done_at=NOON,
        tries=8,
        log=[[NOON.isoformat(), "timeout", 15_000]],
    )
    page.get_by_role("link", name="webhook.test").click()
    expect(page.get_by_text("It did not answer in time.")).to_be_visible()
    expect(page.get_by_text("A test, sent by hand.")).to_be_visible()
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_text("It is sent again, with the same id.")).to_be_visible()


def test_the_pages_fit_a_telephone(book: Book, visit: Visit) -> None:
    visitor = visit(book.admin, size=PHONE)
    page = visitor.go("/webhooks/new/")
    page.get_by_label("Address").fill(URL + "x" * 200)
    page.get_by_role("button", name="Add the endpoint").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("A test is on its way")).to_be_visible()
    made = Endpoint.objects.get()
    sent = Delivery.objects.get()
    for path in ("/webhooks/", f"/webhooks/{made.pk}/", f"/webhooks/deliveries/{sent.pk}/"):
        page = visitor.go(path)
        assert faults(page) == []
        assert not scrolls_sideways(page), path
