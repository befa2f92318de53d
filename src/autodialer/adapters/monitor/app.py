"""What anybody may ask a process: `/livez` and `/readyz`; and who watches it: `/metrics`.

Answered in the event loop that does the work, past pages, sessions and the database's pools: a
loop that stands still does not answer, and an answer does not wait for those who are busy.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

    from autodialer.ports.health import Health, Part

LIVE: Final = "/livez"
READY: Final = "/readyz"
METRICS: Final = "/metrics"
ADDRESSES: Final = frozenset({LIVE, READY, METRICS})
_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_METHODS: Final = ("GET", "HEAD")
# Who asks over a proxy is somebody else than the proxy that we see.
_PROXY_HEADERS: Final = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `kind` is its media type."""

    status: int
    kind: str
    body: bytes


class Monitor:
    """An ASGI application for the addresses above; `watchers` may see more than yes or no.

    This machine always may. `metrics` returns the text for Prometheus and its media type.
    """

    def __init__(
        self,
        health: Health,
        metrics: Callable[[], Awaitable[tuple[bytes, str]]] | None = None,
        watchers: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._health, self._metrics, self._watchers = health, metrics, watchers

    def matches(self, path: str) -> bool:
        """Return whether this address is answered here."""
        return path in ADDRESSES

    async def __call__(
        self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one connection of a server that serves nothing else."""
        if scope["type"] == "http":
            await self.serve(scope, receive, send)

    async def serve(
        self, scope: HTTPScope, _receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request."""
        reply = await self._reply(scope)
        headers = [
            (b"content-type", reply.kind.encode()),
            (b"content-length", str(len(reply.body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if reply.status == 405:  # noqa: PLR2004  a status is its own name
            headers.append((b"allow", ", ".join(_METHODS).encode()))
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": headers,
                "trailers": False,
            }
        )
        body = b"" if scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _reply(self, scope: HTTPScope) -> Reply:
        if scope["method"] not in _METHODS:
            return _problem(405, "method_not_allowed", "This address takes GET and HEAD.")
        match scope["path"]:
            case "/livez":
                return Reply(200, _JSON, orjson.dumps({"status": "live"}))
            case "/readyz":
                return await self._readiness(scope)
            case "/metrics" if self._metrics is not None:
                if not self._may_watch(scope):
                    return _stranger()
                body, kind = await self._metrics()
                return Reply(200, kind, body)
        return _problem(404, "no_such_address", "There is nothing at this address.")

    async def _readiness(self, scope: HTTPScope) -> Reply:
        verbose = b"verbose" in scope["query_string"].split(b"&")
        if verbose and not self._may_watch(scope):
            return _stranger()
        parts = await self._health()
        lacking = [part.name for part in parts if not part.is_ready]
        told = _told(parts) if verbose else lacking
        if not lacking:
            return Reply(200, _JSON, orjson.dumps({"status": "ready", "parts": told}))
        return _problem(503, "not_ready", f"Not ready: {', '.join(lacking)}.", parts=told)

    def _may_watch(self, scope: HTTPScope) -> bool:
        client = scope.get("client")
        if client is None or any(name in _PROXY_HEADERS for name, _ in scope["headers"]):
            return False
        try:
            address = ip_address(client[0].partition("%")[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in network for network in self._watchers)


def _told(parts: Sequence[Part]) -> dict[str, str]:
    return {part.name: part.trouble or "ok" for part in parts}


def _stranger() -> Reply:
    return _problem(
        403, "not_allowed", "Ask from this machine, or from a network of AUTODIALER_METRICS_FROM."
    )


def _problem(status: int, code: str, detail: str, **more: object) -> Reply:
    """Return a problem of RFC 9457; `code` says which, as in the API."""
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return Reply(status, _PROBLEM, orjson.dumps(body))
