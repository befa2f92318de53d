"""The part `pairs`: the hand-off of two nodes, each a dialer and an Asterisk, against that of one.

The same agents and calls of a second, the same carrier, one PostgreSQL; in turns. Everything shares
this machine.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

from autodialer.ops.paths import Paths
from bench.carrier import ABOUT_A_SECOND
from bench.load import OTHER
from bench.office import Office
from bench.part import Outcome
from bench.rows import Row, markdown
from bench.sides import FIRST_AGENT, Pair, Product
from bench.stack import Measured, Scene, Stack, make_node, stack
from bench.wire import percentile

if TYPE_CHECKING:
    from bench.part import Options

AGENTS: Final = 50
_SECOND: Final = "second"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each side is measured, and for how long."""

    rounds: int
    settle_s: float
    window_s: float


FULL: Final = Pace(rounds=3, settle_s=2.5, window_s=10.0)
QUICK: Final = Pace(rounds=1, settle_s=1.0, window_s=4.0)


def run(options: Options) -> Outcome:
    """Measure both sides; a full run takes about two and a half minutes, a quick one one."""
    pace = QUICK if options.quick else FULL
    options.paths.bench.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="pairs-", dir=options.paths.bench))
    scene = Scene(AGENTS, ABOUT_A_SECOND, pace.settle_s, pace.window_s)
    try:
        with (
            stack(folder / "first", options.paths.asterisk_prefix) as parts,
            _second(folder / _SECOND, options.paths.asterisk_prefix, parts) as second,
        ):
            office = Office.open(parts.postgres.url, FIRST_AGENT, AGENTS)
            office.add_node(_SECOND)
            sides = Product(parts, office), Product(parts, office, others=[second])
            found: list[list[Measured]] = [[], []]
            for _ in range(pace.rounds):
                for side, measured in zip(sides, found, strict=True):
                    measured.append(parts.measure(side, scene))
                    options.tell(f"{side.name}: {_gap(measured[-1:], 99):.1f} ms")
    finally:
        shutil.rmtree(folder)
    return _outcome(*found)


@contextmanager
def _second(folder: Path, prefix: Path, parts: Stack) -> Iterator[Pair]:
    """Start a second Asterisk, whose trunk leads to the same carrier."""
    paths = Paths.below(folder, asterisk_prefix=prefix)
    asterisk, ari = make_node(paths, parts.carrier_port)
    try:
        asterisk.start()
        yield Pair(_SECOND, paths, ari)
    finally:
        asterisk.kill()


def _outcome(one: Sequence[Measured], two: Sequence[Measured]) -> Outcome:
    rows = [
        Row(f"pairs2_handoff_p{percent}_ms", _gap(two, percent), "ms", _gap(one, percent))
        for percent in (50, 99)
    ]
    rows.append(Row("pairs2_handoff_p99_ratio", _gap(two, 99) / _gap(one, 99), "x"))
    lines = [_line("1", one), _line("2", two)]
    header = ["nodes", "calls/s", "p50 ms", "p95 ms", "p99 ms", "PostgreSQL %", "other %"]
    return Outcome(rows, markdown(header, lines))


def _gap(rounds: Sequence[Measured], percent: int) -> float:
    """Of all hand-offs of all rounds."""
    return percentile([gap for each in rounds for gap in each.handoffs.gaps_ms], percent)


def _line(nodes: str, rounds: Sequence[Measured]) -> list[str]:
    return [
        nodes,
        f"{median(each.calls_per_s for each in rounds):.0f}",
        *(f"{_gap(rounds, percent):.1f}" for percent in (50, 95, 99)),
        f"{fmean(each.usage['postgres'].cpu_pct for each in rounds):.0f}",
        f"{fmean(each.usage[OTHER].cpu_pct for each in rounds):.0f}",
    ]
