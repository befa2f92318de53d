"""Figures that are costly to ask for, shared by all who look at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

V = TypeVar("V")

# So many times as long as it took to make: making a value takes at most 2 % of the time.
KEPT_TIMES: Final = 50
MOST: Final = 1_000


class Recent(Generic[V]):
    """Values by key, each made again when it is old; what is made quickly is soon old."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, V]] = {}

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value as it was made not long ago, or make it."""
        began = time.monotonic()
        until, value = self._kept.get(key, (0.0, None))
        if value is not None and began < until:
            return value
        return self.renew(key, make)

    def clear(self) -> None:
        """Forget all values."""
        self._kept.clear()

    def renew(self, key: Hashable, make: Callable[[], V]) -> V:
        """Make the value now, whatever is kept."""
        began = time.monotonic()
        made = make()
        took = time.monotonic() - began
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[key] = (began + KEPT_TIMES * took, made)
        return made
