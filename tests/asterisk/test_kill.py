"""The dialer is killed at every seam, with people on the line; after it the oracle judges."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pytest

from autodialer.apps.billing.models import Hold
from autodialer.apps.campaigns.models import Campaign, CampaignChange
from autodialer.apps.campaigns.services import pause_campaign, resume_campaign
from autodialer.domain.money import Rate
from autodialer.domain.target import TERMINAL
from autodialer.ops.lab.carrier import agent_tone_hz, customer_tone_hz
from autodialer.ports.failpoints import Failpoint
from tests.support.oracle import LOUD, levels, recording
from tests.support.site import Site, now

UNSEEN_S: Final = 6.0
# A crash loop: so many kills, each this long after the next dialer has called somebody.
KILLS, EVERY_S = 12, 5.0
AT_WORK: Final = 3


@dataclass(frozen=True, slots=True)
class Case:
    """What the first customer does, and which tries the crash costs: by place in the list."""

    ending: str = "10"
    reason: str = "answered"
    spent: frozenset[int] = frozenset()
    estimated: bool = False


CASES = {
    Failpoint.BEFORE_CLAIM: Case(),
    # Committed, never sent: whether it was sent cannot be known afterwards, so it is spent.
    Failpoint.CLAIMED: Case(spent=frozenset({0})),
    Failpoint.PLACED: Case(ending="01"),
    # Rings longer than two takeovers last.
    Failpoint.RINGING: Case(ending="99", reason="unavailable"),
    Failpoint.ANSWERED: Case(ending="01"),
    Failpoint.TALKING: Case(ending="01"),
    Failpoint.HANGUP_SEEN: Case(estimated=True),
    # Finishing claims the next one in the same commit.
    Failpoint.FINISHED: Case(spent=frozenset({1})),
    Failpoint.AGENT_CALLED: Case(),
    Failpoint.RECOVERING: Case(),
}


@pytest.mark.parametrize(
    "twice",
    [
        pytest.param(False, id="once"),
        # With `make test-full`: each takes twice as long and finds what "once" finds.
        pytest.param(True, id="twice", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("point", CASES)
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
    site.wait_for_recovery()
    if case.ending == "01":
        site.wait(lambda: site.talks(numbers[0]))
        site.hang_up(numbers[0])

    site.wait(lambda: all(site.target(number).status in TERMINAL for number in numbers), 20)
    assert not site.has_ended(session)
    for at, number in enumerate(numbers):
        (call,) = site.attempts(number)
        expected = case.reason if at == 0 else "answered"
        expected = "outcome_unknown" if at in case.spent else expected
        assert call.reason == expected, number
        assert len(site.invites(number)) == (0 if at in case.spent else 1)
    assert site.attempts(numbers[0])[0].estimated is (case.estimated or 0 in case.spent)
    assert site.talks(talker)
    site.hang_up(talker)
    site.wait(site.is_quiet)
    _was_never_cut(site, talker, bystander.phone)


@pytest.mark.slow
def test_a_dialer_killed_every_five_seconds_for_a_minute_loses_no_talk_and_goes_on_each_time(
    site: Site,
) -> None:
    staff = [site.hire() for _ in range(AT_WORK + 1)]
    talker = site.number("01")
    site.campaign([talker, *site.many_numbers("10", 500)])
    sessions = [site.start_agent(staff[0])]
    site.wait(lambda: site.talks(talker))
    sessions += [site.start_agent(agent) for agent in staff[1:]]
    for _ in range(KILLS):
        _goes_on(site)
        site.never(lambda: not site.talks(talker), EVERY_S)
        site.kill_dialer()
        site.start_dialer()
    _goes_on(site)
    assert site.talks(talker)
    for session in sessions:
        assert not site.has_ended(session)
        site.stop_agent(session)
    spent = [call for call in site.attempts() if call.reason == "outcome_unknown"]
    assert len(spent) <= KILLS * AT_WORK
    site.hang_up(talker)
    site.wait(site.is_quiet)
    _was_never_cut(site, talker, staff[0].phone)


def test_a_dialer_killed_while_an_agent_waits_lets_them_go_on(site: Site) -> None:
    agent = site.hire()
    talker, later = site.number("01"), site.number("10")
    campaign = site.campaign([talker, later])
    site.stop_dialer()
    site.start_dialer(kill_at=Failpoint.WAITING)
    session = site.start_agent(agent)
    site.wait(lambda: site.talks(talker))
    pause_campaign(account=site.account, actor=site.boss, campaign_id=campaign.pk, now=now())
    site.hang_up(talker)
    site.wait_for_the_kill()
    site.start_dialer()
    site.wait_for_recovery()
    resume_campaign(account=site.account, actor=site.boss, campaign_id=campaign.pk, now=now())
    site.wait(lambda: site.has_ended(session))
    assert site.target(later).status == "completed"
    assert len(site.invites(agent.phone)) == 1


def test_a_call_that_ends_while_no_dialer_runs_has_the_length_that_the_customer_saw(
    site: Site,
) -> None:
    """Also when the first dialer to come dies before it has stored that."""
    site.set_price(Rate(1, 1, 1, 1))
    agent = site.hire()
    number = site.number("01")
    site.campaign([number])
    site.start_agent(agent)
    site.wait(lambda: site.talks(number))
    site.kill_dialer()
    (call,) = site.attempts(number)
    assert call.answered_at is not None
    site.hang_up(number)
    talked_s = time.time() - call.answered_at.timestamp()
    site.never(lambda: site.attempts(number)[0].ended_at, UNSEEN_S)
    site.start_dialer(kill_at=Failpoint.RECORDING_CLOSED)
    site.wait_for_the_kill()
    site.start_dialer()
    site.wait(site.is_through)
    (call,) = site.attempts(number)
    assert (call.status, call.reason, call.estimated) == ("completed", "answered", True)
    assert call.answered_at is not None
    assert call.ended_at is not None
    stored_s = (call.ended_at - call.answered_at).total_seconds()
    assert abs(stored_s - talked_s) < 1.5
    assert abs(Hold.objects.get(leg=call.pk).charged - talked_s) < 2.5


def test_a_customer_who_answered_and_left_while_no_dialer_ran_is_known_to_have_answered(
    site: Site,
) -> None:
    agent = site.hire()
    number = site.number("30")
    site.campaign([number])
    site.stop_dialer()
    site.start_dialer(kill_at=Failpoint.PLACED)
    site.start_agent(agent)
    site.wait_for_the_kill()
    site.wait(lambda: not _customers(site))
    site.start_dialer()
    site.wait(site.is_through)
    (call,) = site.attempts(number)
    assert (call.status, call.reason, call.abandoned) == ("completed", "abandoned", True)
    assert call.estimated
    assert call.answered_at is not None
    assert call.ended_at is not None
    assert abs((call.ended_at - call.answered_at).total_seconds() - 3) < 1.5


def test_a_dialer_killed_in_the_completion_of_a_campaign_completes_it_once(site: Site) -> None:
    site.hire()
    numbers = [site.number("10") for _ in range(3)]
    campaign = site.campaign(numbers)
    site.stop_dialer()
    Campaign.objects.filter(pk=campaign.pk).update(
        starts_at=now() - timedelta(minutes=5), ends_at=now() - timedelta(minutes=1)
    )
    site.start_dialer(kill_at=Failpoint.COMPLETING)
    site.wait_for_the_kill()
    assert site.status() == "in-progress"
    assert {site.target(number).status for number in numbers} == {"scheduled"}
    site.start_dialer()
    site.wait(lambda: site.status() == "completed")
    assert {site.target(number).status for number in numbers} == {"failed-no-attempt"}
    history = CampaignChange.objects.filter(campaign=campaign, new="completed")
    assert history.count() == 1


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


def _customers(site: Site) -> list[Mapping[str, object]]:
    return [leg for leg in site.asterisk("channels") if str(leg["id"]).startswith("a")]


def _goes_on(site: Site) -> None:
    """Return when somebody else is called."""
    before = len(site.invites())
    site.wait(lambda: len(site.invites()) > before)


def _was_never_cut(site: Site, number: str, phone: str) -> None:
    """Both voices are in the whole recording, the first and the last moment left out."""
    (call,) = site.attempts(number)
    file = recording(site, call)
    for hz in (customer_tone_hz(number), agent_tone_hz(phone)):
        heard = levels(file, hz)[1:-1]
        assert min(heard) > LOUD, heard
