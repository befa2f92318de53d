"""How many requests a key may send: so many a minute, counted by each web process for itself.

The headers are those of the IETF draft "RateLimit header fields for HTTP".
"""

from __future__ import annotations

import time
from math import ceil
from threading import Lock
from typing import TYPE_CHECKING, Final

from autodialer.api.problems import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WINDOW_S: Final = 60.0
# Of so many keys one process remembers what they have sent.
_MOST_KEYS: Final = 10_000


class Limiter:
    """Counts the requests of each key in windows of a minute, each begun by its first request."""

    def __init__(self, quota: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._quota, self._clock = quota, clock
        self._lock = Lock()
        self._windows: dict[int, tuple[float, int]] = {}

    def take(self, key_id: int) -> Mapping[str, str]:
        """Count one request and return the headers that say what is left.

        Raises ApiError with the same headers and Retry-After when there is nothing left.
        """
        now = self._clock()
        with self._lock:
            began, used = self._windows.get(key_id, (now, 0))
            if now - began >= WINDOW_S:
                began, used = now, 0
            if len(self._windows) >= _MOST_KEYS and key_id not in self._windows:
                self._windows.clear()
            self._windows[key_id] = (began, used + 1)
        left, until = self._quota - used - 1, ceil(began + WINDOW_S - now)
        headers = {
            "RateLimit-Policy": f'"default";q={self._quota};w={WINDOW_S:.0f}',
            "RateLimit": f'"default";r={max(left, 0)};t={until}',
        }
        if left < 0:
            raise ApiError(
                "too_many_requests",
                f"This key may send {self._quota} requests a minute: go on in {until} s.",
                headers={**headers, "Retry-After": str(until)},
            )
        return headers
