"""People at their screens: what they read on the pages of a running site, and what they press."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import openpyxl
from playwright.sync_api import FilePayload, expect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser, Locator, Page

    from autodialer.apps.accounts.models import User
    from tests.browser.site import Pages

PASSWORD: Final = "correct horse battery"
# The statuses of a campaign's numbers, as the tiles spell them.
TOTAL: Final = "Total"

# Keeps each state of the tiles that was ever on the page, from now on.
_WATCH: Final = """() => {
  window.tilesSeen = [];
  const look = () => {
    const tiles = document.querySelector("#campaign-counts dl.tiles");
    if (!tiles) return;
    const number = (tile) => Number(tile.querySelector("dd").textContent.replace(/\\D/g, ""));
    const word = (tile) => tile.querySelector("dt").textContent.trim();
    const now = Object.fromEntries([...tiles.children].map((tile) => [word(tile), number(tile)]));
    const last = window.tilesSeen.at(-1);
    if (JSON.stringify(now) !== JSON.stringify(last)) window.tilesSeen.push(now);
  };
  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""
_SEEK: Final = """(audio, to) => new Promise((done, failed) => {
  audio.addEventListener("error", () => failed(audio.error.message));
  audio.addEventListener("seeked", () => done([audio.duration, audio.currentTime]));
  const seek = () => { audio.currentTime = to; };
  // It began to play when its button was pressed, and may know its length by now.
  if (audio.readyState >= HTMLMediaElement.HAVE_METADATA) seek();
  else audio.addEventListener("loadedmetadata", seek);
  audio.play();
})"""


def sign_in(page: Page, pages: Pages, user: User, password: str = PASSWORD) -> None:
    """Sign in through the page, which leads to the campaigns."""
    page.goto(f"{pages.url}/accounts/login/")
    page.locator("[name=login]").fill(user.email)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Dialer", exact=True)).to_be_visible()


@dataclass(frozen=True)
class AgentScreen:
    """An agent's page of a campaign."""

    page: Page

    def open(self, campaign: str) -> None:
        """Go there from the campaigns, once Start may be pressed."""
        self.page.get_by_role("link", name=campaign).click()
        expect(self.page.get_by_role("heading", name=campaign, level=1)).to_be_visible()

    @property
    def start_button(self) -> Locator:
        """The one button of a day."""
        return self.page.get_by_role("button", name="Start")

    def start(self) -> None:
        """Press Start as soon as it can be pressed."""
        expect(self.start_button).to_be_enabled(timeout=20_000)
        self.start_button.click()

    def shows(self, state: str, deadline_s: float = 20.0) -> None:
        """Wait until the state strip says it."""
        strip = self.page.locator("#console .work-state")
        expect(strip).to_contain_text(state, timeout=deadline_s * 1_000)

    def shows_callee(self, *facts: str) -> None:
        """Wait until the card of who is called has all of this in it."""
        for fact in facts:
            expect(self.page.locator("#callee")).to_contain_text(fact)


@dataclass(frozen=True)
class CampaignScreen:
    """A supervisor's page of a campaign."""

    page: Page

    def watch(self) -> None:
        """Keep from now on what the tiles show; a reload would forget it."""
        expect(self.page.locator("#campaign-counts dl.tiles").first).to_be_visible()
        self.page.evaluate(_WATCH)

    def seen(self) -> list[dict[str, int]]:
        """Return all that the tiles have shown, without the total."""
        shown: list[dict[str, int]] = self.page.evaluate("() => window.tilesSeen")
        for tiles in shown:
            total = tiles.pop(TOTAL)
            assert sum(tiles.values()) == total, tiles
        return shown

    def play(self, number: str, seek_to: float) -> tuple[float, float]:
        """Play the recording of the call to a number from a second on; return (length, place)."""
        self.page.get_by_role("link", name=f"Play the call to {number}").click()
        length, place = self.page.locator("audio").evaluate(_SEEK, seek_to)
        return length, place

    def report(self, form: str) -> Path:
        """Download a form of the report; return where it is kept."""
        self.page.locator("summary", has_text="Report").click()
        with self.page.expect_download() as started:
            self.page.get_by_role("link", name=re.compile(re.escape(form))).first.click()
        self.page.keyboard.press("Escape")
        return Path(started.value.path())


def import_file(page: Page, name: str, data: bytes) -> None:
    """Take a file through the import wizard as it is guessed; return once the list is ready."""
    page.get_by_role("link", name="Contacts & Lists").first.click()
    page.get_by_role("link", name=re.compile("Import")).first.click()
    file = FilePayload(name=f"{name}.csv", mimeType="text/csv", buffer=data)
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Next: the columns").click()
    page.get_by_role("button", name="Next: check all rows").click()
    page.get_by_role("button", name=re.compile(r"Save \d+ contacts")).click(timeout=20_000)
    expect(page.get_by_text("The list is ready")).to_be_visible(timeout=20_000)


def csv_rows(file: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by their headings."""
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))


def sheet_rows(file: Path, sheet: str) -> list[dict[str, object]]:
    """Return the rows of a sheet by their headings."""
    book = openpyxl.load_workbook(io.BytesIO(file.read_bytes()), read_only=True)
    heading, *rows = book[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, heading), row, strict=True)) for row in rows]


def tile_values(tiles: Sequence[dict[str, int]], status: str) -> list[int]:
    """Return what one tile has shown, in order, each value once in a row."""
    values = [seen[status] for seen in tiles]
    return [value for at, value in enumerate(values) if not at or values[at - 1] != value]


def process_of(browser: Browser) -> int:
    """Return the id of the browser's process."""
    listed = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return next(int(one["id"]) for one in listed["processInfo"] if one["type"] == "browser")
