"""The dialer is killed at every seam, with people on the line; after it the oracle judges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from autodialer.domain.target import TERMINAL
from autodialer.engine.config import Failpoint
from autodialer.ops.lab.carrier import agent_tone_hz, customer_tone_hz
from tests.support.oracle import LOUD, levels, recording
from tests.support.site import Site

FAILPOINTS_PAGE = Path(__file__).parents[2] / "docs/reference/failpoints.md"


@dataclass(frozen=True, slots=True)
class Case:
    """What the first customer does, and which tries the crash costs: by place in the list."""

    ending: str = "10"
    spent: frozenset[int] = frozenset()
    estimated: bool = False


CASES = {
    Failpoint.BEFORE_CLAIM: Case(),
    # Committed, never sent: whether it was sent cannot be known afterwards, so it is spent.
    Failpoint.CLAIMED: Case(spent=frozenset({0})),
    Failpoint.PLACED: Case(ending="01"),
    Failpoint.ANSWERED: Case(ending="01"),
    Failpoint.HANGUP_SEEN: Case(estimated=True),
    # Finishing claims the next one in the same commit.
    Failpoint.FINISHED: Case(spent=frozenset({1})),
    Failpoint.RECOVERING: Case(),
}


def test_every_failpoint_has_a_case_and_a_row() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", FAILPOINTS_PAGE.read_text(), re.MULTILINE)
    assert rows == [point.value for point in Failpoint]
    assert list(CASES) == list(Failpoint)


@pytest.mark.parametrize(
    "twice",
    [
        pytest.param(False, id="once"),
        # With `make test-full`: each takes twice as long and finds what "once" finds.
        pytest.param(True, id="twice", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("point", Failpoint)
def test_a_dialer_killed_at(site: Site, point: Failpoint, *, twice: bool) -> None:
    """At most once, talks are not cut, and the session goes on: whatever the moment."""
    case = CASES[point]
    bystander, agent = site.hire(), site.hire()
    talker = site.number("01")
    numbers = [site.number(ending) for ending in (case.ending, "10", "10")]
    site.campaign([talker, *numbers])
    site.start_agent(bystander)
    site.wait(lambda: site.talks(talker))
    site.stop_dialer()

    site.start_dialer(kill_at=point)
    session = site.start_agent(agent)
    site.wait_for_the_kill()
    if twice:
        site.start_dialer(kill_at=Failpoint.RECOVERING)
        site.wait_for_the_kill()
    site.start_dialer()
    if case.ending == "01":
        site.wait(lambda: site.talks(numbers[0]))
        site.hang_up(numbers[0])

    site.wait(lambda: all(site.target(number).status in TERMINAL for number in numbers), 20)
    assert not site.has_ended(session)
    for at, number in enumerate(numbers):
        (call,) = site.attempts(number)
        expected = "outcome_unknown" if at in case.spent else "answered"
        assert call.reason == expected, number
        assert len(site.invites(number)) == (0 if at in case.spent else 1)
    assert site.attempts(numbers[0])[0].estimated is (case.estimated or 0 in case.spent)
    assert site.talks(talker)
    site.hang_up(talker)
    site.wait(site.is_quiet)
    _was_never_cut(site, talker, bystander.phone)


def test_a_dialer_killed_while_a_customer_rings_finds_the_ringing_leg(site: Site) -> None:
    agent = site.hire()
    # Rings longer than the takeover lasts, on a busy machine too.
    rings, next_one = site.number("79"), site.number("10")
    site.campaign([rings, next_one])
    site.start_agent(agent)
    site.wait(lambda: site.rings(rings))
    site.kill_dialer()
    site.start_dialer()
    site.wait(site.is_through)
    assert site.target(rings).reason == "unavailable"
    assert site.target(next_one).reason == "answered"


def test_a_customer_who_answers_while_no_dialer_runs_is_connected(site: Site) -> None:
    agent = site.hire()
    number = site.number("01")
    site.campaign([number])
    site.stop_dialer()
    site.start_dialer(kill_at=Failpoint.PLACED)
    site.start_agent(agent)
    site.wait_for_the_kill()
    site.wait(lambda: any(leg["state"] == "Up" for leg in _customers(site)))
    site.start_dialer()
    site.wait(lambda: site.talks(number))
    site.wait(lambda: any(len(bridge["channels"]) == 2 for bridge in site.asterisk("bridges")))
    site.hang_up(number)


def test_a_customer_who_answers_when_agent_and_dialer_are_gone_is_abandoned(site: Site) -> None:
    agent = site.hire()
    number = site.number("01")
    site.campaign([number])
    site.stop_dialer()
    site.start_dialer(kill_at=Failpoint.PLACED)
    session = site.start_agent(agent)
    site.wait_for_the_kill()
    site.hang_up(agent.phone)
    site.wait(lambda: any(leg["state"] == "Up" for leg in _customers(site)))
    site.start_dialer()
    site.wait(lambda: site.has_ended(session))
    (call,) = site.attempts(number)
    assert (call.status, call.reason, call.abandoned) == ("completed", "abandoned", True)


def test_a_talk_goes_on_without_a_dialer_and_is_adopted(site: Site) -> None:
    agent = site.hire()
    talker, next_one = site.number("01"), site.number("10")
    site.campaign([talker, next_one])
    site.start_agent(agent)
    site.wait(lambda: site.talks(talker))
    legs = {leg["id"] for leg in site.asterisk("channels")}
    for _ in range(2):
        site.kill_dialer()
        site.start_dialer()
        site.wait_for_recovery()
    assert {leg["id"] for leg in site.asterisk("channels")} == legs
    site.hang_up(talker)
    site.wait(site.is_through)
    (call,) = site.attempts(talker)
    assert (call.reason, call.estimated) == ("answered", False)
    assert site.target(next_one).status == "completed"
    _was_never_cut(site, talker, agent.phone)


def test_a_dialer_killed_while_the_agents_phone_rings_goes_on_with_that_ring(site: Site) -> None:
    agent = site.hire()
    number = site.number("10")
    site.campaign([number])
    session = site.start_agent(agent)
    site.wait(lambda: site.invites(agent.phone))
    site.kill_dialer()
    site.start_dialer()
    site.wait(lambda: site.has_ended(session))
    # Taken over, or told that the ring was lost; never rung a second time, never stuck.
    assert len(site.invites(agent.phone)) == 1
    assert site.session(session).end_reason in {"campaign_completed", "agent_unreachable"}


def _customers(site: Site) -> list[Mapping[str, object]]:
    return [leg for leg in site.asterisk("channels") if str(leg["id"]).startswith("a")]


def _was_never_cut(site: Site, number: str, phone: str) -> None:
    """Both voices are in the whole recording, the first and the last moment left out."""
    (call,) = site.attempts(number)
    file = recording(site, call)
    for hz in (customer_tone_hz(number), agent_tone_hz(phone)):
        heard = levels(file, hz)[1:-1]
        assert min(heard) > LOUD, heard
