"""The rules at their edges, on real calls: the registry, the clock on the wall, the money."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account
from autodialer.apps.accounts.services import change_account
from autodialer.apps.billing.queries import balance
from autodialer.apps.billing.services import set_payment_mode, set_tariffs, top_up
from autodialer.apps.campaigns.models import Target
from autodialer.apps.campaigns.services import resume_campaign
from autodialer.apps.contacts.services import add_dnd_numbers
from autodialer.domain.money import PaymentMode, Rate
from tests.support.site import Site, now

# In paise; whatever the length of a call within the hour.
PRICE: Final = 100
AGENT_PRICE: Final = 10


def test_a_number_put_on_the_registry_between_two_tries_is_not_called_again(site: Site) -> None:
    number = site.number("02")
    site.hire()
    site.campaign([number], retries=2, retry_statuses=["busy"], retry_interval_min=1)
    session = site.start_agent(site.agents[0])
    site.wait(lambda: site.target(number).status == "retry")
    add_dnd_numbers(account=site.account, numbers=[number], now=now())
    change_account(account=site.account, redial_gap=timedelta(), now=now())
    Target.objects.filter(e164=number).update(due_at=now())
    site.wait(lambda: site.has_ended(session))
    target = site.target(number)
    assert (target.status, target.reason, target.tries) == ("failed-dnd", "do_not_call", 1)
    assert len(site.invites(number)) == 1


def test_a_number_put_on_the_registry_while_it_rings_is_released_and_a_talk_goes_on(
    site: Site,
) -> None:
    talker, ringing = site.number("01"), site.number("03")
    site.hire(), site.hire()
    site.campaign([talker, ringing], retries=2, retry_statuses=["no-answer"])
    sessions = [site.start_agent(agent) for agent in site.agents]
    site.wait(lambda: site.talks(talker) and site.rings(ringing))
    add_dnd_numbers(account=site.account, numbers=[talker, ringing], now=now())
    site.wait(lambda: ringing not in site.lab.live_numbers(), 1.0)
    site.wait(lambda: site.target(ringing).status == "failed-dnd")
    assert site.target(ringing).reason == "do_not_call"
    (attempt,) = site.attempts(ringing)
    assert (attempt.status, attempt.reason) == ("no-answer", "do_not_call")
    assert site.talks(talker)
    site.hang_up(talker)
    site.wait(lambda: all(site.has_ended(session) for session in sessions))
    assert site.target(talker).status == "completed"
    assert len(site.invites(ringing)) == 1


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


def test_the_balance_that_ends_pauses_the_campaign_and_cuts_no_talk(site: Site) -> None:
    """Two agents, money for one call: one talks, one number fails, the rest waits for money."""
    numbers = [site.number("01") for _ in range(4)]
    site.hire(), site.hire()
    _meter(site, balance=PRICE + 2 * AGENT_PRICE)
    campaign = site.campaign(numbers, max_talk_s=30, idle_limit_s=30)
    sessions = [site.start_agent(agent) for agent in site.agents]
    site.wait(lambda: site.status() == "paused")
    campaign.refresh_from_db()
    assert campaign.reason == "low_balance"
    site.wait(lambda: any(site.talks(number) for number in numbers))
    counts = Counter(site.target(number).status for number in numbers)
    assert counts == {"in-progress": 1, "failed-balance": 1, "scheduled": 2}
    (talker,) = [number for number in numbers if site.talks(number)]

    top_up(account=site.account, amount=9 * PRICE, reference="again", actor=OPERATOR, now=now())
    resume_campaign(account=site.account, campaign_id=campaign.pk, actor=site.boss, now=now())
    site.wait(lambda: sum(site.talks(number) for number in numbers) == 2)
    assert site.talks(talker), "the talk went on while there was no money"
    for _ in range(3):
        _let_one_end(site, numbers)
    site.wait(lambda: all(site.has_ended(session) for session in sessions))
    counts = Counter(site.target(number).status for number in numbers)
    assert counts == {"completed": 3, "failed-balance": 1}
    left = balance(site.account)
    assert left is not None
    assert left.held == 0


def _let_one_end(site: Site, numbers: list[str]) -> None:
    site.wait(lambda: any(site.talks(number) for number in numbers))
    talker = next(number for number in numbers if site.talks(number))
    site.hang_up(talker)
    site.wait(lambda: not site.talks(talker))


def _meter(site: Site, *, balance: int) -> None:
    """Make the account prepaid; a customer's call costs PRICE, an agent's leg AGENT_PRICE."""
    set_payment_mode(account=site.account, mode=PaymentMode.PREPAID, actor=OPERATOR, now=now())
    agents, customers = Rate(3_600, AGENT_PRICE, 3_600, 0), Rate(3_600, PRICE, 3_600, 0)
    rates = {"+9199000": agents, "+9198": customers}
    set_tariffs(account=site.account, rates=rates, actor=OPERATOR, now=now())
    top_up(account=site.account, amount=balance, reference="first", actor=OPERATOR, now=now())


def _close_window(account: Account) -> None:
    """End the account's calling hours a minute ago on its own wall."""
    wall = now().astimezone(ZoneInfo(account.zone)) - timedelta(minutes=1)
    change_account(
        account=account,
        window_opens=(wall - timedelta(hours=1)).time(),
        window_closes=wall.time(),
        now=now(),
    )
