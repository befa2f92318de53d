"""The pages as a visitor's browser has them, and what must be true of each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import expect, sync_playwright

from tests.support.visit import signed_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

    from autodialer.apps.accounts.models import User
    from autodialer.ops.web import WebProcess

# Debian's package; as root a browser has no sandbox. The rest lets a page use a made-up microphone
# and talk to a telephone server on this machine.
EXECUTABLE: Final = "/usr/bin/chromium"
FLAGS: Final = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-background-networking",
    "--disable-component-update",
)
# A page that changes by itself does so within seconds; a machine that is busy takes longer.
PATIENCE_MS: Final = 30_000
AXE: Final = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
DESK: Final = (1366, 850)
PHONE: Final = (320, 640)  # the narrowest that WCAG 1.4.10 asks for
GUIDELINES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS: Final = ("color-contrast", "link-in-text-block")  # all that a colour can break
# Refusals are answered with these, and a browser notes each answer that is no success.
# htmx notes them a second time.
_REFUSED: Final = (
    *("status of 409", "status of 422", "status of 404", "status of 403"),
    *("Error Code 409", "Error Code 422"),
    # What a page asked for by itself gave way to what a person asked for.
    *("htmx:sendAbort", "htmx:afterRequest, [object HTMLElement]"),
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a microphone that plays a tone, closed at the end."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread, where tests ask Django too: they take turns.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE_MS)
        launched = playwright.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
        yield launched
        launched.close()


@dataclass(slots=True)
class Pages:
    """A web process under test."""

    web: WebProcess

    @property
    def url(self) -> str:
        return f"http://{self.web.host}:{self.web.port}"


@dataclass(slots=True)
class Visitor:
    """Somebody's browser window. What must never happen in it is asked when it closes."""

    context: BrowserContext
    page: Page
    base: str
    troubles: list[str] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        browser: Browser,
        pages: Pages,
        user: User | None = None,
        *,
        size: tuple[int, int] = DESK,
        scheme: Literal["light", "dark"] = "light",
        **options: Any,
    ) -> Visitor:
        """Open a window, signed in as the user if one is given."""
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, **options
        )
        if user is not None:
            context.add_cookies([{"name": "sessionid", "value": _session(user), "url": pages.url}])
        visitor = cls(context, context.new_page(), pages.url)
        visitor.page.set_default_timeout(PATIENCE_MS)
        # Playwright would note a bound method in the object, which has no room for it.
        visitor.page.on("console", lambda message: visitor._hear(message))  # noqa: PLW0108
        visitor.page.on("pageerror", lambda error: visitor.troubles.append(f"script: {error}"))
        visitor.page.on("request", lambda request: visitor._see(request))  # noqa: PLW0108
        return visitor

    def go(self, path: str) -> Page:
        """Open a page of the site."""
        self.page.goto(f"{self.base}{path}")
        return self.page

    def close(self) -> None:
        """Close the window; scripts must have failed nowhere, and nothing foreign been loaded."""
        self.context.close()
        assert not self.troubles, self.troubles

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(known in message.text for known in _REFUSED):
            self.troubles.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and not self.base.endswith(parts.netloc):
            self.troubles.append(f"foreign: {request.url}")


def _session(user: User) -> str:
    return signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value


def faults(page: Page, rules: Sequence[str] = GUIDELINES) -> list[str]:
    """Return what axe finds wrong with the page for people who see, hear or move differently."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run({ runOnly: rules })", list(rules))
    return [
        f"{violation['id']}: {node['html'][:150]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def turn_dark(page: Page) -> None:
    """Show the page that is open in its dark colours, as the switch in its menu does."""
    page.evaluate(
        """() => {
            document.documentElement.dataset.bsTheme = "dark";
            // In the middle of a change of colour there is no contrast to judge.
            const ends = (change) => change.effect.getComputedTiming().endTime !== Infinity;
            document.getAnimations().filter(ends).forEach((change) => change.finish());
        }"""
    )


def scrolls_sideways(page: Page) -> bool:
    """Return whether the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
