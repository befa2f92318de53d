"""Hosts on one machine: network namespaces with a private network and an outside one.

Nothing of it touches the machine's own network, and nothing can leave: there is no way out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

PRIVATE: Final = "10.213.0"
OUTSIDE: Final = "10.214.0"


@dataclass(frozen=True)
class Host:
    """One namespace; `number` is the last part of its addresses."""

    namespace: str
    number: int

    @property
    def private(self) -> str:
        """The address that only our own hosts can reach."""
        return f"{PRIVATE}.{self.number}"

    @property
    def outside(self) -> str:
        """The address that carriers and browsers reach."""
        return f"{OUTSIDE}.{self.number}"

    def inside(self, *words: str) -> list[str]:
        """Return the command that runs `words` on this host."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def run(self, *words: str) -> str:
        """Run a command there and return what it says."""
        done = subprocess.run(self.inside(*words), capture_output=True, text=True, check=True)
        return done.stdout

    def pids(self) -> list[int]:
        """Return the processes that run there."""
        words = ["ip", "netns", "pids", self.namespace]
        listed = subprocess.run(words, capture_output=True, text=True, check=True)
        return [int(pid) for pid in listed.stdout.split()]

    def open_udp_ports(self) -> set[int]:
        """Return the ports of all UDP sockets that the outside network reaches."""
        found = set()
        for line in self.run("ss", "-Hlun").splitlines():
            address, _, port = line.split()[3].rpartition(":")
            if not address.startswith(("127.", "[::1]", self.private)):
                found.add(int(port))
        return found


def why_not() -> str:
    """Return why hosts cannot be made here; empty: they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not (shutil.which("ip") and shutil.which("ss")):
        return "iproute2 is not installed"
    name = f"ad{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode != 0:
        return "this machine makes no network namespaces"
    _ip("netns", "del", name)
    return ""


@contextmanager
def network(ours: int) -> Iterator[list[Host]]:
    """Make `ours` hosts in both networks and, last, one that is outside only."""
    prefix = f"ad{os.getpid()}"
    switch = f"{prefix}-s"
    hosts = [Host(f"{prefix}-{number}", number) for number in range(1, ours + 2)]
    made: list[str] = []
    try:
        for name in (switch, *(host.namespace for host in hosts)):
            _ip("netns", "add", name)
            made.append(name)
            _ip("-n", name, "link", "set", "lo", "up")
        for bridge in ("private", "outside"):
            _ip("-n", switch, "link", "add", bridge, "type", "bridge")
            _ip("-n", switch, "link", "set", bridge, "up")
        for host in hosts:
            _plug(switch, host, "outside", host.outside)
        for host in hosts[:-1]:
            _plug(switch, host, "private", host.private)
        yield hosts
    finally:
        for name in made:
            _ip("netns", "del", name)


def _plug(switch: str, host: Host, bridge: str, address: str) -> None:
    port = f"{bridge[0]}{host.number}"
    peer = ("peer", "name", bridge, "netns", host.namespace)
    _ip("link", "add", port, "netns", switch, "type", "veth", *peer)
    _ip("-n", switch, "link", "set", port, "master", bridge, "up")
    _ip("-n", host.namespace, "address", "add", f"{address}/24", "dev", bridge)
    _ip("-n", host.namespace, "link", "set", bridge, "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
