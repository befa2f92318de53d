"""A plain ARI session for tests that look at what Asterisk itself does (REST over WebSocket)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from autodialer.ops.asterisk.run import Ari

Event = dict[str, Any]
CALLER_ID = "+918040001234"


class AriSession:
    """Requests and events of one connection; every event that came is kept in `events`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self._replies: dict[str, Event] = {}
        self.events: list[Event] = []

    def request(self, method: str, uri: str, **query: str) -> Any:
        """Send one request; return its parsed body. Fails on a status of 400 or more."""
        reply = self.reply_to(method, uri, **query)
        assert reply["status_code"] < 400, reply
        body = reply.get("message_body")
        return json.loads(body) if body else None

    def reply_to(self, method: str, uri: str, **query: str) -> Event:
        """Send one request; return the whole reply, whatever its status."""
        return self._exchange(method, uri, query, {})

    def originate(self, channel: str, number: str, context: str, **variables: str) -> None:
        """Place a call over the trunk into a context of the dialplan, as the dialer does."""
        query = {
            "endpoint": f"PJSIP/{number}@trunk",
            "context": context,
            "extension": "s",
            "priority": "1",
            "callerId": CALLER_ID,
            "timeout": "30",
        }
        body = {"variables": {"LEG": channel, **variables}}
        reply = self._exchange("POST", f"channels/{channel}", query, body)
        assert reply["status_code"] == 200, reply

    def _exchange(self, method: str, uri: str, query: dict[str, str], body: Event) -> Event:
        self._sent += 1
        number = str(self._sent)
        message: Event = {
            "type": "RESTRequest",
            "request_id": number,
            "method": method,
            "uri": uri,
            "query_strings": [{"name": name, "value": value} for name, value in query.items()],
        }
        if body:
            message |= {"content_type": "application/json", "message_body": json.dumps(body)}
        self._socket.send(json.dumps(message))
        self._read_until(lambda: number in self._replies, 5)
        return self._replies.pop(number)

    def wait_for(self, kind: str, channel: str, deadline_s: float = 10) -> Event:
        """The first event of a kind about a channel, past or to come."""

        def found() -> Event | None:
            return next((e for e in self.events if e["type"] == kind and about(e) == channel), None)

        self._read_until(lambda: found() is not None, deadline_s)
        event = found()
        assert event is not None
        return event

    def drain(self, seconds: float) -> None:
        """Collect events for a while (to show that one does not come)."""
        give_up = time.monotonic() + seconds
        while (left := give_up - time.monotonic()) > 0:
            try:
                self._take(left)
            except TimeoutError:
                return

    def _read_until(self, done: Callable[[], bool], deadline_s: float) -> None:
        give_up = time.monotonic() + deadline_s
        while not done():
            left = give_up - time.monotonic()
            if left <= 0:
                seen = [(e["type"], about(e)) for e in self.events]
                raise AssertionError(f"not within {deadline_s} s; seen: {seen}")
            try:
                self._take(left)
            except TimeoutError:
                continue

    def _take(self, timeout_s: float) -> None:
        message: Event = json.loads(self._socket.recv(timeout=timeout_s))
        if message["type"] == "RESTResponse":
            self._replies[message["request_id"]] = message
        else:
            self.events.append(message)


def about(event: Event) -> str | None:
    """The id of the channel that an event is about."""
    channel: Event = event.get("channel") or event.get("peer") or {}
    return channel.get("id")


@contextmanager
def session(ari: Ari, *, subscribe_all: bool = True) -> Iterator[AriSession]:
    """Connect as the application `autodialer`."""
    wide = "&subscribeAll=true" if subscribe_all else ""
    uri = (
        f"ws://{ari.host}:{ari.port}/ari/events?app=autodialer{wide}"
        f"&api_key={ari.user}:{ari.password}"
    )
    with connect(uri, compression=None) as socket:
        yield AriSession(socket)
