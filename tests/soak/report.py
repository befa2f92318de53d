"""The report of a soak: every count, for people (Markdown) and for programs (JSON)."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.soak.faults import Injected
    from tests.soak.judge import Judged


@dataclass(frozen=True, slots=True)
class Report:
    """All that a soak found."""

    title: str
    seed: int
    commit: str
    machine: str
    agents: int
    dialled_s: float
    load: Sequence[float]
    faults: Sequence[Injected]
    looks: Mapping[str, int]
    ended_by_itself: Mapping[str, int]
    judged: Judged
    # A sentence for each promise that was seen broken, while the soak ran or at its end.
    broken: Sequence[str]

    @property
    def verdict(self) -> Sequence[str]:
        """What is wrong; empty when every promise was kept."""
        return [
            *self.broken,
            *(f"{name}: {count}" for name, count in self.judged.zeros.items() if count),
            *(f"{name} ended by itself {count} times" for name, count in self._ended()),
            *(f"not recovered: {fault.kind}" for fault in self.faults if _still_broken(fault)),
        ]

    def _ended(self) -> Iterable[tuple[str, int]]:
        return self.ended_by_itself.items()

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {**asdict(self), "verdict": list(self.verdict)}

    def as_markdown(self) -> str:
        """Everything, for people."""
        return "\n".join([*self._head(), *self._counts(), *self._faults(), *self._end()])

    def _head(self) -> Iterable[str]:
        calls = self.judged.figures["calls that the carrier saw"]
        yield f"{self.title}; seed {self.seed}, commit {self.commit}; {self.machine}."
        yield (
            f"{self.agents} agents for {self.dialled_s / 60:.1f} minutes, "
            f"{calls / self.dialled_s:.1f} calls a second on average; load average of the machine "
            f"{min(self.load):.1f} to {max(self.load):.1f}, median "
            f"{statistics.median(self.load):.1f}."
        )

    def _counts(self) -> Iterable[str]:
        yield from ("", "| Must be 0 | |", "|---|---:|")
        yield from (f"| {name} | {count:,} |" for name, count in self.judged.zeros.items())
        yield f"| promises seen broken | {len(self.broken):,} |"
        yield f"| processes that ended by themselves | {sum(self.ended_by_itself.values()):,} |"
        yield from ("", "| What happened | |", "|---|---:|")
        yield from (f"| {name} | {count:,} |" for name, count in self.judged.figures.items())
        yield from (f"| looks: {name} | {count:,} |" for name, count in sorted(self.looks.items()))

    def _faults(self) -> Iterable[str]:
        yield from ("", "| Fault | Times | Dialing again, s: median | longest | since the fault |")
        yield "|---|---:|---:|---:|---:|"
        by_kind: dict[str, list[Injected]] = defaultdict(list)
        for fault in self.faults:
            by_kind[fault.kind].append(fault)
        yield from (_line(kind, found) for kind, found in sorted(by_kind.items()))

    def _end(self) -> Iterable[str]:
        yield ""
        yield "Every promise was kept." if not self.verdict else "WRONG:"
        yield from (f"* {sentence}" for sentence in self.verdict)


def _still_broken(fault: Injected) -> bool:
    return fault.recovered_s is None and not fault.nothing_to_call


def _line(kind: str, faults: Sequence[Injected]) -> str:
    times = [fault.recovery_s for fault in faults if fault.recovery_s is not None]
    outages = [fault.outage_s for fault in faults if fault.outage_s is not None]
    if not times:
        return f"| {kind} | {len(faults)} | | | |"
    return (
        f"| {kind} | {len(faults)} | {statistics.median(times):.1f} | {max(times):.1f} "
        f"| {max(outages):.1f} |"
    )
