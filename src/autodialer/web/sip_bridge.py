"""The browser phone's way to Asterisk: its SIP messages, over the pages' own origin.

So Asterisk's HTTP server stays on loopback, and nobody reaches it without a session. Whom the
phone may be is Asterisk's matter: each has a secret of its own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db.utils import Error as DatabaseError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from autodialer.apps.accounts.permissions import Permission, may
from autodialer.apps.calls.queries import phone_should_move, phone_socket
from autodialer.web.live_access import viewer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, WebSocketScope
    from websockets.asyncio.client import ClientConnection

    from autodialer.web.live import Hub
    from autodialer.web.live_topics import Viewer

log = structlog.get_logger()

SIP: Final = "sip"  # RFC 7118
# A SIP message with its session description is 2 to 6 kB.
MOST_BYTES: Final = 65_536
# Of one person. The page keeps to one for each browser; a socket that died may be noticed late.
MOST_SOCKETS: Final = 3
_OPEN_TIMEOUT_S: Final = 5.0
_LOOK_AT_NODE_S: Final = 5.0
# RFC 6455 7.4.1
_GOING_AWAY: Final = 1001
_TRY_AGAIN_LATER: Final = 1013


class SipBridge:
    """Carries messages between browsers and the Asterisk that has their phones."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        # How to end the sockets of each person, oldest first.
        self._of_person: defaultdict[int, list[Callable[[], None]]] = defaultdict(list)

    async def serve(
        self, scope: WebSocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve one socket to its end; without a session of this site it is refused (403)."""
        await receive()  # websocket.connect
        admitted = await self._admitted(scope)
        if admitted is None:
            await _close(send, 1000)
            return
        viewer, url = admitted
        await send({"type": "websocket.accept", "subprotocol": SIP, "headers": []})
        if not url:
            await _close(send, _TRY_AGAIN_LATER)
            return
        over = asyncio.Event()
        with self._hub.watching(viewer, over.set), self._one_of_few(viewer.user.pk, over.set):
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(self._watch_node(viewer, url, over), name="phone-node")
                await _bridge(url, receive, send, over)
                watch.cancel()

    async def _admitted(self, scope: WebSocketScope) -> tuple[Viewer, str] | None:
        request = ASGIRequest({**scope, "method": "GET"}, BytesIO())
        if SIP not in scope["subprotocols"] or not _is_from_here(request):
            return None
        try:
            return await self._hub.in_thread(lambda: _place_for(request))
        except DatabaseError:
            return None

    async def _watch_node(self, viewer: Viewer, url: str, over: asyncio.Event) -> None:
        """End the socket when its node is lost or drained: the page connects again, elsewhere."""
        while True:
            await asyncio.sleep(_LOOK_AT_NODE_S)
            with suppress(DatabaseError):
                if await self._hub.in_thread(lambda: phone_should_move(url, viewer.user.pk)):
                    over.set()

    @contextmanager
    def _one_of_few(self, user_id: int, end: Callable[[], None]) -> Iterator[None]:
        """Count a socket of this person during the block; one too many ends the oldest."""
        sockets = self._of_person[user_id]
        sockets.append(end)
        for oldest in sockets[:-MOST_SOCKETS]:
            oldest()
        try:
            yield
        finally:
            sockets.remove(end)
            if not sockets:
                self._of_person.pop(user_id, None)


def _place_for(request: ASGIRequest) -> tuple[Viewer, str] | None:
    """Return who opens a socket and where it leads; None for whom it is not."""
    viewer = viewer_of(request)
    if viewer is None or not may(viewer.actor, Permission.DIAL):
        return None
    return viewer, phone_socket(viewer.user.pk)


async def _bridge(
    url: str, receive: ASGIReceiveCallable, send: ASGISendCallable, over: asyncio.Event
) -> None:
    """Carry messages both ways until one side ends, or `over` is set."""
    try:
        async with connect(
            url,
            subprotocols=[Subprotocol(SIP)],
            open_timeout=_OPEN_TIMEOUT_S,
            max_size=MOST_BYTES,
            compression=None,
        ) as asterisk:
            async with asyncio.TaskGroup() as tasks:
                ways = (
                    tasks.create_task(_outwards(asterisk, receive, over), name="phone-out"),
                    tasks.create_task(_inwards(asterisk, send, over), name="phone-in"),
                )
                await over.wait()
                for way in ways:
                    way.cancel()
            await _close(send, _GOING_AWAY)
    except (OSError, TimeoutError, InvalidHandshake):
        log.warning("phone_socket_refused")
        await _close(send, _TRY_AGAIN_LATER)


def _is_from_here(request: ASGIRequest) -> bool:
    """Return whether a page of this site opens the socket: browsers ask no permission for it."""
    try:
        return urlsplit(request.headers.get("origin", "")).netloc == request.get_host()
    except (DisallowedHost, ValueError):  # a bracket that is not closed
        return False


async def _outwards(
    asterisk: ClientConnection, receive: ASGIReceiveCallable, over: asyncio.Event
) -> None:
    with suppress(ConnectionClosed):
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                break
            text = message.get("text")
            if text is None or len(text) > MOST_BYTES:
                break
            await asterisk.send(text)
    over.set()


async def _inwards(asterisk: ClientConnection, send: ASGISendCallable, over: asyncio.Event) -> None:
    with suppress(ConnectionClosed, OSError):
        async for message in asterisk:
            text = message if isinstance(message, str) else message.decode()
            await send({"type": "websocket.send", "bytes": None, "text": text})
    over.set()


async def _close(send: ASGISendCallable, code: int) -> None:
    with suppress(RuntimeError, OSError):  # the browser was faster
        await send({"type": "websocket.close", "code": code, "reason": None})
