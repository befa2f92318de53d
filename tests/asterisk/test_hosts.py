"""The processes of deploy/ on hosts of their own, each a network namespace.

The first machine has PostgreSQL, pages, worker and a node, a further one a node. A third host, in
the outside network only, is the carrier and whoever tries the doors.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account, User
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.calls.models import Attempt, Session
from autodialer.apps.calls.promises import broken_promises
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.keys.services import create_key
from autodialer.ops.dialer import DEFAULT_LOST
from autodialer.ops.process import Child, wait_until
from tests.support.centre import make_centre
from tests.support.compose import DEPLOY, run_script, with_programs
from tests.support.floor import MAIN, NORTH, PATIENCE_S, SIP, WEB, Floor, floor_in
from tests.support.hosts import PRIVATE, why_not
from tests.support.site import now

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

HOW_TO_ADD: Final = DEPLOY.parent / "docs/howto/add-a-node.md"
PREFIX: Final = "AUTODIALER_ASTERISK_PREFIX"
NODES: Final = (MAIN, NORTH)
AGENTS: Final = 4
# After the limit: a look at the other's lease, and what a busy machine adds.
SLACK_S: Final = 20.0
RTP: Final = range(10_000, 20_001)
# Asks every TCP port of its argument, and prints those that answer.
SCAN: Final = """
import socket, sys
for port in range(1, 65536):
    with socket.socket() as probe:
        probe.settimeout(5)
        if probe.connect_ex((sys.argv[1], port)) == 0:
            print(port)
"""
# Asks UDP ports of its first argument as telephones do, and prints those that answer.
KNOCK: Final = """
import socket, sys
host = sys.argv[1]
for port in sys.argv[2:]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(2)
        probe.connect((host, int(port)))
        here = "%s:%s" % probe.getsockname()
        probe.send((
            f"OPTIONS sip:{host} SIP/2.0\\r\\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{port}\\r\\n"
            f"From: <sip:a@{here}>;tag=1\\r\\nTo: <sip:{host}>\\r\\nCall-ID: {port}@{here}\\r\\n"
            f"CSeq: 1 OPTIONS\\r\\nMax-Forwards: 70\\r\\nContent-Length: 0\\r\\n\\r\\n"
        ).encode())
        try:
            print(port if probe.recv(9000) else "")
        except OSError:
            pass
"""
FETCH: Final = """
import sys, urllib.request as web
asked = web.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
sys.stdout.buffer.write(web.urlopen(asked, timeout=20).read())
"""


@pytest.fixture(scope="module")
def floor(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Floor]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with floor_in(tmp_path_factory.mktemp("h"), django_db_blocker) as made:
        yield made


class Office:
    """An account with a campaign and four agents on telephones; the number tells them apart."""

    def __init__(self, number: int, endings: list[str]) -> None:
        self.numbers = [f"+9198{number}0{at}{end}" for at, end in enumerate(endings, 100)]
        phones = [f"+9199000{number}{at:03d}" for at in range(AGENTS)]
        self.campaign = make_centre(f"Acme {number}", phones, self.numbers)
        self.account = self.campaign.account
        self.agents = list(User.objects.filter(account=self.account).order_by("pk"))

    def start(self, *agents: User) -> dict[str, list[User]]:
        """Press Start; return who sits at which node."""
        begun = {
            start_session(
                account=self.account, campaign_id=self.campaign.pk, user_id=user.pk, now=now()
            ).session_id: user
            for user in agents
        }
        placed = Session.objects.filter(pk__in=begun, node__isnull=False)
        wait_until(lambda: placed.count() == len(begun), PATIENCE_S, "everybody is placed")
        return {node: [begun[each.pk] for each in placed.filter(node__name=node)] for node in NODES}

    def talking(self, *nodes: str) -> set[str]:
        """The numbers in talk there."""
        calls = Attempt.objects.filter(account=self.account, node__name__in=nodes, state="talking")
        return set(calls.values_list("e164", flat=True))

    def live_sessions(self, node: str) -> int:
        sessions = Session.objects.filter(account=self.account, node__name=node)
        return sessions.exclude(status="ended").count()

    def is_completed(self) -> bool:
        return Campaign.objects.get(pk=self.campaign.pk).status == "completed"

    def was_called_once(self, floor: Floor) -> bool:
        """Whether the carrier saw each number once."""
        seen = Counter(invite.called for invite in floor.lab.invites())
        return all(seen[number] == 1 for number in self.numbers)


def test_only_pages_sip_and_audio_answer_from_outside(floor: Floor) -> None:
    """Every TCP port is asked from outside, and every UDP port that a program there has open.

    A program's own questions, to a name server for one, leave by UDP ports of any number: those
    are open and answer nobody.
    """
    hosts = {"first": floor.first, "further": floor.further}
    answering = {name: floor.ask(SCAN, host.outside) for name, host in hosts.items()}
    assert answering == {"first": [WEB], "further": []}
    for name, host in hosts.items():
        answering[name] = floor.ask(KNOCK, host.outside, *(host.open_udp_ports() - set(RTP)))
    assert answering == {"first": [SIP], "further": [SIP]}


def test_what_is_private_cannot_be_reached_by_a_detour(floor: Floor) -> None:
    """The carrier has no way into the private network, and is given none."""
    routes = floor.carrier.run("ip", "route")
    assert PRIVATE not in routes
    assert "default" not in routes


def test_agents_are_dialled_by_nodes_on_other_hosts_and_heard_in_the_pages(floor: Floor) -> None:
    office = Office(21, 10 * ["20"])
    seats = office.start(*office.agents)
    assert {node: len(users) for node, users in seats.items()} == dict.fromkeys(NODES, 2)
    wait_until(office.is_completed, PATIENCE_S, "the campaign is completed")
    assert office.was_called_once(floor)
    assert broken_promises(now()) == []
    calls = Attempt.objects.filter(account=office.account, status="completed")
    for node in NODES:
        call = calls.filter(node__name=node)[0]
        heard = _fetch(floor, office.account, f"/api/v1/calls/{call.pk}/recording")
        assert heard[:4] == b"RIFF"
        assert len(heard) > 16_000  # two seconds of 8 kHz, at the least one of them


def test_the_script_that_drains_a_node_returns_when_nobody_talks_there(floor: Floor) -> None:
    office = Office(22, AGENTS * ["01"])
    office.start(*office.agents)
    wait_until(lambda: len(office.talking(NORTH)) == 2, PATIENCE_S, "two talk there")
    told = floor.services["worker"].environment
    with run_script("drain.sh", [NORTH], floor.folder, told) as drain:
        wait_until(lambda: _state(floor, NORTH) == "draining", PATIENCE_S, "it drains")
        assert drain.poll() is None
        assert len(office.talking(NORTH)) == 2
        for number in office.talking(NORTH):
            floor.lab.hang_up(number)
        assert drain.wait(PATIENCE_S) == 0
    assert _state(floor, NORTH) == "drained"
    floor.autodialer("node", "undrain", NORTH)
    for number in office.talking(MAIN):
        floor.lab.hang_up(number)
    wait_until(office.is_completed, PATIENCE_S, "the campaign is completed")


def test_agents_of_a_machine_that_is_lost_go_on_at_the_other_in_half_a_minute(
    floor: Floor,
) -> None:
    office = Office(23, [*AGENTS * ["01"], *10 * ["20"]])
    seats = office.start(*office.agents)
    everybody = set(office.numbers[:AGENTS])
    wait_until(lambda: office.talking(*NODES) == everybody, PATIENCE_S, "all four talk")
    lost = office.talking(NORTH)
    floor.lose(floor.further)
    began, limit_s = time.monotonic(), DEFAULT_LOST.total_seconds()
    wait_until(lambda: office.live_sessions(NORTH) == 0, limit_s + SLACK_S, "it is given up")
    assert time.monotonic() - began > limit_s - SLACK_S / 2
    assert _state(floor, NORTH) == "down"
    assert len(office.start(*seats[NORTH])[MAIN]) == 2
    rest = Attempt.objects.filter(e164__in=office.numbers[AGENTS:], status="completed")
    wait_until(lambda: rest.count() == 10, PATIENCE_S, "they work through the rest")
    assert office.talking(NORTH) == lost, "nobody knows whether they still talk"

    floor.run(NORTH)
    wait_until(lambda: office.talking(NORTH) == set(), PATIENCE_S, "its calls are closed")
    for number in office.talking(MAIN):
        floor.lab.hang_up(number)
    wait_until(office.is_completed, PATIENCE_S, "the campaign is completed")
    assert office.was_called_once(floor)
    assert broken_promises(now()) == []
    wait_until(lambda: floor.is_well(NORTH), PATIENCE_S, "it is well again")


def test_a_node_is_added_and_taken_away_as_the_page_says(floor: Floor) -> None:
    """The commands of docs/howto/add-a-node.md, with the addresses of these hosts."""
    spare, page = floor.spare, HOW_TO_ADD.read_text()
    add, run, *_ = re.findall(r"^ *```sh\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    here = {
        "postgresql://autodialer:PASSWORD@10.0.0.1/autodialer": floor.private_url,
        "203.0.113.10": floor.carrier.outside,
        "198.51.100.21": spare.outside,
        "10.0.0.12": spare.private,
        "north": "east",
    }
    for example, real in here.items():
        assert example in add + run
        run = run.replace(example, real)
    run = re.sub("^ *autodialer", "exec autodialer", run, flags=re.MULTILINE)
    floor.autodialer(*add.replace("north", "east").split()[1:])
    told = {"AUTODIALER_VAR": str(floor.folder / "e"), PREFIX: str(floor.prefix)}
    east = Child(
        "east",
        spare.inside("sh", "-c", f"set -e\n{run}"),
        log=floor.folder / "east.out",
        env=with_programs(floor.folder, told),
    )
    east.start()
    try:
        wait_until(lambda: _state(floor, "east") == "running", PATIENCE_S, "it runs")
        floor.autodialer("node", "drain", "east")
        wait_until(lambda: _state(floor, "east") == "drained", PATIENCE_S, "it is empty")
    finally:
        assert east.stop(30) == 0
    floor.autodialer("node", "remove", "east")
    assert "east" not in floor.autodialer("node", "list")


def _state(floor: Floor, node: str) -> str:
    rows = json.loads(floor.autodialer("node", "list", "--json"))
    return {str(row["name"]): str(row["state"]) for row in rows}[node]


def _fetch(floor: Floor, account: Account, path: str) -> bytes:
    """Ask the API from outside."""
    key = create_key(
        account=account,
        actor=OPERATOR,
        name=path[:60],
        scopes=[KeyScope.RECORDINGS_READ],
        now=now(),
    )
    words = floor.carrier.inside(
        sys.executable, "-c", FETCH, f"{floor.pages}{path}", str(key.token)
    )
    return subprocess.run(words, check=True, capture_output=True).stdout
