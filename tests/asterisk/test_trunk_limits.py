"""A carrier with limits, on real parts: its own clock and its own count say that they are kept."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from autodialer.apps.agents.models import AgentDevice, DeviceKind
from autodialer.apps.agents.services import add_device, issue_phone_secret
from autodialer.apps.calls.console import console
from autodialer.apps.calls.explain import why_agent, why_idle
from autodialer.apps.calls.trunks import set_trunk
from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.pacing import Limits
from tests.support.sip_phone import SipPhone
from tests.support.site import Agent, Site, now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autodialer.ops.lab.carrier import Invite

PER_SECOND: Final = 5
AT_ONCE: Final = 3
# How much later than another call one may reach the carrier's count on a busy machine: Asterisk
# sends an INVITE after it has answered the dialer, the carrier's Asterisk writes down when it came
# to it. Measured with six processes for two cores: 7 within a second of those that left as 5.
ON_ITS_WAY_S: Final = 0.4
# The carrier writes down an end a moment after it has sent or taken the BYE.
END_S: Final = 0.1


def limit(site: Site, limits: Limits) -> None:
    """Set the limits; return once the dialer keeps to them."""
    set_trunk(name=FIRST_TRUNK, change=lambda _: limits, now=now())
    site.wait(lambda: f'"calls_at_once": {limits.calls_at_once}' in site.dialer.log.read_text())


def desk_phone(site: Site, name: str, open_phones: ExitStack) -> Agent:
    """An agent of the group with a SIP phone of their own, registered: no line of the trunk."""
    user = site.user(name)
    device = add_device(account=site.account, user_id=user.pk, kind=DeviceKind.SIP, now=now())
    secret = issue_phone_secret(
        account=site.account, user_id=user.pk, device_id=device.pk, now=now()
    )
    instance = site.pair.node.instance
    phone = SipPhone((instance.address, instance.sip_port), secret.user, secret.secret)
    open_phones.enter_context(phone)
    site.wait(lambda: phone.register() == 200)
    known = AgentDevice.objects.filter(pk=device.pk, registered_at__isnull=False)
    site.wait(known.exists)
    return Agent(user, device.address)


def most_within(seconds: float, times: Iterable[float]) -> int:
    """Count the calls in each stretch of time that begins with one, without its last instant."""
    order = sorted(times)
    return max(bisect_left(order, at + seconds) - n for n, at in enumerate(order))


def keeps_calls_per_second(site: Site, limit: int) -> None:
    """No second has more calls: as they left, and as the carrier counted those that were close."""
    assert most_within(1, (call.placed_at.timestamp() for call in site.attempts())) <= limit
    assert most_within(1 - ON_ITS_WAY_S, (call.at for call in site.invites())) <= limit


def most_at_once(site: Site, calls: list[Invite]) -> int:
    """Count the calls that the carrier had when each of them arrived."""
    ends = site.lab.ends()
    spans = [(call.at, ends.get(call.call_id, float("inf")) - END_S) for call in calls]
    return max(sum(at <= start and (start < end or at == start) for at, end in spans)
               for start, _ in spans)  # fmt: skip


def test_six_agents_keep_to_five_calls_a_second_and_three_lines(site: Site) -> None:
    limit(site, Limits(PER_SECOND, AT_ONCE))
    with ExitStack() as open_phones:
        agents = [desk_phone(site, f"desk{n}", open_phones) for n in range(6)]
        site.set_group(*agents)
        # Busy ones come back at once: the calls a second bind. Talks of 3 s: the lines do.
        numbers = [site.number("02") for _ in range(25)] + [site.number("30") for _ in range(9)]
        campaign = site.campaign(numbers)
        sessions = [site.start_agent(agent) for agent in agents]
        site.wait(lambda: "takes no more calls" in why_idle(site.account, campaign.pk, now()), 60)
        site.wait(lambda: console(site.account, campaign, agents[0].user, now()).is_trunk_full)
        site.wait(lambda: all(site.has_ended(each) for each in sessions), 60)
    assert site.is_through()
    calls = site.invites()
    assert Counter(call.called for call in calls) == Counter(numbers)
    keeps_calls_per_second(site, PER_SECOND)
    assert most_within(1, (call.at for call in calls)) >= PER_SECOND - 1
    assert most_at_once(site, calls) == AT_ONCE


def test_an_agent_is_called_by_telephone_only_when_a_line_is_left_for_the_customer(
    site: Site,
) -> None:
    limit(site, Limits(None, 4))
    agents = [site.hire() for _ in range(3)]
    site.campaign([site.number("10") for _ in range(12)])
    first, second = (site.start_agent(agent) for agent in agents[:2])
    site.wait(lambda: len(site.invites()) >= 4)
    site.start_agent(agents[2])
    site.wait(lambda: "takes no more calls" in said(site, agents[2]))
    site.stop_agent(first)
    site.wait(lambda: site.invites(agents[2].phone))
    site.wait(lambda: site.has_ended(second), 60)
    assert site.is_through()
    assert most_at_once(site, site.invites()) <= 4


def said(site: Site, agent: Agent) -> str:
    return why_agent(site.account, agent.user.pk, now()).sentence
