"""The data that the product's side needs: one account with agents, and campaigns to dial."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Self

import django
from django.core.management import call_command
from django.db import connection

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account, User
    from autodialer.apps.campaigns.models import Campaign

TARGETS: Final = 20_000
_STOP_DEADLINE_S: Final = 20.0
_TALK_LIMIT_S: Final = 3600

# Fill a campaign with consecutive numbers.
_FILL = """
INSERT INTO campaigns_target
    (account_id, campaign_id, seq, e164, contact, status, reason, tries, max_tries, changed_at)
SELECT %(account)s, %(campaign)s, n, '+' || %(first)s::bigint + n, '{}', 'scheduled', '', 0, 1,
       %(now)s
  FROM generate_series(0, %(size)s - 1) AS n"""


def now() -> datetime:
    """The clock of the benchmark's own rows."""
    return datetime.now(UTC)  # noqa: TID251 - the outermost shell


def noon_zone(at: datetime) -> str:
    """The name of a zone in which it is about noon, so that calls are allowed at any hour."""
    behind = at.astimezone(UTC).hour - 12
    return f"Etc/GMT{behind:+d}"  # POSIX's sign: positive is behind UTC


@dataclass(frozen=True, slots=True)
class Office:
    """An account whose agents are phones of the carrier. Works in Django's database."""

    account: Account
    agents: Sequence[User]
    created_at: datetime

    @classmethod
    def open(cls, database_url: str, first_agent: int, agents: int) -> Self:
        """Migrate the empty database of `database_url` and make the account; once a process."""
        os.environ["AUTODIALER_DATABASE_URL"] = database_url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autodialer.config.settings")
        django.setup()
        call_command("migrate", verbosity=0)
        from autodialer.apps.accounts.models import Account

        at = now()
        account = Account.objects.create(
            name="Benchmark", zone=noon_zone(at), allows_http=True, created_at=at
        )
        return cls(account, _make_agents(account, first_agent, agents, at), at)

    def campaign(
        self,
        agents: int,
        first_customer: int,
        caller_id: str,
        url: str = "",
        *,
        targets: int = TARGETS,
    ) -> Campaign:
        """Make a running campaign for the first `agents` agents with so many numbers, or a URL."""
        from autodialer.apps.campaigns.models import (
            CallerId,
            Campaign,
            CampaignAgent,
            NumberSource,
        )

        at = now()
        caller, _ = CallerId.objects.get_or_create(
            account=self.account, e164=caller_id, defaults={"verified_at": at, "created_at": at}
        )
        campaign = Campaign.objects.create(
            account=self.account,
            name=f"From {first_customer}",
            caller_id=caller,
            starts_at=at - timedelta(minutes=1),
            ends_at=at + timedelta(days=1),
            status="in-progress",
            max_talk_s=_TALK_LIMIT_S,
            target_count=0 if url else targets,
            dial_whom_url=url,
            created_at=at,
        )
        picked = [CampaignAgent(campaign=campaign, user=user) for user in self.agents[:agents]]
        CampaignAgent.objects.bulk_create(picked)
        if url:
            NumberSource.objects.create(campaign=campaign)
            return campaign
        values: dict[str, int | datetime] = {
            "account": self.account.pk,
            "campaign": campaign.pk,
            "first": first_customer,
            "size": targets,
            "now": at,
        }
        with connection.cursor() as cursor:
            cursor.execute(_FILL, values)
            cursor.execute("VACUUM ANALYZE campaigns_target")
        return campaign

    def start_sessions(
        self, campaign: Campaign, agents: int, stagger_s: float, *, first: int = 0
    ) -> None:
        """Press Start for each of so many agents, one after the other, within `stagger_s`."""
        from autodialer.apps.calls.services import start_session

        for user in self.agents[first : first + agents]:
            start_session(account=self.account, campaign_id=campaign.pk, user_id=user.pk, now=now())
            time.sleep(stagger_s / agents)

    def has_dialer(self) -> bool:
        """True while a dialer holds a lease."""
        return self.dialers() > 0

    def dialers(self) -> int:
        """How many dialers hold a lease."""
        from autodialer.apps.calls.models import Node

        return Node.objects.filter(lease_until__gt=now()).count()

    def add_node(self, name: str) -> None:
        """Let a dialer drive a node of this name."""
        from autodialer.apps.calls.nodes import add_node
        from autodialer.domain.nodes import FIRST_TRUNK

        add_node(name=name, trunk=FIRST_TRUNK, now=now())

    def session_counts(self, campaign: Campaign) -> dict[str, int]:
        """How many sessions of the campaign are in each status."""
        from autodialer.apps.calls.models import Session

        statuses = Session.objects.filter(campaign=campaign).values_list("status", flat=True)
        found = list(statuses)
        return {status: found.count(status) for status in found}

    def stop_sessions(self, campaign: Campaign) -> None:
        """Ask that every session of the campaign ends at once."""
        from autodialer.apps.calls.models import Session
        from autodialer.apps.calls.services import stop_session

        for session in Session.objects.filter(campaign=campaign):
            stop_session(account=self.account, session_id=session.pk, now=now(), at_once=True)

    def orders(self, campaign: Campaign) -> list[list[str]]:
        """Each session's numbers (digits only) in the order in which they were called."""
        from autodialer.apps.calls.models import Attempt

        rows = (
            Attempt.objects.filter(campaign=campaign, try_no__isnull=False)
            .order_by("session_id", "placed_at")
            .values_list("session_id", "e164")
        )
        return [
            [e164.lstrip("+") for _, e164 in attempts]
            for _, attempts in groupby(rows, key=itemgetter(0))
        ]

    def unclean_attempts(self, campaign: Campaign) -> int:
        """How many attempts ended as anything but an answered call."""
        from autodialer.apps.calls.models import Attempt

        return Attempt.objects.filter(campaign=campaign).exclude(status="completed").count()


def _make_agents(account: Account, first_number: int, count: int, at: datetime) -> list[User]:
    from autodialer.apps.accounts.models import User
    from autodialer.apps.agents.models import AgentDevice

    users = User.objects.bulk_create(
        User(
            account=account,
            email=f"agent{number}@bench.example",
            name=f"Agent {number}",
            role="agent",
            password="!",  # noqa: S106 - no password fits it
            created_at=at,
        )
        for number in range(count)
    )
    AgentDevice.objects.bulk_create(
        AgentDevice(user=user, kind="phone", address=f"+{first_number + n}", created_at=at)
        for n, user in enumerate(users)
    )
    return users
