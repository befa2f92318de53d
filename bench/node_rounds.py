"""Rounds of the part `nodes`: nodes that divide the same agents among them call from one list."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.load import OTHER, LoadMeter
from bench.node_process import NodeProcess, Order
from bench.wire import percentile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.apps.campaigns.models import Campaign
    from autodialer.ops.postgres import EmbeddedPostgres
    from bench.office import Office

NODES: Final = (1, 2, 4, 8)
AGENTS: Final = 80
# Hand-overs a second of all nodes together, with one node and with COMPARED.
RATES: Final = (50, 200)
COMPARED: Final = 4
_HEAD_START_S: Final = 0.2
_WARM_UP_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Round:
    """What some nodes did together. Processor time of one hand-over, in microseconds."""

    calls_per_s: float
    took_ms: Sequence[float]
    server_us: float
    node_us: float
    other_pct: float


@dataclass(frozen=True, slots=True)
class Hall:
    """All nodes; the first ones take part in a round."""

    postgres: EmbeddedPostgres
    nodes: Sequence[NodeProcess]

    def round(self, nodes: int, seconds: float, rate: float | None = None) -> Round:
        """Let so many nodes call, at full speed or at this rate in all."""
        order = Order(AGENTS // nodes, seconds, None if rate is None else rate / nodes)
        busy = self.nodes[:nodes]
        for node in busy:
            node.prepare(order)
        meter = LoadMeter({"server": self.postgres.pid or 0})
        began_s = time.monotonic() + _HEAD_START_S
        for node in busy:
            node.begin(began_s)
        time.sleep(max(0.0, began_s - time.monotonic()))
        meter.start()
        done = [node.done() for node in busy]
        spent, took_s = meter.stop(), time.monotonic() - began_s
        cpu_s = sum(each.cpu_s for each in done)
        # A machine that is very busy may not come to one.
        calls = max(1, sum(each.calls for each in done))
        return Round(
            calls_per_s=calls / seconds,
            took_ms=[took for each in done for took in each.took_ms],
            server_us=spent["server"].cpu_pct * 1e4 * took_s / calls,
            node_us=cpu_s * 1e6 / calls,
            other_pct=max(0.0, spent[OTHER].cpu_pct - 100 * cpu_s / took_s),
        )


def agents_of_all() -> int:
    """How many agents the nodes of a hall have together."""
    return sum(map(_agents_of, range(max(NODES))))


@contextmanager
def hall(postgres: EmbeddedPostgres, office: Office, campaign: Campaign) -> Iterator[Hall]:
    """Start all nodes, each with as many of the office's agents as it needs."""
    with ExitStack() as stack:
        nodes, first = [], 0
        for node in range(max(NODES)):
            agents = _agents_of(node)
            office.start_sessions(campaign, agents, 0.0, first=first)
            first += agents
            nodes.append(stack.enter_context(NodeProcess(f"node-{node}", agents, postgres.url)))
        made = Hall(postgres, nodes)
        made.round(max(NODES), _WARM_UP_S)
        yield made


def _agents_of(node: int) -> int:
    """As many as it has in the round in which it takes part with the fewest others."""
    return AGENTS // next(nodes for nodes in NODES if node < nodes)


def at_full_speed(
    made: Hall, rounds: int, seconds: float, tell: Callable[[str], None]
) -> Mapping[int, Sequence[Round]]:
    """Measure each number of nodes, in turns."""
    found: dict[int, list[Round]] = {nodes: [] for nodes in NODES}
    for _ in range(rounds):
        for nodes, measured in found.items():
            measured.append(made.round(nodes, seconds))
            tell(f"{nodes} nodes: {measured[-1].calls_per_s:5,.0f} claims/s")
    return found


def at_rates(
    made: Hall, rounds: int, seconds: float, tell: Callable[[str], None]
) -> Mapping[tuple[int, int], Sequence[Round]]:
    """Measure each rate with one node and with several, in turns."""
    found: dict[tuple[int, int], list[Round]] = {
        (rate, nodes): [] for rate in RATES for nodes in (1, COMPARED)
    }
    for _ in range(rounds):
        for (rate, nodes), measured in found.items():
            measured.append(made.round(nodes, seconds, rate))
            p99_ms = percentile(measured[-1].took_ms, 99)
            tell(f"{nodes} nodes, {rate:3}/s: p99 {p99_ms:5.1f} ms")
    return found
