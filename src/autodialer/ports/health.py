"""What a process needs to do its work, told to whoever watches it from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that must work. `trouble` says what does not, "" when it does: no secret, no name
    of an account, and no address stands in it."""

    name: str
    trouble: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether it works."""
        return not self.trouble


# Answers within seconds, whatever does not work.
Health: TypeAlias = Callable[[], Awaitable[Sequence[Part]]]
