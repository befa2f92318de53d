"""The carrier of the benchmarks: one SIPp on loopback, and what passes on its port."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from autodialer.ops.errors import ProcessError
from autodialer.ops.process import Child, free_port

AGENT_PREFIX: Final = "9170"
_PROC_UDP: Final = Path("/proc/net/udp")


@dataclass(frozen=True, slots=True)
class TalkTime:
    """How long customers talk: uniformly distributed, in ms. Zero: they hang up at once."""

    shortest_ms: int
    longest_ms: int

    @property
    def step(self) -> str:
        """The SIPp step between the answer and the BYE."""
        if not self.longest_ms:
            return ""
        limits = f'min="{self.shortest_ms}" max="{self.longest_ms}"'
        return f'  <pause distribution="uniform" {limits}/>'


NO_TALK: Final = TalkTime(0, 0)
# One second on average. The spread keeps agents from hanging up in step with each other.
ABOUT_A_SECOND: Final = TalkTime(900, 1100)


class MissingToolError(RuntimeError):
    """A program that the benchmark needs is not installed."""


def require(program: str, package: str) -> str:
    """The path of a program; raises MissingToolError with what to install."""
    if found := shutil.which(program):
        return found
    raise MissingToolError(f"{program} is missing: apt-get install {package}")


@contextmanager
def carrier(port: int, talk: TalkTime, folder: Path) -> Iterator[int]:
    """Answer every call to 127.0.0.1:`port`; yields SIPp's process id."""
    scenario = folder / "carrier.xml"
    text = (files("bench") / "carrier.xml").read_text()
    values = {
        "@TALK@": talk.step,
        "@AGENT_PREFIX@": AGENT_PREFIX,
        "@TALK_MIN_MS@": str(talk.shortest_ms),
        "@TALK_MAX_MS@": str(talk.longest_ms),
    }
    for name, value in values.items():
        text = text.replace(name, value)
    scenario.write_text(text)
    argv = [
        *(require("sipp", "sip-tester"), "-sf", str(scenario)),
        *("-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-mp", str(media_port())),
        *("-cp", str(free_port(socket.SOCK_DGRAM)), "-timer_resol", "1", "-deadcall_wait", "0"),
        *("-nostdin", "-nd", "-max_socket", "10000"),
    ]
    child = Child("sipp", argv, log=folder / "sipp.log", cwd=folder, stop_signal=signal.SIGTERM)
    child.start()
    try:
        yield ready_pid(child, lambda: is_bound(port))
    finally:
        child.stop(5)


@contextmanager
def capture(port: int, file: Path) -> Iterator[int]:
    """Record what passes on loopback at a UDP port; complete once the block is left."""
    argv = [
        *(require("tcpdump", "tcpdump"), "-i", "lo", "-n", "-s", "0", "-B", "16384", "-U"),
        *("-Z", "root", "-w", str(file), f"udp port {port}"),
    ]
    child = Child("tcpdump", argv, log=file.with_suffix(".log"), stop_signal=signal.SIGINT)
    child.start()
    try:
        # tcpdump writes the file's header only after it has begun to listen.
        yield ready_pid(child, lambda: file.exists() and file.stat().st_size >= 24)
    finally:
        child.stop(5)


def ready_pid(child: Child, ready: Callable[[], bool], deadline_s: float = 10.0) -> int:
    """The process id of a child that is `ready`. Raises ProcessError when it is not in time."""
    child.wait_ready(ready, deadline_s)
    if child.pid is None:
        raise ProcessError(f"{child.name} ended as soon as it was ready; see {child.log}")
    return child.pid


def media_port() -> int:
    """An even port for audio, which nobody sends or expects here."""
    return free_port(socket.SOCK_DGRAM) & ~1


def is_bound(port: int) -> bool:
    """True when a process listens on this UDP port (SIPp has no other sign of being ready)."""
    rows = _PROC_UDP.read_text().splitlines()[1:]
    return any(int(row.split()[1].rpartition(":")[2], 16) == port for row in rows)
