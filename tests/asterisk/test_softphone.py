"""The browser as an agent's phone: Chromium, Asterisk and a dialer, all real."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from autodialer.apps.agents.models import AgentDevice, DeviceKind
from autodialer.apps.agents.services import add_device, add_group_members, issue_phone_secret
from autodialer.apps.calls.queries import phone_socket
from tests.support.site import Agent, Site, now
from tests.support.softphone import FAKE_MICROPHONE, SoftphonePage

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(120)
# A browser that sends nothing for so long is gone.
SILENCE_S = 10
PACKETS_A_SECOND = 50
# Louder than the noise of a silent line (0 is -60 dB, 1 full scale).
AUDIBLE = 0.3


@pytest.fixture
def agent(site: Site) -> Agent:
    """An agent whose only device is the browser."""
    user = site.user("kavi")
    made = add_device(account=site.account, user_id=user.pk, kind=DeviceKind.BROWSER, now=now())
    add_group_members(account=site.account, group_id=site.group.pk, user_ids=[user.pk], now=now())
    return Agent(user, made.address)


@pytest.fixture
def page(site: Site, agent: Agent) -> Iterator[SoftphonePage]:
    """The agent's page, with the phone switched on and registered."""
    with SoftphonePage(*FAKE_MICROPHONE) as opened:
        switch_on(site, agent, opened)
        site.wait(lambda: opened.look().state == "ready", 20)
        site.wait(lambda: AgentDevice.objects.get(address=agent.phone).registered_at)
        yield opened


def switch_on(site: Site, agent: Agent, page: SoftphonePage) -> None:
    """What the page does when it is opened: ask for a secret, and use it at once."""
    url = site.wait(phone_socket)
    device = AgentDevice.objects.get(address=agent.phone)
    issued = issue_phone_secret(
        account=site.account, user_id=agent.user.pk, device_id=device.pk, now=now()
    )
    page.switch_on(url, issued.user, issued.secret, issued.realm)


def test_an_agent_hears_one_customer_after_the_other_in_the_browser(
    site: Site, agent: Agent, page: SoftphonePage
) -> None:
    numbers = [site.number("01"), site.number("01")]
    site.campaign(numbers)
    session = site.start_agent(agent)
    heard_before = 0
    for number in numbers:
        site.wait(partial(site.talks, number), 20)
        page.look()  # forgets how loud it was before
        site.wait(lambda: page.look().line > AUDIBLE)
        seen = page.look()
        assert seen.received > heard_before
        assert seen.sent > 0
        heard_before = seen.received
        site.hang_up(number)
    site.wait(lambda: site.has_ended(session), 20)
    site.wait(lambda: page.look().state == "ready")
    assert page.look().states == ["connecting", "ready", "ringing", "in-call", "ready"]
    assert [site.target(number).status for number in numbers] == ["completed", "completed"]
    assert page.errors == []


def test_the_call_outlives_the_socket_and_its_end_is_learnt_on_the_next_one(
    site: Site, agent: Agent, page: SoftphonePage
) -> None:
    talker = site.number("01")
    site.campaign([talker])
    session = site.start_agent(agent)
    site.wait(lambda: site.talks(talker), 20)
    page.cut_the_socket()
    site.wait(
        lambda: page.look().states[-2:] == ["in-call: in-call-without-network", "in-call"], 20
    )
    received = page.look().received
    site.wait(lambda: page.look().received > received + 50)
    assert site.talks(talker)
    site.stop_agent(session, at_once=True)
    # By the BYE; without it the page would find out by ICE, a quarter of a minute later.
    site.wait(lambda: page.look().state == "ready", 5)


def test_a_reload_in_a_call_ends_the_session_and_start_works_again(
    site: Site, agent: Agent, page: SoftphonePage
) -> None:
    talker, later = site.number("01"), site.number("10")
    site.campaign([talker, later])
    session = site.start_agent(agent)
    site.wait(lambda: site.talks(talker), 20)
    page.reload()
    site.wait(lambda: site.has_ended(session), SILENCE_S + 3)
    assert site.session(session).end_reason == "agent_left"
    assert site.invites(later) == []
    switch_on(site, agent, page)
    site.wait(lambda: page.look().state == "ready", 20)
    site.wait(lambda: AgentDevice.objects.get(address=agent.phone).registered_at)
    again = site.start_agent(agent)
    site.wait(lambda: site.has_ended(again), 20)
    assert site.target(later).status == "completed"


def test_the_microphone_is_chosen_and_muted(site: Site, agent: Agent, page: SoftphonePage) -> None:
    talker = site.number("01")
    site.campaign([talker])
    site.start_agent(agent)
    site.wait(lambda: site.talks(talker), 20)
    site.wait(lambda: page.look().microphone > AUDIBLE)
    page.ask("setMuted", True)
    page.look()
    assert page.look().microphone == 0
    page.ask("setMuted", False)
    page.ask("useMicrophone", page.look().microphones[-1]["id"])
    sent = page.look().sent
    site.wait(lambda: page.look().microphone > AUDIBLE)
    site.wait(lambda: page.look().sent > sent)


def test_who_is_muted_or_lost_the_microphone_stays_on_the_line(
    site: Site, agent: Agent, page: SoftphonePage
) -> None:
    talker = site.number("01")
    site.campaign([talker])
    site.start_agent(agent)
    site.wait(lambda: site.talks(talker), 20)
    page.ask("setMuted", True)
    _sends_on(site, page)
    page.ask("setMuted", False)
    page.unplug()
    site.wait(lambda: page.look().states[-1] == "in-call: in-call-without-microphone")
    _sends_on(site, page)
    page.plug_in()
    site.wait(lambda: page.look().microphone > AUDIBLE)
    assert page.look().states[-1] == "in-call"
    assert site.talks(talker)


def _sends_on(site: Site, page: SoftphonePage) -> None:
    """Audio goes out for longer than a line may be silent, to a call that is still there."""
    wanted = page.look().sent + (SILENCE_S + 2) * PACKETS_A_SECOND
    site.wait(lambda: page.look().sent > wanted, SILENCE_S + 10)
    assert page.look().state == "in-call"


def test_without_a_microphone_the_phone_says_so_and_does_not_register(
    site: Site, agent: Agent
) -> None:
    with SoftphonePage("--use-fake-ui-for-media-stream") as page:
        switch_on(site, agent, page)
        site.wait(lambda: page.look().state == "no-microphone")
        assert page.look().states == ["connecting", "no-microphone"]
    assert AgentDevice.objects.get(address=agent.phone).registered_at is None


def test_a_microphone_that_the_person_denies_is_told(site: Site, agent: Agent) -> None:
    with SoftphonePage("--use-fake-device-for-media-stream") as page:
        switch_on(site, agent, page)
        site.wait(lambda: page.look().states[-1] == "blocked: microphone-blocked")
