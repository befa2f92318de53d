"""The carrier's bad days: SIP that is lost, late, doubled or nonsense, between real parts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import pytest

from autodialer.apps.billing.models import Hold
from autodialer.domain.money import Rate
from autodialer.domain.outcome import SILENCE
from autodialer.domain.session import EndReason
from tests.support.sip_link import (
    Fault,
    Message,
    Side,
    SipLink,
    answer,
    answer_when_cancelled,
    delay,
    instead_of,
    lose,
    lose_at_first,
    pass_on,
    repeat,
)
from tests.support.site import Outage, Site
from tests.support.stack import AsteriskPair

RING_S: Final = 8
# Asterisk looks once a second for calls that fell silent, and the carrier's last packets come late.
LATE_S: Final = 3.0
# A request that nobody answers is repeated for so long.
SIP_PATIENCE_S: Final = 32.0
SESSION_TIMER_S: Final = 300.0
A_PAISA_A_SECOND: Final = Rate(1, 1, 1, 1)
NONSENSE: Final = (
    b"\x00\xff garbage \x00" * 50,
    b"SIP/2.0",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: \r\nCSeq: INVITE\r\nContent-Length: -1\r\n\r\n",
    b"A" * 8_000,
)


@pytest.fixture(scope="module")
def pair(linked: tuple[AsteriskPair, SipLink]) -> AsteriskPair:
    return linked[0]


def nonsense(invite: Message) -> Iterable[Message]:
    """Datagrams that mean nothing, in place of an answer."""
    return [replace(invite, sender=Side.CARRIER, data=each) for each in NONSENSE]


def deaf(invite: Message) -> Iterable[Message]:
    """The carrier sends its audio to nowhere."""
    body = invite.data.partition(b"\r\n\r\n")[2]
    return [invite.with_body(re.sub(rb"m=audio \d+", b"m=audio 9", body))]


def untimed(invite: Message) -> Iterable[Message]:
    """As if we had no session timer: the carrier then uses none."""
    timers = rb"Session-Expires:.*\r\n|Min-SE:.*\r\n|(?<=[ ,])timer,? ?"
    return [replace(invite, data=re.sub(timers, b"", invite.data))]


def with_body(body: bytes) -> Fault:
    return instead_of("200 INVITE", lambda message: [message.with_body(body)])


@dataclass(frozen=True, slots=True)
class Case:
    """A customer with the lab's ending, what the network does to the call, what it comes to."""

    ending: str
    fault: Fault
    came_to: tuple[str, str]


TALK: Final = ("completed", "answered")
NO_ANSWER: Final = ("no-answer", "ring_timeout")
NO_RINGING: Final = ("failed", "no_ringing")
NO_AUDIO: Final = ("failed", "no_audio")


def cases() -> dict[str, Case]:
    """Made anew for each test: faults remember what they have done."""
    return {
        "the BYE is lost": Case("30", lose("BYE"), TALK),
        "the ACK is lost": Case("01", lose("ACK"), TALK),
        "200 comes twice": Case("10", repeat("200 INVITE", 2), TALK),
        "the BYE comes twice": Case("10", repeat("BYE", 2), TALK),
        "200 crosses our CANCEL": Case("01", answer_when_cancelled(0), NO_ANSWER),
        "200 comes after our CANCEL": Case("01", answer_when_cancelled(3), NO_ANSWER),
        "nothing comes": Case("01", lose(), NO_RINGING),
        "the INVITE is late": Case("01", lose_at_first(RING_S + 2), NO_RINGING),
        "100 and nothing else": Case("07", pass_on, NO_RINGING),
        "180 for ever": Case("03", pass_on, NO_ANSWER),
        "487 is lost": Case("03", lose("487 INVITE"), NO_ANSWER),
        "180 three hundred times": Case("10", repeat("180 INVITE", 300), TALK),
        "nonsense": Case("01", instead_of("INVITE", nonsense), NO_RINGING),
        "an unheard-of code": Case(
            "01",
            instead_of("INVITE", lambda invite: [answer(invite, "699 What")]),
            ("failed", "sip_699"),
        ),
        "no audio comes": Case("01", instead_of("INVITE", deaf), NO_AUDIO),
        "200 without audio": Case("01", with_body(b""), NO_AUDIO),
        "200 with nonsense": Case("01", with_body(b"v=0 what\r\n"), NO_AUDIO),
    }


def test_on_a_bad_day_every_call_is_told_truly_and_every_agent_goes_on(
    site: Site, link: SipLink
) -> None:
    """All at once, an agent each: the longest lasts as long as SIP has patience."""
    day = cases()
    numbers = {name: site.number(case.ending) for name, case in day.items()}
    link.faults = {numbers[name]: case.fault for name, case in day.items()}
    site.set_price(A_PAISA_A_SECOND)
    agents = [site.hire() for _ in numbers]
    rest = [site.number("10") for _ in numbers]
    site.campaign([*numbers.values(), *rest], ring_timeout_s=RING_S)
    sessions = [site.start_agent(agent) for agent in agents]
    site.wait(lambda: all(site.has_ended(session) for session in sessions), 60)

    assert {name: came_to(site, number) for name, number in numbers.items()} == {
        name: case.came_to for name, case in day.items()
    }
    for number in (*numbers.values(), *rest):
        assert len(link.calls(number)) == 1, number
    assert {site.session(each).end_reason for each in sessions} == {EndReason.CAMPAIGN_COMPLETED}
    fell_silent(site, numbers["the BYE is lost"], talked_s=3)
    fell_silent(site, numbers["no audio comes"], talked_s=0)
    for name in ("200 crosses our CANCEL", "200 comes after our CANCEL"):
        assert link.said(numbers[name], Side.NODE)[-2:] == ["ACK", "BYE"]
    assert link.said(numbers["the INVITE is late"], Side.NODE)[-2:] == ["CANCEL", "ACK"]
    site.wait(lambda: not set(numbers.values()) & set(site.lab.live_numbers()))


def test_a_customer_who_answers_when_the_agent_hangs_up_is_released_and_not_told_as_a_talk(
    site: Site, link: SipLink
) -> None:
    agent, number = site.hire(), site.number("01")
    link.faults[number] = answer_when_cancelled(0)
    site.campaign([number])
    session = site.start_agent(agent)
    site.wait(lambda: site.rings(number))
    site.hang_up(agent.phone)
    site.wait(lambda: site.has_ended(session))
    assert came_to(site, number) == ("no-answer", "agent_left")
    site.wait(lambda: link.said(number, Side.NODE)[-2:] == ["ACK", "BYE"])
    site.wait(lambda: number not in site.lab.live_numbers())


@pytest.mark.slow
def test_who_answers_in_the_last_moment_has_one_outcome_and_leaves_no_call_behind(
    site: Site, link: SipLink
) -> None:
    """The customer's phone rings for 0.3 s; the answer arrives about when we give up."""
    late_s = [RING_S + about for about in (-0.2, -0.1, 0.0, 0.1, 0.2)]
    numbers = [site.number("01") for _ in late_s]
    link.faults = {
        number: delay("200 INVITE", seconds - 0.3)
        for number, seconds in zip(numbers, late_s, strict=True)
    }
    agents = [site.hire() for _ in numbers]
    site.campaign(numbers, ring_timeout_s=RING_S)
    sessions = [site.start_agent(agent) for agent in agents]

    def all_over() -> bool:
        for number in filter(site.talks, numbers):
            site.lab.hang_up(number)
        return all(site.has_ended(session) for session in sessions)

    site.wait(all_over)
    assert {came_to(site, number) for number in numbers} <= {TALK, NO_ANSWER}
    site.wait(lambda: not set(numbers) & set(site.lab.live_numbers()))


@pytest.mark.slow
def test_an_agent_whose_end_is_lost_is_released_and_so_is_who_talked_to_them(
    site: Site, link: SipLink
) -> None:
    agent, number = site.hire(), site.number("01")
    link.faults[agent.phone] = lose("BYE")
    site.campaign([number])
    session = site.start_agent(agent)
    site.wait(lambda: site.talks(number))
    site.never(lambda: not site.talks(number), 2)
    site.hang_up(agent.phone)
    site.wait(lambda: site.has_ended(session), SILENCE.total_seconds() + LATE_S + 10)
    assert site.session(session).end_reason == EndReason.AGENT_LEFT
    assert came_to(site, number) == TALK
    site.wait(lambda: number not in site.lab.live_numbers())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_talk_whose_carrier_answers_no_message_is_ended_by_the_session_timer(
    site: Site, link: SipLink
) -> None:
    """Its audio goes on: a carrier that has lost the call, not the line, and has no timer."""
    agent, number = site.hire(), site.number("01")
    link.faults[number] = instead_of("INVITE", untimed)
    site.campaign([number])
    session = site.start_agent(agent)
    site.wait(lambda: site.talks(number))
    link.faults[number] = lose()
    # A refresh that nobody answers, then a BYE that nobody answers.
    patience_s = SESSION_TIMER_S / 2 + 2 * SIP_PATIENCE_S
    site.wait(lambda: site.has_ended(session), patience_s + 20)
    assert number in site.lab.live_numbers(), "its audio went on"
    assert came_to(site, number) == TALK
    assert not site.attempts(number)[0].estimated
    # From its BYE on Asterisk records nothing.
    site.outages.append(Outage(time.time() - SIP_PATIENCE_S, time.time()))


def came_to(site: Site, number: str) -> tuple[str, str]:
    (call,) = site.attempts(number)
    return call.status, call.reason


def fell_silent(site: Site, number: str, talked_s: float) -> None:
    """The length and the charge are what was heard; the recording has the silence too."""
    (call,) = site.attempts(number)
    assert call.answered_at is not None
    assert call.ended_at is not None
    assert call.estimated
    assert abs((call.ended_at - call.answered_at).total_seconds() - talked_s) < LATE_S
    assert abs(Hold.objects.get(leg=call.pk).charged - talked_s) < LATE_S
    site.fell_silent.add(call.pk)
