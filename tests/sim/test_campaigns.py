"""Whole campaigns under seeds: whatever breaks, the promises hold and nothing is stuck."""

from __future__ import annotations

import pytest

from autodialer.ops.simulate import simulate
from autodialer.ops.simulation.odds import MIXES

# A hundred runs; forty-eight more with `make test-full`, and as many as one likes with `make sim`.
SEEDS = [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 12))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mix", MIXES)
def test_a_campaign_keeps_every_promise(mix: str, seed: int) -> None:
    assert not simulate(seed, mix).broken
