from __future__ import annotations

from math import factorial
from random import Random
from statistics import fmean

import pytest
from bench.many_nodes import (
    FULL,
    Costs,
    Job,
    Load,
    arrivals,
    busy,
    most_agents,
    served,
    simulate,
)

COSTS = Costs(
    handover=0.0012, answer=0.0006, telling=0.0001, node=0.002, node_agent=1e-7, flush=0.0015
)


def luck() -> Random:
    """The same each time."""
    return Random(7)  # noqa: S311


def mean_wait(jobs: list[Job], cores: int) -> float:
    return fmean(done - job.at_s - job.cpu_s for job, done in served(jobs, cores, flush_s=0.0))


@pytest.mark.parametrize(("cores", "load"), [(1, 0.6), (2, 0.8), (8, 0.9)])
def test_requests_of_random_length_wait_as_long_as_erlang_says(cores: int, load: float) -> None:
    chance, length = luck(), 0.001
    moments = list(arrivals(load * cores / length, 200 / cores, chance))
    jobs = [Job(at, chance.expovariate(1 / length)) for at in moments]
    offered = load * cores
    all_busy = offered**cores / factorial(cores) / (1 - load)
    some_free = sum(offered**n / factorial(n) for n in range(cores))
    expected = all_busy / (some_free + all_busy) * length / (cores * (1 - load))
    assert mean_wait(jobs, cores) == pytest.approx(expected, rel=0.1)


def test_requests_of_one_length_wait_half_as_long_as_those_of_random_length() -> None:
    length, load = 0.001, 0.8
    jobs = [Job(at, length) for at in arrivals(load / length, 200, luck())]
    # Pollaczek and Khinchine, for a length that does not vary.
    assert mean_wait(jobs, 1) == pytest.approx(length * load / (2 * (1 - load)), rel=0.1)


def test_who_commits_during_a_flush_shares_the_next_one() -> None:
    jobs = [Job(at, 0.0) for at in (0.0, 0.1, 0.9, 1.0, 5.0)]
    done = [at for _, at in served(jobs, cores=4, flush_s=1.0)]
    assert done == pytest.approx([1.0, 2.0, 2.0, 2.0, 6.0])


def test_what_commits_nothing_waits_for_no_flush() -> None:
    jobs = [Job(0.0, 0.25), Job(0.0, 0.5, commits=False)]
    assert [at for _, at in served(jobs, cores=2, flush_s=1.0)] == pytest.approx([1.25, 0.5])


def test_the_database_is_as_busy_as_its_costs_say() -> None:
    # 100 calls/s at 2 ms, and 10 nodes at 2.3 ms a second, on two cores.
    assert busy(Load(nodes=10, agents=3_000, call_s=30, cores=2), COSTS) == pytest.approx(0.1115)


def test_as_many_agents_as_it_bears_fill_the_database_to_its_limit() -> None:
    agents = most_agents(COSTS, cores=8, call_s=30, agents_a_node=100)
    load = Load(nodes=agents // 100, agents=agents, call_s=30, cores=8)
    assert busy(load, COSTS) == pytest.approx(FULL, rel=0.01)


def test_a_fuller_database_answers_later() -> None:
    few, many = (
        simulate(Load(nodes=10, agents=agents, call_s=30, cores=2), COSTS, 30, luck())
        for agents in (3_000, 27_000)
    )
    assert few.p50_ms >= 1_000 * COSTS.flush
    assert many.p99_ms > 2 * few.p99_ms
