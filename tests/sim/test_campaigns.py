"""Whole campaigns under seeds: whatever breaks, the promises hold and nothing is stuck."""

from __future__ import annotations

import pytest

from autodialer.adapters.sim.loop import run_virtual
from tests.sim.world import Odds, Run

WEATHERS = {
    "fair": Odds(),
    "crashes": Odds(crash_every_s=30),
    "killed-at-seams": Odds(seam=0.03),
    "lost-connections": Odds(drop_every_s=40),
    "switch-restarts": Odds(restart_every_s=90),
    "store-outages": Odds(outage_every_s=60, store=0.02),
    "bad-reports": Odds(lost=0.05, doubled=0.1, late=0.1),
    "bad-requests": Odds(switch=0.05),
    "everything": Odds(
        store=0.02,
        switch=0.02,
        lost=0.02,
        doubled=0.05,
        late=0.05,
        crash_every_s=120,
        seam=0.005,
        drop_every_s=200,
        restart_every_s=400,
        outage_every_s=200,
    ),
}
SEEDS = range(12)


async def _run(seed: int, odds: Odds) -> Run:
    run = Run(seed, odds)
    await run.go()
    return run


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weather", WEATHERS)
def test_a_campaign_keeps_every_promise(weather: str, seed: int) -> None:
    run = run_virtual(_run(seed, WEATHERS[weather]))
    assert not run.broken, f"weather {weather}, seed {seed}"
