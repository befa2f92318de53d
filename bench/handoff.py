"""The part `handoff`: how soon the next call starts, and how many calls a second there can be.

The bare loop and the product take turns against the same Asterisk and the same carrier.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.carrier import ABOUT_A_SECOND, NO_TALK
from bench.load import OTHER
from bench.office import Office
from bench.part import Outcome
from bench.rows import Row, markdown
from bench.sides import FIRST_AGENT, Floor, Product
from bench.stack import Measured, Scene, Side, Stack, stack
from bench.wire import percentile

if TYPE_CHECKING:
    from bench.part import Options

AGENTS: Final = (1, 10, 50, 100)
# As many as fill two cores with calls of no length; more would only wait for each other.
SATURATING_AGENTS: Final = 10
RECORDING_AGENTS: Final = 50
_PERCENTILES: Final = (50, 95, 99)
_PROCESSES: Final = ("dialer", "asterisk", "postgres", "sipp")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often each scene is measured."""

    rounds: int
    settle_s: float
    window_s: float


FULL: Final = Pace(rounds=3, settle_s=2.5, window_s=10.0)
QUICK: Final = Pace(rounds=1, settle_s=1.0, window_s=3.0)


@dataclass(frozen=True, slots=True)
class Compared:
    """One scene: a measurement of each side for each round, in turn."""

    scene: Scene
    floor: Sequence[Measured]
    product: Sequence[Measured]

    @property
    def suffix(self) -> str:
        """What its rows' names end in."""
        return f"{self.scene.agents}_agents" if self.scene.talk is not NO_TALK else "0s_calls"

    def row(self, name: str, unit: str, figure: Callable[[Measured], float]) -> Row:
        """The median over the rounds, of both sides."""
        floor, product = _median(self.floor, figure), _median(self.product, figure)
        return Row(f"{name}_{self.suffix}", product, unit, floor)

    def own_row(self, name: str, unit: str, figure: Callable[[Measured], float]) -> Row:
        """The median over the rounds, of what only the product has."""
        return Row(f"{name}_{self.suffix}", _median(self.product, figure), unit)


def run(options: Options) -> Outcome:
    """Measure all scenes; a full run takes about 9 minutes, a quick one about 2."""
    pace = QUICK if options.quick else FULL
    options.paths.bench.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="handoff-", dir=options.paths.bench))
    try:
        with stack(folder, options.paths.asterisk_prefix) as parts:
            office = Office.open(parts.postgres.url, FIRST_AGENT, max(AGENTS))
            sides = Floor(parts), Product(parts, office)
            compared = [
                _compare(parts, scene, sides, pace.rounds, options.tell) for scene in _scenes(pace)
            ]
            rows = [row for scene in compared for row in _rows(scene)]
            if not options.quick:
                rows.append(_recording_cost(parts, sides[0], pace, options.tell))
    finally:
        shutil.rmtree(folder)
    return Outcome(rows, _table(compared))


def _scenes(pace: Pace) -> list[Scene]:
    settled = pace.settle_s, pace.window_s
    talking = [Scene(agents, ABOUT_A_SECOND, *settled) for agents in AGENTS]
    return [*talking, Scene(SATURATING_AGENTS, NO_TALK, *settled)]


def _compare(
    parts: Stack, scene: Scene, sides: tuple[Side, Side], rounds: int, tell: Callable[[str], None]
) -> Compared:
    floor: list[Measured] = []
    product: list[Measured] = []
    for _ in range(rounds):
        for side, found in zip(sides, (floor, product), strict=True):
            found.append(parts.measure(side, scene))
            tell(_progress(scene, found[-1]))
    return Compared(scene, floor, product)


def _recording_cost(parts: Stack, floor: Side, pace: Pace, tell: Callable[[str], None]) -> Row:
    """Asterisk's CPU with recording, which both sides always have, against without."""
    cpu = []
    for record in (True, False):
        scene = Scene(RECORDING_AGENTS, ABOUT_A_SECOND, pace.settle_s, pace.window_s, record=record)
        measured = parts.measure(floor, scene)
        tell(_progress(scene, measured))
        cpu.append(measured.usage["asterisk"].cpu_pct)
    return Row(f"asterisk_cpu_pct_recording_{RECORDING_AGENTS}_agents", cpu[0], "%", cpu[1])


def _rows(compared: Compared) -> list[Row]:
    rows = [compared.row(f"handoff_p{percent}_ms", "ms", _gap(percent)) for percent in _PERCENTILES]
    rows.append(compared.row("calls_per_s", "1/s", lambda m: m.calls_per_s))
    for process in _PROCESSES:
        # The floor has no database.
        row = compared.own_row if process == "postgres" else compared.row
        rows.append(row(f"{process}_cpu_pct", "%", _cpu(process)))
        rows.append(row(f"{process}_rss_mb", "MB", _memory(process)))
    rows.append(compared.row("other_cpu_pct", "%", _cpu(OTHER)))
    return rows


def _gap(percent: int) -> Callable[[Measured], float]:
    return lambda measured: percentile(measured.handoffs.gaps_ms, percent)


def _cpu(process: str) -> Callable[[Measured], float]:
    return lambda measured: measured.usage[process].cpu_pct


def _memory(process: str) -> Callable[[Measured], float]:
    return lambda measured: measured.usage[process].memory_mb


def _median(rounds: Iterable[Measured], figure: Callable[[Measured], float]) -> float:
    return statistics.median(figure(measured) for measured in rounds)


_COLUMNS: Final[dict[str, tuple[Callable[[Measured], float], int]]] = {
    "calls/s": (lambda m: m.calls_per_s, 0),
    "p50 ms": (_gap(50), 1),
    "p95 ms": (_gap(95), 1),
    "p99 ms": (_gap(99), 1),
    "dialer %": (_cpu("dialer"), 0),
    "dialer MB": (_memory("dialer"), 0),
    "Asterisk %": (_cpu("asterisk"), 0),
    "Asterisk MB": (_memory("asterisk"), 0),
    "PostgreSQL %": (_cpu("postgres"), 0),
    "PostgreSQL MB": (_memory("postgres"), 0),
    "SIPp %": (_cpu("sipp"), 0),
    "other %": (_cpu(OTHER), 0),
}


def _table(compared: Iterable[Compared]) -> str:
    lines = []
    for scene in compared:
        lines.append(_line(_title(scene.scene), "floor", scene.floor))
        lines.append(_line("", "product", scene.product))
        lines.append(_ratios(scene))
    return markdown(["calls", "side", *_COLUMNS], lines)


def _line(title: str, side: str, rounds: Sequence[Measured]) -> list[str]:
    cells = [_spread([figure(m) for m in rounds], digits) for figure, digits in _COLUMNS.values()]
    return [title, side, *cells]


def _spread(values: Sequence[float], digits: int) -> str:
    """The median, and the range when there are several."""
    median = f"{statistics.median(values):.{digits}f}"
    if len(values) == 1:
        return median
    return f"{median} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def _ratios(scene: Compared) -> list[str]:
    compared = 4  # calls/s and the three percentiles
    cells = [
        f"**{_median(scene.product, figure) / _median(scene.floor, figure):.2f}**"
        for figure, _ in list(_COLUMNS.values())[:compared]
    ]
    return ["", "ratio", *cells, *[""] * (len(_COLUMNS) - compared)]


def _title(scene: Scene) -> str:
    length = "1 s" if scene.talk is not NO_TALK else "0 s"
    agents = "agent" if scene.agents == 1 else "agents"
    return f"{scene.agents} {agents}, {length}"


def _progress(scene: Scene, measured: Measured) -> str:
    gaps, lost = measured.handoffs.gaps_ms, measured.handoffs
    shown = "/".join(f"{percentile(gaps, percent):.1f}" for percent in _PERCENTILES)
    record = "" if scene.record else ", not recorded"
    return (
        f"{_title(scene):>18}  {measured.side:<7}  {measured.calls_per_s:6.1f} calls/s  "
        f"gap {shown} ms  n={len(gaps)} missing={lost.missing} idle={lost.idle} "
        f"unclean={measured.refused}  other {measured.usage[OTHER].cpu_pct:.0f} %{record}"
    )
