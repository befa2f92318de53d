"""Two nodes, each an Asterisk and a dialer, share the agents of one campaign; one is taken away."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner, Result

from autodialer.apps.calls.models import Attempt, Session
from autodialer.apps.calls.nodes import add_node
from autodialer.apps.calls.start import CannotStartError
from autodialer.apps.calls.trunks import set_trunk
from autodialer.apps.campaigns.services import resume_campaign
from autodialer.bootstrap import LEASE_LOST_EXIT
from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.pacing import Limits
from autodialer.ops.cli import cli
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.paths import Paths
from tests.asterisk.test_trunk_limits import keeps_calls_per_second, most_at_once, most_within
from tests.support import stack
from tests.support.oracle import check
from tests.support.site import LEASE_S, Agent, Site, asterisk_rows, now

if TYPE_CHECKING:
    from uuid import UUID

    from autodialer.ops.asterisk.run import Asterisk
    from tests.support.stack import AsteriskPair

MAIN, SOUTH = "main", "south"
# Half a minute unless set (docs/explanation/nodes.md).
LOST_S: Final = 5.0
# One look at the other's lease, and what a busy machine adds.
SLACK_S: Final = 5.0


@dataclass(frozen=True)
class South:
    """The second node; the first one is the site's own."""

    asterisk: Asterisk
    dialer: DialerProcess


@pytest.fixture(scope="module")
def south_asterisk(
    pair: AsteriskPair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asterisk]:
    paths = Paths.below(tmp_path_factory.mktemp(SOUTH), asterisk_prefix=pair.paths.asterisk_prefix)
    with stack.node_on(paths, trunk_port=pair.lab.asterisk.instance.sip_port) as node:
        yield node


@pytest.fixture
def site(pair: AsteriskPair, live_database: str, tmp_path: Path) -> Site:
    return Site(pair, live_database, Paths.below(tmp_path))


@pytest.fixture
def south(site: Site, south_asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch) -> Iterator[South]:
    """Both nodes drive; after the test everybody leaves both, and the oracle judges."""
    monkeypatch.setenv("AUTODIALER_DATABASE_URL", site.store_url)
    site.settings["AUTODIALER_NODE_LOST_SECONDS"] = str(LOST_S)
    site.start_dialer()
    # Of two that are empty the first one gets the first agent.
    site.wait(lambda: states() == {MAIN: "running"})
    add_node(name=SOUTH, trunk="main", now=now())
    dialer = DialerProcess(
        site.paths, site.store_url, south_asterisk.ari, node=SOUTH, extra=site.settings
    )
    dialer.start()
    try:
        site.wait(lambda: states() == {MAIN: "running", SOUTH: "running"})
        yield South(south_asterisk, dialer)
        site.close()
        assert dialer.stop() == 0
    finally:
        dialer.kill()
    check(site)
    site.wait(lambda: legs(south_asterisk) == set(), 5)


def operator(*words: str) -> Result:
    """Type a command."""
    return CliRunner().invoke(cli, list(words))


def states() -> dict[str, str]:
    """What `autodialer node list` says of each node."""
    listed = operator("node", "list", "--json")
    assert listed.exit_code == 0, listed.output
    return {row["name"]: row["state"] for row in json.loads(listed.stdout)}


def legs(asterisk: Asterisk) -> set[str]:
    """The lines that an Asterisk has."""
    assert asterisk.ari is not None
    return {str(row["id"]) for row in asterisk_rows(asterisk.ari, "channels")}


def sit_down(site: Site, agents: list[Agent]) -> dict[str, list[Agent]]:
    """Everybody presses Start; return who sits at which node, once all are placed."""
    ids = {site.start_agent(agent): agent for agent in agents}
    site.wait(lambda: not Session.objects.filter(pk__in=ids, node=None))
    seats: dict[str, list[Agent]] = {MAIN: [], SOUTH: []}
    for session in Session.objects.filter(pk__in=ids).select_related("node"):
        assert session.node is not None
        seats[session.node.name].append(ids[session.pk])
    return seats


def talks_at(node: str) -> set[str]:
    """The numbers in talk at a node."""
    calls = Attempt.objects.filter(node__name=node, state="talking")
    return set(calls.values_list("e164", flat=True))


def live_sessions(node: str) -> set[UUID]:
    live = Session.objects.filter(node__name=node).exclude(status="ended")
    return set(live.values_list("pk", flat=True))


def hang_up_once_in_talk(site: Site, number: str) -> None:
    site.wait(lambda: site.talks(number))
    site.hang_up(number)


def crash(site: Site) -> None:
    """End the first node as the loss of its machine does: dialer and Asterisk at the same time."""
    site.cut_by_asterisk |= {call.pk for call in site.attempts() if call.state != "ended"}
    site.kill_dialer()
    site.pair.node.kill()


def each_was_called_once(site: Site, numbers: list[str]) -> None:
    """As the carrier saw it: none is lost, none is called twice."""
    seen = Counter(call.called for call in site.invites())
    assert {number: seen[number] for number in numbers} == dict.fromkeys(numbers, 1)


def test_a_node_killed_in_talk_loses_no_number_and_its_agents_go_on_at_the_other(
    site: Site, south: South
) -> None:
    agents = [site.hire() for _ in range(6)]
    talkers = [site.number("01") for _ in range(6)]
    rest = [site.number("10") for _ in range(12)]
    site.campaign([*talkers, *rest])
    seats = sit_down(site, agents)
    assert {node: len(at) for node, at in seats.items()} == {MAIN: 3, SOUTH: 3}
    site.wait(lambda: talks_at(MAIN) | talks_at(SOUTH) == set(talkers))
    cut, kept = talks_at(MAIN), talks_at(SOUTH)
    assert (len(cut), len(kept)) == (3, 3)
    southern, lines = live_sessions(SOUTH), legs(south.asterisk)

    crash(site)
    killed = time.monotonic()
    site.wait(lambda: live_sessions(MAIN) == set(), LOST_S + SLACK_S)
    assert time.monotonic() - killed > LOST_S - LEASE_S / 2, "it is given up too early"
    ended = Session.objects.filter(node__name=MAIN)
    assert set(ended.values_list("end_reason", flat=True)) == {"node_lost"}
    assert (talks_at(SOUTH), legs(south.asterisk)) == (kept, lines)

    again = sit_down(site, seats[MAIN])
    assert (again[MAIN], len(again[SOUTH])) == ([], 3)
    assert southern < live_sessions(SOUTH)
    site.wait(lambda: all(site.target(number).status == "completed" for number in rest))
    # Nobody knows whether they still talk: nobody calls them.
    assert {site.target(number).status for number in cut} == {"in-progress"}
    assert operator("node", "remove", MAIN).exit_code == 1
    assert operator("node", "remove", MAIN, "--lost").exit_code == 0
    site.wait(lambda: {site.target(number).status for number in cut} == {"completed"})
    assert {call.estimated for number in cut for call in site.attempts(number)} == {True}
    for number in kept:
        site.hang_up(number)
    site.wait(lambda: site.status() == "completed")
    each_was_called_once(site, [*talkers, *rest])
    # A repaired machine joins again under its name.
    assert operator("node", "add", MAIN).exit_code == 0


def test_a_dialer_that_wakes_after_its_node_was_given_up_places_no_call(
    site: Site, south: South
) -> None:
    agents = [site.hire() for _ in range(4)]
    talker = site.number("01")
    numbers = [site.number("10") for _ in range(24)]
    site.campaign([talker, *numbers])
    assert sit_down(site, agents[:1])[MAIN] == agents[:1]
    site.wait(lambda: site.talks(talker))
    assert len(sit_down(site, agents[1:])[SOUTH]) == 2
    site.wait(lambda: len(site.invites()) > len(agents) + 4)
    frozen = site.dialer
    assert frozen.pid is not None
    os.kill(frozen.pid, signal.SIGSTOP)
    stopped = time.time()
    site.wait(lambda: live_sessions(MAIN) == set(), LOST_S + SLACK_S)
    site.ended_unseen |= {call.pk for call in site.attempts() if call.state != "ended"}
    assert len(sit_down(site, agents[:1])[SOUTH]) == 1
    before = len(site.invites())
    site.wait(lambda: len(site.invites()) > before + 2)
    assert site.talks(talker)
    mains = Attempt.objects.filter(node__name=MAIN)
    known = set(mains.values_list("pk", flat=True))

    os.kill(frozen.pid, signal.SIGCONT)
    site.wait(lambda: frozen.exit_code is not None)
    assert frozen.exit_code == LEASE_LOST_EXIT
    # What was sent is in the carrier's list, whoever sent it: all of it is the other node's.
    placed = dict(Attempt.objects.values_list("e164", "node__name"))
    late = [call.called for call in site.invites() if call.at > stopped + LEASE_S]
    assert {placed[called] for called in late if called in placed} == {SOUTH}
    assert set(mains.values_list("pk", flat=True)) == known

    site.start_dialer()
    # The node is back: what was left on its lines is hung up, and its calls are closed.
    site.wait(lambda: not mains.exclude(state="ended") and legs(site.pair.node) == set())
    assert talker not in site.lab.live_numbers()
    site.wait(lambda: site.status() == "completed", 60)
    each_was_called_once(site, [talker, *numbers])


def test_a_node_that_is_drained_empties_and_cuts_no_talk(site: Site, south: South) -> None:
    agents = [site.hire() for _ in range(4)]
    numbers = [site.number("01") for _ in range(7)]
    site.campaign(numbers)
    seats = sit_down(site, agents)
    site.wait(lambda: talks_at(MAIN) | talks_at(SOUTH) == set(numbers[:4]))
    talking, lines = talks_at(MAIN), legs(site.pair.node)
    assert operator("node", "drain", MAIN).exit_code == 0
    late = site.hire()
    assert sit_down(site, [late]) == {MAIN: [], SOUTH: [late]}
    site.never(lambda: talks_at(MAIN) != talking, 2 * LEASE_S)
    assert (legs(site.pair.node), states()[MAIN]) == (lines, "draining")

    for number in talking:
        site.hang_up(number)
    site.wait(lambda: states()[MAIN] == "drained")
    ended = Session.objects.filter(node__name=MAIN)
    assert set(ended.values_list("end_reason", flat=True)) == {"node_drained"}
    site.wait(lambda: legs(site.pair.node) == set(), 5)
    assert sit_down(site, seats[MAIN][:1])[MAIN] == []
    assert operator("node", "undrain", MAIN).exit_code == 0
    assert sit_down(site, seats[MAIN][1:]) == {MAIN: seats[MAIN][1:], SOUTH: []}
    for number in numbers:
        if number not in talking:
            hang_up_once_in_talk(site, number)
    site.wait(lambda: site.status() == "completed")
    each_was_called_once(site, numbers)


def test_both_keep_the_limits_of_their_trunk_together(site: Site, south: South) -> None:
    set_trunk(name=FIRST_TRUNK, change=lambda _: Limits(5, 8), now=now())
    logs = (site.dialer.log, south.dialer.log)
    site.wait(lambda: all('"calls_at_once": 4' in log.read_text() for log in logs))
    agents = [site.hire() for _ in range(4)]
    numbers = [site.number("02") for _ in range(20)] + [site.number("10") for _ in range(12)]
    site.campaign(numbers)
    sit_down(site, agents)
    site.wait(site.is_through, 60)
    calls = site.invites()
    assert Counter(call.called for call in calls) == Counter(
        [*numbers, *(agent.phone for agent in agents)]
    )
    # More than the share of one of them, and never more than both may.
    keeps_calls_per_second(site, 5)
    assert most_within(1, (call.at for call in calls)) > 3
    assert 4 < most_at_once(site, calls) <= 8
    assert set(Attempt.objects.values_list("node__name", flat=True)) == {MAIN, SOUTH}


@pytest.mark.slow
def test_a_restored_backup_is_dialled_by_no_node_until_somebody_resumes(
    site: Site, south: South, tmp_path: Path
) -> None:
    agents = [site.hire() for _ in range(4)]
    talkers = [site.number("01") for _ in range(4)]
    rest = [site.number("10") for _ in range(6)]
    site.campaign([*talkers, *rest])
    sit_down(site, agents)
    site.wait(lambda: talks_at(MAIN) | talks_at(SOUTH) == set(talkers))
    file = str(tmp_path / "backup.zip")
    assert operator("backup", file).exit_code == 0
    site.ended_unseen |= {call.pk for call in site.attempts()}
    assert south.dialer.stop() == 0
    refused = operator("restore", file, "--replace", "--yes")
    assert (refused.exit_code, MAIN in refused.stderr) == (1, True)
    assert site.stop_dialer() == 0
    done = operator("restore", file, "--replace", "--yes")
    assert done.exit_code == 0, done.stderr
    assert site.status() == "paused"

    site.start_dialer()
    south.dialer.start()
    site.wait(lambda: states() == {MAIN: "running", SOUTH: "running"})
    # What the backup does not know to be live is not left on the line.
    site.wait(lambda: legs(site.pair.node) | legs(south.asterisk) == set())
    with pytest.raises(CannotStartError, match="a backup was restored"):
        site.start_agent(agents[0])
    before = len(site.invites())
    site.never(lambda: len(site.invites()) > before, 3 * LEASE_S)
    resume_campaign(
        account=site.account, campaign_id=site.campaigns[-1].pk, actor=site.boss, now=now()
    )
    sit_down(site, agents)
    site.wait(lambda: site.status() == "completed")
    each_was_called_once(site, [*talkers, *rest])
