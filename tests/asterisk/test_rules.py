"""The rules at their edges, on real calls: the registry, the clock on the wall, the money."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from autodialer.apps.accounts.models import Account
from autodialer.apps.campaigns.models import Target
from autodialer.apps.contacts.services import add_dnd_numbers
from tests.support.site import Site, now


def test_a_number_put_on_the_registry_between_two_tries_is_not_called_again(site: Site) -> None:
    number = site.number("02")
    site.hire()
    site.campaign([number], retries=2, retry_statuses=["busy"], retry_interval_min=1)
    session = site.start_agent(site.agents[0])
    site.wait(lambda: site.target(number).status == "retry")
    add_dnd_numbers(account=site.account, numbers=[number], now=now())
    Target.objects.filter(e164=number).update(due_at=now())
    site.wait(lambda: site.has_ended(session))
    target = site.target(number)
    assert (target.status, target.reason, target.tries) == ("failed-dnd", "do_not_call", 1)
    assert len(site.invites(number)) == 1


def test_a_window_that_closes_in_talk_lets_it_end_and_calls_nobody_after_it(site: Site) -> None:
    talker, left = site.number("01"), site.number("10")
    site.hire()
    site.campaign([talker, left])
    session = site.start_agent(site.agents[0])
    site.wait(lambda: site.talks(talker))
    _close_window(site.account)
    site.never(lambda: not site.talks(talker), 1.0)
    site.hang_up(talker)
    site.wait(lambda: site.has_ended(session))
    assert site.session(session).end_reason == "outside_window"
    assert site.target(talker).status == "completed"
    assert (site.target(left).status, site.invites(left)) == ("scheduled", [])


def _close_window(account: Account) -> None:
    """End the account's calling hours a minute ago on its own wall."""
    wall = now().astimezone(ZoneInfo(account.zone)) - timedelta(minutes=1)
    Account.objects.filter(pk=account.pk).update(
        window_opens=(wall - timedelta(hours=1)).time(), window_closes=wall.time()
    )
