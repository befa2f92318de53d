"""A page in a real browser whose only content is the softphone, and a person at it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from playwright.sync_api import Page, sync_playwright

from autodialer.web.assets import DIST, manifest

T = TypeVar("T")

CHROMIUM: Final = "/usr/bin/chromium"
PAGES: Final = Path(__file__).parents[1] / "asterisk/softphone"
# A microphone that plays a tone by itself, and a person who allows it.
FAKE_MICROPHONE: Final = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
_KINDS: Final = {".html": "text/html; charset=utf-8", ".js": "text/javascript"}


@dataclass(frozen=True)
class Seen:
    """What the page's phone has told: all states so far, and of audio what came since the start.

    `line` and `microphone` are the loudest moments since the look before, 0 to 1.
    """

    state: str
    states: list[str]
    microphones: list[dict[str, str]]
    received: int
    sent: int
    line: float
    microphone: float


class SoftphonePage:
    """Open it as a context manager. Playwright lives in a thread of its own, apart from Django."""

    def __init__(self, *flags: str) -> None:
        self._flags = flags
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._do(self._launch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._quit)
        self._thread.shutdown()
        self._server.shutdown()
        self._server.server_close()

    def switch_on(self, url: str, user: str, secret: str, realm: str) -> None:
        """Start the phone with this account; what follows is seen by `look`."""
        account = {"url": url, "user": user, "secret": secret, "realm": realm}
        self._evaluate("account => openPhone(account)", account)

    def look(self) -> Seen:
        """Return what the phone has told."""
        found = self._evaluate("() => look()")
        return Seen(**found.pop("loudest"), **found)

    def ask(self, method: str, *given: object) -> None:
        """Call a method of the softphone."""
        self._evaluate("([method, ...given]) => onPhone(method, ...given)", [method, *given])

    def cut_the_socket(self) -> None:
        """Close the WebSocket behind the phone's back."""
        self._evaluate("() => sockets.at(-1).close()")

    def unplug(self) -> None:
        """Take the microphone away."""
        self._evaluate("() => unplug()")

    def plug_in(self) -> None:
        """Give the microphone back."""
        self._evaluate("() => plugIn()")

    def reload(self) -> None:
        """Load the page again, as F5 does."""
        self._do(self._page.reload)

    def _launch(self) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *self._flags]
        )
        self._page: Page = self._browser.new_page()
        self._page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._page.on("console", lambda told: self.errors.append(told.text))
        self._page.goto(f"http://127.0.0.1:{self._server.server_address[1]}/index.html")

    def _quit(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def _evaluate(self, script: str, given: object = None) -> Any:
        return self._do(lambda: self._page.evaluate(script, given))

    def _do(self, work: Callable[[], T]) -> T:
        return self._thread.submit(work).result()


class _Files(BaseHTTPRequestHandler):
    """The page's own files, and the softphone as it is bundled for the product."""

    def do_GET(self) -> None:
        name = Path(self.path).name
        file = DIST / manifest()[name] if name in manifest() else PAGES / name
        body = file.read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _KINDS[file.suffix])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
