"""How large a simulated call centre is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class World:
    """Two campaigns: the second calls the first `shared` of the same numbers at the same time."""

    crews: tuple[Sequence[str], Sequence[str]]
    size: int
    shared: int
    # Between two looks of the oracle at all tables and lines, in virtual seconds.
    look_s: float

    @property
    def targets(self) -> int:
        """How many targets both campaigns have."""
        return self.size + self.shared

    @property
    def pace(self) -> float:
        """How many calls there are in the time of one call of the small world."""
        return self.size / SMALL.size


SMALL: Final = World((("asha", "bina"), ("chitra",)), size=40, shared=12, look_s=0.5)
LARGE: Final = World(
    (tuple(f"asha{n}" for n in range(20)), tuple(f"chitra{n}" for n in range(10))),
    size=400,
    shared=120,
    look_s=2.0,
)
WORLDS: Final[Mapping[str, World]] = MappingProxyType({"small": SMALL, "large": LARGE})
