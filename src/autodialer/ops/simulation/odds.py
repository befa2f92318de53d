"""How often things break, and the mixes of faults that runs are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from autodialer.domain.pacing import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Odds:
    """Chances per request, report or failpoint, and mean seconds between faults (0 = never)."""

    store: float = 0.0
    switch: float = 0.0
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    crash_every_s: float = 0.0
    seam: float = 0.0
    drop_every_s: float = 0.0
    restart_every_s: float = 0.0
    outage_every_s: float = 0.0
    forbid_every_s: float = 0.0
    clock_every_s: float = 0.0
    # What the trunk takes, None: as much as comes.
    limits: Limits = NO_LIMITS


MIXES: Final[Mapping[str, Odds]] = MappingProxyType(
    {
        "fair": Odds(),
        "crashes": Odds(crash_every_s=30),
        "killed-at-seams": Odds(seam=0.03),
        "lost-connections": Odds(drop_every_s=40),
        "switch-restarts": Odds(restart_every_s=90),
        "store-outages": Odds(outage_every_s=60, store=0.02),
        "bad-reports": Odds(lost=0.05, doubled=0.1, late=0.1),
        "bad-requests": Odds(switch=0.05),
        "forbidden": Odds(forbid_every_s=15),
        "clock-steps": Odds(clock_every_s=20),
        "clock-steps-and-crashes": Odds(clock_every_s=30, crash_every_s=60),
        "limited-trunk": Odds(limits=Limits(1, 2)),
        "limited-trunk-and-crashes": Odds(
            crash_every_s=60, seam=0.01, drop_every_s=100, store=0.01, limits=Limits(1, 2)
        ),
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
            forbid_every_s=60,
            clock_every_s=200,
        ),
    }
)


def mix_of(seed: int) -> str:
    """Return the mix that a seed runs when none is asked for: each in turn."""
    return tuple(MIXES)[seed % len(MIXES)]
