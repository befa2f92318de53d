"""Seeded simulations, many at a time; each says what it broke and can be run again exactly."""

from __future__ import annotations

import hashlib
import logging
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import structlog

from autodialer.adapters.sim.loop import run_virtual
from autodialer.ops.simulation.odds import MIXES, mix_of
from autodialer.ops.simulation.run import Run
from autodialer.ops.simulation.world import WORLDS

_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one run. Two runs with the same `trace` went the same way, call by call."""

    seed: int
    mix: str
    broken: tuple[str, ...]
    calls: int = 0
    crashes: int = 0
    faults: tuple[tuple[str, int], ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    trace: str = ""
    world: str = "small"

    @property
    def replay(self) -> str:
        """The command that runs this again."""
        world = "" if self.world == "small" else f" --world {self.world}"
        return f"autodialer simulate --seed {self.seed} --mix {self.mix}{world}"


def simulate(seed: int, mix: str, world: str = "small") -> Verdict:
    """Run two campaigns under the faults of `mix`, all chance from `seed`, and judge them."""
    return run_virtual(_run(seed, mix, world))


def simulate_all(
    seeds: Iterable[int], mix: str | None, processes: int, world: str = "small"
) -> Iterator[Verdict]:
    """Yield the verdict of each seed, in order; `mix` None takes all of them in turn.

    A run that dies of an error of its own is a broken one, too.
    """
    with ProcessPoolExecutor(processes, initializer=be_quiet) as pool:
        wanted = [(seed, mix or mix_of(seed)) for seed in seeds]
        runs = [
            (seed, chosen, pool.submit(simulate, seed, chosen, world)) for seed, chosen in wanted
        ]
        for seed, chosen, run in runs:
            yield _verdict(Verdict(seed, chosen, (), world=world), run)


def be_quiet() -> None:
    """Log only errors: the engine tells of each fault, and here they are made on purpose."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _run(seed: int, mix: str, world: str) -> Verdict:
    run = Run(seed, MIXES[mix], WORLDS[world])
    await run.go()
    targets = [target for campaign in run.campaigns for target in campaign.targets]
    return Verdict(
        seed=seed,
        mix=mix,
        broken=tuple(run.broken),
        calls=len(run.switch.calls),
        crashes=run.crashes,
        faults=tuple(sorted(run.faults.items())),
        counts=tuple(sorted(Counter(target.status.value for target in targets).items())),
        trace=_trace(run),
        world=world,
    )


def _trace(run: Run) -> str:
    """Return a short hash of every call, by the carrier and by the tables."""
    seen = [repr(call) for call in run.switch.calls.values()]
    kept = [
        repr((a.call.attempt_id, a.call.tries, a.call.placed_at, a.result, a.ended_at))
        for a in run.store.tables.attempts.values()
    ]
    return hashlib.sha256("\n".join(seen + kept).encode()).hexdigest()[:_DIGITS]


def _verdict(asked: Verdict, run: Future[Verdict]) -> Verdict:
    error = run.exception()
    if error is None:
        return run.result()
    return replace(asked, broken=("".join(traceback.format_exception(error)),))
