"""Figures that are costly to ask for, shared by all who look at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# So many times as long as it took to make: making a value takes at most 2 % of the time.
KEPT_TIMES: Final = 50
MOST: Final = 1_000


class Recent(Generic[K, V]):
    """Values by key, each made again when it is old; what is made quickly is soon old."""

    def __init__(self) -> None:
        self._kept: dict[K, tuple[float, V]] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value as it was made not long ago, or make it."""
        began = time.monotonic()
        until, value = self._kept.get(key, (0.0, None))
        if value is not None and began < until:
            return value
        return self.renew(key, make)

    def get_all(
        self, keys: Sequence[K], make: Callable[[Sequence[K]], Mapping[K, V]]
    ) -> Mapping[K, V]:
        """Return the value of each key; those that are missing or old are made together."""
        began = time.monotonic()
        kept = {key: self._kept[key] for key in keys if key in self._kept}
        found = {key: value for key, (until, value) in kept.items() if began < until}
        missing = [key for key in keys if key not in found]
        if missing:
            made = make(missing)
            self._keep(made, began)
            found.update(made)
        return found

    def clear(self) -> None:
        """Forget all values."""
        self._kept.clear()

    def renew(self, key: K, make: Callable[[], V]) -> V:
        """Make the value now, whatever is kept."""
        began = time.monotonic()
        made = make()
        self._keep({key: made}, began)
        return made

    def _keep(self, made: Mapping[K, V], began: float) -> None:
        """Keep what was begun to be made at `began`, all of it for as long as all of it took."""
        until = began + KEPT_TIMES * (time.monotonic() - began)
        if len(self._kept) + len(made) > MOST:
            self._kept.clear()
        self._kept.update((key, (until, value)) for key, value in made.items())
