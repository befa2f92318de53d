"""Between a session that waits for a number and whoever asks its Dial-Whom URL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autodialer.domain.dial_whom import NumberRequest
from autodialer.domain.session import Claimed, NothingNow, Phase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autodialer.domain.dial_whom import Given
    from autodialer.domain.session import ClaimResult, Event
    from autodialer.ports.store import Lease, NextClaim, Store


class Answers:
    """One session's: an answer is stored with the claim that it was asked for, not before it."""

    def __init__(self, wanted: asyncio.Queue[NumberRequest], wake: Callable[[], None]) -> None:
        """`wake` lets a session that waits claim again."""
        self._wanted, self._wake = wanted, wake
        self._brought: tuple[NumberRequest, Given, asyncio.Future[bool]] | None = None

    def bring(self, request: NumberRequest, given: Given, phase: Phase) -> Awaitable[bool]:
        """Hand an answer over; tells later whether a claim has stored it.

        A URL that was asked before the end of a call was stored may answer before, too: then the
        session is claiming still, and goes on with the answer if it finds nothing else.
        """
        is_stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._brought = request, given, is_stored
        if phase is Phase.WAITING:
            self._wake()
        elif phase is not Phase.CLAIMING:
            self.give_back()
        return is_stored

    def heard(self, result: Event) -> None:
        """Follow what a claim has found; of other events nothing follows."""
        match result:
            case NothingNow() if self._brought is not None:
                self._wake()
            case NothingNow(asks=NumberRequest() as request):
                self._wanted.put_nowait(request)
            case Claimed():
                self.give_back()
            case _:
                pass

    def give_back(self) -> None:
        """Leave the answer to who brought it: nothing is claimed with it."""
        self._settle(is_stored=False)

    async def claim(self, store: Store, lease: Lease, wanted: NextClaim) -> ClaimResult:
        """Claim, with the answer if there is one; may be repeated as the store's methods."""
        if self._brought is None:
            return await store.claim(lease, wanted.session_id, wanted.attempt_id, wanted.now)
        request, given, _ = self._brought
        result = await store.claim_answered(lease, request, given, wanted)
        self._settle(is_stored=True)
        return result

    def _settle(self, *, is_stored: bool) -> None:
        brought, self._brought = self._brought, None
        if brought is not None and not brought[2].done():
            brought[2].set_result(is_stored)
