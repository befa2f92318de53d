"""A link between two parts that can be cut, frozen and slowed, on a free port of 127.0.0.1.

Runs in a thread of its own, so that tests with and without an event loop can use it.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from pathlib import Path

Opener: TypeAlias = "Callable[[], Awaitable[tuple[StreamReader, StreamWriter]]]"

_CHUNK: Final = 64 * 1024
_STARTED_WITHIN_S: Final = 10.0
# Close sends RST instead of FIN.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


@dataclass(eq=False, slots=True)
class _Pair:
    """One connection through the link: the two sockets, and whether anything still passes."""

    client: StreamWriter
    server: StreamWriter
    is_dead: bool = False


class Proxy:
    """Passes bytes on until told otherwise. Every fault is over with `mend`."""

    def __init__(self, open_server: Opener) -> None:
        self.port = 0
        # How many connections were made through it.
        self.accepted = 0
        self._open_server = open_server
        self._loop = asyncio.new_event_loop()
        self._pairs: set[_Pair] = set()
        self._flows = asyncio.Event()
        self._delay_s = 0.0

    # Faults, from any thread -------------------------------------------------------------------

    def freeze(self) -> None:
        """Let nothing pass either way and tell nobody: what is sent arrives after `mend`."""
        self._do(self._flows.clear)

    def slow(self, seconds: float) -> None:
        """Delay each piece by this time, either way."""

        def delay() -> None:
            self._delay_s = seconds

        self._do(delay)

    def mend(self) -> None:
        """Pass everything on again, at once."""

        def mend() -> None:
            self._delay_s = 0.0
            self._flows.set()

        self._do(mend)

    def reset(self) -> None:
        """Cut every connection, telling both sides; new ones are passed on."""

        def reset() -> None:
            for pair in self._pairs:
                _cut(pair)

        self._do(reset)

    def lose(self) -> None:
        """Forget every connection and tell nobody: half open for ever; new ones are passed on."""

        def lose() -> None:
            for pair in self._pairs:
                pair.is_dead = True

        self._do(lose)

    # Inside ----------------------------------------------------------------------------------

    def _do(self, act: Callable[[], object]) -> None:
        done = threading.Event()

        def act_and_tell() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(act_and_tell)
        assert done.wait(_STARTED_WITHIN_S)

    def serve(self, started: threading.Event) -> None:
        """Run until `stop`, in the thread that calls this."""
        asyncio.set_event_loop(self._loop)
        self._flows.set()
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accept, "127.0.0.1", self.port)
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            self._loop.run_until_complete(self._drop_all())
            self._loop.close()

    def stop(self) -> None:
        """End all connections and the thread's loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _drop_all(self) -> None:
        for pair in self._pairs:
            _cut(pair)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # in which the sockets that were aborted are closed

    async def _accept(self, client_in: StreamReader, client_out: StreamWriter) -> None:
        self.accepted += 1
        try:
            await self._flows.wait()
            server_in, server_out = await self._open_server()
        except OSError:
            client_out.transport.abort()
            return
        pair = _Pair(client_out, server_out)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(pair, client_in, server_out), name="there")
                tasks.create_task(self._pump(pair, server_in, client_out), name="back")
        finally:
            self._pairs.discard(pair)
            if pair.is_dead:
                _cut(pair)

    async def _pump(self, pair: _Pair, source: StreamReader, target: StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(_CHUNK):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flows.wait()
                if not pair.is_dead:
                    target.write(piece)
                    await target.drain()
        await self._flows.wait()
        if not pair.is_dead:
            target.close()


def _cut(pair: _Pair) -> None:
    for writer in (pair.client, pair.server):
        sock = writer.get_extra_info("socket")
        with suppress(OSError):
            sock.setsockopt(SOL_SOCKET, SO_LINGER, _NO_LINGER)
        writer.transport.abort()


@contextmanager
def link_to_port(port: int) -> Iterator[Proxy]:
    """A link to a server on 127.0.0.1."""
    with _running(Proxy(lambda: asyncio.open_connection("127.0.0.1", port))) as proxy:
        yield proxy


@contextmanager
def link_to_socket(path: Path) -> Iterator[Proxy]:
    """A link to a server on a Unix socket."""
    with _running(Proxy(lambda: asyncio.open_unix_connection(path))) as proxy:
        yield proxy


@contextmanager
def _running(proxy: Proxy) -> Iterator[Proxy]:
    started = threading.Event()
    thread = threading.Thread(target=proxy.serve, args=[started], name="link", daemon=True)
    thread.start()
    assert started.wait(_STARTED_WITHIN_S)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(_STARTED_WITHIN_S)
        assert not thread.is_alive()
