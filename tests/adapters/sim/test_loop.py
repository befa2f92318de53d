from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from autodialer.adapters.sim.loop import run_virtual, wall_clock

START = datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_a_day_passes_at_once() -> None:
    async def day() -> tuple[float, datetime]:
        clock = wall_clock(START)
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time(), clock()

    begun = time.monotonic()
    seconds, shown = run_virtual(day())
    assert seconds == pytest.approx(86_400)
    assert shown == START + timedelta(days=1)
    assert time.monotonic() - begun < 5


def test_timers_fire_in_their_order() -> None:
    async def sleepers() -> list[int]:
        woken: list[int] = []

        async def sleep(seconds: int) -> None:
            await asyncio.sleep(seconds)
            woken.append(seconds)

        await asyncio.gather(*(sleep(seconds) for seconds in (3, 1, 2)))
        return woken

    assert run_virtual(sleepers()) == [1, 2, 3]


def test_a_deadline_passes_in_virtual_time() -> None:
    async def too_late() -> None:
        async with asyncio.timeout(60):
            await asyncio.sleep(61)

    with pytest.raises(TimeoutError):
        run_virtual(too_late())


def test_waiting_for_nothing_is_an_error_not_a_hang() -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="stuck"):
        run_virtual(stuck())
