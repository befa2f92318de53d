"""The right to drive a node: taken, kept fresh, given back (docs/explanation/leases.md)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.ports.store import LeaseHeld, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from autodialer.engine.config import EngineConfig
    from autodialer.engine.gate import Gate
    from autodialer.engine.trunk import Lines
    from autodialer.ports.store import Lease, Store

log = structlog.get_logger()

_TRY_AGAIN_S: Final = 0.5
STORE_TIMEOUT_S: Final = 2.0


class LeaseKeeper:
    """Takes and renews the lease, and tells the gate until when calls may go out."""

    def __init__(
        self, config: EngineConfig, store: Store, gate: Gate, clock: Callable[[], datetime]
    ) -> None:
        self._config, self._store, self._gate, self._clock = config, store, gate, clock
        # Whether the store has answered when it was asked last.
        self.store_answers = False
        # When the last renewal that was answered was asked for, in loop time.
        self.renewed_at_s: float | None = None

    async def take(self, stopping: asyncio.Event) -> Lease | None:
        """Return the lease as soon as it is free; None when stopped before that.

        Raises NodeUnknownError.
        """
        watched = _Watched(self._config.lease_ttl)
        while not stopping.is_set():
            started = asyncio.get_running_loop().time()
            self.store_answers = False
            with suppress(StoreUnavailableError):
                lease = await self._store.acquire_lease(
                    self._config.node,
                    self._config.holder,
                    watched.judge(self._clock()),
                    self._config.lease_ttl,
                    capacity=self._config.capacity,
                    make=self._config.makes_node,
                )
                self.store_answers = True
                if not isinstance(lease, LeaseHeld):
                    self._note(started)
                    log.info("lease_taken", epoch=lease.epoch)
                    return lease
                log.info("lease_held_by_another", until=lease.until.isoformat())
                watched.seen(lease.until)
            with suppress(TimeoutError):
                async with asyncio.timeout(_TRY_AGAIN_S):
                    await stopping.wait()
        return None

    async def keep(self, lease: Lease, lines: Lines) -> None:
        """Renew until cancelled, and settle the node's share of its trunk with each renewal.

        Raises LeaseLostError when another process took the node.
        """
        ttl = self._config.lease_ttl
        while True:
            await self._pause(lines)
            if not self._gate.has_lease:
                lines.lapsed()
            started, use = asyncio.get_running_loop().time(), lines.use
            try:
                async with asyncio.timeout(STORE_TIMEOUT_S):
                    share = await self._store.renew_lease(lease, self._clock(), ttl, use)
            except (StoreUnavailableError, TimeoutError):
                self.store_answers = False
                log.warning("lease_not_renewed")
            else:
                self.store_answers = True
                self._note(started)
                lines.settled(share, use)

    async def _pause(self, lines: Lines) -> None:
        """Wait for the next renewal, shortly while nodes hand the trunk to each other."""
        parts = 20 if lines.is_settling else 5
        with suppress(TimeoutError):
            async with asyncio.timeout(self._config.lease_ttl.total_seconds() / parts):
                await lines.unsettled.wait()
        lines.unsettled.clear()

    async def release(self, lease: Lease) -> None:
        """Let the next process take the node at once; if that fails, it waits for the expiry."""
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await self._store.release_lease(lease, self._clock())

    def _note(self, asked_at: float) -> None:
        # From the asking on: the answer may have been long on its way.
        self.renewed_at_s = asked_at
        safe = self._config.lease_ttl - self._config.lease_margin
        self._gate.lease_renewed(asked_at + safe.total_seconds())


class _Watched:
    """Another one's lease, watched by the loop's clock.

    A lease that nobody has renewed for its whole length has ended, although a wall clock that was
    set back since would let it last for as long again.
    """

    def __init__(self, ttl: timedelta) -> None:
        self._ttl_s = ttl.total_seconds()
        self._until: datetime | None = None
        self._since_s = 0.0

    def seen(self, until: datetime) -> None:
        """Note until when it is held."""
        if until != self._until:
            self._until, self._since_s = until, asyncio.get_running_loop().time()

    def judge(self, now: datetime) -> datetime:
        """Return the time by which to judge whether it has ended."""
        if self._until is None or asyncio.get_running_loop().time() < self._since_s + self._ttl_s:
            return now
        return max(now, self._until)
