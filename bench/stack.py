"""The parts that both sides of a benchmark share: Asterisk, carrier, PostgreSQL, capture."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from autodialer.ops.asterisk.config import Instance, Node, node_files
from autodialer.ops.asterisk.install import install
from autodialer.ops.asterisk.run import Ari, Asterisk
from autodialer.ops.paths import Paths, private_folder
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import free_port, wait_until
from bench.carrier import TalkTime, capture, carrier
from bench.load import LoadMeter, Usage
from bench.wire import Handoffs, ends_between, handoffs, read_capture, wire_times

CALLER_ID: Final = "+918030000000"
_QUIET_DEADLINE_S: Final = 30.0
# The last calls of the window are followed by others for so long before all is stopped.
_TAIL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What is measured: so many agents, such calls, for so long after they have settled."""

    agents: int
    talk: TalkTime
    settle_s: float
    window_s: float
    record: bool = True


@dataclass(slots=True)
class Driven:
    """A dialer at work. After its end, `orders` has each agent's numbers in calling order."""

    pid: int
    orders: Sequence[Sequence[str]] = field(default_factory=list)
    refused: int = 0


class Side(Protocol):
    """One of the two that are compared."""

    name: str

    def at_work(self, scene: Scene) -> AbstractContextManager[Driven]:
        """Dial for the scene's agents, from all of them being connected until the block ends."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """What one window of one side showed."""

    side: str
    handoffs: Handoffs
    calls_per_s: float
    usage: Mapping[str, Usage]
    refused: int


@dataclass(frozen=True, slots=True)
class Stack:
    """One PostgreSQL and one Asterisk whose trunk leads to `carrier_port` on loopback."""

    paths: Paths
    postgres: EmbeddedPostgres
    asterisk: Asterisk
    ari: Ari
    carrier_port: int

    def measure(self, side: Side, scene: Scene) -> Measured:
        """Run the scene once; nothing of it is left when this returns."""
        file = self.paths.var / "capture.pcap"
        file.unlink(missing_ok=True)
        with ExitStack() as running:
            sipp = running.enter_context(carrier(self.carrier_port, scene.talk, self.paths.var))
            tcpdump = running.enter_context(capture(self.carrier_port, file))
            with side.at_work(scene) as driven:
                meter = LoadMeter(
                    self._processes() | {"sipp": sipp, "tcpdump": tcpdump, "dialer": driven.pid}
                )
                time.sleep(scene.settle_s)
                since = time.time()
                meter.start()
                time.sleep(scene.window_s)
                usage, until = meter.stop(), time.time()
                time.sleep(_TAIL_S)
            self._wait_quiet()
        times = wire_times(read_capture(file), self.carrier_port)
        self.asterisk.trim_memory()
        return Measured(
            side=side.name,
            handoffs=handoffs(times, driven.orders, since, until),
            calls_per_s=ends_between(times, since, until) / (until - since),
            usage=usage,
            refused=driven.refused,
        )

    def _processes(self) -> dict[str, int]:
        pids = {"asterisk": self.asterisk.pid, "postgres": self.postgres.pid}
        return {name: pid for name, pid in pids.items() if pid is not None}

    def _wait_quiet(self) -> None:
        """Let every channel end, so that the next run starts from nothing."""
        wait_until(
            lambda: "0 active channels" in self.asterisk.cli("core show channels count"),
            _QUIET_DEADLINE_S,
            "Asterisk has no channel left",
        )


@contextmanager
def stack(folder: Path, prefix: Path) -> Iterator[Stack]:
    """Start a fresh stack below `folder`, with Asterisk fetched to `prefix` if it is not there."""
    paths = Paths.below(folder, asterisk_prefix=prefix)
    install(paths.asterisk_prefix)
    private_folder(paths.var)
    postgres, carrier_port = EmbeddedPostgres(paths), free_port(socket.SOCK_DGRAM)
    asterisk, ari = make_node(paths, carrier_port)
    with ExitStack() as running:
        running.callback(postgres.stop)
        postgres.start()
        running.callback(asterisk.kill)
        asterisk.start()
        yield Stack(paths, postgres, asterisk, ari, carrier_port)


def make_node(paths: Paths, carrier_port: int) -> tuple[Asterisk, Ari]:
    """The product's own node configuration, but for the time limit on silence.

    The carrier of a benchmark sends no audio: an agent would be taken for dead after 30 s.
    """
    instance = Instance(
        prefix=paths.asterisk_prefix,
        folder=paths.asterisk_node,
        sockets=paths.sockets / "asterisk-node",
        sip_port=free_port(socket.SOCK_DGRAM),
    )
    node = Node(
        instance=instance,
        http_port=free_port(),
        ari_password=secrets.token_urlsafe(32),
        trunk_host="127.0.0.1",
        trunk_port=carrier_port,
    )
    files = node_files(node)
    files["pjsip.conf"] = files["pjsip.conf"].replace("rtp_timeout=30", "rtp_timeout=0")
    ari = Ari(port=node.http_port, password=node.ari_password)
    return Asterisk("asterisk", instance, files, paths.log, ari), ari
