"""Django in threads, and slow browsers in the event loop, never in one of those few threads.

What a browser sends is taken in before a thread is asked to answer it. Of a long answer that it
takes slowly the rest is put into a file, from which the event loop sends it; one that it does not
take at all is thrown away. Otherwise a handful of connections that send half a form, or play long
recordings, would stand in everybody's way.

A thread hands its answer over whole: each look across to the event loop and back would cost as
much as the answer to a small request.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from io import BytesIO
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, Final, cast

import structlog

from autodialer.web.aside import Aside, Shelf
from autodialer.web.environ import environ_of
from autodialer.web.uploads import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPScope

    Body = SpooledTemporaryFile[bytes]
    Pages = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]

log = structlog.get_logger()

# For which nothing comes, or nothing is taken: a mobile that changes its network needs some.
IDLE_S: Final = 60.0
# Of a body, in memory: all forms are smaller, only files are not.
_IN_MEMORY: Final = 1024 * 1024
# An answer is sent in pieces of this size at least.
_PIECE: Final = 64 * 1024
# So long, altogether, a thread waits for the browser to take the answer that it is making.
_WAITS_S: Final = 1.0
# Of all answers that wait in files for slow browsers; one for which there is no room is broken off.
_MOST_ASIDE: Final = 1024 * 1024 * 1024
# As far a body in chunks that is too big is read all the same: whoever is cut off while sending
# never reads why.
_THROWN_AWAY: Final = 4 * MAX_BODY
_TOO_SLOW: Final = 408
_WITHOUT_BODY: Final = frozenset({204, 304})


class Patient:
    """A WSGI application as one of ASGI, whose threads wait for nobody."""

    def __init__(
        self, pages: Pages, threads: int, idle_s: float = IDLE_S, most_aside: int = _MOST_ASIDE
    ) -> None:
        """`most_aside`: bytes of answers that wait in files for slow browsers."""
        self._pages, self._idle_s = pages, idle_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pages")
        self._shelf = Shelf(most_aside)

    async def __call__(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request."""
        if not _is_read(scope):
            await self._answer(scope, BytesIO(), send)
            return
        with SpooledTemporaryFile(_IN_MEMORY) as body:
            try:
                length = await self._take_in(body, receive)
            except TimeoutError:
                await _refuse(send)
                return
            if length is None:
                return
            if length > MAX_BODY:
                send = _closing(send)
            await self._answer(_of_length(scope, length), cast("IO[bytes]", body), send)

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

    async def _answer(self, scope: HTTPScope, body: IO[bytes], send: ASGISendCallable) -> None:
        """Have a thread answer, and send what it has not sent by itself."""
        loop = asyncio.get_running_loop()
        outlet = _Outlet(send, self._idle_s)
        asked = environ_of(scope, body)
        work = copy_context().run
        with Aside(self._shelf) as aside:
            answer = _Answer(scope["method"], outlet, aside, loop)
            await loop.run_in_executor(self._threads, work, answer.make, self._pages, asked)
            await answer.send_rest()


class _Outlet:
    """Sends to one browser until it takes nothing for too long; then all the rest is dropped."""

    def __init__(self, send: ASGISendCallable, idle_s: float) -> None:
        self._send, self._idle_s = send, idle_s
        self.is_shut = False

    async def send(self, *messages: ASGISendEvent) -> None:
        """Send, if somebody is there to take it."""
        if self.is_shut:
            return
        try:
            async with asyncio.timeout(self._idle_s):
                for message in messages:
                    await self._send(message)
        except TimeoutError:
            self.shut()

    def shut(self) -> None:
        """Send no more. An answer without its end closes the connection."""
        self.is_shut = True
        log.warning("answer_not_taken")


class _Answer:
    """An answer in the making: a thread fills it, and sends of a long one all but the end."""

    def __init__(
        self, method: str, outlet: _Outlet, aside: Aside, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._method, self._outlet, self._aside, self._loop = method, outlet, aside, loop
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._is_begun = False
        self._made: list[bytes] = []
        self._waits_s = _WAITS_S
        # What the browser had not taken when this thread had waited for long enough.
        self._under_way: Future[None] | None = None

    def make(self, pages: Pages, environ: dict[str, Any]) -> None:
        """Let the pages answer; in a thread."""
        chunks = pages(environ, self._start)
        size = 0
        try:
            for chunk in chunks:
                self._made.append(chunk)
                size += len(chunk)
                if size >= _PIECE:
                    self._pass_on()
                    size = 0
                if self._outlet.is_shut:
                    break
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _pass_on(self) -> None:
        """Have what is made sent, or put it aside for a browser that has kept us for too long."""
        piece = b"".join(self._made)
        self._made.clear()
        if self._under_way is not None:
            if not self._aside.put(piece):
                self._outlet.shut()
            return
        sending = asyncio.run_coroutine_threadsafe(self._send_piece(piece), self._loop)
        began = monotonic()
        if not wait([sending], self._waits_s).done:
            self._under_way = sending
            return
        sending.result()
        self._waits_s -= monotonic() - began

    async def send_rest(self) -> None:
        """Send what is left of it, which is nearly always all of it."""
        if self._under_way is not None:
            await asyncio.wrap_future(self._under_way)
            async for piece in self._aside.pieces(_PIECE):
                await self._send_piece(piece)
        is_sized = any(name == b"content-length" for name, _ in self._headers)
        if not self._is_begun and not is_sized and self._may_be_sized:
            size = sum(map(len, self._made))
            self._headers.append((b"content-length", b"%d" % size))
        await self._send_piece(b"".join(self._made), is_end=True)

    @property
    def _may_be_sized(self) -> bool:
        """Whether all of the body is here: what HEAD is answered was left out of it."""
        return self._method != "HEAD" and self._status not in _WITHOUT_BODY

    def _start(
        self, status: str, headers: Sequence[tuple[str, str]], _exc_info: object = None
    ) -> None:
        self._status = int(status[:3])
        self._headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]

    async def _send_piece(self, body: bytes, *, is_end: bool = False) -> None:
        messages: list[ASGISendEvent] = []
        if not self._is_begun:
            self._is_begun = True
            messages.append(
                {
                    "type": "http.response.start",
                    "status": self._status,
                    "headers": self._headers,
                    "trailers": False,
                }
            )
        messages.append({"type": "http.response.body", "body": body, "more_body": not is_end})
        await self._outlet.send(*messages)


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
