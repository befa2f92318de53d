"""Looking names up without letting a slow name server hold anything else up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import Final

from autodialer.domain.web_address import Address

# Threads that wait for name servers; the system gives up on one after half a minute or less.
MOST_AT_ONCE: Final = 64


class Names:
    """Asks the system's resolver, in threads of its own: a name is asked for once at a time."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Future[Sequence[Address] | OSError]] = {}

    async def addresses(self, host: str) -> Sequence[Address]:
        """Return what a name stands for, the best first. Raises OSError, also at too many."""
        found = await asyncio.shield(self._under_way.get(host) or self._begin(host))
        if isinstance(found, OSError):
            raise found
        return found

    def _begin(self, host: str) -> asyncio.Future[Sequence[Address] | OSError]:
        if len(self._under_way) >= MOST_AT_ONCE:
            raise OSError("too many names are being looked up")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[Address] | OSError] = loop.create_future()
        self._under_way[host] = future
        future.add_done_callback(lambda _: self._under_way.pop(host))

        def look_up() -> None:
            found = _look_up(host)
            # The loop may have been closed while the name server thought.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(future.set_result, found)

        # A daemon: a name server that hangs must not keep the process from ending.
        Thread(target=look_up, name="look-up", daemon=True).start()
        return future


def _look_up(host: str) -> Sequence[Address] | OSError:
    try:
        found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    return tuple(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))
