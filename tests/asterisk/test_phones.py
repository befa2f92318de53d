"""Agents' own SIP phones: who may register, what they may do, and that they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autodialer.apps.accounts.services import set_user_active
from autodialer.apps.agents.models import AgentDevice, DeviceKind
from autodialer.apps.agents.services import (
    PhoneAccount,
    add_device,
    add_group_members,
    issue_phone_secret,
    remove_device,
)
from autodialer.apps.calls.queries import phone_socket
from autodialer.apps.calls.start import CannotStartError
from tests.support.sip_phone import SipPhone
from tests.support.site import Agent, Site, now

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is promised of a disabled user; everything else is far faster.
PROMISED_S = 5.0


@pytest.fixture
def agent(site: Site) -> Agent:
    """An agent whose only device is a SIP phone, with no secret yet."""
    user = site.user("kavi")
    made = add_device(account=site.account, user_id=user.pk, kind=DeviceKind.SIP, now=now())
    add_group_members(account=site.account, group_id=site.group.pk, user_ids=[user.pk], now=now())
    return Agent(user, made.address)


@pytest.fixture
def account(site: Site, agent: Agent) -> PhoneAccount:
    return issue(site, agent)


@pytest.fixture
def phone(site: Site, account: PhoneAccount) -> Iterator[SipPhone]:
    """The agent's phone, registered."""
    with phone_of(site, account) as opened:
        site.wait(lambda: opened.register() == 200)
        yield opened


def device_of(agent: Agent) -> AgentDevice:
    return AgentDevice.objects.get(address=agent.phone)


def issue(site: Site, agent: Agent) -> PhoneAccount:
    device = device_of(agent)
    return issue_phone_secret(
        account=site.account, user_id=agent.user.pk, device_id=device.pk, now=now()
    )


def phone_of(site: Site, account: PhoneAccount) -> SipPhone:
    instance = site.pair.node.instance
    return SipPhone((instance.address, instance.sip_port), account.user, account.secret)


def is_registered(agent: Agent) -> bool:
    return device_of(agent).registered_at is not None


def test_an_agent_on_a_desk_phone_works_the_list(site: Site, agent: Agent, phone: SipPhone) -> None:
    site.wait(lambda: is_registered(agent))
    numbers = [site.number("10"), site.number("10")]
    site.campaign(numbers)
    session = site.start_agent(agent)
    site.wait(lambda: site.has_ended(session), 20)
    assert [site.target(number).status for number in numbers] == ["completed", "completed"]
    assert len(phone.invites) == 1
    # One second of each customer, 50 packets a second.
    assert phone.heard > 60
    site.wait(lambda: phone.byes == 1)


def test_a_wrong_secret_is_refused(site: Site, account: PhoneAccount, phone: SipPhone) -> None:
    assert phone.register(secret="x" * 32) in {401, 403}
    assert phone.register(account.secret) == 200


def test_a_new_secret_makes_the_old_one_void(
    site: Site, agent: Agent, account: PhoneAccount, phone: SipPhone
) -> None:
    renewed = issue(site, agent)
    site.wait(lambda: phone.register(renewed.secret) == 200, 3)
    assert phone.register(account.secret) in {401, 403}


def test_an_agents_phone_can_call_nobody(site: Site, phone: SipPhone) -> None:
    number = site.number("10")
    for called in (number, "s", "agent", "hand-over", "a" * 21):
        assert phone.dial(called) in {403, 404}
    for method in ("MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "NOTIFY", "INFO"):
        more = "Event: presence\r\n" if method in {"SUBSCRIBE", "PUBLISH", "NOTIFY"} else ""
        if method == "REFER":
            more = f"Refer-To: <sip:{number}@127.0.0.1>\r\n"
        assert phone.send(method, "s", more) >= 400, method
    assert site.invites(number) == []
    assert site.asterisk("channels") == []


def test_a_disabled_user_loses_the_phone(site: Site, agent: Agent, phone: SipPhone) -> None:
    site.wait(lambda: is_registered(agent))
    enable(site, agent, active=False)
    site.wait(lambda: phone.register() != 200, PROMISED_S)
    site.wait(lambda: not is_registered(agent), PROMISED_S)
    enable(site, agent, active=True)
    site.wait(lambda: phone.register() == 200, PROMISED_S)


def test_a_removed_device_cannot_register(site: Site, agent: Agent, phone: SipPhone) -> None:
    device = device_of(agent)
    remove_device(account=site.account, user_id=agent.user.pk, device_id=device.pk, now=now())
    site.wait(lambda: phone.register() != 200, PROMISED_S)


@pytest.mark.usefixtures("account")
def test_a_phone_that_is_not_registered_is_told_at_once_and_nobody_is_called(
    site: Site, agent: Agent
) -> None:
    number = site.number("10")
    site.campaign([number])
    with pytest.raises(CannotStartError, match="Your phone is not registered") as refused:
        site.start_agent(agent)
    assert refused.value.code == "phone_not_registered"
    # What the page knew is out of date: then the dialer finds out when it calls.
    site.stop_dialer()
    AgentDevice.objects.filter(address=agent.phone).update(registered_at=now())
    session = site.start_agent(agent)
    site.start_dialer()
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "phone_not_registered"
    assert site.invites(number) == []


def test_phones_are_there_again_after_asterisk_was_restarted(
    site: Site, agent: Agent, phone: SipPhone
) -> None:
    site.wait(lambda: is_registered(agent))
    site.kill_asterisk()
    site.pair.node.start()
    site.wait(lambda: phone.register() == 200, 10)
    site.wait(lambda: is_registered(agent))


def test_what_was_changed_while_the_dialer_was_away_counts_when_it_is_back(
    site: Site, agent: Agent, account: PhoneAccount, phone: SipPhone
) -> None:
    site.kill_dialer()
    renewed = issue(site, agent)
    assert phone.register(account.secret) == 200
    site.start_dialer()
    site.wait(lambda: phone.register(renewed.secret) == 200)
    assert phone.register(account.secret) in {401, 403}


def test_the_page_learns_where_browsers_reach_asterisk(site: Site) -> None:
    expected = f"ws://127.0.0.1:{site.pair.ari.port}/ws"
    site.wait(lambda: phone_socket() == expected)


def enable(site: Site, agent: Agent, *, active: bool) -> None:
    set_user_active(account=site.account, user_id=agent.user.pk, active=active, now=now())
