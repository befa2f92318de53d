"""Agents without telephones: each ends an answered call and claims the next, as the dialer does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from autodialer.domain import outcome
from autodialer.domain.errors import InvariantError
from autodialer.domain.ids import AttemptId
from autodialer.domain.retry import move_after_call
from autodialer.domain.session import Claimed, EndReason, FinishCall
from autodialer.ports.store import Lease, NextClaim
from bench.office import now

if TYPE_CHECKING:
    from autodialer.adapters.pg.store import PgStore
    from autodialer.domain.ids import SessionId
    from autodialer.domain.session import ClaimResult

_LEASE: Final = timedelta(hours=1)
_LOOK_AGAIN_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Desk:
    """One agent's session."""

    store: PgStore
    lease: Lease
    session_id: SessionId

    async def claim(self) -> Claimed:
        """Claim the first number. Raises InvariantError at the end of the list."""
        result = await self.store.claim(self.lease, self.session_id, AttemptId(uuid4()), now())
        return _claimed(result)

    async def answer(self, call: Claimed) -> None:
        """Store that the customer answered."""
        await self.store.mark_answered(self.lease, call.call.attempt_id, now())

    async def hand_over(self, call: Claimed) -> Claimed:
        """End the call and claim the next number, in one round trip and one commit."""
        following = NextClaim(self.session_id, AttemptId(uuid4()), now())
        return _claimed(await self.store.finish(self.lease, _answered(call), following))

    async def finish(self, call: Claimed) -> None:
        """End the call and claim nothing."""
        await self.store.finish(self.lease, replace(_answered(call), then_claim=False), None)

    async def end(self) -> None:
        """End the session, which has no call any more."""
        await self.store.end_session(self.lease, self.session_id, EndReason.STOPPED, now())


async def open_desks(store: PgStore, node: str, agents: int) -> list[Desk]:
    """Drive a node of this name, and take so many sessions that wait; returns when all are ready.

    Raises InvariantError when the node is taken.
    """
    lease = await store.acquire_lease(node, "bench", now(), _LEASE)
    if not isinstance(lease, Lease):
        raise InvariantError("The node of the benchmark is taken.")
    desks: list[Desk] = []
    while len(desks) < agents:
        for order in await store.take_sessions(lease, agents - len(desks), now()):
            await store.mark_ready(lease, order.session_id, now())
            desks.append(Desk(store, lease, order.session_id))
        await asyncio.sleep(_LOOK_AGAIN_S)
    return desks


def _claimed(result: ClaimResult | None) -> Claimed:
    if not isinstance(result, Claimed):
        raise InvariantError(f"The list ended before the time: {result}.")
    return result


def _answered(claimed: Claimed) -> FinishCall:
    call, at = claimed.call, now()
    move = move_after_call(outcome.TALKED, call.tries, call.policy, at)
    return FinishCall(call.attempt_id, outcome.TALKED, move, at, then_claim=True, answered_at=at)
