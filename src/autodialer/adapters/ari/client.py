"""One WebSocket to Asterisk that carries both ARI's events and our REST requests."""

from __future__ import annotations

import asyncio
import base64
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from autodialer.ports.telephony import SwitchUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from websockets.asyncio.client import ClientConnection

log = structlog.get_logger()

REQUEST_DEADLINE_S: Final = 5.0
# A half-open connection is found within the sum of these three.
_PING_EVERY_S: Final = 5.0
_PONG_WITHIN_S: Final = 9.0
_CLOSE_WITHIN_S: Final = 1.0
# A list of 4,000 channels, at about 1.5 kB each, comes in one frame.
_LARGEST_FRAME: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AriConfig:
    """How to reach one Asterisk and what to use there.

    `host` is an address, not a name with several, so that "refused" has one meaning.
    `recordings` is an absolute folder that Asterisk may write to. `trunk` is the PJSIP endpoint
    that carries calls to the telephone network.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    recordings: str
    app: str = "autodialer"
    trunk: str = "trunk"


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer to one request. `body` is None when there was none."""

    status: int
    body: Any


class Connection:
    """Requests over an open socket; everything else that arrives is in `events`.

    `events` ends with None when the socket has closed.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.events: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self._socket = socket
        self._ids = itertools.count(1)
        self._pending: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._unreadable = 0

    async def request(self, method: str, uri: str, body: Mapping[str, Any] | None = None) -> Reply:
        """Send one request and return its answer. Requests are carried out in the order sent.

        Raises SwitchUnavailableError when there is no answer within 5 s, or when the socket
        closes first: whether the request was carried out is then unknown. A socket that answers
        its pings and not its requests is closed, so that no call goes out until one answers.
        """
        request_id = str(next(self._ids))
        answer = asyncio.get_running_loop().create_future()
        self._pending[request_id] = answer
        try:
            async with asyncio.timeout(REQUEST_DEADLINE_S):
                await self._send(request_id, method, uri, body)
                return _reply(await answer)
        except TimeoutError:
            self._socket.transport.abort()
            raise SwitchUnavailableError(
                f"Asterisk did not answer {method} {uri} in {REQUEST_DEADLINE_S} s."
            ) from None
        finally:
            del self._pending[request_id]

    async def tell(self, method: str, uri: str) -> None:
        """Send a request whose answer does not matter."""
        async with asyncio.timeout(REQUEST_DEADLINE_S):
            await self._send(str(next(self._ids)), method, uri, None)

    async def read(self) -> None:
        """Sort what arrives until the socket closes; then fail the requests that wait."""
        try:
            async for frame in self._socket:
                self._take(frame)
        except ConnectionClosed as closed:
            log.info("ari_connection_lost", error=str(closed))
        finally:
            self.events.put_nowait(None)
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(_closed())

    async def _send(
        self, request_id: str, method: str, uri: str, body: Mapping[str, Any] | None
    ) -> None:
        message = {
            "type": "RESTRequest",
            "request_id": request_id,
            "method": method,
            "uri": uri,
        }
        if body is not None:
            message["content_type"] = "application/json"
            message["message_body"] = orjson.dumps(body).decode()
        try:
            await self._socket.send(orjson.dumps(message), text=True)
        except ConnectionClosed:
            raise _closed() from None

    def _take(self, frame: str | bytes) -> None:
        try:
            message = orjson.loads(frame)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            self._count_unreadable()
        elif message.get("type") != "RESTResponse":
            self.events.put_nowait(message)
        else:
            answer = self._pending.get(str(message.get("request_id")))
            if answer is not None and not answer.done():
                answer.set_result(message)

    def _count_unreadable(self) -> None:
        self._unreadable += 1
        if self._unreadable == 1:
            log.warning("ari_frame_unreadable", note="further ones are not logged")


@asynccontextmanager
async def connect(config: AriConfig) -> AsyncIterator[Connection]:
    """Open the socket and take over the application, with the events of all channels.

    Raises OSError (ConnectionRefusedError when nothing listens), TimeoutError or
    WebSocketException.
    """
    url = f"ws://{config.host}:{config.port}/ari/events?app={config.app}&subscribeAll=true"
    # In a header, because addresses end up in logs.
    secret = base64.b64encode(f"{config.user}:{config.password}".encode()).decode()
    async with open_socket(
        url,
        additional_headers={"Authorization": f"Basic {secret}"},
        compression=None,
        proxy=None,
        open_timeout=REQUEST_DEADLINE_S,
        ping_interval=_PING_EVERY_S,
        ping_timeout=_PONG_WITHIN_S,
        close_timeout=_CLOSE_WITHIN_S,
        max_size=_LARGEST_FRAME,
    ) as socket:
        connection = Connection(socket)
        # Not a TaskGroup: the caller is a generator, and no group may span a yield (PEP 789).
        reading = asyncio.get_running_loop().create_task(connection.read(), name="ari-reader")
        try:
            yield connection
        finally:
            reading.cancel()
            await asyncio.wait([reading])


def _reply(message: Mapping[str, Any]) -> Reply:
    text = message.get("message_body")
    try:
        return Reply(int(message["status_code"]), orjson.loads(text) if text else None)
    except (KeyError, TypeError, ValueError):
        raise SwitchUnavailableError(f"Asterisk's answer makes no sense: {message}") from None


def _closed() -> SwitchUnavailableError:
    return SwitchUnavailableError("The connection to Asterisk was lost; see its log.")
