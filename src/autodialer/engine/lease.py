"""The right to drive a node: taken, kept fresh, given back (docs/explanation/leases.md)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.ports.store import LeaseHeld, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from autodialer.engine.config import EngineConfig
    from autodialer.engine.gate import Gate
    from autodialer.ports.store import Lease, Store

log = structlog.get_logger()

_TRY_AGAIN_S: Final = 0.5
_STORE_TIMEOUT_S: Final = 2.0


class LeaseKeeper:
    """Takes and renews the lease, and tells the gate until when calls may go out."""

    def __init__(
        self, config: EngineConfig, store: Store, gate: Gate, clock: Callable[[], datetime]
    ) -> None:
        self._config, self._store, self._gate, self._clock = config, store, gate, clock

    async def take(self, stopping: asyncio.Event) -> Lease | None:
        """Return the lease as soon as it is free; None when stopped before that."""
        while not stopping.is_set():
            started = asyncio.get_running_loop().time()
            with suppress(StoreUnavailableError):
                lease = await self._store.acquire_lease(
                    self._config.node, self._config.holder, self._clock(), self._config.lease_ttl
                )
                if not isinstance(lease, LeaseHeld):
                    self._note(started)
                    log.info("lease_taken", node=self._config.node, epoch=lease.epoch)
                    return lease
                log.info("lease_held_by_another", until=lease.until.isoformat())
            with suppress(TimeoutError):
                async with asyncio.timeout(_TRY_AGAIN_S):
                    await stopping.wait()
        return None

    async def keep(self, lease: Lease) -> None:
        """Renew until cancelled. Raises LeaseLostError when another process took the node."""
        while True:
            await asyncio.sleep(self._config.lease_ttl.total_seconds() / 5)
            started = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(_STORE_TIMEOUT_S):
                    await self._store.renew_lease(lease, self._clock(), self._config.lease_ttl)
            except (StoreUnavailableError, TimeoutError):
                log.warning("lease_not_renewed")
            else:
                self._note(started)

    async def release(self, lease: Lease) -> None:
        """Let the next process take the node at once; if that fails, it waits for the expiry."""
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(_STORE_TIMEOUT_S):
                await self._store.release_lease(lease, self._clock())

    def _note(self, asked_at: float) -> None:
        # From the asking on: the answer may have been long on its way.
        safe = self._config.lease_ttl - self._config.lease_margin
        self._gate.lease_renewed(asked_at + safe.total_seconds())
