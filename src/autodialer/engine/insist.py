"""Repeat a store call until the store answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from autodialer.ports.store import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger()
T = TypeVar("T")

_FIRST_DELAY_S: Final = 0.1
_LAST_DELAY_S: Final = 2.0


async def insist(work: Callable[[], Awaitable[T]]) -> T:
    """Return what `work` returns, trying again after StoreUnavailableError with growing pauses.

    Safe because every method of the store port has, repeated, the effect of one. Any other
    error, LeaseLostError above all, goes to the caller.
    """
    delay = _FIRST_DELAY_S
    while True:
        try:
            return await work()
        except StoreUnavailableError:
            log.warning("store_unavailable", retry_in_s=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_DELAY_S)
