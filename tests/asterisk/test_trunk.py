"""A carrier that refuses every call, on real parts."""

from __future__ import annotations

from typing import Final

from autodialer.apps.calls.console import console
from autodialer.apps.calls.explain import why_idle
from autodialer.apps.campaigns.models import Campaign
from autodialer.domain.session import EndReason
from tests.support.site import Site, now

SIZE: Final = 60
MOST_TOUCHED: Final = 15


def test_a_carrier_that_refuses_everything_is_left_alone_and_the_pages_say_so(site: Site) -> None:
    agents = [site.hire() for _ in range(8)]
    campaign = site.campaign([site.number("06") for _ in range(SIZE)], idle_limit_s=20)
    sessions = [site.start_agent(agent) for agent in agents]

    site.wait(lambda: "the carrier takes no calls" in told(site, campaign))
    screen = console(site.account, campaign, agents[0].user, now())
    assert screen.silent_since is not None

    site.wait(lambda: all(site.has_ended(each) for each in sessions), 40)
    assert {site.session(each).end_reason for each in sessions} == {EndReason.TRUNK_SILENT}
    called = {call.called for call in site.invites()} - {agent.phone for agent in agents}
    assert 0 < len(called) <= MOST_TOUCHED


def told(site: Site, campaign: Campaign) -> str:
    return why_idle(site.account, campaign.pk, now())
