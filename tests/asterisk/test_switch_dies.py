"""Asterisk is killed with people on the line."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

import pytest

from autodialer.apps.billing.models import Hold
from autodialer.domain.money import Rate
from autodialer.domain.session import EndReason
from tests.support.audio import seconds
from tests.support.oracle import recording
from tests.support.site import Outage, Site, now

if TYPE_CHECKING:
    from uuid import UUID

CONVERSATIONS: Final = 50
UNWRITTEN_S: Final = 2.5
FROZEN_S: Final = 17.0


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


@pytest.mark.slow
def test_fifty_talks_of_a_killed_asterisk_keep_the_time_they_had_and_can_be_played(
    site: Site,
) -> None:
    site.set_price(Rate(1, 1, 1, 1))
    talkers = [site.number("01") for _ in range(CONVERSATIONS)]
    sessions = _staff(site, talkers, agents=CONVERSATIONS)
    site.wait(lambda: all_talk(site, talkers), 60)
    # Longer than what Asterisk keeps in its hands before it writes.
    site.never(lambda: not all_talk(site, talkers), UNWRITTEN_S)
    site.kill_asterisk()
    killed_at = now()
    site.pair.node.start()
    site.wait(site.is_quiet, 30)
    assert {site.session(session).end_reason for session in sessions} == {"media_server_lost"}
    for number in talkers:
        (call,) = site.attempts(number)
        assert (call.status, call.reason, call.estimated) == ("completed", "answered", True)
        assert call.ended_at is not None
        assert -0.5 < (killed_at - call.ended_at).total_seconds() < UNWRITTEN_S
        assert Hold.objects.get(leg=call.pk).status == "settled"
        assert seconds(recording(site, call)) > 0


def all_talk(site: Site, numbers: list[str]) -> bool:
    talking = {call.e164 for call in site.attempts() if call.state == "talking"}
    return talking >= set(numbers)


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


@pytest.mark.slow
def test_an_asterisk_that_is_frozen_and_woken_keeps_its_talks_and_calls_nobody_twice(
    site: Site,
) -> None:
    """For longer than its dialer waits for it: the connection is given up and made anew."""
    talkers = [site.number("01") for _ in range(2)]
    rest = [site.number("10") for _ in range(40)]
    sessions = _staff(site, [*talkers, *rest], agents=3)
    site.wait(lambda: all_talk(site, talkers) and len(site.invites()) > len(talkers) + 3 + 2)
    legs = _legs_of(site, talkers)
    assert len(legs) == 2 * len(talkers)
    pid = site.pair.node.pid
    assert pid is not None
    frozen = time.time()
    os.kill(pid, signal.SIGSTOP)
    try:
        site.never(lambda: not all_talk(site, talkers), FROZEN_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    # Nor does a frozen Asterisk record.
    site.outages.append(Outage(frozen, time.time()))
    woken = len(site.invites())
    site.wait(lambda: len(site.invites()) > woken + 3)
    assert _legs_of(site, talkers) == legs
    for number in talkers:
        site.hang_up(number)
    site.wait(lambda: all(site.has_ended(session) for session in sessions), 60)
    assert {site.session(each).end_reason for each in sessions} == {EndReason.CAMPAIGN_COMPLETED}
    for number in talkers:
        (call,) = site.attempts(number)
        assert (call.reason, call.estimated) == ("answered", False)


def _legs_of(site: Site, numbers: list[str]) -> set[str]:
    """The legs of these talks that Asterisk has."""
    calls = [call for number in numbers for call in site.attempts(number)]
    ours = {f"a{call.pk.hex}" for call in calls} | {f"s{call.session_id.hex}" for call in calls}
    return ours & {leg["id"] for leg in site.asterisk("channels")}


def _staff(site: Site, numbers: list[str], agents: int = 2) -> list[UUID]:
    """Let the agents start on these numbers, one after the other."""
    staff = [site.hire() for _ in range(agents)]
    site.campaign(numbers)
    return [site.start_agent(agent) for agent in staff]
