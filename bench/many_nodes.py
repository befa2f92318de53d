"""What many nodes ask of one PostgreSQL, simulated from what each request was measured to cost.

A request waits in one line for the first free core, holds it for its processor time, then waits for
its commit: the log is flushed by one at a time, and whoever has come meanwhile shares the next
flush. Nothing else is in the model: no locks, no network, no autovacuum.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from bench.wire import percentile

if TYPE_CHECKING:
    from random import Random

# Besides the hand-over each call commits its answer.
_ANSWER_AFTER_S: Final = 5.0
# Of a database that is kept busier than this, too little is left for a bad moment.
FULL: Final = 0.7


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of one PostgreSQL core: of a hand-over, of storing an answer, and of telling screens.

    What a node asks for besides its calls takes `node` of a core each second, and `node_agent` more
    for each agent of the installation. `flush` is a commit on the disk, which takes no core.
    """

    handover: float
    answer: float
    telling: float
    node: float
    node_agent: float
    flush: float

    @property
    def call(self) -> float:
        """All that one call needs of a core. Screens are told of its answer and of its end."""
        return self.handover + self.answer + 2 * self.telling

    def node_among(self, agents: int) -> float:
        """What each node needs of a core, at any time, where there are so many agents in all."""
        return self.node + agents * self.node_agent


@dataclass(frozen=True, slots=True)
class Load:
    """So many nodes and agents in all; each agent's call takes `call_s` from end to end."""

    nodes: int
    agents: int
    call_s: float
    cores: int

    @property
    def calls_per_s(self) -> float:
        """How many calls end, and begin, in a second."""
        return self.agents / self.call_s


@dataclass(frozen=True, slots=True)
class Job:
    """One request: when it comes, and how much of a core it needs."""

    at_s: float
    cpu_s: float
    commits: bool = True
    is_handover: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """How busy the cores are (1: no moment free), and what hand-overs take, in milliseconds."""

    busy: float
    p50_ms: float
    p99_ms: float


def simulate(load: Load, costs: Costs, seconds: float, luck: Random) -> Found:
    """Serve what such nodes ask for in so many seconds; the first tenth does not count."""
    jobs = sorted(_jobs(load, costs, seconds, luck), key=attrgetter("at_s"))
    took_ms = [
        1_000 * (done_s - job.at_s)
        for job, done_s in served(jobs, load.cores, costs.flush)
        if job.is_handover and job.at_s >= seconds / 10
    ]
    return Found(busy(load, costs), percentile(took_ms, 50), percentile(took_ms, 99))


def busy(load: Load, costs: Costs) -> float:
    """The part of its cores' time that the database is busy; above 1 it falls behind for ever."""
    nodes = load.nodes * costs.node_among(load.agents)
    return (load.calls_per_s * costs.call + nodes) / load.cores


def most_agents(costs: Costs, cores: int, call_s: float, agents_a_node: int) -> int:
    """How many agents, on nodes of this size, keep a database of so many cores just FULL.

    The root of: square * agents**2 + linear * agents = FULL * cores. More nodes each ask for more.
    """
    linear = costs.call / call_s + costs.node / agents_a_node
    square = costs.node_agent / agents_a_node
    return int(2 * FULL * cores / (linear + sqrt(linear**2 + 4 * square * FULL * cores)))


def served(jobs: Iterable[Job], cores: int, flush_s: float) -> Iterator[tuple[Job, float]]:
    """Yield when each job is done, in order of leaving the cores. Jobs come in order of time."""
    started_s = flushed_s = float("-inf")
    for left_s, job in sorted(_computed(jobs, cores), key=lambda pair: pair[0]):
        if not job.commits:
            yield job, left_s
            continue
        # Whoever comes after a flush has begun waits for the next one.
        if left_s > started_s:
            started_s = max(left_s, flushed_s)
            flushed_s = started_s + flush_s
        yield job, flushed_s


def _computed(jobs: Iterable[Job], cores: int) -> Iterator[tuple[float, Job]]:
    """Yield when each job leaves its core."""
    free_at_s = [0.0] * cores
    for job in jobs:
        left_s = max(job.at_s, free_at_s[0]) + job.cpu_s
        heapq.heapreplace(free_at_s, left_s)
        yield left_s, job


def _jobs(load: Load, costs: Costs, seconds: float, luck: Random) -> Iterator[Job]:
    """Yield what is asked for. Processor time varies as far as it plausibly may: exponentially."""
    for at_s in arrivals(load.calls_per_s, seconds, luck):
        yield Job(at_s, _some(costs.handover, luck), is_handover=True)
        answered_s = at_s + luck.uniform(0, _ANSWER_AFTER_S)
        yield Job(answered_s, _some(costs.answer, luck))
        for told_s in (at_s, answered_s):
            yield Job(told_s, _some(costs.telling, luck), commits=False)
    # One request for all that a node asks for in a second, at a moment of its own.
    for _ in range(load.nodes):
        first_s = luck.random()
        for second in range(int(seconds)):
            yield Job(first_s + second, costs.node_among(load.agents))


def _some(mean: float, luck: Random) -> float:
    """Return a time of this mean, which is 0 for what was too little to be measured."""
    return mean * luck.expovariate(1.0)


def arrivals(rate: float, seconds: float, luck: Random) -> Iterator[float]:
    """Yield moments at random, so many a second on average, as many agents' calls end."""
    at_s = luck.expovariate(rate)
    while at_s < seconds:
        yield at_s
        at_s += luck.expovariate(rate)
