"""Read a capture of loopback SIP: when each number was called and when its call ended."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

# Formats: draft-ietf-opsawg-pcap; the magic number tells byte order and fraction of a second.
_FRACTIONS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e6),
    b"\xa1\xb2\xc3\xd4": (">", 1e6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e9),
    b"\xa1\xb2\x3c\x4d": (">", 1e9),
}
_ETHERNET: Final = 1  # what tcpdump writes for lo on Linux
_ETHERNET_BYTES: Final = 14
_IPV4: Final = b"\x08\x00"
_UDP: Final = 17

_REQUEST: Final = re.compile(rb"^INVITE sips?:\+?(\d+)@")
_CALLER: Final = re.compile(rb"\r\n(?:From|f) *:[^\r]*?sips?:\+?(\d+)@", re.IGNORECASE)
_CALLED: Final = re.compile(rb"\r\n(?:To|t) *:[^\r]*?sips?:\+?(\d+)@", re.IGNORECASE)
_INVITE_REPLY: Final = re.compile(rb"\r\nCSeq *: *\d+ +INVITE", re.IGNORECASE)
_FINAL_REFUSAL: Final = re.compile(rb"^SIP/2\.0 [3-6]\d\d ")


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP datagram; `at` is the kernel's time of it, in seconds since the epoch."""

    at: float
    source_port: int
    target_port: int
    payload: bytes


@dataclass(slots=True)
class WireTimes:
    """By called number (digits only): its first INVITE, and the first word that it is over."""

    invited: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handoffs:
    """The gaps of one measured window, in ms.

    What a percentile would hide: `missing` ends that no INVITE followed, and `idle` agents of
    whom no call ended in the window at all.
    """

    gaps_ms: tuple[float, ...]
    missing: int
    idle: int


def read_capture(file: Path) -> Iterator[Datagram]:
    """Yield the IPv4 UDP datagrams of a pcap file; a record cut off at the end is left out.

    Raises ValueError for another format.
    """
    data = file.read_bytes()
    if data[:4] not in _FRACTIONS:
        raise ValueError(f"{file} is not a pcap file")
    order, fraction = _FRACTIONS[data[:4]]
    if struct.unpack(f"{order}I", data[20:24])[0] != _ETHERNET:
        raise ValueError(f"{file} was not captured on an interface with Ethernet headers")
    header = struct.Struct(f"{order}IIII")
    offset = 24
    while offset + header.size <= len(data):
        seconds, part, size, _ = header.unpack_from(data, offset)
        offset += header.size
        if offset + size <= len(data):
            yield from _datagram(seconds + part / fraction, data[offset : offset + size])
        offset += size


def _datagram(at: float, frame: bytes) -> Iterator[Datagram]:
    ip = frame[_ETHERNET_BYTES:]
    if frame[12:14] != _IPV4 or ip[9] != _UDP:
        return
    udp = ip[(ip[0] & 15) * 4 :]
    source, target = struct.unpack(">HH", udp[:4])
    yield Datagram(at, source, target, udp[8:])


def wire_times(datagrams: Iterable[Datagram], carrier_port: int) -> WireTimes:
    """Find the calls that went to the carrier; a retransmission does not count.

    A call is over at the carrier's BYE or at its final refusal (3xx to 6xx to the INVITE).
    """
    times = WireTimes()
    for datagram in datagrams:
        if datagram.target_port == carrier_port:
            if called := _REQUEST.match(datagram.payload):
                times.invited.setdefault(called[1].decode(), datagram.at)
        elif datagram.source_port == carrier_port and (number := _ended(datagram.payload)):
            times.ended.setdefault(number, datagram.at)
    return times


def _ended(payload: bytes) -> str | None:
    """The number whose call this message of the carrier ends, or None."""
    if payload.startswith(b"BYE "):
        # The callee sends it, so the called number stands in From.
        found = _CALLER.search(payload)
    elif _FINAL_REFUSAL.match(payload) and _INVITE_REPLY.search(payload):
        found = _CALLED.search(payload)
    else:
        return None
    return found[1].decode() if found else None


def handoffs(
    times: WireTimes, orders: Iterable[Sequence[str]], since: float, until: float
) -> Handoffs:
    """Return each agent's gaps from the end of one call to the INVITE of the next, in a window.

    `orders` holds, for each agent, the numbers in the order in which they were called. A gap
    belongs to the window when the end does. Raises ValueError when an agent's next call began
    before the end of the last: then the order is wrong, or two calls were placed at once.
    """
    gaps: list[float] = []
    missing = idle = 0
    for order in orders:
        idle += not any(since <= times.ended.get(number, since - 1) < until for number in order)
        for number, following in pairwise(order):
            ended = times.ended.get(number)
            if ended is None or not since <= ended < until:
                continue
            if following not in times.invited:
                missing += 1
            elif (gap := times.invited[following] - ended) < 0:
                raise ValueError(f"{following} was called before {number} had ended")
            else:
                gaps.append(1000 * gap)
    return Handoffs(tuple(gaps), missing, idle)


def ends_between(times: WireTimes, since: float, until: float) -> int:
    """How many calls ended in the window."""
    return sum(since <= at < until for at in times.ended.values())


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` of the values do not exceed (nearest rank).

    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no values were measured")
    rank = max(1, -(-percent * len(values) // 100))
    return sorted(values)[rank - 1]
