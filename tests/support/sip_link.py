"""The way between a node and the lab carrier, on its bad days: SIP that is lost, late or nonsense.

It passes each message on, with the addresses in the headers exchanged so that both sides answer to
it; the audio goes past it. What shall happen to the messages of a call is a `Fault` of its called
number. Runs in a thread of its own, as `tests.support.proxy` does.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final, TypeAlias

_STARTED_WITHIN_S: Final = 10.0
_HOST: Final = "127.0.0.1"
_ADDRESS: Final = re.compile(rb"127\.0\.0\.1:(\d+)")
_FIRST: Final = re.compile(rb"(?:SIP/2\.0 (\d{3}) |[A-Z]+ sip:(?:([^@ ]+)@)?)")
_CALL_ID: Final = re.compile(rb"^Call-ID: *(\S+)", re.MULTILINE)
_METHOD: Final = re.compile(rb"^CSeq: *\d+ +([A-Z]+)", re.MULTILINE)
_BODY: Final = b"\r\n\r\n"
_ECHOED: Final = (b"Via", b"From", b"To", b"Call-ID", b"CSeq")


class Side(StrEnum):
    """Who sent a message."""

    NODE = "node"
    CARRIER = "carrier"


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message; `kind` is like "BYE", or like "200 INVITE" for an answer.

    `delay_s` is for how long it is kept back; `number` is the one that the call was placed to.
    """

    sender: Side
    number: str
    call_id: str
    kind: str
    data: bytes
    at: float
    delay_s: float = 0.0

    def with_body(self, body: bytes) -> Message:
        """Return the message with another body of the same kind."""
        head = self.data.partition(_BODY)[0]
        length = b"Content-Length: %d" % len(body)
        return replace(self, data=re.sub(rb"Content-Length: *\d+", length, head) + _BODY + body)


# What is sent instead of a message.
Fault: TypeAlias = Callable[[Message], Iterable[Message]]


def pass_on(message: Message) -> Iterable[Message]:
    """No fault."""
    return (message,)


def lose(*kinds: str) -> Fault:
    """These never arrive, however often they are sent; no kind: nothing arrives."""
    return lambda message: () if not kinds or message.kind in kinds else (message,)


def lose_at_first(seconds: float) -> Fault:
    """Nothing of a call arrives until this long after its first message."""
    began: dict[str, float] = {}

    def fault(message: Message) -> Iterable[Message]:
        since = began.setdefault(message.call_id, message.at)
        return (message,) if message.at >= since + seconds else ()

    return fault


def delay(kind: str, seconds: float) -> Fault:
    """Each of this kind arrives so much later."""
    return lambda message: [
        replace(message, delay_s=seconds if message.kind == kind else message.delay_s)
    ]


def repeat(kind: str, times: int) -> Fault:
    """Each of this kind arrives so many times."""
    return lambda message: (message,) * (times if message.kind == kind else 1)


def instead_of(kind: str, make: Callable[[Message], Iterable[Message]]) -> Fault:
    """The first of this kind is replaced; the same again is lost, as by a network that is sure."""
    replaced: set[str] = set()

    def fault(message: Message) -> Iterable[Message]:
        if message.kind != kind:
            return (message,)
        if message.call_id in replaced:
            return ()
        replaced.add(message.call_id)
        return make(message)

    return fault


def answer_when_cancelled(after_s: float) -> Fault:
    """The answer (200) is kept back and set free this long after the CANCEL, which it crosses."""
    kept: dict[str, Message] = {}
    cancelled: set[str] = set()

    def fault(message: Message) -> Iterable[Message]:
        call = message.call_id
        if message.kind == "200 INVITE" and call not in cancelled:
            kept[call] = message
            return ()
        if message.kind == "CANCEL" and call not in cancelled:
            cancelled.add(call)
            return (message, replace(kept[call], delay_s=after_s))
        return (message,)

    return fault


def answer(request: Message, status: str) -> Message:
    """Return what the carrier says to a request, in one line."""
    lines = request.data.partition(_BODY)[0].split(b"\r\n")[1:]
    echoed = [line for line in lines if line.split(b":")[0] in _ECHOED]
    tagged = [line + b";tag=lab" if line.startswith(b"To:") else line for line in echoed]
    head = [b"SIP/2.0 " + status.encode(), *tagged, b"Content-Length: 0"]
    return replace(request, sender=Side.CARRIER, data=b"\r\n".join(head) + _BODY)


class SipLink:
    """Between a node, which calls `port`, and a carrier. `seen` is what the two have sent."""

    def __init__(self, carrier_port: int) -> None:
        self.port = 0
        self.seen: list[Message] = []
        self.faults: dict[str, Fault] = {}
        # Of all numbers that have none of their own.
        self.trunk: Fault = pass_on
        self._numbers: dict[str, str] = {}
        self._ports = {Side.CARRIER: carrier_port}
        self._own: dict[Side, asyncio.DatagramTransport] = {}
        self._loop = asyncio.new_event_loop()

    def said(self, number: str, sender: Side) -> list[str]:
        """Return the kinds of messages that one side has sent for a number, in order."""
        return [m.kind for m in tuple(self.seen) if (m.number, m.sender) == (number, sender)]

    def calls(self, number: str) -> set[str]:
        """Return the ids of the calls that were placed to a number."""
        return {m.call_id for m in tuple(self.seen) if m.number == number and m.kind == "INVITE"}

    def called(self) -> set[str]:
        """Return the numbers for which the node has sent an INVITE."""
        invites = (m for m in tuple(self.seen) if m.kind == "INVITE" and m.sender is Side.NODE)
        return {m.number for m in invites}

    def mend(self) -> None:
        """Pass everything on again, and forget what was."""
        self.faults, self.trunk, self.seen = {}, pass_on, []

    # Inside ----------------------------------------------------------------------------------

    def arrived(self, data: bytes, port: int, sender: Side) -> None:
        """Take in a datagram of one side and send on what the fault makes of it."""
        self._ports[sender] = port
        message = self._read(data, sender)
        if message is None:
            return
        self.seen.append(message)
        for each in self.faults.get(message.number, self.trunk)(message):
            self._loop.call_later(each.delay_s, self._send, each)

    def _read(self, data: bytes, sender: Side) -> Message | None:
        first, call_id, method = _FIRST.match(data), _CALL_ID.search(data), _METHOD.search(data)
        if first is None or call_id is None or method is None:
            return None
        call = call_id[1].decode()
        if method[1] == b"INVITE" and first[2] is not None:
            self._numbers.setdefault(call, first[2].decode())
        code = f"{first[1].decode()} " if first[1] else ""
        number, kind = self._numbers.get(call, ""), code + method[1].decode()
        return Message(sender, number, call, kind, data, time.time())

    def _send(self, message: Message) -> None:
        to = Side.CARRIER if message.sender is Side.NODE else Side.NODE
        head, end, body = message.data.partition(_BODY)
        data = _ADDRESS.sub(lambda found: self._seen_from(to, found), head) + end + body
        self._own[to].sendto(data, (_HOST, self._ports[to]))

    def _seen_from(self, to: Side, found: re.Match[bytes]) -> bytes:
        """Return the same address as `to` knows it: each side knows us only, not the other."""
        sender = Side.NODE if to is Side.CARRIER else Side.CARRIER
        ports = {self._ports[sender]: self._port(to), self._port(sender): self._ports[to]}
        return b"127.0.0.1:%d" % ports.get(int(found[1]), int(found[1]))

    def _port(self, side: Side) -> int:
        return int(self._own[side].get_extra_info("sockname")[1])

    def serve(self, started: threading.Event) -> None:
        """Run until `stop`, in the thread that calls this."""
        for side in Side:
            opening = self._loop.create_datagram_endpoint(
                partial(_Socket, self, side), local_addr=(_HOST, 0)
            )
            self._own[side], _ = self._loop.run_until_complete(opening)
        self.port = self._port(Side.NODE)
        started.set()
        self._loop.run_forever()
        for transport in self._own.values():
            transport.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def stop(self) -> None:
        """End the thread's loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, link: SipLink, side: Side) -> None:
        self._link, self._side = link, side

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._link.arrived(data, addr[1], self._side)


@contextmanager
def sip_link(carrier_port: int) -> Iterator[SipLink]:
    """A link to a carrier on 127.0.0.1."""
    link, started = SipLink(carrier_port), threading.Event()
    thread = threading.Thread(target=link.serve, args=[started], name="sip-link", daemon=True)
    thread.start()
    assert started.wait(_STARTED_WITHIN_S)
    try:
        yield link
    finally:
        link.stop()
        thread.join(_STARTED_WITHIN_S)
        assert not thread.is_alive()
