"""What a process counts and times for whoever watches it, in our words.

Whatever takes these must return at once and never raise: it is asked in the middle of calls.
Nothing here names an account, a number or a campaign.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.domain.outcome import CallResult
    from autodialer.domain.session import EndReason, Phase, Wait


class Asked(StrEnum):
    """What the store is asked while somebody waits on the line."""

    CLAIM = "claim"
    ANSWER = "answer"
    FINISH = "finish"


class LegKind(StrEnum):
    """Whose leg one is."""

    AGENT = "agent"
    CUSTOMER = "customer"


class Meters(Protocol):
    """Counts what a dialer does."""

    def placed(self, handoff_s: float | None) -> None:
        """Count a call that the switch has taken.

        `handoff_s` is since the agent's last customer was gone, None when the agent had to wait
        for a number in between, or it is the session's first.
        """
        ...

    def answered(self) -> None:
        """Count a customer who answered."""
        ...

    def ended(self, result: CallResult) -> None:
        """Count a call that is over, as it is stored."""
        ...

    def store_took(self, asked: Asked, seconds: float) -> None:
        """Time one request to the store, whatever came of it."""
        ...

    def session_ended(self, reason: EndReason) -> None:
        """Count a session that is over."""
        ...

    def session_adopted(self) -> None:
        """Count a session that an earlier process left."""
        ...

    def reconciled(self) -> None:
        """Count that store and switch were brought into agreement after a gap."""
        ...

    def switch_lost(self) -> None:
        """Count a connection to the switch that broke."""
        ...

    def orphan(self, leg: LegKind) -> None:
        """Count a leg that the switch had for nobody."""
        ...

    def trunk_waited(self) -> None:
        """Count a call that had to wait because of the trunk's limits."""
        ...


class Unmetered:
    """Meters of a dialer that nobody watches."""

    def placed(self, handoff_s: float | None) -> None:
        """See `Meters`."""

    def answered(self) -> None:
        """See `Meters`."""

    def ended(self, result: CallResult) -> None:
        """See `Meters`."""

    def store_took(self, asked: Asked, seconds: float) -> None:
        """See `Meters`."""

    def session_ended(self, reason: EndReason) -> None:
        """See `Meters`."""

    def session_adopted(self) -> None:
        """See `Meters`."""

    def reconciled(self) -> None:
        """See `Meters`."""

    def switch_lost(self) -> None:
        """See `Meters`."""

    def orphan(self, leg: LegKind) -> None:
        """See `Meters`."""

    def trunk_waited(self) -> None:
        """See `Meters`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How a dialer stands at this moment.

    `epoch` is that of its lease, 0 before the first; `lease_age_s` since it was last renewed.
    `trunk_wait_s`: since when the first of those waits whom the trunk's limits hold back.
    """

    epoch: int
    has_lease: bool
    lease_age_s: float | None
    sees_switch: bool
    is_trunk_silent: bool
    phases: Mapping[Phase, int]
    waits: Mapping[Wait, int]
    trunk_lines: int = 0
    trunk_wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How a pool of connections stands: `waiting` are requests that wait for one."""

    size: int
    idle: int
    waiting: int
