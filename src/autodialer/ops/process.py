"""Child processes that run in the foreground of their own group and never outlive us."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from autodialer.ops.errors import ProcessError

PR_SET_PDEATHSIG: Final = 1
LOG_ROTATE_BYTES: Final = 20 * 1024 * 1024
LOG_TAIL_BYTES: Final = 2_000

# Loaded before any fork: the child may not load libraries between fork and exec.
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Return as soon as the condition holds; after the deadline raise ProcessError."""
    give_up = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= give_up:
            raise ProcessError(f"{what}: not within {deadline_s:g} s.")
        time.sleep(0.02)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody uses right now (another process may take it meanwhile)."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def try_lock(file: Path) -> int | None:
    """Lock the file and return its descriptor, or None while another process holds the lock.

    Pass the descriptor to a child and close it here: the child and all that it forks inherit the
    lock, which then lasts exactly as long as one of them lives, however they end.
    """
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def tail(log: Path) -> str:
    """The last lines of a log file, for an error text; empty when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as handle:
        handle.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return handle.read().decode(errors="replace")


class Child:
    """One program in its own process group, its output appended to a log file.

    On Linux the kernel sends it `stop_signal` when the *thread* that started it ends, so start
    children from a thread that lives as long as they shall.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._env = None if env is None else {**os.environ, **env}
        self._cwd = cwd
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process and self.is_alive() else None

    @property
    def exit_code(self) -> int | None:
        """What it ended with (negative: the signal); None before the start and while it runs."""
        return self._process.poll() if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, pass_fds: Sequence[int] = ()) -> None:
        """Run the program. Raises ProcessError when it already runs or cannot be executed."""
        if self.is_alive():
            raise ProcessError(f"{self.name} is already running.")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _rotate(self.log)
        with self.log.open("ab") as output:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - argv is ours, there is no shell
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    cwd=self._cwd,
                    pass_fds=pass_fds,
                    process_group=0,
                    preexec_fn=self._die_with_parent(),  # noqa: PLW1509 - only calls prctl
                )
            except OSError as error:
                raise ProcessError(f"{self.name} cannot be started: {error}") from error

    def stop(self, deadline_s: float = 10.0) -> int | None:
        """Ask it to end, kill its group after the deadline; return its exit code. Repeatable."""
        if self._process is None:
            return None
        if self.is_alive():
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(deadline_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode

    def kill(self) -> None:
        """End the whole process group at once, as a crash would."""
        if self._process is not None and self.is_alive():
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait_ready(self, ready: Callable[[], bool], deadline_s: float) -> None:
        """Return once `ready()`; raise ProcessError with the log's tail if it ends or is late."""
        wait_until(lambda: not self.is_alive() or ready(), deadline_s, f"{self.name} is ready")
        if not self.is_alive():
            raise ProcessError(
                f"{self.name} ended with code {self.exit_code}. "
                f"The end of {self.log}:\n{tail(self.log)}"
            )

    def _die_with_parent(self) -> Callable[[], None] | None:
        if _LIBC is None:
            return None
        prctl, parent, number = _LIBC.prctl, os.getpid(), int(self._stop_signal)

        def set_parent_death_signal() -> None:
            prctl(PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:  # the parent died before the request reached the kernel
                os._exit(1)

        return set_parent_death_signal


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_ROTATE_BYTES:
        log.replace(log.with_name(log.name + ".1"))
