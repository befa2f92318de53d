"""A carrier that carries no calls must not burn a list: 100,000 numbers, real parts."""

from __future__ import annotations

from typing import Final

import pytest

from autodialer.apps.calls.console import console
from autodialer.apps.calls.explain import why_idle
from autodialer.domain.session import EndReason
from tests.support.sip_link import Fault, SipLink, answer, instead_of, lose
from tests.support.site import Site, now
from tests.support.stack import AsteriskPair

SIZE: Final = 100_000
MOST_TOUCHED: Final = 15
AGENTS: Final = 12
RING_S: Final = 6
# A probe every 30 s, its ring, and a busy test machine.
FOUND_WITHIN_S: Final = 30.0 + RING_S + 10
REFUSES: Final = instead_of("INVITE", lambda invite: [answer(invite, "503 Service Unavailable")])
IS_SILENT: Final = lose()


@pytest.fixture(scope="module")
def pair(linked: tuple[AsteriskPair, SipLink]) -> AsteriskPair:
    return linked[0]


class Crowd:
    """Agents on the line and customers, whom a fault keeps from being called."""

    def __init__(self, site: Site, link: SipLink, fault: Fault, size: int, **terms: int) -> None:
        self.site, self.link = site, link
        agents = [site.hire() for _ in range(AGENTS)]
        numbers = site.many_numbers("10", size)
        self.campaign = site.campaign(numbers, ring_timeout_s=RING_S, **terms)
        self.numbers = frozenset(numbers)
        link.trunk = lambda each: fault(each) if each.number in self.numbers else (each,)
        self.sessions = [site.start_agent(agent) for agent in agents]

    def touched(self) -> int:
        """How many customers have been called."""
        return len(self.link.called() & self.numbers)

    def pages_say(self) -> tuple[bool, bool]:
        """Whether the campaign's page and an agent's tell that the carrier takes no calls."""
        idle = why_idle(self.site.account, self.campaign.pk, now())
        screen = console(self.site.account, self.campaign, self.site.agents[0].user, now())
        return "the carrier takes no calls" in idle, screen.silent_since is not None

    def goes_on(self) -> bool:
        """Whether there were more calls than agents since."""
        return self.campaign.targets.filter(status="completed").count() > AGENTS


@pytest.mark.parametrize(
    ("fault", "probes"),
    [
        # The first call that finds out comes after 5 s, and finds a carrier that works.
        pytest.param(REFUSES, 0, id="503"),
        pytest.param(REFUSES, 2, id="503-for-a-minute", marks=pytest.mark.slow),
        pytest.param(IS_SILENT, 2, id="silence-for-a-minute", marks=pytest.mark.slow),
    ],
)
def test_a_carrier_that_carries_nothing_touches_fifteen_of_100000_and_is_found_when_it_is_back(
    site: Site, link: SipLink, fault: Fault, probes: int
) -> None:
    crowd = Crowd(site, link, fault, SIZE)
    site.wait(lambda: all(crowd.pages_say()))
    before = crowd.touched()
    site.wait(lambda: crowd.touched() == before + probes, FOUND_WITHIN_S)
    assert 0 < crowd.touched() <= MOST_TOUCHED
    assert all(crowd.pages_say())
    link.mend()
    site.wait(lambda: not any(crowd.pages_say()), FOUND_WITHIN_S)
    site.wait(crowd.goes_on)
    assert not any(site.has_ended(each) for each in crowd.sessions)


def test_agents_are_released_after_their_idle_limit_and_told_why(site: Site, link: SipLink) -> None:
    crowd = Crowd(site, link, REFUSES, 100, idle_limit_s=10)
    site.wait(lambda: all(site.has_ended(each) for each in crowd.sessions), 60)
    assert {site.session(each).end_reason for each in crowd.sessions} == {EndReason.TRUNK_SILENT}
    assert 0 < crowd.touched() <= MOST_TOUCHED
