"""Telling the screens which sessions moved, beside the calls and never in their way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from autodialer.ports.store import StoreUnavailableError

if TYPE_CHECKING:
    from autodialer.domain.ids import SessionId
    from autodialer.ports.store import Store

# The first change is told at once. During this pause the others gather, so that a busy floor
# costs the store ten small requests a second, whatever the number of calls.
_PAUSE_S: Final = 0.1


class ScreenNews:
    """Gathers the sessions that moved; one task tells of them."""

    def __init__(self) -> None:
        self._moved: set[SessionId] = set()
        self._some = asyncio.Event()

    def moved(self, session_id: SessionId) -> None:
        """Note, once the store has it, that a session or its call has moved."""
        self._moved.add(session_id)
        self._some.set()

    async def tell(self, store: Store) -> None:
        """Tell what gathers, for ever."""
        while True:
            await self._some.wait()
            self._some.clear()
            moved, self._moved = self._moved, set()
            with suppress(StoreUnavailableError):  # Screens look by themselves, too.
                await store.tell_screens(moved)
            await asyncio.sleep(_PAUSE_S)
