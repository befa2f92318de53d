"""Every test in this folder runs in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodialer.adapters.sim.loop import VirtualLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """See pytest-asyncio's hook of this name."""
    _ = config, item
    return {"virtual": VirtualLoop}
