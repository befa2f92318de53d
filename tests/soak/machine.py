"""The processes of a soak, each of which may be killed and is started again."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from typing import TYPE_CHECKING, Final

from autodialer.ops.asterisk.config import Instance, Node
from autodialer.ops.asterisk.run import Asterisk
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.lab.carrier import LabCarrier
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import free_port
from autodialer.ops.supervisor import FIRST_PAUSE_S
from autodialer.ops.web import WebProcess
from autodialer.ops.worker import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.ops.paths import Paths
    from autodialer.ops.supervisor import Service


class Machine:
    """PostgreSQL, Asterisk, carrier, dialer, worker and pages below one folder."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.postgres = EmbeddedPostgres(paths)
        self.lab = LabCarrier(_instance(paths, "lab"), paths.log)
        self.node = Asterisk.for_node(
            Node(
                instance=_instance(paths, "node"),
                http_port=free_port(),
                ari_password=secrets.token_urlsafe(32),
                trunk_host="127.0.0.1",
                trunk_port=self.lab.asterisk.instance.sip_port,
            ),
            paths.log,
        )
        # What ended although nobody had killed it, and how often.
        self.ended_by_itself: dict[str, int] = {}
        self._spared: set[str] = set()
        self._down_since: dict[str, float] = {}

    def start_database(self) -> str:
        """Start PostgreSQL and return its URL."""
        self.postgres.start()
        return self.postgres.url

    def start_rest(self) -> None:
        """Start everything else. The database is migrated and the environment is set."""
        url = self.postgres.url
        self.dialer = DialerProcess(self.paths, url, self.node.ari)
        self.worker = WorkerProcess(self.paths, url)
        self.web = WebProcess(self.paths, url, port=free_port())
        self._restarted: Mapping[str, Service] = {
            "dialer": self.dialer,
            "worker": self.worker,
            "web": self.web,
        }
        self.lab.start()
        self.node.start()
        for service in self._restarted.values():
            service.start()

    def stop(self) -> None:
        """End everything, in the reverse order."""
        for service in reversed(list(getattr(self, "_restarted", {}).values())):
            service.stop()
        self.node.kill()
        self.lab.asterisk.kill()
        self.postgres.stop()

    def spare(self, name: str) -> None:
        """Do not start it again until `start_again`: its end is a fault."""
        self._spared.add(name)

    def start_again(self, name: str) -> None:
        """Start what a fault has ended."""
        self._spared.discard(name)
        self._restarted[name].start()

    def keep_running(self) -> None:
        """Start again what ended by itself, as a supervisor does."""
        for name, service in self._restarted.items():
            if name in self._spared or service.exit_code is None:
                continue
            if name not in self._down_since:
                self._down_since[name] = time.monotonic()
                self.ended_by_itself[name] = self.ended_by_itself.get(name, 0) + 1
            elif time.monotonic() - self._down_since[name] >= FIRST_PAUSE_S:
                del self._down_since[name]
                service.start()

    def crash_postgres(self) -> None:
        """Restart PostgreSQL as after a crash: every session is cut, the log is replayed."""
        server = self.postgres.pid
        assert server is not None
        os.kill(server, signal.SIGQUIT)
        while self.postgres.exit_code is None:
            time.sleep(_LOOK_S)
        self.postgres.start()

    def live_channels(self) -> dict[str, int]:
        """How many channels and bridges there are on the node, and channels at the carrier."""
        return {
            "channels": _lines(self.node, "core show channels concise"),
            "bridges": _lines(self.node, "bridge show all") - 1,  # the line above the table
            "carrier": _lines(self.lab.asterisk, "core show channels concise"),
        }


_LOOK_S: Final = 0.05


def _lines(asterisk: Asterisk, command: str) -> int:
    return len([line for line in asterisk.cli(command).splitlines() if line.strip()])


def _instance(paths: Paths, name: str) -> Instance:
    return Instance(
        prefix=paths.asterisk_prefix,
        folder=paths.lab if name == "lab" else paths.asterisk_node,
        sockets=paths.sockets / name,
        sip_port=free_port(socket.SOCK_DGRAM),
    )
