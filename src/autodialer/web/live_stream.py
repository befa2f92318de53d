"""One page's stream: what it has not been sent yet, written as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from asgiref.typing import ASGISendCallable

    from autodialer.web.live_feeds import Feed, Parts
    from autodialer.web.live_topics import Viewer

# Also when nothing has changed, so that the page knows that its figures are right.
BEAT_S: Final = 5.0
# A browser that takes nothing for so long is gone, or will connect again.
STUCK_S: Final = 20.0
_MS: Final = 1_000


class Stream:
    """What goes to one page. An element that changes again replaces what was not sent yet.

    So a slow browser gets the newest state only, and nothing piles up for it.
    """

    def __init__(self, viewer: Viewer, clock: Callable[[], datetime]) -> None:
        self.viewer = viewer
        self.feeds: list[Feed] = []
        self._clock = clock
        self._unsent: dict[str, bytes] = {}
        self._some = asyncio.Event()
        self._is_over = False

    def put(self, parts: Parts) -> None:
        """Send these elements as soon as the browser takes them."""
        if parts:
            self._unsent |= parts
            self._some.set()

    def end(self) -> None:
        """End the stream; the page connects again and is asked who it is."""
        self._is_over = True
        self._some.set()

    async def write(self, send: ASGISendCallable) -> None:
        """Write until the stream is ended. Raises TimeoutError when the browser is stuck."""
        while not self._is_over:
            unsent, self._unsent = self._unsent, {}
            self._some.clear()
            async with asyncio.timeout(STUCK_S):
                body = self._event(unsent)
                await send({"type": "http.response.body", "body": body, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._some.wait()

    def _event(self, parts: Parts) -> bytes:
        """Return one event: elements, the time here, and the age of what the page shows (ms)."""
        now = self._clock().timestamp() * _MS
        joined = b",".join(parts.values())
        return b'data: {"now":%d,"age":%d,"parts":{%b}}\n\n' % (now, self._age(), joined)

    def _age(self) -> int:
        """Return the milliseconds since the oldest of the feeds was read; -1: one never was."""
        times = [feed.as_of for feed in self.feeds if feed.as_of is not None]
        if len(times) < len(self.feeds) or not times:
            return -1
        return int((asyncio.get_running_loop().time() - min(times)) * _MS)
