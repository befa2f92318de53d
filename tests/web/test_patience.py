"""Slow browsers on real sockets, in front of real threads."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from autodialer.ops.process import free_port
from autodialer.web.patience import Patient
from autodialer.web.uploads import MAX_BODY

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Iterable

THREADS = 2
DEADLINE_S = 20.0
# More than the buffers of two sockets and all that is between them.
ENDLESS = 2_000
LONG = 50_000
# More than what the buffers hold of it, and soon made.
LARGE = b"".join(b"%08d" % number for number in range(1_000_000))
PIECE = 65_536


def pages(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """A WSGI application that tells what it was asked; `/long` never comes to an end soon."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    said = {
        "bytes": len(body),
        "length": int(environ.get("CONTENT_LENGTH") or 0),
        "for": environ.get("HTTP_X_FORWARDED_FOR", ""),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError
    if environ["PATH_INFO"] == "/pieces":
        return (b"%d," % number for number in range(LONG))
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Length", str(len(LARGE)))])
        return (LARGE[at : at + PIECE] for at in range(0, len(LARGE), PIECE))
    if environ["PATH_INFO"] == "/long":
        return (b"x" * 65_536 for _ in range(ENDLESS))
    return [json.dumps(said).encode()]


class Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@asynccontextmanager
async def site(idle_s: float, **limits: int) -> AsyncIterator[int]:
    """The port of a server with few threads."""
    app: Any = Patient(pages, THREADS, idle_s, **limits)
    port = free_port()
    config = uvicorn.Config(
        app,
        port=port,
        lifespan="off",
        log_config=None,
        http="httptools",
        timeout_graceful_shutdown=int(DEADLINE_S),
    )
    server = Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve())
        async with asyncio.timeout(DEADLINE_S):
            await server.is_up.wait()
        try:
            yield port
        finally:
            server.should_exit = True


async def ask(port: int, head: bytes, body: bytes = b"") -> tuple[int, bytes]:
    """Send a request and read its whole answer."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"Host: x\r\nConnection: close\r\n\r\n" + body)
        whole = await reader.read()
        writer.close()
    answered, _, content = whole.partition(b"\r\n\r\n")
    return int(answered.split()[1]), content


async def told(port: int, head: bytes, body: bytes = b"") -> dict[str, Any]:
    status, content = await ask(port, head, body)
    assert status == 200
    found: dict[str, Any] = json.loads(content[content.index(b"{") : content.rindex(b"}") + 1])
    return found


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(chunk(b"x" * 65_536))
        await writer.drain()


async def send_only(port: int, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    return reader, writer


async def test_browsers_that_send_half_a_form_keep_nobody_waiting() -> None:
    async with site(idle_s=60) as port:
        half = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345"
        slow = [await send_only(port, half) for _ in range(3 * THREADS)]
        assert (await told(port, b"GET / HTTP/1.1\r\n"))["bytes"] == 0
        for _, writer in slow:
            writer.close()


async def test_who_never_sends_the_rest_is_told_that_it_took_too_long() -> None:
    async with site(idle_s=0.2) as port:
        reader, writer = await send_only(
            port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345"
        )
        async with asyncio.timeout(DEADLINE_S):
            assert b" 408 " in await reader.readline()
        writer.close()


async def test_browsers_that_do_not_read_their_answer_keep_nobody_waiting() -> None:
    async with site(idle_s=0.2) as port:
        asked = b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n"
        slow = [await send_only(port, asked) for _ in range(3 * THREADS)]
        assert (await told(port, b"GET / HTTP/1.1\r\n"))["bytes"] == 0
        for _, writer in slow:
            writer.close()


async def read_slowly(reader: asyncio.StreamReader) -> None:
    """Take a little again and again, as a player of a long recording does."""
    while await reader.read(PIECE):  # noqa: ASYNC110  the pace is what this is about
        await asyncio.sleep(0.2)


async def test_browsers_that_read_slowly_keep_nobody_waiting() -> None:
    async with site(idle_s=60) as port, asyncio.TaskGroup() as readers:
        asked = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
        slow = [await send_only(port, asked) for _ in range(3 * THREADS)]
        reading = [readers.create_task(read_slowly(reader)) for reader, _ in slow]
        for _ in range(3):
            assert (await told(port, b"GET / HTTP/1.1\r\n"))["bytes"] == 0
        for (_, writer), task in zip(slow, reading, strict=True):
            assert not task.done()
            task.cancel()
            writer.close()


async def test_who_reads_slowly_gets_the_whole_answer_in_order() -> None:
    async with site(idle_s=60) as port:
        reader, writer = await send_only(
            port, b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        async with asyncio.timeout(DEADLINE_S):
            await reader.readuntil(b"\r\n\r\n")
            found = bytearray(await reader.read(PIECE))
            await asyncio.sleep(1.5)  # longer than a thread waits for it
            while piece := await reader.read(PIECE):
                found += piece
        writer.close()
        assert found == LARGE


async def test_an_answer_for_which_there_is_no_room_is_broken_off() -> None:
    async with site(idle_s=60, most_aside=PIECE) as port:
        reader, writer = await send_only(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(1.5)  # longer than a thread waits for it
        async with asyncio.timeout(DEADLINE_S):
            whole = await reader.read()
        writer.close()
        assert 0 < len(whole) < len(LARGE)
        length, _ = await asyncio.to_thread(fetched, port, "/")
        assert length


@pytest.mark.parametrize("size", [1, 65_536, 65_537, 3_000_000])
async def test_a_body_arrives_whole(size: int) -> None:
    async with site(idle_s=60) as port:
        head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n" % size
        assert (await told(port, head, b"x" * size))["bytes"] == size


@pytest.mark.parametrize("size", [0, 1, 65_537, 3_000_000])
async def test_a_body_in_chunks_arrives_whole(size: int) -> None:
    async with site(idle_s=60) as port:
        head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        pieces = [b"x" * min(10_000, size - at) for at in range(0, size, 10_000)]
        assert (await told(port, head, b"".join(map(chunk, [*pieces, b""]))))["bytes"] == size


async def test_a_body_in_chunks_without_an_end_is_given_up() -> None:
    async with site(idle_s=0.2) as port:
        reader, writer = await send_only(
            port, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"
        )
        async with asyncio.timeout(DEADLINE_S):
            assert b" 408 " in await reader.readline()
        writer.close()


async def test_chunks_that_come_to_too_much_are_left_to_the_pages_to_refuse() -> None:
    async with site(idle_s=60) as port:
        head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        pieces = [b"x" * 1_000_000] * (MAX_BODY // 1_000_000 + 1)
        found = await told(port, head, b"".join(map(chunk, [*pieces, b""])))
        assert found["length"] > MAX_BODY


async def test_chunks_without_an_end_end_the_connection() -> None:
    async with site(idle_s=60) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(ConnectionError):
                await send_for_ever(writer)
        writer.close()


async def test_a_body_that_is_too_big_is_left_to_the_pages_to_refuse() -> None:
    asked: list[str] = []

    def refusing(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        asked.append(environ["CONTENT_LENGTH"])
        start_response("413 Too big", [])
        return []

    async def never() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    headers = [(b"content-length", str(MAX_BODY + 1).encode())]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    scope |= {"query_string": b"", "http_version": "1.1"}
    await Patient(refusing, 1)(scope, never, send)  # type: ignore[arg-type]
    assert asked == [str(MAX_BODY + 1)]
    assert [message.get("status") for message in sent] == [413, None]


async def test_nobody_passes_for_a_proxy_by_an_underscore() -> None:
    async with site(idle_s=60) as port:
        assert (await told(port, b"GET / HTTP/1.1\r\nX_Forwarded_For: 6.6.6.6\r\n"))["for"] == ""
        assert (await told(port, b"GET / HTTP/1.1\r\nX-Forwarded-For: 7.7.7.7\r\n"))["for"]


def fetched(port: int, path: str) -> tuple[str | None, bytes]:
    """The length that an answer tells, and what it holds."""
    http = HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    http.request("GET", path)
    answer = http.getresponse()
    found = answer.headers["Content-Length"], answer.read()
    http.close()
    return found


async def test_a_long_answer_arrives_in_order_and_a_short_one_tells_its_length() -> None:
    async with site(idle_s=60) as port:
        _, content = await asyncio.to_thread(fetched, port, "/pieces")
        assert content == b"".join(b"%d," % number for number in range(LONG))
        length, content = await asyncio.to_thread(fetched, port, "/")
        assert length == str(len(content))


async def test_an_answer_that_fails_is_told_and_frees_its_thread() -> None:
    async with site(idle_s=60) as port:
        for _ in range(2 * THREADS):
            status, _ = await ask(port, b"GET /fails HTTP/1.1\r\n")
            assert status == 500
        assert (await told(port, b"GET / HTTP/1.1\r\n"))["bytes"] == 0
