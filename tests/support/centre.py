"""A call centre that works at the real time: agents with telephones and one campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, create_group
from autodialer.apps.campaigns.services import add_caller_id, create_campaign
from autodialer.apps.imports.services import import_list
from tests.support.site import CALLER_ID, now, zone_of_noon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.campaigns.models import Campaign


def make_centre(name: str, phones: Sequence[str], numbers: Sequence[str]) -> Campaign:
    """Make an account where it is noon, an agent for each phone, and a campaign in progress."""
    account = create_account(name=name, zone=zone_of_noon(now()), now=now())
    ids = [_hire(account, phone).pk for phone in phones]
    group = create_group(account=account, name="Sales", member_ids=ids, now=now())
    caller = add_caller_id(
        account=account, actor=OPERATOR, number=CALLER_ID, verified=True, now=now()
    )
    leads = "\n".join(["number", *numbers]).encode()
    return create_campaign(
        account=account,
        actor=OPERATOR,
        name="Diwali",
        list_id=import_list(account=account, name="Leads", data=leads, now=now()).list_id,
        group_id=group.pk,
        caller_id=caller.pk,
        now=now(),
    )


def _hire(account: Account, phone: str) -> User:
    user = create_user(
        account=account, email=f"a{phone}@acme.example", name=phone, role=Role.AGENT, now=now()
    )
    kind = DeviceKind.PHONE
    add_device(account=account, user_id=user.pk, kind=kind, address=phone, now=now())
    return user
