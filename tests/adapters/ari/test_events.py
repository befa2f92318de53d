"""What each event of ARI means, from frames as Asterisk 22.10 sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from autodialer.adapters.ari.events import Interpreter, parse, parse_legs, split
from autodialer.domain.ids import AttemptId, SessionId
from autodialer.domain.outcome import LegEnd
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
    from autodialer.domain.session import SwitchEvent

ID = UUID("0c2f0d6e5c1b4a5f9d3e2b1a0f9e8d7c")
ATTEMPT, SESSION = AttemptId(ID), SessionId(ID)
CUSTOMER, AGENT = f"a{ID.hex}", f"s{ID.hex}"
TIMEOUT: dict[str, Any] = {"cause": 19, "tech_cause": 480}


def frame(kind: str, leg: str = CUSTOMER, state: str = "Down", **rest: object) -> dict[str, Any]:
    key = "peer" if kind == "Dial" else "channel"
    return {"type": kind, key: {"id": leg, "state": state}, "application": "autodialer", **rest}


def told(*frames: dict[str, Any]) -> list[SwitchEvent]:
    """Return the events that one Interpreter reports for these frames."""
    interpreter, events = Interpreter(), []
    for each in frames:
        event = parse(each)
        if event is not None:
            events += [report.event for report in interpreter.read(event)]
    return events


RINGING = frame("ChannelStateChange", state="Ringing")
ANSWER = frame("StasisStart", state="Up", args=["customer"])


def gone(
    sip_code: int | None = None, *, rang: bool = False, far: bool = True, silent: bool = False
) -> CustomerGone:
    return CustomerGone(ATTEMPT, LegEnd(sip_code, rang=rang, by_far_end=far, fell_silent=silent))


@pytest.mark.parametrize("sip_code", [404, 480, 486, 503, 603])
def test_a_refusal_is_told_by_the_first_event_that_knows_it(sip_code: int) -> None:
    request = frame("ChannelHangupRequest", cause=19, tech_cause=sip_code)
    assert told(request) == [gone(sip_code)]
    assert told(request, frame("ChannelDestroyed", cause=19, tech_cause=sip_code)) == [
        gone(sip_code)
    ]


def test_ringing_is_told_once_although_two_events_say_it() -> None:
    rings = frame("Dial", state="Ringing", dialstatus="RINGING")
    assert told(rings, RINGING, RINGING) == [CustomerRinging(ATTEMPT)]


def test_a_network_that_plays_its_own_ringing_tone_rings() -> None:
    progress = frame("Dial", dialstatus="PROGRESS")
    end = frame("ChannelDestroyed", **TIMEOUT)
    assert told(progress, end) == [CustomerRinging(ATTEMPT), gone(rang=True, far=False)]


def test_our_ring_timeout_is_no_answer_of_the_network_although_it_looks_like_one() -> None:
    assert told(frame("ChannelDestroyed", **TIMEOUT)) == [gone(far=False)]
    assert told(frame("ChannelHangupRequest", **TIMEOUT)) == [gone(480)]
    assert told(RINGING, frame("ChannelDestroyed", state="Ringing", **TIMEOUT))[-1] == gone(
        rang=True, far=False
    )


def test_the_end_of_a_network_that_never_replied_is_its_own() -> None:
    assert told(frame("ChannelDestroyed", cause=18, tech_cause=408)) == [gone(408)]


def test_what_we_hang_up_is_not_ended_by_the_far_end() -> None:
    ours = frame("ChannelHangupRequest", state="Ringing", cause=32, soft=True)
    assert told(RINGING, ours)[-1] == gone(rang=True, far=False)


def test_a_leg_is_answered_when_it_can_be_connected_not_before() -> None:
    up = frame("ChannelStateChange", state="Up")
    answered = frame("Dial", state="Up", dialstatus="ANSWER")
    assert told(RINGING, up, answered) == [CustomerRinging(ATTEMPT)]
    assert told(RINGING, up, answered, ANSWER)[1:] == [CustomerAnswered(ATTEMPT)]


def test_who_answers_and_hangs_up_at_once_has_answered() -> None:
    end = frame("ChannelHangupRequest", state="Up")
    assert told(RINGING, end)[1:] == [CustomerAnswered(ATTEMPT), gone(rang=True)]


def test_a_bye_before_the_channel_shows_up_ends_an_answered_call() -> None:
    end = frame("ChannelHangupRequest", state="Ringing")
    assert told(RINGING, end)[1:] == [CustomerAnswered(ATTEMPT), gone(rang=True)]


def test_an_answer_without_sensible_audio_is_no_answer_but_a_refusal() -> None:
    end = frame("ChannelHangupRequest", state="Ringing", cause=58)
    assert told(RINGING, end)[1:] == [gone(488, rang=True)]


def test_an_answer_without_audio_that_we_know_is_an_answer_with_a_code() -> None:
    end = frame("ChannelHangupRequest", state="Up", cause=127, tech_cause=406)
    assert told(RINGING, ANSWER, end)[1:] == [CustomerAnswered(ATTEMPT), gone(406, rang=True)]


def test_a_talk_that_the_switch_ends_for_its_silence_is_told_apart_from_what_we_hang_up() -> None:
    silence = frame("ChannelHangupRequest", state="Up", cause=1, soft=True)
    assert told(ANSWER, silence)[1:] == [gone(far=False, silent=True)]


def test_nothing_is_told_of_a_leg_after_its_end() -> None:
    end = frame("ChannelHangupRequest", state="Up")
    assert told(ANSWER, end, ANSWER, RINGING, end)[2:] == []


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (frame("ChannelHangupRequest", AGENT, tech_cause=486), EndReason.AGENT_BUSY),
        (frame("ChannelHangupRequest", AGENT, tech_cause=603), EndReason.AGENT_BUSY),
        (frame("ChannelHangupRequest", AGENT, tech_cause=480), EndReason.AGENT_NO_ANSWER),
        (frame("ChannelDestroyed", AGENT, "Ringing", **TIMEOUT), EndReason.AGENT_NO_ANSWER),
        (frame("ChannelDestroyed", AGENT, **TIMEOUT), EndReason.AGENT_UNREACHABLE),
        (frame("ChannelHangupRequest", AGENT, tech_cause=404), EndReason.AGENT_UNREACHABLE),
        (frame("ChannelHangupRequest", AGENT, tech_cause=503), EndReason.AGENT_UNREACHABLE),
    ],
)
def test_an_agent_who_was_not_reached_is_told_why(end: dict[str, Any], reason: EndReason) -> None:
    assert told(end) == [AgentGone(reason)]


def test_an_agent_who_answered_has_left_however_the_leg_ended() -> None:
    answer = frame("StasisStart", AGENT, "Up", args=["agent"])
    assert told(answer, frame("ChannelDestroyed", AGENT, "Up")) == [
        AgentAnswered(),
        AgentGone(EndReason.AGENT_LEFT),
    ]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "StasisStart"},
        {"type": "StasisStart", "channel": None},
        {"type": "StasisStart", "channel": "a"},
        {"type": "StasisStart", "channel": {"id": 7}},
        frame("StasisStart", "1795395623.0"),
        frame("StasisStart", CUSTOMER.upper()),
        frame("StasisStart", CUSTOMER[:-1]),
        frame("StasisStart", CUSTOMER + "0"),
        frame("ANewEventOfTheNextRelease"),
        {"type": ["Dial"], "peer": {"id": CUSTOMER}},
        frame("ChannelVarset", variable="X", value="StasisStart"),
    ],
)
def test_what_is_not_ours_or_not_known_is_ignored(message: dict[str, Any]) -> None:
    assert told(message) == []


def test_a_code_that_makes_no_sense_is_still_a_refusal() -> None:
    assert told(frame("ChannelHangupRequest", tech_cause="486")) == [gone(0)]


def test_reports_name_the_session_or_the_attempt() -> None:
    interpreter = Interpreter()
    answer = parse(frame("StasisStart", AGENT, "Up"))
    assert answer is not None
    assert list(interpreter.read(answer)) == [SessionReport(SESSION, AgentAnswered())]
    customer = parse(ANSWER)
    assert customer is not None
    assert list(interpreter.read(customer)) == [CallReport(CustomerAnswered(ATTEMPT))]


def channel(leg: str, state: str, app: str = "Stasis") -> dict[str, Any]:
    return {"id": leg, "state": state, "dialplan": {"app_name": app}}


def test_a_leg_rings_when_the_network_said_so_and_is_up_when_answered_and_inside() -> None:
    other = f"a{'f' * 32}"
    waiting = f"a{'e' * 32}"
    silent = f"a{'d' * 32}"
    listed = [
        channel(AGENT, "Up"),
        channel(other, "Ringing", "AppDial2"),
        channel(waiting, "Up", "Wait"),
        channel(silent, "Down", "AppDial2"),
        channel("1795395623.0", "Up"),
        "nonsense",
    ]
    assert split(parse_legs(listed)) == Legs(
        agents={SESSION: LegState.UP},
        customers={
            AttemptId(UUID("f" * 32)): LegState.RINGING,
            AttemptId(UUID("e" * 32)): LegState.ARRIVING,
            AttemptId(UUID("d" * 32)): LegState.CALLING,
        },
    )


def test_after_a_gap_what_is_known_is_not_news_and_what_is_gone_is_forgotten() -> None:
    interpreter = Interpreter()
    interpreter.resume(parse_legs([channel(CUSTOMER, "Up")]))
    end = parse(frame("ChannelHangupRequest", state="Up"))
    assert end is not None
    assert [report.event for report in interpreter.read(end)] == [gone()]
    interpreter.resume({})
    assert len(list(interpreter.read(end))) == 2
