"""An account with agents, a list and a campaign, made by the services themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.apps.agents.models import AgentDevice, DeviceKind, Group
from autodialer.apps.agents.services import add_device, create_group
from autodialer.apps.campaigns.models import CallerId, Campaign
from autodialer.apps.campaigns.services import add_caller_id, create_campaign
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.imports.services import import_list

# A Monday, 10:30 in India: inside the calling window.
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Book:
    """Asha supervises, Bina is her agent, Devi is the admin."""

    account: Account
    admin: User
    supervisor: User
    agent: User
    device: AgentDevice
    group: Group
    caller_id: CallerId
    list_id: int

    def campaign(self, name: str = "Diwali", terms: Terms | None = None) -> Campaign:
        """A campaign of the group over the list, in progress since NOON unless told otherwise."""
        return create_campaign(
            account=self.account,
            actor=Actor.of(self.supervisor),
            name=name,
            list_id=self.list_id,
            group_id=self.group.pk,
            caller_id=self.caller_id.pk,
            terms=terms,
            now=NOON,
        )


def make_book(name: str = "Acme", rows: int = 3) -> Book:
    """Make an account of that name whose list holds `rows` mobiles."""
    account = create_account(name=name, now=NOON)
    users = {
        who: create_user(
            account=account,
            email=f"{who}@{name.lower()}.example",
            name=who.title(),
            role=role,
            now=NOON,
        )
        for who, role in (("devi", Role.ADMIN), ("asha", Role.SUPERVISOR), ("bina", Role.AGENT))
    }
    bina = users["bina"]
    return Book(
        account=account,
        admin=users["devi"],
        supervisor=users["asha"],
        agent=bina,
        device=desk_phone(account, bina),
        group=create_group(account=account, name="Sales", member_ids=[bina.pk], now=NOON),
        caller_id=add_caller_id(
            account=account, actor=OPERATOR, number="08045678901", verified=True, now=NOON
        ),
        list_id=import_list(account=account, name="Leads", data=csv_of(rows), now=NOON).list_id,
    )


def desk_phone(account: Account, user: User) -> AgentDevice:
    """A SIP phone of the user that the dialer sees registered."""
    device = add_device(account=account, user_id=user.pk, kind=DeviceKind.SIP, now=NOON)
    AgentDevice.objects.filter(pk=device.pk).update(registered_at=NOON)
    return device


def csv_of(rows: int) -> bytes:
    """A file with that many distinct mobiles, each with a name and a city."""
    lines = [f"{9_000_000_000 + at},Person {at},Pune" for at in range(rows)]
    return "\n".join(["number,name,city", *lines]).encode()
