"""Slow browsers wait here, in the event loop, and never in one of Django's few threads.

What a browser sends is taken in before a thread is asked to answer it; of an answer that it does
not take, the rest is thrown away. Otherwise a handful of connections that send half a form, or
read half a report, would stand in everybody's way.
"""

from __future__ import annotations

import asyncio
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.web.uploads import MAX_BODY

if TYPE_CHECKING:
    from asgiref.typing import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGIReceiveEvent,
        ASGISendCallable,
        ASGISendEvent,
        HTTPScope,
    )

    Body = SpooledTemporaryFile[bytes]

log = structlog.get_logger()

# For which nothing comes, or nothing is taken: a mobile that changes its network needs some.
IDLE_S: Final = 60.0
# Of a body, in memory: all forms are smaller, only files are not.
_IN_MEMORY: Final = 1024 * 1024
_PIECE: Final = 64 * 1024
# As far a body in chunks that is too big is read all the same: whoever is cut off while sending
# never reads why.
_THROWN_AWAY: Final = 4 * MAX_BODY
_TOO_SLOW: Final = 408


class Patient:
    """An application in front of one whose threads wait for nobody."""

    def __init__(self, app: ASGI3Application, idle_s: float = IDLE_S) -> None:
        self._app, self._idle_s = app, idle_s

    async def __call__(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request."""
        scope = _plain(scope)
        with SpooledTemporaryFile(_IN_MEMORY) as body:
            if _is_read(scope):
                try:
                    length = await self._take_in(body, receive)
                except TimeoutError:
                    await _refuse(send)
                    return
                if length is None:
                    return
                if length > MAX_BODY:
                    send = _closing(send)
                scope, receive = _of_length(scope, length), _again(body)
            await self._app(scope, receive, self._impatient(send))

    async def _take_in(self, body: Body, receive: ASGIReceiveCallable) -> int | None:
        """Read the body to its end, if it has one; return how long it is at least.

        None: the browser has gone. Raises TimeoutError.
        """
        length = 0
        while length <= _THROWN_AWAY:
            async with asyncio.timeout(self._idle_s):
                message = await receive()
            if message["type"] != "http.request":
                return None
            length += len(message["body"])
            if length <= MAX_BODY:
                body.write(message["body"])
            if not message["more_body"]:
                break
        body.seek(0)
        return length

    def _impatient(self, send: ASGISendCallable) -> ASGISendCallable:
        """Return a `send` that stops sending, but not its caller, who has to come to an end."""
        is_stuck = False

        async def until_stuck(message: ASGISendEvent) -> None:
            nonlocal is_stuck
            if is_stuck:
                return
            try:
                async with asyncio.timeout(self._idle_s):
                    await send(message)
            except TimeoutError:
                is_stuck = True
                log.warning("answer_not_taken")

        return until_stuck


def _is_read(scope: HTTPScope) -> bool:
    """Return whether the pages will read a body: one in chunks, or not known to be too big."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return True
    length = headers.get(b"content-length", b"")
    return length.isdigit() and 0 < int(length) <= MAX_BODY


def _of_length(scope: HTTPScope, length: int) -> HTTPScope:
    """Return the request as if its body had not come in chunks, which WSGI does not know."""
    framing = {b"content-length", b"transfer-encoding"}
    headers = [(name, value) for name, value in scope["headers"] if name not in framing]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def _closing(send: ASGISendCallable) -> ASGISendCallable:
    """Return a `send` after whose answer the connection ends: the rest of the body is not read."""

    async def and_close(message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], (b"connection", b"close")]
            message = {**message, "headers": headers}
        await send(message)

    return and_close


def _plain(scope: HTTPScope) -> HTTPScope:
    """Return the request without headers that WSGI would take for others.

    `X_Forwarded_For` would pass for `X-Forwarded-For`, which only proxies may say.
    """
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    return {**scope, "headers": headers}


def _again(body: Body) -> ASGIReceiveCallable:
    async def receive() -> ASGIReceiveEvent:
        piece = body.read(_PIECE)
        return {"type": "http.request", "body": piece, "more_body": len(piece) == _PIECE}

    return receive


async def _refuse(send: ASGISendCallable) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send(
        {
            "type": "http.response.start",
            "status": _TOO_SLOW,
            "headers": headers,
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})
