"""The real parts that tests run against, each as a context manager."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from autodialer.ops.asterisk.config import Instance, Node
from autodialer.ops.asterisk.install import install
from autodialer.ops.asterisk.run import Ari, Asterisk
from autodialer.ops.lab.carrier import LabCarrier
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import free_port

# What dies with the test need not survive a power cut; a killed server still recovers.
FORGETFUL: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "min_wal_size": "64MB",
    "max_wal_size": "128MB",
}
MEMORY: Final = Path("/dev/shm")  # noqa: S108  the folder below has a name of its own
ROOM: Final = 2 * 1024**3


@contextmanager
def postgres(var: Path, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """An embedded PostgreSQL below `var`, stopped at the end."""
    server = EmbeddedPostgres(Paths.below(var), settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def forgetful_postgres() -> Iterator[EmbeddedPostgres]:
    """One whose data are in memory where there is room: it copies a database ten times as fast."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    with (
        TemporaryDirectory(prefix="autodialer-", dir=MEMORY if roomy else None) as var,
        postgres(Path(var), FORGETFUL) as server,
    ):
        yield server


@dataclass(frozen=True)
class AsteriskPair:
    """A node and the lab carrier that it calls, both on ports of their own."""

    node: Asterisk
    lab: LabCarrier
    paths: Paths

    @property
    def ari(self) -> Ari:
        assert self.node.ari is not None
        return self.node.ari


def asterisk_prefix() -> Path:
    """Where Asterisk is for tests (AUTODIALER_ASTERISK_PREFIX or ./var), installed when absent."""
    prefix = Paths.from_environment().asterisk_prefix
    install(prefix)
    return prefix


@contextmanager
def asterisk_pair(var: Path, prefix: Path | None = None) -> Iterator[AsteriskPair]:
    """A running node and lab carrier below `var`; killed at the end, whatever they are doing."""
    paths = Paths.below(var, asterisk_prefix=prefix or asterisk_prefix())
    with lab_on(paths) as lab, node_on(paths, lab.asterisk.instance.sip_port) as node:
        yield AsteriskPair(node=node, lab=lab, paths=paths)


@contextmanager
def lab_on(paths: Paths) -> Iterator[LabCarrier]:
    """A running lab carrier; killed at the end, whatever it is doing."""
    lab = LabCarrier(instance(paths, "lab"), paths.log)
    lab.start()
    try:
        yield lab
    finally:
        lab.asterisk.kill()


@contextmanager
def node_on(paths: Paths, trunk_port: int) -> Iterator[Asterisk]:
    """A running node whose trunk is a port of 127.0.0.1; killed at the end."""
    node = Asterisk.for_node(
        Node(
            instance=instance(paths, "node"),
            http_port=free_port(),
            ari_password=secrets.token_urlsafe(32),
            trunk_host="127.0.0.1",
            trunk_port=trunk_port,
        ),
        paths.log,
    )
    node.start()
    try:
        yield node
    finally:
        node.kill()


def instance(paths: Paths, name: str) -> Instance:
    """A place for one Asterisk with a free SIP port."""
    return Instance(
        prefix=paths.asterisk_prefix,
        folder=paths.lab if name == "lab" else paths.asterisk_node,
        sockets=paths.sockets / name,
        sip_port=free_port(socket.SOCK_DGRAM),
    )
