"""A day without faults: customers of every kind, retries, hanging up, the buttons."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from autodialer.apps.accounts.services import change_account
from autodialer.apps.campaigns.models import Target
from autodialer.apps.campaigns.services import complete_campaign, pause_campaign, resume_campaign
from tests.support.audio import level, seconds
from tests.support.oracle import LOUD
from tests.support.site import BUSY_PHONE, SILENT_PHONE, Site, now

if TYPE_CHECKING:
    from uuid import UUID

RING_HZ = 400

# What the number's ending makes of it: the status of the target and its reason.
ENDS = {
    "00": ("completed", "answered"),
    "10": ("completed", "answered"),
    "20": ("completed", "answered"),
    "02": ("failed", "busy"),
    "04": ("failed", "rejected"),
    "05": ("failed", "unknown_number"),
    "06": ("failed", "network_failure"),
    "03": ("failed", "ring_timeout"),
    "07": ("failed", "no_ringing"),
    "19": ("failed", "unavailable"),
}


def test_every_kind_of_customer_ends_as_it_should(site: Site) -> None:
    agents = [site.hire() for _ in range(3)]
    numbers = {site.number(ending): ending for ending in 2 * tuple(ENDS)}
    site.campaign(tuple(numbers), ring_timeout_s=5)
    sessions = [site.start_agent(agent) for agent in agents]
    site.wait(site.is_through, 45)
    for number, ending in numbers.items():
        target = site.target(number)
        assert (target.status, target.reason) == ENDS[ending], number
        assert len(site.invites(number)) == 1
    site.wait(lambda: site.status() == "completed")
    site.wait(lambda: all(site.has_ended(session) for session in sessions))
    assert {site.session(session).end_reason for session in sessions} == {"campaign_completed"}
    assert {call.session_id for call in site.attempts()} == set(sessions)


def test_a_busy_customer_is_tried_again_when_due_and_then_answers(site: Site) -> None:
    number = site.number("18")
    site.campaign([number], retries=1, retry_statuses=["busy"], retry_interval_min=1)
    session = site.start_agent(site.hire())
    site.wait(lambda: site.target(number).status == "retry")
    assert site.status() == "in-progress"
    assert not site.has_ended(session), "a retry that falls due within the idle limit is waited for"
    # The shortest interval is a minute: the test moves the due time instead of waiting for it.
    change_account(account=site.account, redial_gap=timedelta(), now=now())
    Target.objects.filter(e164=number).update(due_at=now())
    site.wait(lambda: site.has_ended(session))
    assert [call.reason for call in site.attempts(number)] == ["busy", "answered"]
    assert (site.target(number).status, site.status()) == ("completed", "completed")
    assert len(site.invites(number)) == 2


def test_the_agent_hears_the_ringing_of_a_customer_and_then_the_customer(site: Site) -> None:
    agent = site.hire()
    site.campaign([site.number("39")])
    session = site.start_agent(agent)
    site.wait(lambda: site.has_ended(session))
    heard = site.lab.heard_by(agent.phone)
    site.wait(lambda: seconds(heard) > 2)
    assert level(heard, RING_HZ, 0.5, 2.0) > LOUD


def test_an_agent_who_hangs_up_while_a_customer_rings_cancels_the_ring(site: Site) -> None:
    agent = site.hire()
    rings, next_one = site.number("03"), site.number("10")
    site.campaign([rings, next_one])
    session = site.start_agent(agent)
    site.wait(lambda: site.rings(rings))
    site.hang_up(agent.phone)
    gone_at = time.monotonic()
    site.wait(lambda: rings not in site.lab.live_numbers(), 5)
    assert time.monotonic() - gone_at < 1.0
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "agent_left"
    (call,) = site.attempts(rings)
    assert (call.status, call.reason, call.try_no) == ("no-answer", "agent_left", 1)

    again = site.start_agent(agent)
    site.wait(lambda: site.has_ended(again))
    assert site.target(next_one).status == "completed"
    assert len(site.invites(rings)) == 1


def test_an_agent_who_hangs_up_in_talk_ends_it_and_can_start_again(site: Site) -> None:
    agent = site.hire()
    talker, next_one = site.number("01"), site.number("10")
    site.campaign([talker, next_one])
    session = _talking(site, talker)
    site.hang_up(agent.phone)
    site.wait(lambda: site.has_ended(session))
    site.wait(lambda: talker not in site.lab.live_numbers())
    assert site.target(talker).status == "completed"
    assert site.target(next_one).status == "scheduled"
    again = site.start_agent(agent)
    site.wait(lambda: site.has_ended(again))
    assert site.target(next_one).status == "completed"


def test_an_agent_who_hangs_up_while_waiting_ends_the_session(site: Site) -> None:
    agent = site.hire()
    number = site.number("02")
    site.campaign([number], retries=1, retry_statuses=["busy"], retry_interval_min=1)
    session = site.start_agent(agent)
    site.wait(lambda: site.target(number).status == "retry")
    site.hang_up(agent.phone)
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "agent_left"


def test_no_customer_is_called_for_an_agent_whose_phone_is_busy(site: Site) -> None:
    agent = site.hire(BUSY_PHONE)
    site.campaign([site.number("10")])
    before = len(site.invites(agent.phone))
    session = site.start_agent(agent)
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "agent_busy"
    assert site.attempts() == []
    assert len(site.invites(agent.phone)) == before + 1


def test_no_customer_is_called_for_an_agent_who_does_not_answer(site: Site) -> None:
    agent = site.hire(SILENT_PHONE)
    site.campaign([site.number("10")], ring_timeout_s=5)
    session = site.start_agent(agent)
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "agent_no_answer"
    assert site.attempts() == []


def test_stop_in_talk_lets_the_talk_end_and_stop_at_once_cuts_it(site: Site) -> None:
    site.hire()
    first, second = site.number("01"), site.number("01")
    site.campaign([first, second])
    session = _talking(site, first)
    site.stop_agent(session)
    site.hang_up(first)
    site.wait(lambda: site.has_ended(session))
    assert site.target(second).status == "scheduled"
    session = _talking(site, second)
    site.stop_agent(session, at_once=True)
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "stopped"
    site.wait(lambda: second not in site.lab.live_numbers())


def test_an_agent_taken_out_of_the_group_in_talk_is_released_after_it(site: Site) -> None:
    agent, colleague = site.hire(), site.hire()
    talker, next_one = site.number("01"), site.number("10")
    site.campaign([talker, next_one])
    session = _talking(site, talker)
    site.set_group(colleague)
    site.hang_up(talker)
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "removed_from_campaign"
    assert site.target(next_one).status == "scheduled"
    assert agent.phone not in site.lab.live_numbers()


def test_a_pause_lets_talks_end_and_stops_new_calls_until_resume(site: Site) -> None:
    site.hire()
    talker, next_one = site.number("01"), site.number("10")
    campaign = site.campaign([talker, next_one])
    session = _talking(site, talker)
    pause_campaign(account=site.account, campaign_id=campaign.pk, actor=site.boss, now=now())
    assert site.talks(talker)
    site.hang_up(talker)
    site.wait(lambda: site.target(talker).status == "completed")
    # The agent's wait is polled: two rounds of it without a call, and still on the line.
    site.never(lambda: site.invites(next_one), 2.5)
    assert not site.has_ended(session)
    resume_campaign(account=site.account, campaign_id=campaign.pk, actor=site.boss, now=now())
    site.wait(lambda: site.has_ended(session))
    assert site.target(next_one).status == "completed"


def test_completing_lets_the_talk_end_and_closes_what_was_left(site: Site) -> None:
    site.hire()
    talker, left = site.number("01"), site.number("10")
    campaign = site.campaign([talker, left])
    session = _talking(site, talker)
    complete_campaign(account=site.account, campaign_id=campaign.pk, actor=site.boss, now=now())
    assert site.target(left).status == "failed-no-attempt"
    assert site.talks(talker)
    site.hang_up(talker)
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "campaign_completed"
    assert site.target(talker).status == "completed"
    assert site.invites(left) == []


def _talking(site: Site, number: str) -> UUID:
    """Let the first agent start and talk to the number; return the session."""
    session = site.start_agent(site.agents[0])
    site.wait(lambda: site.talks(number))
    return session
