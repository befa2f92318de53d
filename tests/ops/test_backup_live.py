"""A backup beside a dialer that calls, and the campaign that goes on from it in another place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Role, User
from autodialer.apps.calls.models import Attempt
from autodialer.apps.calls.promises import broken_promises
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.services import resume_campaign
from autodialer.ops.backup.archive import Seal, verified
from autodialer.ops.backup.load import restore
from autodialer.ops.backup.save import save
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.paths import Paths
from autodialer.ops.process import wait_until
from tests.support.centre import make_centre
from tests.support.database import Databases, django_on
from tests.support.site import now

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
    phones = [f"+9199000000{at:02d}" for at in range(AGENTS)]
    return make_centre("Acme", phones, NUMBERS)


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
