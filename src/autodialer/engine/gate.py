"""May a phone be rung at this moment? Only with a fresh lease and a switch we can see."""

from __future__ import annotations

import asyncio


class Gate:
    """Open while the lease is fresh and the switch is reconciled. Reads the loop's clock only."""

    def __init__(self) -> None:
        self._lease_until = 0.0
        self._switch_ready = False
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether a new call may be placed now."""
        return self.has_lease and self._switch_ready and not self._closed

    @property
    def has_lease(self) -> bool:
        """Whether the lease was renewed so lately that nobody else can have it."""
        return asyncio.get_running_loop().time() < self._lease_until

    @property
    def is_closed(self) -> bool:
        """Whether the process is going to stop."""
        return self._closed

    @property
    def sees_switch(self) -> bool:
        """Whether the switch has been compared with the store since the last gap."""
        return self._switch_ready

    def lease_renewed(self, until: float) -> None:
        """Note that the lease is safe until this loop time."""
        self._lease_until = until

    def switch_ready(self, *, ready: bool) -> None:
        """Note whether the switch is connected and compared with the store."""
        self._switch_ready = ready

    def close(self) -> None:
        """Place no call any more: the process is going to stop."""
        self._closed = True
