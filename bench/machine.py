"""On what a benchmark ran, in one sentence."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from autodialer.ops.asterisk.install import asterisk_argv

if TYPE_CHECKING:
    from autodialer.ops.paths import Paths


def describe(paths: Paths) -> str:
    """Cores, memory and the versions of what was measured."""
    parts = (
        f"{os.cpu_count()} cores ({_processor()})",
        f"{_memory_gib():.0f} GiB",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        _asterisk(paths.asterisk_prefix),
    )
    return ", ".join(parts)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _asterisk(prefix: Path) -> str:
    if not prefix.exists():
        return "no Asterisk"
    argv = asterisk_argv(prefix, "-V")
    told = subprocess.run(argv, capture_output=True, text=True, check=True)
    return told.stdout.strip().partition("+")[0]
