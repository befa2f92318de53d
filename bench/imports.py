"""The part `import`: how long a list of 100,000 contacts takes, and how much memory.

Each round is a process of its own, as a worker is, with a fresh database on the embedded server.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from bench.part import Outcome
from bench.rows import Row, markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.part import Options

ROWS: Final = 100_000
ROUNDS: Final = 3
# Name of the row, its unit, and what a person reads.
FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "import_100k_s": ("s", "CSV of 100,000 rows into a list"),
    "import_100k_mb": ("MB", "largest memory of the process that imports it"),
    "snapshot_100k_s": ("s", "copy of the list into a campaign"),
}


def run(options: Options) -> Outcome:
    """Import and copy a list in fresh processes; the figures are medians."""
    rounds = 1 if options.quick else ROUNDS
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = EmbeddedPostgres(Paths.below(Path(folder)))
        server.start()
        try:
            _child(server.url, "migrate")
            file = Path(folder, "list.csv")
            _child(server.url, "file", str(file))
            found = [_round(server.url, file, at, options) for at in range(rounds)]
        finally:
            server.stop()
    return _outcome(found)


def _round(url: str, file: Path, at: int, options: Options) -> Mapping[str, float]:
    found = _child(url, "import", str(file), str(at))
    options.tell(f"import: round {at + 1}: {found['s']:.2f} s, {found['mb']:.0f} MB")
    return {
        "import_100k_s": found["s"],
        "import_100k_mb": found["mb"],
        "snapshot_100k_s": found["snapshot_s"],
    }


def _child(url: str, *what: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.import_process", *what],
        env={**os.environ, "AUTODIALER_DATABASE_URL": url, "BENCH_ROWS": str(ROWS)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _outcome(rounds: Sequence[Mapping[str, float]]) -> Outcome:
    lines, rows = [], []
    for name, (unit, meaning) in FIGURES.items():
        values = sorted(found[name] for found in rounds)
        median = statistics.median(values)
        rows.append(Row(name, median, unit))
        lines.append(
            [f"`{name}`: {meaning}", f"{median:.2f} ({values[0]:.2f}-{values[-1]:.2f})", unit]
        )
    return Outcome(rows, markdown(("figure", "median (smallest-largest)", "unit"), lines))
