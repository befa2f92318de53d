"""The only client that opens addresses which users give (docs/adr/0011-outgoing-http.md)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Final, Self
from weakref import WeakValueDictionary

import httpcore

from autodialer.adapters.safehttp.names import Names
from autodialer.adapters.safehttp.network import CheckedNetwork, Resolve
from autodialer.domain.errors import InvalidInputError
from autodialer.domain.web_address import LONGEST_REQUEST, OutboundRules, WebAddress, read_url
from autodialer.ports.http import HttpFailedError, HttpFailure, HttpReply, HttpRequest

__all__ = ["HttpFailedError", "HttpFailure", "HttpReply", "HttpRequest", "SafeHttp"]

CONNECT_S: Final = 3.0
LONGEST_HEADERS: Final = 16 * 1024
# Below the 5 seconds after which common servers close: a request never meets a closing one.
_KEEP_ALIVE_S: Final = 4.0
_MOST_CONNECTIONS: Final = 500
_MOST_IDLE: Final = 100

# No compression: a small answer stays small, whatever the peer sends.
_STANDING_HEADERS: Final = (
    (b"User-Agent", b"autodialer"),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"identity"),
)
_PLAIN: Final = frozenset({"", "identity"})
# Refusals of the text that a connection would meet too.
_ELSEWHERE: Final = frozenset({"url_not_public", "url_port"})
_OK, _REDIRECTS, _ERRORS, _LIMIT = 200, 300, 400, 600


class SafeHttp:
    """One client for many accounts, used as an async context manager.

    Follows no redirect, uses no proxy, keeps no cookie, takes no compressed answer. Of the
    requests of one account at most `per_host` to one host and `per_account` in all are under
    way; others wait within their deadline.
    """

    def __init__(
        self,
        rules: OutboundRules,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        per_host: int = 5,
        per_account: int = 20,
    ) -> None:
        """`resolve` looks names up and `tls` says whom to trust; both default to the system's."""
        self._rules = rules
        self._hosts, self._accounts = _Places(per_host), _Places(per_account)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or trusted(),
            network_backend=CheckedNetwork(rules, resolve or Names().addresses),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_IDLE,
            keepalive_expiry=_KEEP_ALIVE_S,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.aclose()

    async def fetch(self, request: HttpRequest) -> HttpReply:
        """Send once, never again. Raises HttpFailedError; the caller may cancel.

        Statuses of 4xx and 5xx are replies.
        """
        address = self._address(request)
        is_sent = False
        try:
            async with asyncio.timeout(request.deadline.total_seconds()), AsyncExitStack() as stack:
                # The host first: who waits for a slow host must not fill the account's places.
                await stack.enter_async_context(
                    self._hosts.place((request.account_id, address.host))
                )
                await stack.enter_async_context(self._accounts.place(request.account_id))
                is_sent = True
                return await self._exchange(request, address)
        except TimeoutError:
            kind = HttpFailure.TIMEOUT if is_sent else HttpFailure.BUSY
            raise HttpFailedError(kind) from None

    def _address(self, request: HttpRequest) -> WebAddress:
        rules = replace(self._rules, allow_http=request.plain_http)
        try:
            return read_url(request.url, rules, "url", longest=LONGEST_REQUEST)
        except InvalidInputError as error:
            is_elsewhere = error.code in _ELSEWHERE
            kind = HttpFailure.ADDRESS_NOT_ALLOWED if is_elsewhere else HttpFailure.URL_REFUSED
            raise HttpFailedError(kind) from None

    async def _exchange(self, request: HttpRequest, address: WebAddress) -> HttpReply:
        try:
            async with self._pool.stream(
                request.method,
                _url(address),
                headers=_headers(request, address),
                content=request.body,
                extensions={"timeout": {"connect": CONNECT_S}},
            ) as response:
                return await _read(response, request.longest_body)
        except httpcore.TimeoutException:
            raise HttpFailedError(HttpFailure.TIMEOUT) from None
        except httpcore.NetworkError:
            raise HttpFailedError(HttpFailure.CONNECT_FAILED) from None
        except httpcore.RemoteProtocolError:
            raise HttpFailedError(HttpFailure.BAD_ANSWER) from None


class _Places:
    """A limit of requests under way for each key; keys that nobody uses are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._gates: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def place(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for a place and hold it; first come, first served."""
        gate = self._gates.setdefault(key, asyncio.Semaphore(self._most))
        async with gate:
            yield


def trusted() -> ssl.SSLContext:
    """Return the authorities that the system trusts and the usual public ones; TLS 1.2 or newer."""
    context = httpcore.default_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _url(address: WebAddress) -> httpcore.URL:
    return httpcore.URL(
        scheme=address.scheme, host=address.host, port=address.port, target=address.target
    )


def _headers(request: HttpRequest, address: WebAddress) -> list[tuple[bytes, bytes]]:
    given = [(name.encode("ascii"), value.encode("ascii")) for name, value in request.headers]
    names = {name.lower() for name, _ in given}
    ours = [(name, value) for name, value in _STANDING_HEADERS if name.lower() not in names]
    return [(b"Host", address.authority.encode("ascii")), *ours, *given]


async def _read(response: httpcore.Response, longest: int) -> HttpReply:
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
    headers = tuple((name.lower(), value) for name, value in pairs)
    reply = HttpReply(response.status, headers, b"")
    is_long = sum(len(name) + len(value) + 4 for name, value in headers) > LONGEST_HEADERS
    is_packed = reply.header("content-encoding").lower() not in _PLAIN
    if is_long or is_packed or not _OK <= reply.status < _LIMIT:
        raise HttpFailedError(HttpFailure.BAD_ANSWER)
    if _REDIRECTS <= reply.status < _ERRORS:
        raise HttpFailedError(HttpFailure.REDIRECT_REFUSED)
    return replace(reply, body=await _body(response, longest))


async def _body(response: httpcore.Response, longest: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > longest:
            raise HttpFailedError(HttpFailure.TOO_LARGE)
    return bytes(body)
