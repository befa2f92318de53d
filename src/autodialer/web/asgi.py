"""The web process as one ASGI application: live streams and the phone's socket here, Django below.

Django runs in threads over WSGI, several times faster than its own ASGI path
(docs/adr/0009-web-process.md).
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, cast

import structlog
import uvicorn

from autodialer.web.patience import Patient
from autodialer.web.sip_bridge import MOST_BYTES

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from datetime import timedelta

    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
    from django.core.handlers.wsgi import WSGIHandler

    from autodialer.web.live import Hub
    from autodialer.web.patience import Pages
    from autodialer.web.sip_bridge import SipBridge

log = structlog.get_logger()

# Requests that are answered at the same time; each thread keeps a database connection.
THREADS: Final = 8
LIVE: Final = "/live"
PHONE: Final = "/sip"


class Answers(Protocol):
    """Somebody else than the pages who answers in the event loop."""

    def matches(self, path: str) -> bool:
        """Return whether this address is answered here."""
        ...

    async def serve(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request."""
        ...


class Streams(Answers, Protocol):
    """Answers that last."""

    def end_all(self) -> None:
        """End every stream."""
        ...


class WebApp:
    """Answers every connection of the web process."""

    def __init__(
        self,
        pages: WSGIHandler,
        hub: Hub,
        phone: SipBridge,
        events: Streams,
        monitor: Answers,
    ) -> None:
        self._pages = Patient(cast("Pages", pages), THREADS)
        self._hub, self._phone, self._events, self._monitor = hub, phone, events, monitor

    def end_streams(self) -> None:
        """End what would otherwise never end."""
        self._hub.end_all()
        self._events.end_all()

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request or socket."""
        match scope["type"]:
            case "websocket" if scope["path"] == PHONE:
                await self._phone.serve(scope, receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1000, "reason": None})
            case "http" if scope["path"] == LIVE:
                await self._hub.serve(scope, receive, send)
            case "http" if self._monitor.matches(scope["path"]):
                await self._monitor.serve(scope, receive, send)
            case "http" if self._events.matches(scope["path"]):
                await self._events.serve(scope, receive, send)
            case "http":
                await self._pages(scope, receive, send)
            case "lifespan":
                pass  # never asked: see `serve`


class _Server(uvicorn.Server):
    """uvicorn, but streams end before it waits for connections to end."""

    def __init__(self, config: uvicorn.Config, app: WebApp) -> None:
        super().__init__(config)
        self._app = app

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller, who may have more to stop."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the requests in hand."""
        self._app.end_streams()
        await super().shutdown(sockets)


async def serve(app: WebApp, host: str, port: int, finish: timedelta, stop: asyncio.Event) -> None:
    """Answer connections until `stop`; then finish the requests in hand, for so long at most.

    Raises OSError when the port cannot be had.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # Django believes only as many proxies as there are
        timeout_graceful_shutdown=int(finish.total_seconds()),
    )
    server = _Server(config, app)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(), name="http")
        waiting = tasks.create_task(stop.wait(), name="stop")
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        waiting.cancel()
