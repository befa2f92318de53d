"""Makes the demo's account, agents, list and campaign through the same services as anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, create_group
from autodialer.apps.billing.services import set_payment_mode, set_tariffs, top_up
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.services import add_caller_id, create_campaign
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.services import add_dnd_numbers
from autodialer.apps.imports.services import import_list
from autodialer.domain.money import PaymentMode
from autodialer.ops.demo import plan

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.imports.services import ImportResult

# At any instant it is working time in one of them.
_ZONES: Final = ("Asia/Kolkata", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
_WORKING_HOURS: Final = range(10, 19)


@dataclass(frozen=True, slots=True)
class Made:
    """What a run of the demo works with."""

    account: Account
    campaign_id: int
    agent_ids: tuple[int, ...]
    imported: ImportResult


def make(now: datetime) -> Made:
    """Make everything anew, named after `now`, so that earlier runs stay to be looked at."""
    stamp = now.strftime("%Y-%m-%d %H:%M:%S")
    account = create_account(name=f"Demo {stamp}", now=now, zone=zone_of_an_office_at_work(now))
    agents = tuple(_make_agent(account, name, number, now) for name, number in plan.AGENTS)
    _pay(account, now)
    group = create_group(account=account, name="Telesales", now=now, member_ids=agents)
    caller_id = add_caller_id(
        account=account, actor=OPERATOR, number=plan.CALLER_ID, now=now, verified=True
    )
    imported = import_list(account=account, name="Customers", data=plan.csv_file(), now=now)
    forbidden = [customer.e164 for customer in plan.customers() if customer.do_not_call]
    add_dnd_numbers(account=account, numbers=forbidden, now=now)
    campaign = create_campaign(
        account=account,
        actor=OPERATOR,
        name="Spring offer",
        list_id=imported.list_id,
        caller_id=caller_id.pk,
        group_id=group.pk,
        now=now,
        terms=Terms(
            retries=plan.RETRIES,
            retry_statuses=("busy", "no-answer"),
            retry_interval_min=1,
            ring_timeout_s=plan.RING_TIMEOUT_S,
            max_talk_s=plan.MAX_TALK_S,
        ),
    )
    return Made(account, campaign.pk, agents, imported)


def _pay(account: Account, now: datetime) -> None:
    set_payment_mode(account=account, mode=PaymentMode.PREPAID, actor=OPERATOR, now=now)
    set_tariffs(account=account, rates={"+91": plan.RATE}, actor=OPERATOR, now=now)
    top_up(account=account, amount=plan.PAYMENT, reference="Demo", actor=OPERATOR, now=now)


def start_agents(made: Made, now: datetime) -> None:
    """Press Start for each agent; again is harmless."""
    for user_id in made.agent_ids:
        start_session(account=made.account, campaign_id=made.campaign_id, user_id=user_id, now=now)


def zone_of_an_office_at_work(now: datetime) -> str:
    """Return a zone in which `now` is between 10:00 and 19:00: calls are allowed until 21:00.

    The law's calling window holds in the demo too, whenever somebody tries it.
    """
    return next(zone for zone in _ZONES if now.astimezone(ZoneInfo(zone)).hour in _WORKING_HOURS)


def _make_agent(account: Account, name: str, number: str, now: datetime) -> int:
    email = f"{name.lower()}.{account.pk}@demo.invalid"
    user = create_user(account=account, email=email, name=name, role=Role.AGENT, now=now)
    add_device(account=account, user_id=user.pk, kind=DeviceKind.PHONE, address=number, now=now)
    return user.pk
