"""A deploy: the dialer is told to stop with people on the line, and the next one takes over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from autodialer.apps.billing.models import Hold
from autodialer.domain.money import HoldStatus, Rate
from tests.support.site import LEASE_S, Site

if TYPE_CHECKING:
    from uuid import UUID

CONVERSATIONS: Final = 50
# To see that dialing stops and goes on, with calls that are short.
BUSY_AGENTS: Final = 2


def test_a_stop_drops_no_call_and_the_next_dialer_goes_on_with_all(site: Site) -> None:
    talkers = [site.number("01") for _ in range(2)]
    ringer = site.number("79")
    rest = [site.number("10") for _ in range(3)]
    sessions = _staff(site, [*talkers, ringer, *rest])
    site.wait(lambda: all(site.talks(number) for number in talkers) and site.rings(ringer))
    legs = {leg["id"] for leg in site.asterisk("channels")}

    began = time.monotonic()
    assert site.stop_dialer() == 0
    assert time.monotonic() - began < 10
    assert {leg["id"] for leg in site.asterisk("channels")} == legs

    site.start_dialer()
    site.wait(lambda: all(site.target(number).status == "completed" for number in rest), 20)
    assert site.target(ringer).reason == "unavailable"
    assert all(site.talks(number) for number in talkers)
    for number in talkers:
        site.hang_up(number)
    site.wait(lambda: all(site.has_ended(session) for session in sessions))
    assert {call.estimated for call in site.attempts()} == {False}


def test_restarts_in_fifty_conversations_drop_none_and_each_is_settled_once(site: Site) -> None:
    site.set_price(Rate(60, 100, 60, 100))
    talkers = [site.number("01") for _ in range(CONVERSATIONS)]
    rest = [site.number("10") for _ in range(40)]
    _staff(site, [*talkers, *rest], agents=CONVERSATIONS + BUSY_AGENTS)
    site.wait(lambda: _talking(site) >= set(talkers), 60)
    lines = _lines_of(site, talkers)
    assert len(lines) == 2 * CONVERSATIONS

    told = time.time()
    assert site.stop_dialer() == 0
    assert time.time() - told < 10
    assert max(call.at for call in site.invites()) < told + 1
    for restart in (site.stop_dialer, site.kill_dialer):
        site.start_dialer()
        site.wait_for_recovery()
        assert _lines_of(site, talkers) == lines
        restart()
    site.start_dialer()
    site.wait_for_recovery()

    assert _lines_of(site, talkers) == lines
    for number in talkers:
        site.hang_up(number)
    site.wait(site.is_through, 60)
    calls = [site.attempts(number) for number in talkers]
    assert {(len(each), each[0].status, each[0].estimated) for each in calls} == {
        (1, "completed", False)
    }
    legs = [each[0].pk for each in calls]
    assert Hold.objects.filter(leg__in=legs, status=HoldStatus.SETTLED).count() == CONVERSATIONS


def test_a_second_dialer_of_the_node_dials_only_when_the_first_is_gone(site: Site) -> None:
    talker, later = site.number("01"), site.number("10")
    (session,) = _staff(site, [talker, later], agents=1)
    site.wait(lambda: site.talks(talker))
    second = site.new_dialer()
    second.start()
    try:
        site.wait(lambda: "lease_held_by_another" in second.log.read_text())
        # Longer than the lease: the first keeps it by renewing.
        site.never(lambda: second.log.read_text().count("lease_taken") > 1, LEASE_S + 1)
        assert site.talks(talker)
        site.kill_dialer()
        site.hang_up(talker)
        site.wait(lambda: site.has_ended(session))
        assert site.target(later).status == "completed"
        assert len(site.invites(later)) == 1
    finally:
        second.stop()


def _staff(site: Site, numbers: list[str], agents: int = 3) -> list[UUID]:
    """Let the agents start on these numbers, one after the other."""
    staff = [site.hire() for _ in range(agents)]
    site.campaign(numbers)
    return [site.start_agent(agent) for agent in staff]


def _talking(site: Site) -> set[str]:
    return {call.e164 for call in site.attempts() if call.state == "talking"}


def _lines_of(site: Site, numbers: list[str]) -> set[str]:
    """The customers' and agents' lines of these conversations, as Asterisk has them."""
    calls = [site.attempts(number)[0] for number in numbers]
    ids = {f"a{call.pk.hex}" for call in calls} | {f"s{call.session_id.hex}" for call in calls}
    bridged = {each for bridge in site.asterisk("bridges") for each in bridge["channels"]}
    assert ids <= bridged
    return ids & {leg["id"] for leg in site.asterisk("channels")}
