"""The list of a soak: what each number does stands in its last two digits."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Final

# Of a hundred numbers: endings of docs/reference/lab-carrier.md. Most customers talk for 5 to 9 s,
# so that 50 agents get through 10,000 numbers in half an hour with its faults.
ENDINGS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "50": 8,
        "60": 10,
        "70": 16,
        "80": 16,
        "90": 20,
        "00": 3,
        "01": 6,  # until the campaign's longest talk
        "02": 6,
        "03": 3,
        "04": 2,
        "05": 2,
        "06": 1,
        "07": 1,
        "28": 2,
        "19": 2,
        "39": 2,
    }
)


def make(count: int, luck: Random) -> list[str]:
    """Return `count` different numbers; the kinds of customers are mixed by `luck`."""
    endings = luck.choices(list(ENDINGS), list(ENDINGS.values()), k=count)
    return [f"+9198{place:06d}{ending}" for place, ending in enumerate(endings)]
