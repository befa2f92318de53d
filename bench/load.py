"""CPU and memory of the measured processes and of everything else on the machine (/proc)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")
# proc_pid_stat(5), counted from the state, the first field after the name.
_PARENT, _USER, _SYSTEM = 1, 11, 12
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Usage:
    """Over one window: percent of one core, and the memory at its end.

    Memory is the resident size of a single process. Of several that belong together it is the
    sum of their proportional shares, so that pages that they share count once.
    """

    cpu_pct: float
    memory_mb: float


class LoadMeter:
    """Watches the trees of named processes between `start` and `stop`."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = roots

    def start(self) -> None:
        self._since = time.monotonic()
        self._host = _host_seconds()
        self._before = {name: _tree_seconds(pid) for name, pid in self._roots.items()}

    def stop(self) -> dict[str, Usage]:
        """Return the usage by name; `other` is the rest of the machine, without memory.

        CPU of a child that ended within the window counts as `other`.
        """
        wall = time.monotonic() - self._since
        host = _host_seconds() - self._host
        spent = {
            name: max(0.0, _tree_seconds(pid) - self._before[name])
            for name, pid in self._roots.items()
        }
        usage = {
            name: Usage(100 * seconds / wall, _tree_memory_mb(self._roots[name]))
            for name, seconds in spent.items()
        }
        usage[OTHER] = Usage(max(0.0, 100 * (host - sum(spent.values())) / wall), 0.0)
        return usage


def _tree(root: int) -> list[int]:
    """The process and all its descendants now."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[_PARENT]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _tree_seconds(root: int) -> float:
    stats = [_stat(pid) for pid in _tree(root)]
    return sum(int(fields[_USER]) + int(fields[_SYSTEM]) for fields in stats if fields) / _TICKS


def _tree_memory_mb(root: int) -> float:
    pids = _tree(root)
    field = "Rss:" if len(pids) == 1 else "Pss:"
    return sum(_memory_kb(pid, field) for pid in pids) / 1024


def _memory_kb(pid: int, field: str) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)


def _stat(pid: int) -> list[str]:
    """The fields of a process from its state on; empty when it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _host_seconds() -> float:
    """CPU seconds that all cores have spent on anything but idling."""
    fields = [int(word) for word in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / _TICKS
