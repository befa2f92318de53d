"""The part `nodes`: several nodes that call from one campaign, and what a hundred of them would do.

Nodes are processes with a pool, a lease and agents of their own, without telephones. All rounds
call from the same list, in turns. What the requests were measured to cost goes into
`bench.many_nodes`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

from django.db import connection

from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from bench import crowd
from bench.crowd import Crowd
from bench.many_nodes import Costs, Load, busy, most_agents, simulate
from bench.node_costs import Server, flush_s
from bench.node_rounds import COMPARED, NODES, RATES, Round, agents_of_all, at_full_speed, at_rates
from bench.node_rounds import hall as hall_of
from bench.office import Office
from bench.part import Outcome
from bench.rows import Row, markdown
from bench.wire import percentile

if TYPE_CHECKING:
    from bench.part import Options

TARGETS: Final = 100_000
CALLER_ID: Final = "+918030000000"
FIRST_AGENT: Final = 918_040_000_000
FIRST_CUSTOMER: Final = 919_000_000_000
# So many nodes and agents stand in the database whose costs are measured.
CROWD: Final = Crowd(nodes=100, agents=10_000)
# So many agents wait while the other requests of a call are measured.
FEW: Final = 20
# What is simulated: agents, on nodes of so many, whose calls take half a minute; and the cores.
CALL_S: Final = 30.0
AGENTS_A_NODE: Final = 100
CASES: Final = ((1_000, 4), (5_000, 4), (10_000, 4), (10_000, 8), (20_000, 16))
_SIMULATED_S: Final = 60.0
_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each round is measured, and for how long."""

    rounds: int
    full_speed_s: float
    at_rate_s: float
    cost_s: float


FULL: Final = Pace(rounds=5, full_speed_s=2.0, at_rate_s=4.0, cost_s=1.0)
QUICK: Final = Pace(rounds=1, full_speed_s=1.0, at_rate_s=2.0, cost_s=0.3)


@dataclass(frozen=True, slots=True)
class Found:
    """All that was measured."""

    speeds: Mapping[int, Sequence[Round]]
    gaps: Mapping[tuple[int, int], Sequence[Round]]
    costs: Costs

    def claims_per_s(self, nodes: int) -> float:
        """The median over the rounds."""
        return median(each.calls_per_s for each in self.speeds[nodes])

    def gap_ms(self, rate: int, nodes: int, percent: int) -> float:
        """The median over the rounds: what else the machine does in one of them is left out."""
        return median(percentile(each.took_ms, percent) for each in self.gaps[rate, nodes])


def run(options: Options) -> Outcome:
    """Measure, then simulate; a full run takes about three minutes, a quick one less than one."""
    pace = QUICK if options.quick else FULL
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nodes-")))
        postgres = EmbeddedPostgres(Paths.below(var))
        postgres.start()
        stack.callback(postgres.stop)
        office = Office.open(postgres.url, FIRST_AGENT, agents_of_all() + FEW)
        found = _measured(postgres, office, pace, options, var)
        connection.close()
    measured = _speed_table(found), _gap_table(found), _cost_table(found.costs)
    simulated = f"{_day_table(found)}\n\n{_arithmetic(found.costs)}"
    table = "\n\n".join([*measured, simulated])
    return Outcome(_rows(found), table, {"costs": measured[-1], "simulated": simulated})


def _measured(
    postgres: EmbeddedPostgres, office: Office, pace: Pace, options: Options, var: Path
) -> Found:
    agents = len(office.agents)
    campaign = office.campaign(agents, FIRST_CUSTOMER, CALLER_ID, targets=TARGETS)
    with hall_of(postgres, office, campaign) as hall:
        speeds = at_full_speed(hall, pace.rounds, pace.full_speed_s, options.tell)
        gaps = at_rates(hall, pace.rounds, pace.at_rate_s, options.tell)
    server = Server(postgres, pace.cost_s)
    office.start_sessions(campaign, FEW, 0.0, first=agents_of_all())
    calls = asyncio.run(server.of_calls("costs", FEW))
    few = asyncio.run(server.of_a_node("few"))
    CROWD.fill(office, FIRST_CUSTOMER + TARGETS, CALLER_ID)
    many = asyncio.run(server.of_a_node(crowd.FIRST_NODE))
    costs = Costs(
        handover=fmean(each.server_us for each in speeds[1]) / 1e6,
        answer=calls.answer,
        telling=calls.telling,
        node=few,
        node_agent=max(0.0, many - few) / CROWD.agents,
        flush=flush_s(var),
    )
    return Found(speeds, gaps, costs)


def _rows(found: Found) -> list[Row]:
    alone = found.claims_per_s(1)
    rows = [Row("nodes1_claims_per_s", alone, "1/s")]
    for nodes in NODES[1:]:
        claims = found.claims_per_s(nodes)
        rows += [
            Row(f"nodes{nodes}_claims_per_s", claims, "1/s", alone),
            Row(f"nodes{nodes}_claims_ratio", claims / alone, "x"),
        ]
    gaps = [(found.gap_ms(rate, COMPARED, 99), found.gap_ms(rate, 1, 99)) for rate in RATES]
    rows += [
        Row(f"nodes{COMPARED}_handoff_p99_ms_{rate}_per_s", several, "ms", one)
        for rate, (several, one) in zip(RATES, gaps, strict=True)
    ]
    rows.append(Row(f"nodes{COMPARED}_handoff_p99_ratio", max(s / one for s, one in gaps), "x"))
    most = most_agents(found.costs, cores=4, call_s=CALL_S, agents_a_node=AGENTS_A_NODE)
    return [*rows, Row("agents_most_4_cores", most, "agents")]


def _speed_table(found: Found) -> str:
    lines = []
    for nodes, rounds in found.speeds.items():
        speeds = [each.calls_per_s for each in rounds]
        figures = (
            f"{found.claims_per_s(nodes):,.0f} ({min(speeds):,.0f}-{max(speeds):,.0f})",
            f"{found.claims_per_s(nodes) / found.claims_per_s(1):.2f}",
            f"{fmean(each.server_us for each in rounds):,.0f}",
            f"{fmean(each.node_us for each in rounds):,.0f}",
            f"{fmean(each.other_pct for each in rounds):,.0f}",
        )
        lines.append([str(nodes), *figures])
    return markdown(["nodes", "claims/s", "of one's", "server us", "node us", "other %"], lines)


def _gap_table(found: Found) -> str:
    lines = []
    for rate, nodes in found.gaps:
        cells = [f"{found.gap_ms(rate, nodes, percent):.1f}" for percent in (50, 95, 99)]
        ratio = found.gap_ms(rate, nodes, 99) / found.gap_ms(rate, 1, 99)
        lines.append([str(rate), str(nodes), *cells, f"{ratio:.2f}"])
    return markdown(["a second", "nodes", "p50 ms", "p95 ms", "p99 ms", "p99 of one's"], lines)


def _cost_table(costs: Costs) -> str:
    lines = [
        ["a hand-over", f"{1e6 * costs.handover:,.0f} us"],
        ["an answer stored", f"{1e6 * costs.answer:,.0f} us"],
        ["screens told", f"{1e6 * costs.telling:,.0f} us"],
        ["a node, each second", f"{1e6 * costs.node:,.0f} us"],
        [
            f"a node among {CROWD.nodes} with {CROWD.agents:,} agents, each second",
            f"{1e6 * costs.node_among(CROWD.agents):,.0f} us",
        ],
        ["a commit on the disk", f"{1e3 * costs.flush:.2f} ms"],
    ]
    return markdown(["PostgreSQL's time for", "measured"], lines)


def _day_table(found: Found) -> str:
    lines = []
    for agents, cores in CASES:
        load = Load(agents // AGENTS_A_NODE, agents, CALL_S, cores)
        day = simulate(load, found.costs, _SIMULATED_S, Random(_SEED))  # noqa: S311
        most = most_agents(found.costs, cores, CALL_S, AGENTS_A_NODE)
        cells = (
            f"{agents:,}",
            f"{load.calls_per_s:,.0f}",
            str(cores),
            f"{100 * day.busy:.0f}",
            f"{day.p50_ms:.1f}",
            f"{day.p99_ms:.1f}",
            f"{most:,}",
        )
        lines.append([str(load.nodes), *cells])
    header = ["nodes", "agents", "calls/s", "cores", "busy %", "p50 ms", "p99 ms", "most agents"]
    return markdown(header, lines)


def _arithmetic(costs: Costs) -> str:
    """How busy the largest of the measured floors keeps the database, by multiplication."""
    load = Load(CROWD.nodes, CROWD.agents, CALL_S, cores=1)
    call_ms, node_ms = 1e3 * costs.call, 1e3 * costs.node_among(load.agents)
    return (
        f"{load.agents:,} agents: {load.calls_per_s:.0f} calls/s x {call_ms:.1f} ms "
        f"+ {load.nodes} nodes x {node_ms:.1f} ms/s = {busy(load, costs):.2f} cores."
    )
