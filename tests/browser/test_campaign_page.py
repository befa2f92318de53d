"""A supervisor follows a campaign in a real browser: figures move, rows open, recordings play."""

from __future__ import annotations

import math
import re
import struct
import wave
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from autodialer.apps.agents.services import add_group_members
from autodialer.apps.campaigns.models import Campaign, Target
from tests.apps.test_sessions import place, start
from tests.browser.site import DESK, PHONE, Visitor, faults, scrolls_sideways
from tests.support.book import NOON, Book
from tests.web.test_campaign_page import ended, ready

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from autodialer.apps.calls.models import Attempt

SECONDS = 20


@pytest.fixture
def campaign(book: Book) -> Campaign:
    return book.campaign("Diwali <i>offers</i>")


@pytest.fixture
def talk(book: Book, campaign: Campaign, tmp_path: Path) -> Attempt:
    """A call that is over, with its recording."""
    call = ended(ready(start(book, campaign)), 0)
    folder = tmp_path / "recordings"
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / call.recording), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        tone = (int(8_000 * math.sin(at / 8)) for at in range(8_000 * SECONDS))
        file.writeframes(b"".join(struct.pack("<h", level) for level in tone))
    return call


def opened(
    visit: Callable[..., Visitor], book: Book, campaign: Campaign, **options: object
) -> Page:
    return visit(book.supervisor, **options).go(f"/campaigns/{campaign.pk}/")


def test_counts_and_agents_move_by_themselves(
    visit: Callable[..., Visitor], book: Book, campaign: Campaign
) -> None:
    page = opened(visit, book, campaign)
    expect(page.get_by_text("Nothing is dialled: no agent is connected.")).to_be_visible()
    session = ready(start(book, campaign))
    place(session, 0, state="talking", answered_at=NOON)
    Target.objects.filter(campaign=campaign, e164="+919000000000").update(status="in-progress")
    agents = page.locator("#campaign-agents")
    expect(agents.get_by_text("Talking")).to_be_visible()
    expect(agents.locator("time")).to_have_text(re.compile(r"^[0-9:]+$"))
    tile = page.locator("#campaign-counts div").filter(has_text="In progress").last
    expect(tile).to_contain_text("1")
    expect(page.locator("#calls").get_by_text("+919000000000")).to_be_visible()
    assert not faults(page)


def test_a_row_opens_to_a_recording_that_plays_and_seeks(
    visit: Callable[..., Visitor], book: Book, campaign: Campaign, talk: Attempt
) -> None:
    page = opened(visit, book, campaign)
    details = page.get_by_role("link", name=f"Details of the call to {talk.e164}")
    details.click()
    expect(details).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text(str(talk.pk))).to_be_visible()
    length = page.locator("audio").evaluate(
        """audio => new Promise(done => {
            audio.addEventListener('seeked', () => done([audio.duration, audio.currentTime]));
            audio.addEventListener('loadedmetadata', () => { audio.currentTime = 15; });
            audio.load(); audio.play();
        })"""
    )
    assert length == pytest.approx([SECONDS, 15], abs=0.5)
    assert not faults(page)
    details.click()
    expect(page.locator("audio")).to_have_count(0)
    expect(details).to_have_attribute("aria-expanded", "false")


def test_play_plays_at_once_and_closes_when_pressed_again(
    visit: Callable[..., Visitor], book: Book, campaign: Campaign, talk: Attempt
) -> None:
    page = opened(visit, book, campaign)
    play = page.get_by_role("link", name=f"Play the call to {talk.e164}")
    play.click()
    recording = page.locator("audio")
    expect(recording).to_have_js_property("paused", value=False)
    play.click()
    expect(recording).to_have_count(0)


def test_calls_are_searched_filtered_and_turned_without_leaving_the_page(
    visit: Callable[..., Visitor], book: Book, campaign: Campaign, talk: Attempt
) -> None:
    ended(talk.session, 1, "busy")
    page = opened(visit, book, campaign)
    calls = page.locator("#calls")
    expect(calls.get_by_role("link", name="Details of the call")).to_have_count(2)
    calls.get_by_label("Number").fill("9000000001")
    calls.get_by_role("button", name="Search").click()
    expect(calls.get_by_role("link", name="Details of the call")).to_have_count(1)
    assert "number=9000000001" in page.url
    calls.get_by_label("Status").select_option("completed")
    expect(calls.get_by_text("No such call")).to_be_visible()
    calls.get_by_role("link", name="Clear filters").click()
    expect(calls.get_by_role("link", name="Details of the call")).to_have_count(2)
    calls.get_by_role("link", name="Date").click()
    expect(calls.get_by_role("link", name="Details of the call").first).to_have_attribute(
        "href", f"/campaigns/{campaign.pk}/calls/{talk.pk}/"
    )


def test_an_agent_is_stopped_in_a_dialog(
    visit: Callable[..., Visitor], book: Book, campaign: Campaign
) -> None:
    session = ready(start(book, campaign))
    place(session, 0, state="talking", answered_at=NOON)
    page = opened(visit, book, campaign)
    page.get_by_role("link", name="Stop Bina").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Stop Bina?")).to_be_visible()
    assert not faults(page)
    dialog.get_by_role("button", name="Stop after this call").click()
    expect(page.get_by_text("stops after this")).to_be_visible()
    session.refresh_from_db()
    assert (session.stop_reason, session.stop_at_once) == ("stopped", False)


def test_a_number_is_explained_and_the_report_taken_away(
    visit: Callable[..., Visitor], book: Book, campaign: Campaign, talk: Attempt
) -> None:
    page = opened(visit, book, campaign)
    page.get_by_label("Number of this campaign").fill("90000 00000")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#why-answer")).to_contain_text("It was called once")
    page.get_by_text("Report", exact=True).first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Calls (CSV)").click()
    assert talk.pk.hex in download.value.path().read_text().replace("-", "")


def test_the_page_works_without_scripts(
    visit: Callable[..., Visitor], book: Book, campaign: Campaign, talk: Attempt
) -> None:
    page = opened(visit, book, campaign, java_script_enabled=False)
    page.get_by_role("link", name=f"Details of the call to {talk.e164}").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(talk.e164)
    page.go_back()
    page.get_by_label("Number", exact=True).fill("9000000001")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No such call")).to_be_visible()


@pytest.mark.parametrize("window", [{"size": DESK, "scheme": "dark"}, {"size": PHONE}])
def test_an_open_row_fits_dark_pages_and_narrow_ones(
    visit: Callable[..., Visitor],
    book: Book,
    campaign: Campaign,
    talk: Attempt,
    window: dict[str, object],
) -> None:
    add_group_members(
        account=book.account, now=NOON, group_id=book.group.pk, user_ids=[book.supervisor.pk]
    )
    page = opened(visit, book, campaign, **window)
    page.get_by_role("link", name=f"Play the call to {talk.e164}").click()
    expect(page.locator("audio")).to_be_visible()
    assert not faults(page)
    assert not scrolls_sideways(page)
