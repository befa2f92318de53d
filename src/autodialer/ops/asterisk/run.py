"""One running Asterisk instance: written out, started, asked, stopped."""

from __future__ import annotations

import base64
import http.client
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autodialer.ops.asterisk.config import ARI_USER, LOOPBACK, Instance, Node, node_files
from autodialer.ops.asterisk.install import asterisk_argv
from autodialer.ops.errors import AsteriskUnavailableError, ProcessError
from autodialer.ops.paths import private_folder, write_private
from autodialer.ops.process import Child, try_lock

READY_DEADLINE_S: Final = 30.0
CLI_DEADLINE_S: Final = 10.0
# Live calls get their BYE; with none it ends at once.
STOP_DEADLINE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Ari:
    """How the dialer reaches the ARI of a node."""

    port: int
    password: str
    host: str = LOOPBACK
    user: str = ARI_USER


class Asterisk:
    """An instance with the given configuration files; `ari` is None for one without ARI."""

    def __init__(
        self, name: str, instance: Instance, files: Mapping[str, str], log: Path, ari: Ari | None
    ) -> None:
        self.name = name
        self.instance = instance
        self.ari = ari
        self._files = files
        self._child = Child(
            name,
            asterisk_argv(instance.prefix, "-C", str(instance.etc / "asterisk.conf"), "-f"),
            log=log / f"{name}.log",
            # Without it every thread that handled a channel keeps its own heap of some MB.
            env={"MALLOC_ARENA_MAX": "2"},
        )

    @classmethod
    def for_node(cls, node: Node, log: Path) -> Asterisk:
        """The Asterisk of a dialer."""
        ari = Ari(port=node.http_port, password=node.ari_password, host=node.http_address)
        return cls("asterisk", node.instance, node_files(node), log, ari)

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None before the start and while it runs."""
        return self._child.exit_code

    @property
    def rss_bytes(self) -> int:
        """Memory in use by the process; 0 when it does not run."""
        if (pid := self._child.pid) is None:
            return 0
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def start(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Write the configuration, start, and return once calls can be placed.

        Waits for an Asterisk on the same folder that is still ending. Raises
        AsteriskUnavailableError with the end of its log.
        """
        lock = self._lock(deadline_s)
        try:
            self._write_out()
            self._child.start(pass_fds=(lock,))
            self._child.wait_ready(self.is_ready, deadline_s)
        except ProcessError as error:
            self.kill()
            raise AsteriskUnavailableError(str(error)) from error
        finally:
            os.close(lock)  # from here on Asterisk's own copy is the lock

    def stop(self) -> int | None:
        """Hang up what is left, end, and return the exit code."""
        return self._child.stop(STOP_DEADLINE_S)

    def kill(self) -> None:
        """End it as a crash would: far ends are not told."""
        self._child.kill()

    def is_ready(self) -> bool:
        """True when ARI answers (or, without ARI, when all modules are loaded)."""
        if self.ari is None:
            return self._has_booted()
        return ping(self.ari)

    def cli(self, command: str) -> str:
        """Run one command on Asterisk's console and return what it printed.

        Raises AsteriskUnavailableError when it does not run or does not answer.
        """
        config = str(self.instance.etc / "asterisk.conf")
        argv = asterisk_argv(self.instance.prefix, "-C", config, "-rx", command)
        try:
            done = subprocess.run(  # noqa: S603 - our own words, no shell
                argv, capture_output=True, text=True, check=True, timeout=CLI_DEADLINE_S
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise AsteriskUnavailableError(
                f"{self.name} does not answer `{command}`; see {self._child.log}."
            ) from error
        return done.stdout

    def trim_memory(self) -> None:
        """Give memory of ended calls back to the system, which Asterisk never does by itself."""
        self.cli("malloc trim")

    def _lock(self, deadline_s: float) -> int:
        file = private_folder(self.instance.folder) / "lock"
        give_up = time.monotonic() + deadline_s
        while (lock := try_lock(file)) is None:
            if time.monotonic() > give_up:
                raise AsteriskUnavailableError(
                    f"Another {self.name} runs in {self.instance.folder}: stop that one first."
                )
            time.sleep(0.05)
        return lock

    def _has_booted(self) -> bool:
        try:
            return "fully booted" in self.cli("core waitfullybooted")
        except AsteriskUnavailableError:
            return False

    def _write_out(self) -> None:
        instance = self.instance
        for folder in (instance.folder, instance.etc, instance.sockets.parent, instance.sockets):
            private_folder(folder)
        # res_crypto logs an error for a key folder without a folder of its own name.
        for name in ("lib", "keys/keys", "log", "spool/recording", "spool/tmp"):
            (instance.folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in self._files.items():
            write_private(instance.etc / name, text)


def ping(ari: Ari) -> bool:
    """True when ARI is up. HTTP is up earlier and answers 404 until then."""
    secret = base64.b64encode(f"{ari.user}:{ari.password}".encode()).decode()
    connection = http.client.HTTPConnection(ari.host, ari.port, timeout=2)
    try:
        connection.request(
            "GET", "/ari/asterisk/ping", headers={"Authorization": f"Basic {secret}"}
        )
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
