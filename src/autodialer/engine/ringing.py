"""Storing that customers' phones ring, beside the calls and never in their way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from autodialer.ports.store import StoreUnavailableError

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.domain.ids import AttemptId
    from autodialer.ports.store import Lease, Store

# The first is told at once; those of this pause gather to one request, as in `engine.screens`.
_PAUSE_S: Final = 0.1


class RingingNews:
    """Gathers the calls that ring, where somebody wants to know; one task stores them."""

    def __init__(self) -> None:
        self._rang: dict[AttemptId, datetime] = {}
        self._some = asyncio.Event()

    def rang(self, attempt_id: AttemptId, at: datetime) -> None:
        """Note that a phone rings since `at`; returns at once."""
        self._rang[attempt_id] = at
        self._some.set()

    async def tell(self, store: Store, lease: Lease) -> None:
        """Store what gathers, for ever."""
        while True:
            await self._some.wait()
            self._some.clear()
            rang, self._rang = self._rang, {}
            with suppress(StoreUnavailableError):  # A moment later it is old news.
                await store.note_ringing(lease, rang)
            await asyncio.sleep(_PAUSE_S)
