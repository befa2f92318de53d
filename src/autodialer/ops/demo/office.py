"""The call centre that a newcomer signs in to: people with passwords, and two campaigns.

Two agents on lab phones work the first campaign by themselves, so that its figures move. The
second one waits for the newcomer, whose telephone is the browser.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.queries import accounts
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, create_group
from autodialer.apps.billing.services import set_payment_mode, set_tariffs, top_up
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.services import add_caller_id, create_campaign
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.imports.services import import_list
from autodialer.domain.money import PaymentMode
from autodialer.ops.demo import plan
from autodialer.ops.demo.data import zone_of_an_office_at_work

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.apps.accounts.models import Account

# For a demo on one's own machine only: nothing else ever has a password that is known.
PASSWORD: Final = "try-the-dialer"  # noqa: S105
CUSTOMERS: Final = 400
PAYMENT: Final = 500_000
_CREW: Final = ("Chitra", "Dinesh")
_CITIES: Final = ("Pune", "Chennai", "Jaipur", "Kochi", "Indore", "Surat", "Patna")
# What most customers do, by the lab's last two digits: talk some seconds, are busy, do not answer.
_ENDINGS: Final = ("90", "50", "70", "02", "80", "60", "03", "90", "28", "05")


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody whom the newcomer can be."""

    who: str
    email: str


@dataclass(frozen=True, slots=True)
class Office:
    """What the newcomer is told."""

    account: Account
    sign_ins: tuple[SignIn, ...]
    busy_campaign: int
    own_campaign: int


def open_office(now: datetime) -> Office:
    """Make an account of its own for this run; those of earlier runs stay to be looked at."""
    account = create_account(
        name=f"Demo office {len(accounts()) + 1}", now=now, zone=zone_of_an_office_at_work(now)
    )
    _pay(account, now)
    people = {
        who: _person(account, who, role, now)
        for who, role in (("Devi", Role.ADMIN), ("Asha", Role.SUPERVISOR), ("Bina", Role.AGENT))
    }
    phones = (phone for _, phone in plan.AGENTS)
    crew = [_lab_agent(account, *pair, now) for pair in zip(_CREW, phones, strict=False)]
    add_device(account=account, user_id=people["Bina"], kind=DeviceKind.BROWSER, now=now)
    busy = _campaign(account, "Festival calls", crew, 0, now)
    own = _campaign(account, "Your first calls", [people["Bina"]], 1, now)
    for user_id in crew:
        start_session(account=account, campaign_id=busy, user_id=user_id, now=now)
    emails = tuple(SignIn(who, _email(account, who)) for who in people)
    return Office(account, emails, busy, own)


def _pay(account: Account, now: datetime) -> None:
    set_payment_mode(account=account, mode=PaymentMode.PREPAID, actor=OPERATOR, now=now)
    set_tariffs(account=account, rates={"+91": plan.RATE}, actor=OPERATOR, now=now)
    top_up(account=account, amount=PAYMENT, reference="Demo", actor=OPERATOR, now=now)


def _person(account: Account, who: str, role: Role, now: datetime) -> int:
    return create_user(
        account=account,
        email=_email(account, who),
        name=who,
        role=role,
        password=PASSWORD,
        now=now,
    ).pk


def _email(account: Account, who: str) -> str:
    """Addresses are unique in an installation; a first demo has the plain ones."""
    return f"{who.lower()}@demo{account.pk}.example"


def _lab_agent(account: Account, name: str, phone: str, now: datetime) -> int:
    email = f"{name.lower()}.lab@demo{account.pk}.example"
    user = create_user(account=account, email=email, name=name, role=Role.AGENT, now=now)
    add_device(account=account, user_id=user.pk, kind=DeviceKind.PHONE, address=phone, now=now)
    return user.pk


def _campaign(account: Account, name: str, agents: list[int], block: int, now: datetime) -> int:
    group = create_group(account=account, name=f"{name} team", now=now, member_ids=agents)
    caller_id = add_caller_id(
        account=account, actor=OPERATOR, number=plan.CALLER_ID, now=now, verified=True
    )
    listed = import_list(
        account=account,
        name=f"{name} list",
        file_name=f"{name.lower().replace(' ', '-')}.csv",
        data=_csv(block),
        now=now,
    )
    return create_campaign(
        account=account,
        actor=OPERATOR,
        name=name,
        list_id=listed.list_id,
        caller_id=caller_id.pk,
        group_id=group.pk,
        now=now,
        terms=Terms(
            retries=1,
            retry_statuses=("busy", "no-answer"),
            retry_interval_min=1,
            ring_timeout_s=10,
        ),
    ).pk


def _csv(block: int) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["Phone", "First name", "Last name", "Company", "City", "Order"])
    for place in range(CUSTOMERS):
        digits = _ENDINGS[place % len(_ENDINGS)]
        first, last = plan.NAMES[place % len(plan.NAMES)], plan.NAMES[-1 - place % 5]
        city = _CITIES[place % len(_CITIES)]
        number = f"+91983{block:02}{place:03}{digits}"
        rows.writerow([number, first, last, "Lab customers", city, f"A-{1000 + place}"])
    return text.getvalue().encode()
