"""PostgreSQL is restarted with people on the line."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from autodialer.ops.paths import Paths
from tests.support import stack
from tests.support.database import Databases, django_on
from tests.support.oracle import check
from tests.support.site import LEASE_S, Site, reconnect_django

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoDbBlocker

    from autodialer.ops.postgres import EmbeddedPostgres
    from tests.support.stack import AsteriskPair


FROZEN_S: Final = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A server of these tests alone: the others share theirs."""
    with stack.forgetful_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def own_databases(server: EmbeddedPostgres, django_db_blocker: DjangoDbBlocker) -> Databases:
    made = Databases(server.url)
    made.make_template(django_db_blocker)
    return made


@pytest.fixture
def site(
    pair: AsteriskPair, own_databases: Databases, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> Iterator[Site]:
    with own_databases.copy() as url, django_on(url), django_db_blocker.unblock():
        made = Site(pair, url, Paths.below(tmp_path))
        made.start_dialer()
        yield made
        made.close()
        check(made)


# "Fast" ends sessions and writes a checkpoint; "immediate" drops everything and recovers.
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_restart_cuts_no_talk_and_dialing_goes_on(
    site: Site, server: EmbeddedPostgres, how: signal.Signals
) -> None:
    agents = [site.hire() for _ in range(3)]
    talker, ringer = site.number("01"), site.number("49")
    rest = [site.number(ending) for ending in ("10", "02", "20", "10")]
    site.campaign([talker, ringer, *rest])
    sessions = [site.start_agent(agent) for agent in agents]
    site.wait(lambda: site.talks(talker) and site.rings(ringer))
    assert server.pid is not None
    os.kill(server.pid, how)
    site.wait(lambda: server.exit_code is not None, counting=False)
    server.start()
    reconnect_django()
    site.wait(lambda: all(site.target(number).status != "scheduled" for number in rest), 10)
    assert site.talks(talker)
    site.wait(lambda: site.target(ringer).reason == "unavailable")
    site.hang_up(talker)
    site.wait(lambda: all(site.has_ended(session) for session in sessions))
    assert site.target(talker).status == "completed"


@pytest.mark.slow
def test_a_frozen_postgresql_cuts_no_talk_and_calls_nobody_and_dialing_goes_on_when_it_is_woken(
    site: Site, server: EmbeddedPostgres
) -> None:
    agents = [site.hire() for _ in range(3)]
    talkers = [site.number("01") for _ in range(2)]
    site.campaign([*talkers, *(site.number("10") for _ in range(40))])
    for agent in agents:
        site.start_agent(agent)
    site.wait(lambda: all(site.talks(number) for number in talkers))
    site.wait(lambda: len(site.invites()) > len(talkers) + len(agents) + 2)
    processes = family(server)
    try:
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        frozen = time.time()
        site.never(lambda: not set(talkers) <= set(site.lab.live_numbers()), FROZEN_S)
    finally:
        for pid in reversed(processes):
            os.kill(pid, signal.SIGCONT)
    assert not [call for call in site.invites() if frozen + LEASE_S < call.at < frozen + FROZEN_S]
    before = len(site.invites())
    site.wait(lambda: len(site.invites()) > before + 3)
    for number in talkers:
        assert site.talks(number)
        site.hang_up(number)
        site.wait(lambda number=number: site.target(number).status == "completed")  # type: ignore[misc]
        (call,) = site.attempts(number)
        assert (call.reason, call.estimated) == ("answered", False)


def family(server: EmbeddedPostgres) -> list[int]:
    """The server's processes, itself first: frozen first, it cannot make another."""
    assert server.pid is not None
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return [server.pid, *map(int, children)]
