"""The link that tests of faults put between two parts does what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.support.proxy import Proxy, link_to_port

SOON_S = 5.0
LATER_S = 0.3


@asynccontextmanager
async def linked() -> AsyncIterator[Proxy]:
    """A link to a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with suppress(ConnectionError):
            while piece := await reader.read(1_000):
                writer.write(piece)
        writer.close()

    served: list[asyncio.Task[None] | None] = []

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    try:
        with link_to_port(server.sockets[0].getsockname()[1]) as proxy:
            yield proxy
        await asyncio.gather(*filter(None, served))
    finally:
        server.close()


class Caller:
    """A client of the link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hears(self, word: bytes, within_s: float = SOON_S) -> None:
        async with asyncio.timeout(within_s):
            assert await self.reader.readexactly(len(word)) == word

    async def hears_nothing(self) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(LATER_S):
                await self.reader.read(1)


@asynccontextmanager
async def calling(proxy: Proxy) -> AsyncIterator[Caller]:
    """A client that is connected, and gone at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()


async def test_what_is_said_arrives() -> None:
    async with linked() as proxy, calling(proxy) as caller:
        caller.writer.write(b"hello")
        await caller.hears(b"hello")


async def test_a_frozen_link_keeps_silent_and_delivers_afterwards() -> None:
    async with linked() as proxy, calling(proxy) as caller:
        proxy.freeze()
        caller.writer.write(b"hello")
        async with calling(proxy) as newcomer:
            newcomer.writer.write(b"me too")
            await caller.hears_nothing()
            await newcomer.hears_nothing()
            proxy.mend()
            await caller.hears(b"hello")
            await newcomer.hears(b"me too")


async def test_a_reset_link_tells_those_who_are_connected_and_takes_new_ones() -> None:
    async with linked() as proxy, calling(proxy) as caller:
        caller.writer.write(b"hello")
        await caller.hears(b"hello")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(SOON_S):
                await caller.reader.read(1)
        async with calling(proxy) as newcomer:
            newcomer.writer.write(b"again")
            await newcomer.hears(b"again")


async def test_a_lost_connection_is_told_to_nobody_and_never_comes_back() -> None:
    async with linked() as proxy, calling(proxy) as caller:
        caller.writer.write(b"hello")
        await caller.hears(b"hello")
        proxy.lose()
        caller.writer.write(b"anybody?")
        await caller.hears_nothing()
        proxy.mend()
        await caller.hears_nothing()
        async with calling(proxy) as newcomer:
            newcomer.writer.write(b"again")
            await newcomer.hears(b"again")


async def test_a_slow_link_takes_its_time() -> None:
    async with linked() as proxy, calling(proxy) as caller:
        proxy.slow(LATER_S)
        began = time.monotonic()
        caller.writer.write(b"hello")
        await caller.hears(b"hello")
        assert time.monotonic() - began >= 2 * LATER_S


async def test_a_link_to_nobody_ends_each_connection() -> None:
    async with linked() as proxy:
        pass
    with link_to_port(proxy.port) as to_nobody:
        async with calling(to_nobody) as caller:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                async with asyncio.timeout(SOON_S):
                    await caller.reader.readexactly(1)
