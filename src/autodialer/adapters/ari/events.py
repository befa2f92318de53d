"""From ARI's JSON to reports in our words. The rules follow docs/reference/outcomes.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from autodialer.domain.ids import AttemptId, SessionId
from autodialer.domain.outcome import CallStatus, LegEnd, classify_unanswered
from autodialer.domain.recovery import LegState
from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    CustomerAnswered,
    CustomerGone,
    CustomerRinging,
    EndReason,
)
from autodialer.ports.telephony import CallReport, Legs, SessionReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LEG_ID: Final = re.compile(r"([as])([0-9a-f]{32})")
# What Asterisk makes up for a leg that it ended itself at the ring timeout.
_OWN_TIMEOUT: Final = (19, 480)
# The cause of a soft hang-up is Asterisk's flag for who asked for it: this is its watch over RTP.
_FELL_SILENT: Final = 1
# "Bearer capability not available": the answer (200) had no audio that makes sense.
_NO_BEARER: Final = 58
_NOT_ACCEPTABLE: Final = 488

Report: TypeAlias = SessionReport | CallReport


class Leg(NamedTuple):
    """Which leg a channel of ours is: "s" + session id, or "a" + attempt id.

    Asterisk takes an id for in use when it is a prefix of a living one, in any case: hence
    fixed width and lower case.
    """

    kind: Literal["s", "a"]
    key: UUID

    def __str__(self) -> str:
        return f"{self.kind}{self.key.hex}"


def agent_leg(session_id: SessionId) -> Leg:
    """The agent's leg of a session."""
    return Leg("s", session_id)


def customer_leg(attempt_id: AttemptId) -> Leg:
    """The customer's leg of an attempt."""
    return Leg("a", attempt_id)


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """What ARI said of one channel of ours. `state` is the channel's at that moment."""

    type: str
    leg: Leg
    state: str
    dialstatus: str = ""
    soft: bool = False
    cause: int | None = None
    tech_cause: int | None = None


def parse(message: Mapping[str, Any]) -> ChannelEvent | None:
    """Read an event; None for those that are not about a channel of ours."""
    channel = message.get("channel") or message.get("peer")
    if not isinstance(channel, dict) or (leg := _leg(channel)) is None:
        return None
    return ChannelEvent(
        type=str(message.get("type")),
        leg=leg,
        state=str(channel.get("state")),
        dialstatus=str(message.get("dialstatus", "")),
        soft=message.get("soft") is True,
        cause=_number(message.get("cause")),
        tech_cause=_number(message.get("tech_cause")),
    )


def parse_legs(channels: object) -> dict[Leg, LegState]:
    """Read the answer to `GET channels`: every leg of ours.

    A leg is up once it can be bridged: answered, and inside the application. One that was
    answered while no dialer was connected is arriving: it gets there when it finds this one.
    """
    listed = channels if isinstance(channels, list) else []
    legs = ((_leg(channel), channel) for channel in listed if isinstance(channel, dict))
    return {leg: _state(channel) for leg, channel in legs if leg is not None}


def split(legs: Mapping[Leg, LegState]) -> Legs:
    """Put agents and customers apart."""
    return Legs(
        agents={SessionId(leg.key): state for leg, state in legs.items() if leg.kind == "s"},
        customers={AttemptId(leg.key): state for leg, state in legs.items() if leg.kind == "a"},
    )


@dataclass(slots=True)
class _Told:
    """What was reported of a living leg already."""

    rang: bool = False
    answered: bool = False
    ended: bool = False


class Interpreter:
    """Turns events into reports, each thing once. Remembers a leg until its channel is gone."""

    def __init__(self) -> None:
        self._told: dict[Leg, _Told] = {}

    def resume(self, legs: Mapping[Leg, LegState]) -> None:
        """Start over after a gap with the legs that exist: their state is known, not news."""
        self._told = {
            leg: self._told.get(leg) or _Told(answered=state is LegState.UP)
            for leg, state in legs.items()
        }

    def read(self, event: ChannelEvent) -> Iterable[Report]:
        """Return what is new in this event, in order."""
        told = self._told.setdefault(event.leg, _Told())
        match event.type:
            case "ChannelStateChange" | "Dial":
                return _ringing(event, told)
            case "StasisStart":
                return _answered(event.leg, told)
            case "ChannelHangupRequest":
                return _ended(event, told)
            case "ChannelDestroyed":
                del self._told[event.leg]
                return _ended(event, told)
            case _:
                return ()


def _ringing(event: ChannelEvent, told: _Told) -> Iterable[Report]:
    # 183 with the network's own tone (PROGRESS) is how many networks say that it rings.
    rings = event.state == "Ringing" or event.dialstatus in {"RINGING", "PROGRESS"}
    if not rings or told.rang or told.answered or told.ended:
        return ()
    told.rang = True
    if event.leg.kind == "s":
        return ()
    return (CallReport(CustomerRinging(AttemptId(event.leg.key))),)


def _answered(leg: Leg, told: _Told) -> Iterable[Report]:
    if told.answered or told.ended:
        return ()
    told.answered = True
    if leg.kind == "s":
        return (SessionReport(SessionId(leg.key), AgentAnswered()),)
    return (CallReport(CustomerAnswered(AttemptId(leg.key))),)


def _ended(event: ChannelEvent, told: _Told) -> Iterable[Report]:
    if told.ended:
        return ()
    # Answered and gone before it reached the application: still an answered call.
    answered = event.state == "Up" or _is_bye(event)
    before = _answered(event.leg, told) if answered else ()
    told.ended = True
    end = _leg_end(event, rang=told.rang or event.state == "Ringing")
    return (*before, _gone(event.leg, told, end))


def _is_bye(event: ChannelEvent) -> bool:
    """Whether the far end said BYE, perhaps so soon that the channel never showed "Up".

    Each refusal by the far end carries its SIP code, our own endings are soft or come without a
    request (measured: docs/reference/outcomes.md).
    """
    if event.type != "ChannelHangupRequest" or event.cause == _NO_BEARER:
        return False
    return not event.soft and event.tech_cause is None


def _gone(leg: Leg, told: _Told, end: LegEnd) -> Report:
    if leg.kind == "a":
        return CallReport(CustomerGone(AttemptId(leg.key), end))
    reason = EndReason.AGENT_LEFT if told.answered else _unreached(end)
    return SessionReport(SessionId(leg.key), AgentGone(reason))


def _leg_end(event: ChannelEvent, *, rang: bool) -> LegEnd:
    own_timeout = (
        event.type == "ChannelDestroyed" and (event.cause, event.tech_cause) == _OWN_TIMEOUT
    )
    if event.soft or own_timeout:
        silent = event.soft and event.cause == _FELL_SILENT
        return LegEnd(sip_code=None, rang=rang, by_far_end=False, fell_silent=silent)
    code = _NOT_ACCEPTABLE if event.cause == _NO_BEARER else event.tech_cause
    return LegEnd(sip_code=code, rang=rang, by_far_end=True)


def _unreached(end: LegEnd) -> EndReason:
    match classify_unanswered(end).status:
        case CallStatus.BUSY:
            return EndReason.AGENT_BUSY
        case CallStatus.NO_ANSWER:
            return EndReason.AGENT_NO_ANSWER
        case _:
            return EndReason.AGENT_UNREACHABLE


def _leg(channel: Mapping[str, Any]) -> Leg | None:
    match = _LEG_ID.fullmatch(str(channel.get("id")))
    if match is None:
        return None
    return Leg("s" if match[1] == "s" else "a", UUID(match[2]))


def _state(channel: Mapping[str, Any]) -> LegState:
    if channel.get("state") != "Up":
        return LegState.RINGING if channel.get("state") == "Ringing" else LegState.CALLING
    dialplan = channel.get("dialplan")
    inside = isinstance(dialplan, dict) and dialplan.get("app_name") == "Stasis"
    return LegState.UP if inside else LegState.ARRIVING


def _number(value: object) -> int | None:
    """Return a code; one that makes no sense is 0, because a code that is there tells something."""
    if value is None:
        return None
    return value if isinstance(value, int) else 0
