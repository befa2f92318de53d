"""What waits to be delivered, in our words: taken for a while, then noted what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from datetime import datetime

    from autodialer.domain.parcels import Parcel
    from autodialer.domain.webhooks import Verdict


@dataclass(frozen=True, slots=True)
class Tried:
    """What a try at `at` came to. `is_try` False: nothing was sent, so it is none."""

    parcel: Parcel
    verdict: Verdict
    at: datetime
    took_ms: int
    is_try: bool = True


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for all workers together.

    `overdue_s` is how long the oldest delivery that is due has been due; `jobs` are counted by
    queue and status.
    """

    deliveries: float
    overdue_s: float
    jobs: Mapping[tuple[str, str], int]


class Outbox(Protocol):
    """Where deliveries wait. Each method raises StoreUnavailableError."""

    async def take(
        self, rooms: Mapping[str, int], room: int, now: datetime, until: datetime
    ) -> Sequence[Parcel]:
        """Take what is due until the lease ends: as `rooms` says of a lane, of others `room`.

        Of each lane the oldest and one of the newest, the oldest first. What is not noted or given
        back by then is taken again.
        """
        ...

    async def note(self, tried: Sequence[Tried]) -> None:
        """Store what tries came to; disable endpoints that are gone. Repeatable."""
        ...

    async def give_back(self, ids: Collection[int]) -> None:
        """Let others take what was taken and not tried."""
        ...

    def hints(self) -> AsyncIterator[None]:
        """Yield when there may be more to take; ends when nothing can be heard."""
        ...
