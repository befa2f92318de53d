"""A supervisor process with real children, watched through the lines it prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from autodialer.ops.process import Child, wait_until

SCRIPT = """
    import sys
    from pathlib import Path
    from autodialer.ops.process import Child
    from autodialer.ops.supervisor import Supervisor

    folder = Path(sys.argv[1])

    class Told(Child):
        def start(self):
            super().start()
            print("pid", self.name, self.pid, flush=True)

    def child(name, *argv):
        return Told(name, argv, log=folder / f"{name}.log")

    services = {
        "first": child("first", "sleep", "600"),
        "second": child("second", "sh", "-c", sys.argv[2]),
    }
    Supervisor(services, lambda line: print(line, flush=True)).run()
"""


class Watched:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def line(self, text: str, times: int = 1, deadline_s: float = 30) -> None:
        """Wait until a line with `text` was printed that often."""
        give_up = time.monotonic() + deadline_s
        while sum(text in line for line in self.lines) < times:
            self.lines.append(self._queue.get(timeout=give_up - time.monotonic()))

    def pid_of(self, name: str) -> int:
        return [int(line.split()[2]) for line in self.lines if line.startswith(f"pid {name} ")][-1]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip())


@contextmanager
def supervised(tmp_path: Path, second: str = "sleep 600") -> Iterator[Watched]:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path), second],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        watched = Watched(process)
        try:
            yield watched
        finally:
            watched.close()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path) as watched:
        watched.line("second: running")
        old, other = watched.pid_of("second"), watched.pid_of("first")
        os.kill(old, signal.SIGKILL)
        watched.line("second: ended with code -9; starting again in 1 s")
        watched.line("second: running", times=2)
        assert watched.pid_of("second") != old
        assert watched.pid_of("first") == other


def test_a_child_that_keeps_failing_is_started_ever_more_rarely(tmp_path: Path) -> None:
    with supervised(tmp_path, second="exit 3") as watched:
        watched.line("second: ended with code 3; starting again in 1 s")
        watched.line("second: ended with code 3; starting again in 2 s")
        watched.line("second: ended with code 3; starting again in 4 s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_in_reverse_order(tmp_path: Path, number: signal.Signals) -> None:
    with supervised(tmp_path) as watched:
        watched.line("second: running")
        watched.process.send_signal(number)
        watched.line("first: stopped")
        assert watched.lines[-2:] == ["second: stopped", "first: stopped"]
        assert watched.process.wait(5) == 0
        assert is_gone(watched.pid_of("first"))
        assert is_gone(watched.pid_of("second"))


def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    with supervised(tmp_path) as watched:
        watched.line("second: running")
        watched.process.kill()
        for name in ("first", "second"):
            pid = watched.pid_of(name)
            wait_until(lambda pid=pid: is_gone(pid), 20, f"{name} is gone")  # type: ignore[misc]


def test_a_child_that_ignores_the_request_is_killed_with_its_group(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; sleep 600 & echo $!; wait; wait"
    child = Child("stubborn", ["sh", "-c", stubborn], log=tmp_path / "stubborn.log")
    child.start()
    child.wait_ready(lambda: "\n" in (tmp_path / "stubborn.log").read_text(), 5)
    grandchild = int((tmp_path / "stubborn.log").read_text())
    assert child.stop(deadline_s=0.2) == -signal.SIGKILL
    wait_until(lambda: is_gone(grandchild), 20, "the grandchild is gone")
