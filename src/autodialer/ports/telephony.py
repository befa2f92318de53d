"""What the engine needs from a switch, in our words.

Two adapters: `adapters.ari` (Asterisk) and `adapters.sim` (seeded, virtual time). Both pass
`tests/contract/telephony.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from autodialer.domain.errors import AutodialerError
from autodialer.ports.phones import PhoneReport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from autodialer.domain.ids import AttemptId, SessionId
    from autodialer.domain.recovery import LegState
    from autodialer.domain.session import AgentEvent, Call, CallEvent, Talk


class CallRefusedError(AutodialerError):
    """The switch answered that it will not place this call: no leg exists."""

    code = "call_refused"


class PhoneNotRegisteredError(CallRefusedError):
    """The agent's own phone is not registered: nothing was sent."""

    code = "phone_not_registered"


class SwitchUnavailableError(AutodialerError):
    """No answer from the switch: whether the request was carried out is unknown.

    The caller must not repeat a call that may have been placed.
    """

    code = "switch_unavailable"


@dataclass(frozen=True, slots=True)
class AgentDial:
    """How to reach one agent.

    `kind` is "phone" with an E.164 number, or "sip" or "browser" with the name of the account.
    """

    session_id: SessionId
    kind: str
    address: str
    caller_id: str
    ring_timeout_s: int


@dataclass(frozen=True, slots=True)
class SessionReport:
    """Something happened to the agent's leg of this session."""

    session_id: SessionId
    event: AgentEvent


@dataclass(frozen=True, slots=True)
class CallReport:
    """Something happened to the customer leg that `event.attempt_id` names."""

    event: CallEvent


@dataclass(frozen=True, slots=True)
class SwitchUp:
    """Connected (again). What happened before is lost: compare with `legs()`.

    `instance` changes exactly when the switch itself was restarted: then no older leg lives.
    `sip_url` is where browsers' phones reach it from this machine, if they can.
    """

    instance: str
    sip_url: str = ""


@dataclass(frozen=True, slots=True)
class SwitchDown:
    """The connection is lost. `dead` says that the switch surely runs no more (refused)."""

    dead: bool


SwitchReport: TypeAlias = SessionReport | CallReport | PhoneReport | SwitchUp | SwitchDown


@dataclass(frozen=True, slots=True)
class Legs:
    """Every leg of ours that the switch has at this moment, and nothing else."""

    agents: Mapping[SessionId, LegState]
    customers: Mapping[AttemptId, LegState]


class Telephony(Protocol):
    """A switch that calls out and reports what happened.

    Each method has a deadline of its own and raises SwitchUnavailableError when the switch does
    not answer. Reports about a leg come in the order in which they happened.
    """

    async def call_agent(self, dial: AgentDial) -> None:
        """Ring an agent; returns once accepted, not when answered.

        A session whose leg lives is refused (CallRefusedError): it is never rung twice. So is
        a phone that is not registered (PhoneNotRegisteredError).
        """
        ...

    async def nail_agent(self, session_id: SessionId) -> None:
        """Make the session's bridge and put the answered agent in it. Repeating it is harmless."""
        ...

    async def place_call(self, session_id: SessionId, call: Call) -> None:
        """Ring a customer with the call's caller id, recording from the answer on.

        Returns once accepted, not when answered; the agent hears ringing until the customer
        is connected or gone. Raises CallRefusedError when no leg exists (also when the attempt
        has one already), SwitchUnavailableError when the outcome is unknown (never call again).
        """
        ...

    async def connect(self, session_id: SessionId, attempt_id: AttemptId) -> None:
        """Put the answered customer into the agent's bridge. Repeating it is harmless.

        A leg that has gone meanwhile is success: its end is reported by an event.
        """
        ...

    async def hang_up_customer(self, attempt_id: AttemptId) -> None:
        """End a customer leg. A leg that is gone is success."""
        ...

    async def release_agent(self, session_id: SessionId) -> None:
        """End the agent leg and remove its bridge. What is gone is success."""
        ...

    async def kept(self, attempt_id: AttemptId) -> Talk | None:
        """Return what the switch itself kept of an answered call that is over; None: nothing.

        For calls whose end nobody saw: also after the switch has died. Its recording can be
        played afterwards.
        """
        ...

    async def legs(self) -> Legs:
        """Return every leg of ours that exists now (ringing or up)."""
        ...

    def reports(self) -> AsyncIterator[SwitchReport]:
        """Yield what happens, from `SwitchUp` on; reconnects by itself and never ends."""
        ...
