"""What a dialer counts is what happened: the whole engine, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from prometheus_client import CollectorRegistry

from autodialer.adapters.memory.tables import TargetRow
from autodialer.adapters.monitor.dialer import CallMeters, meter_figures
from autodialer.adapters.sim.carrier import Script
from autodialer.adapters.sim.loop import run_virtual
from autodialer.domain.ids import SessionId, TargetId
from autodialer.domain.retry import RetryPolicy
from autodialer.engine.config import EngineConfig
from autodialer.engine.dialer import Dialer
from autodialer.ops.simulation.odds import Odds
from autodialer.ops.simulation.run import ProcessDied, Run
from autodialer.ports.failpoints import Failpoint

# The digit before the last is how long they talk, the last one what they do.
TALKS, IS_BUSY, TALKS_ON = "30", "02", "01"


@dataclass
class Watched:
    """One agent's dialer on a list, and its metrics."""

    run: Run
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    dies_at: Failpoint | None = None
    task: asyncio.Task[None] | None = None

    def start(self, holder: str) -> None:
        """Run the next process of the node, with meters of its own."""
        run, self.registry = self.run, CollectorRegistry()
        dialer = Dialer(
            EngineConfig(node="north", holder=holder),
            run.store,
            run.switch,
            run.clock,
            new_id=run.new_id,
            kill=self._kill,
            meters=CallMeters(self.registry),
        )
        meter_figures(self.registry, dialer.figures, capacity=200)
        self.task = asyncio.get_running_loop().create_task(dialer.run())

    def _kill(self, point: Failpoint) -> None:
        if point is self.dies_at:
            raise ProcessDied(point)

    def dialer_has_died(self) -> bool:
        return self.task is not None and self.task.done() and self.task.exception() is not None

    def value(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(f"autodialer_{name}", labels)
        assert value is not None, f"no {name} {labels}"
        return value

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(600):
            while not holds():  # noqa: ASYNC110  the tables have no event to wait for
                await asyncio.sleep(0.1)

    def is_over(self) -> bool:
        return all(session.end for session in self.run.store.tables.sessions.values())


def work(endings: list[str], story: Callable[[Watched], Awaitable[None]]) -> Watched:
    async def main() -> Watched:
        run = Run(1, Odds())
        campaign = run.campaigns[0]
        campaign.policy, campaign.idle_limit = RetryPolicy(), timedelta(seconds=20)
        campaign.load(
            TargetRow(TargetId(at), f"+91980000{at:02}{ending}")
            for at, ending in enumerate(endings)
        )
        tables, watched = run.store.tables, Watched(run)
        tables.queue_session(SessionId(run.new_id()), campaign.campaign_id, "asha", run.clock())
        watched.start("one")
        await story(watched)
        if watched.task is not None:
            watched.task.cancel()
            await asyncio.wait([watched.task])
        return watched

    return run_virtual(main())


async def to_the_end(watched: Watched) -> None:
    await watched.until(watched.is_over)


def test_each_call_is_counted_once_by_what_became_of_it() -> None:
    of = work([TALKS, IS_BUSY, TALKS, IS_BUSY, TALKS], to_the_end).value
    assert of("calls_placed_total") == 5
    assert of("calls_answered_total") == 3
    assert of("calls_ended_total", status="completed", reason="answered") == 3
    assert of("calls_ended_total", status="busy", reason="busy") == 2
    assert of("sessions_ended_total", reason="campaign_completed") == 1
    # The first claim stands alone; the others come with the end of a call, as does the last.
    assert of("store_request_seconds_count", request="claim") == 1
    assert of("store_request_seconds_count", request="answer") == 3
    assert of("store_request_seconds_count", request="finish") == 5


def test_a_handoff_is_timed_from_one_customer_to_the_next_and_never_over_a_wait() -> None:
    watched = work([TALKS, TALKS, TALKS], to_the_end)
    assert watched.value("handoff_seconds_count") == 2
    assert 0 < watched.value("handoff_seconds_sum") < 1


def test_an_agent_who_waits_is_shown_with_the_reason() -> None:
    async def story(watched: Watched) -> None:
        watched.run.switch.trunk = Script(refuses_s=0.1, sip_code=503)
        await watched.until(lambda: watched.value("trunk_silent") == 1)
        await watched.until(lambda: watched.value("sessions", phase="waiting") == 1)
        assert watched.value("sessions_waiting", reason="trunk_silent") == 1
        waited = watched.value("handoff_seconds_count")
        watched.run.switch.trunk = None
        await watched.until(lambda: watched.value("trunk_silent") == 0)
        # The probe and what follows it came after a wait.
        assert watched.value("handoff_seconds_count") == waited

    work([TALKS] * 12, story)


def test_a_gap_is_counted_and_a_switch_that_is_away_is_shown() -> None:
    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.value("sessions", phase="talking") == 1)
        assert watched.value("switch_connected") == 1
        assert watched.value("reconciles_total") == 1
        watched.run.switch.drop_connection(5.0)
        await watched.until(lambda: watched.value("switch_connected") == 0)
        await watched.until(lambda: watched.value("switch_connected") == 1)
        assert watched.value("switch_losses_total") == 1
        assert watched.value("reconciles_total") == 2

    work([TALKS_ON], story)


def test_a_dialer_that_takes_over_counts_what_it_adopts_and_what_is_spent() -> None:
    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.value("sessions", phase="talking") == 1)
        assert (watched.value("lease_held"), watched.value("lease_epoch")) == (1, 1)
        assert watched.value("lease_age_seconds") < 10
        watched.dies_at = Failpoint.CLAIMED
        watched.run.switch.customer_hangs_up(*watched.run.switch.live_customers)
        await watched.until(watched.dialer_has_died)
        watched.dies_at = None
        watched.start("two")
        assert watched.value("lease_held") == 0
        await watched.until(lambda: watched.value("sessions", phase="talking") == 1)
        assert watched.value("lease_epoch") == 2
        assert watched.value("sessions_adopted_total") == 1
        ended = {"status": "failed", "reason": "outcome_unknown"}
        assert watched.value("calls_ended_total", **ended) == 1
        assert watched.value("calls_placed_total") == 1

    work([TALKS_ON] * 3, story)
