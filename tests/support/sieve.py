"""A relay for ARI's one WebSocket that lets some kinds of frames vanish and keeps it open."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection
    from websockets.sync.server import ServerConnection

    from autodialer.ops.asterisk.run import Ari

Socket: TypeAlias = "ClientConnection | ServerConnection"


class Frame(StrEnum):
    """What travels between a dialer and Asterisk."""

    REQUEST = "RESTRequest"
    ANSWER = "RESTResponse"
    EVENT = "event"


class Sieve:
    """Passes frames on unless they are `lost`; pings are answered whatever is."""

    def __init__(self, ari: Ari) -> None:
        self.ari = ari
        self.lost: Frame | None = None
        self._asterisk = ari

    def relay(self, dialer: ServerConnection) -> None:
        """Serve one connection of a dialer with one to Asterisk, until either ends."""
        assert dialer.request is not None
        url = f"ws://{self._asterisk.host}:{self._asterisk.port}{dialer.request.path}"
        headers = {"Authorization": dialer.request.headers["Authorization"]}
        with connect(
            url, additional_headers=headers, compression=None, proxy=None, max_size=None
        ) as asterisk:
            back = threading.Thread(target=self._pass, args=(asterisk, dialer), name="sieve")
            back.start()
            self._pass(dialer, asterisk)
            back.join()

    def _pass(self, source: Socket, target: Socket) -> None:
        with suppress(ConnectionClosed):
            for frame in source:
                if kind_of(frame) is not self.lost:
                    target.send(frame)
        target.close()


def kind_of(frame: str | bytes) -> Frame:
    """Tell requests and answers from all else, which is events."""
    kind = json.loads(frame).get("type")
    return Frame(kind) if kind in {Frame.REQUEST, Frame.ANSWER} else Frame.EVENT


@contextmanager
def sieve_before(ari: Ari) -> Iterator[Sieve]:
    """A sieve on a free port; its `ari` is what a dialer has to be told."""
    sieve = Sieve(ari)
    with serve(sieve.relay, "127.0.0.1", 0, compression=None, max_size=None) as server:
        sieve.ari = replace(ari, port=server.socket.getsockname()[1])
        thread = threading.Thread(target=server.serve_forever, name="sieve-door")
        thread.start()
        try:
            yield sieve
        finally:
            server.shutdown()
            thread.join()
