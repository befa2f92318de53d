"""The client against a server that breaks the rules, which Asterisk cannot be made to do."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.server import serve

from autodialer.adapters.ari.client import AriConfig, connect
from autodialer.ports.telephony import SwitchUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from websockets.asyncio.server import ServerConnection


MEGABYTE = 1_000_000


@asynccontextmanager
async def server(behave: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[AriConfig]:
    async with serve(behave, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield AriConfig("127.0.0.1", port, "u", "p", recordings="/nowhere")


def answer(request: str | bytes, **fields: object) -> str:
    request_id = json.loads(request)["request_id"]
    return json.dumps({"type": "RESTResponse", "request_id": request_id, **fields})


async def test_frames_that_make_no_sense_are_skipped() -> None:
    async def nonsense(socket: ServerConnection) -> None:
        request = await socket.recv()
        for frame in ("", "{", "[]", "7", "null", b"\xff\x00", "x" * MEGABYTE, '{"type": 1}'):
            await socket.send(frame)
        await socket.send(json.dumps({"type": "Long", "text": "x" * MEGABYTE}))
        await socket.send('{"type": "RESTResponse", "request_id": "never asked"}')
        await socket.send(answer(request, status_code=200, message_body='{"id": "x"}'))
        await socket.wait_closed()

    async with server(nonsense) as config, connect(config) as connection:
        reply = await connection.request("GET", "channels")
        assert (reply.status, reply.body) == (200, {"id": "x"})
        assert connection.events.get_nowait() == {"type": 1}
        assert connection.events.get_nowait() == {"type": "Long", "text": "x" * MEGABYTE}
        assert connection.events.empty()


@pytest.mark.parametrize(
    "fields", [{}, {"status_code": None}, {"status_code": 200, "message_body": "{"}]
)
async def test_an_answer_that_makes_no_sense_leaves_the_outcome_unknown(
    fields: dict[str, object],
) -> None:
    async def mumble(socket: ServerConnection) -> None:
        await socket.send(answer(await socket.recv(), **fields))
        await socket.wait_closed()

    async with server(mumble) as config, connect(config) as connection:
        with pytest.raises(SwitchUnavailableError):
            await connection.request("POST", "channels", {})


async def test_answers_in_another_order_find_their_requests() -> None:
    async def backwards(socket: ServerConnection) -> None:
        requests = [await socket.recv() for _ in range(3)]
        for request in reversed(requests):
            body = json.dumps(json.loads(request)["uri"])
            await socket.send(answer(request, status_code=200, message_body=body))
        await socket.wait_closed()

    async with server(backwards) as config, connect(config) as connection:
        replies = await asyncio.gather(*(connection.request("GET", uri) for uri in "abc"))
        assert [reply.body for reply in replies] == ["a", "b", "c"]


async def test_requests_that_wait_fail_when_the_connection_closes() -> None:
    async def hang_up(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.recv()
        await socket.close()

    async with server(hang_up) as config, connect(config) as connection:
        results = await asyncio.gather(
            *(connection.request("GET", uri) for uri in "ab"), return_exceptions=True
        )
        assert [type(result) for result in results] == [SwitchUnavailableError] * 2
        assert await connection.events.get() is None
        with pytest.raises(SwitchUnavailableError):
            await connection.request("GET", "c")


async def test_a_request_without_an_answer_ends_the_connection_though_events_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def say_something_else(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type": "News"}')
        await socket.wait_closed()

    monkeypatch.setattr("autodialer.adapters.ari.client.REQUEST_DEADLINE_S", 0.3)
    async with server(say_something_else) as config, connect(config) as connection:
        with pytest.raises(SwitchUnavailableError, match="did not answer POST channels"):
            await connection.request("POST", "channels", {})
        assert await connection.events.get() == {"type": "News"}
        async with asyncio.timeout(5):
            assert await connection.events.get() is None


async def test_the_password_is_neither_in_the_address_nor_in_the_printed_configuration() -> None:
    paths: list[str] = []

    async def look(socket: ServerConnection) -> None:
        assert socket.request is not None
        paths.append(socket.request.path)

    async with server(look) as config, connect(config) as connection:
        await connection.events.get()
    assert paths == ["/ari/events?app=autodialer&subscribeAll=true"]
    assert "'p'" not in repr(config)
