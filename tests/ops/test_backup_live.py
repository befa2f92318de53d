"""A backup beside a dialer that calls, and the campaign that goes on from it in another place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, create_group
from autodialer.apps.calls.models import Attempt
from autodialer.apps.calls.promises import broken_promises
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.services import add_caller_id, create_campaign, resume_campaign
from autodialer.apps.imports.services import import_list
from autodialer.ops.backup.archive import Seal, verified
from autodialer.ops.backup.load import restore
from autodialer.ops.backup.save import save
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.paths import Paths
from autodialer.ops.process import wait_until
from tests.support.database import Databases, django_on
from tests.support.site import now, zone_of_noon

pytestmark = pytest.mark.timeout(240)
SEAL: Final = Seal(b"the key of this installation, long enough")
AGENTS: Final = 3
# What the simulated customers do is in the last two digits: talk for a second, or busy.
NUMBERS: Final = [f"+91980000{at}{'10' if at % 3 else '12'}" for at in range(10, 30)]
PATIENCE_S: Final = 60.0


@contextmanager
def dialling(paths: Paths, url: str) -> Iterator[None]:
    """A dialer without an Asterisk works while the block runs: nobody is really called."""
    dialer = DialerProcess(paths, url, None)
    dialer.start()
    try:
        yield
    finally:
        dialer.stop()


def open_office() -> Campaign:
    account = create_account(name="Acme", zone=zone_of_noon(now()), now=now())
    users = [hire(account, at) for at in range(AGENTS)]
    ids = [user.pk for user in users]
    group = create_group(account=account, name="Sales", member_ids=ids, now=now())
    caller = add_caller_id(
        account=account, actor=OPERATOR, number="+918045678901", verified=True, now=now()
    )
    leads = "\n".join(["number", *NUMBERS]).encode()
    return create_campaign(
        account=account,
        actor=OPERATOR,
        name="Diwali",
        list_id=import_list(account=account, name="Leads", data=leads, now=now()).list_id,
        group_id=group.pk,
        caller_id=caller.pk,
        now=now(),
    )


def hire(account: Account, at: int) -> User:
    user = create_user(
        account=account, email=f"a{at}@acme.example", name=f"A{at}", role=Role.AGENT, now=now()
    )
    phone = f"+9199000000{at:02d}"
    kind = DeviceKind.PHONE
    add_device(account=account, user_id=user.pk, kind=kind, address=phone, now=now())
    return user


def start_everybody(campaign: Campaign) -> None:
    for user in User.objects.filter(role=Role.AGENT.value):
        start_session(account=campaign.account, campaign_id=campaign.pk, user_id=user.pk, now=now())


def called() -> Sequence[str]:
    return list(Attempt.objects.values_list("e164", flat=True))


def test_a_campaign_goes_on_from_a_backup_and_calls_nobody_twice(
    live_database: str, databases: Databases, tmp_path: Path
) -> None:
    campaign, paths = open_office(), Paths.below(tmp_path)
    start_everybody(campaign)
    with dialling(paths, live_database):
        wait_until(lambda: _is_busy(live_database), PATIENCE_S, "calls end and calls live")
        save(tmp_path / "backup.zip", SEAL, None, now())
    with databases.copy() as url, django_on(url):
        with verified(tmp_path / "backup.zip", SEAL) as found:
            done = restore(found, paths.recordings, now())
        assert done.campaigns_paused == 1
        assert done.sessions_ended == AGENTS
        assert broken_promises(now()) == []
        before = called()
        assert 0 < len(before) < len(NUMBERS)
        resume_campaign(
            account=campaign.account, campaign_id=campaign.pk, actor=OPERATOR, now=now()
        )
        start_everybody(campaign)
        with dialling(paths, url):
            wait_until(_is_through, PATIENCE_S, "the campaign is completed")
        assert sorted(called()) == sorted(NUMBERS)
        assert broken_promises(now()) == []


def _is_busy(url: str) -> bool:
    with psycopg.connect(url) as raw:
        row = raw.execute(
            "SELECT count(*) FILTER (WHERE state = 'ended'), count(*) FILTER"
            " (WHERE state = 'talking') FROM calls_attempt"
        ).fetchone()
    assert row is not None
    return bool(row[0] >= AGENTS and row[1] >= 1)


def _is_through() -> bool:
    return Campaign.objects.get().status == "completed" and not Target.objects.filter(
        status__in=["scheduled", "in-progress"]
    )
