"""A supervisor makes a campaign, watches it and steers it, with and without a mouse."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.services import pause_campaign
from tests.browser.site import PHONE, Visitor, faults, scrolls_sideways
from tests.support.book import NOON, Book

Visit = Callable[..., Visitor]


def choose(page: Page, name: str, entry: str) -> None:
    """Open the menu of a campaign and choose an entry of it."""
    page.locator("summary", has_text=f"Actions for {name}").click()
    page.get_by_role("link", name=entry, exact=True).click()


def test_a_supervisor_makes_a_campaign_pauses_it_and_completes_it(book: Book, visit: Visit) -> None:
    page = visit(book.admin).go("/")
    page.get_by_role("link", name="Create Dialer Campaign").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Campaign name")).to_be_focused()
    dialog.get_by_role("button", name="Create Dialer Campaign").click()
    expect(dialog.get_by_text("Nothing was saved")).to_be_visible()
    dialog.get_by_label("Campaign name").fill("Diwali")
    dialog.get_by_label("List", exact=True).select_option("Leads")
    expect(dialog.locator("#copy")).to_contain_text("3 numbers will be copied")
    dialog.get_by_label("Group", exact=True).select_option("Sales (1 agent)")
    expect(dialog.get_by_label("Minutes between tries")).to_be_hidden()
    dialog.get_by_label("Number of retries").select_option("1")
    expect(dialog.get_by_label("Minutes between tries")).to_be_visible()
    assert faults(page) == []
    dialog.get_by_role("button", name="Create Dialer Campaign").click()
    expect(page.get_by_text("Diwali was created. It has a copy of 3 numbers.")).to_be_visible()
    for entry, button, said in (
        ("Pause", "Pause the campaign", "Diwali is paused."),
        ("Complete", "Complete the campaign", "Diwali is completed."),
    ):
        choose(page, "Diwali", entry)
        page.get_by_role("dialog").get_by_role("button", name=button).click()
        expect(page.get_by_text(said)).to_be_visible()
    assert Campaign.objects.get().status == "completed"
    failed = page.get_by_role("button", name=re.compile("Failed 3"))
    failed.focus()
    expect(page.get_by_role("tooltip").filter(has_text="Failed no-attempt")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip").filter(has_text="Failed no-attempt")).to_be_hidden()


def test_the_slower_of_two_supervisors_is_told_in_the_dialog(book: Book, visit: Visit) -> None:
    campaign = book.campaign("Diwali")
    page = visit(book.supervisor).go("/")
    choose(page, "Diwali", "Pause")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Pause the campaign")).to_be_visible()
    pause_campaign(
        account=book.account, campaign_id=campaign.pk, actor=Actor.of(book.admin), now=NOON
    )
    dialog.get_by_role("button", name="Pause the campaign").click()
    expect(dialog.get_by_role("alert")).to_contain_text("paused already. Last changed by Devi")


def test_the_table_moves_by_itself(book: Book, visit: Visit) -> None:
    campaign = book.campaign("Diwali")
    page = visit(book.supervisor).go("/")
    expect(page.locator(f"#campaign-{campaign.pk}")).to_contain_text("In progress")
    pause_campaign(
        account=book.account, campaign_id=campaign.pk, actor=Actor.of(book.admin), now=NOON
    )
    expect(page.locator(f"#campaign-{campaign.pk}")).to_contain_text("Paused")
    book.campaign("Holi")
    expect(page.locator("#campaigns")).to_contain_text("Holi")


def test_search_filter_and_order_change_the_table_and_the_address(book: Book, visit: Visit) -> None:
    for name in ("Diwali north", "Diwali south", "Holi"):
        book.campaign(name)
    page = visit(book.supervisor).go("/")
    page.get_by_label("Search by name").press_sequentially("diwali")
    expect(page).to_have_url(re.compile("q=diwali"))
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("columnheader", name="Campaign").get_by_role("link").click()
    expect(page.locator("tbody tr").first).to_contain_text("Diwali north")
    expect(page).to_have_url(re.compile("q=diwali&.*sort=name"))
    page.go_back()
    expect(page.locator("tbody tr").first).to_contain_text("Diwali south")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.get_by_label("Status", exact=True).select_option("archived")
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("tbody tr")).to_have_count(3)


def test_on_a_phone_nothing_is_cut_off(book: Book, visit: Visit) -> None:
    book.campaign("Diwali with a name that is much longer than a telephone is wide " + "x" * 35)
    window = visit(book.supervisor, size=PHONE, scheme="dark", has_touch=True)
    page = window.go("/")
    assert not scrolls_sideways(page)
    page.get_by_role("button", name=re.compile("Scheduled")).tap()
    expect(page.get_by_role("tooltip").filter(has_text="Retrying")).to_be_visible()
    page.locator("summary", has_text="Actions for").tap()
    assert not scrolls_sideways(page)
    assert faults(page) == []
    page = window.go("/campaigns/new/")
    assert not scrolls_sideways(page)


def test_without_scripts_a_campaign_is_made_and_paused(book: Book, visit: Visit) -> None:
    page = visit(book.supervisor, java_script_enabled=False).go("/")
    page.get_by_role("link", name="Create Dialer Campaign").first.click()
    page.get_by_label("Campaign name").fill("Diwali")
    page.get_by_label("List", exact=True).select_option("Leads")
    page.get_by_label("Group", exact=True).select_option("Sales (1 agent)")
    page.get_by_role("button", name="Create Dialer Campaign").click()
    expect(page.get_by_text("Diwali was created.")).to_be_visible()
    choose(page, "Diwali", "Pause")
    page.get_by_role("button", name="Pause the campaign").click()
    expect(page.get_by_text("Diwali is paused.")).to_be_visible()
