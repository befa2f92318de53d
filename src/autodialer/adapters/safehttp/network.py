"""Connections that are made only to addresses that were checked (against DNS rebinding)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpcore

from autodialer.domain.web_address import Address, OutboundRules, may_connect
from autodialer.ports.http import HttpFailedError, HttpFailure

Resolve = Callable[[str], Awaitable[Sequence[Address]]]
SocketOptions = Iterable[Any]

LOOK_UP_S: Final = 2.0


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Looks a name up once, checks every answer and connects to one of exactly these."""

    def __init__(self, rules: OutboundRules, resolve: Resolve) -> None:
        self._rules, self._resolve = rules, resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own signature
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises HttpFailedError; httpcore lets it through."""
        addresses = await self._addresses(host)
        if not all(may_connect(address, port, self._rules) for address in addresses):
            raise HttpFailedError(HttpFailure.ADDRESS_NOT_ALLOWED)
        try:
            async with asyncio.timeout(timeout):
                return Stream(await self._connect_to_first(addresses, port))
        except TimeoutError:
            raise HttpFailedError(HttpFailure.TIMEOUT) from None

    async def _addresses(self, host: str) -> Sequence[Address]:
        try:
            async with asyncio.timeout(LOOK_UP_S):
                addresses = await self._resolve(host)
        except (OSError, TimeoutError):
            raise HttpFailedError(HttpFailure.DNS_FAILED) from None
        if not addresses:
            raise HttpFailedError(HttpFailure.DNS_FAILED)
        return addresses

    async def _connect_to_first(
        self, addresses: Sequence[Address], port: int
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first that accepts: a machine may have IPv6 and no way out by it."""
        for address in addresses:
            try:
                return await self._network.connect_tcp(str(address), port)
            except httpcore.ConnectError:
                continue
        raise HttpFailedError(HttpFailure.CONNECT_FAILED)


class Stream(httpcore.AsyncNetworkStream):
    """A connection that tells a failure of TLS from one of the network."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Read what there is."""
        with _telling_of_tls():
            return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Write all."""
        with _telling_of_tls():
            await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close at once."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Begin TLS for the name that was asked for, not for the address that was found."""
        try:
            return Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except httpcore.ConnectError:
            raise HttpFailedError(HttpFailure.TLS_FAILED) from None

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        return self._inner.get_extra_info(info)


@contextmanager
def _telling_of_tls() -> Iterator[None]:
    """Tell of what breaks after the handshake, such as an alert, which httpcore lets through."""
    try:
        yield
    except ssl.SSLError:
        raise HttpFailedError(HttpFailure.TLS_FAILED) from None
