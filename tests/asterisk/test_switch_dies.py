"""Asterisk is killed with people on the line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.site import Site

if TYPE_CHECKING:
    from uuid import UUID


@pytest.mark.parametrize("comes_back", [True, False], ids=["restarted", "gone"])
def test_calls_of_a_killed_asterisk_are_closed_and_work_goes_on(
    site: Site, *, comes_back: bool
) -> None:
    talker, ringer, later = site.number("01"), site.number("03"), site.number("10")
    sessions = _staff(site, [talker, ringer, later])
    site.wait(lambda: site.talks(talker) and site.rings(ringer))
    site.kill_asterisk()
    killed_at = time.monotonic()
    if comes_back:
        site.pair.node.start()
    site.wait(site.is_quiet, 30)
    assert time.monotonic() - killed_at < 30
    assert {site.session(session).end_reason for session in sessions} == {"media_server_lost"}
    (talk,), (ring,) = site.attempts(talker), site.attempts(ringer)
    assert (talk.status, talk.reason, talk.estimated) == ("completed", "answered", True)
    assert (ring.status, ring.reason, ring.estimated) == ("failed", "media_server_lost", True)
    assert site.invites(later) == [], "nobody is dialled for agents who are not there"

    if not comes_back:
        site.pair.node.start()
    again = site.start_agent(site.agents[0])
    site.wait(lambda: site.has_ended(again), 20)
    assert site.target(later).status == "completed"
    assert [len(site.invites(number)) for number in (talker, ringer)] == [1, 1]


def test_a_dialer_that_starts_after_asterisk_was_replaced_closes_the_old_calls(site: Site) -> None:
    talker, later = site.number("01"), site.number("10")
    sessions = _staff(site, [talker, later], agents=1)
    site.wait(lambda: site.talks(talker))
    site.kill_dialer()
    site.kill_asterisk()
    site.pair.node.start()
    site.start_dialer()
    site.wait(site.is_quiet)
    assert site.session(sessions[0]).end_reason == "media_server_lost"
    assert site.target(talker).status == "completed"
    assert site.target(later).status == "scheduled"


def _staff(site: Site, numbers: list[str], agents: int = 2) -> list[UUID]:
    """Let the agents start on these numbers, one after the other."""
    staff = [site.hire() for _ in range(agents)]
    site.campaign(numbers)
    return [site.start_agent(agent) for agent in staff]
