"""The processes of deploy/ on hosts of their own: one with PostgreSQL, pages and worker, two nodes.

Each host is a network namespace. A fourth, which only the outside network reaches, is the carrier
and whoever tries the doors.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, create_group
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.nodes import add_node
from autodialer.apps.calls.promises import broken_promises
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.services import add_caller_id, create_campaign
from autodialer.apps.imports.services import import_list
from autodialer.apps.keys.services import create_key
from autodialer.ops import postgres
from autodialer.ops.lab.carrier import read_invites
from autodialer.ops.paths import Paths
from autodialer.ops.process import Child, wait_until
from tests.support import stack
from tests.support.database import django_on
from tests.support.hosts import PRIVATE, Host, network, why_not
from tests.support.site import now, zone_of_noon

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

PATIENCE_S: Final = 240.0
NODES: Final = ("north", "south")
# Answers, and talks for two seconds.
NUMBERS: Final = [f"+91981000{at}20" for at in range(10, 20)]
SIP, WEB = 5060, 8000
RTP: Final = range(10_000, 20_001)
# Asks every TCP port of its arguments, and prints those that answer.
SCAN: Final = """
import socket, sys
for port in range(1, 65536):
    with socket.socket() as probe:
        probe.settimeout(5)
        if probe.connect_ex((sys.argv[1], port)) == 0:
            print(port)
"""
# Asks the UDP ports of its arguments as telephones do, and prints those that answer.
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


@dataclass
class Floor:
    """The hosts and what runs on them."""

    office: Host
    nodes: dict[str, Host]
    carrier: Host
    folder: Path
    url: str

    def ask(self, program: str, host: str, *ports: int) -> list[int]:
        """Return the ports of the host that answer the carrier's program."""
        words = [sys.executable, "-c", program, host, *map(str, ports)]
        return [int(port) for port in self.carrier.run(*words).split()]

    def invites(self) -> list[str]:
        """The numbers that the carrier was asked to call."""
        counted = Paths.below(self.folder / "c").lab / "invites.log"
        return [invite.called for invite in read_invites(counted)]


@pytest.fixture(scope="module")
def floor(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Floor]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("h")
    with ExitStack() as running, network(3) as (office, north, south, carrier):
        url = running.enter_context(_database(office, Paths.below(folder / "a")))
        made = Floor(office, dict(zip(NODES, (north, south), strict=True)), carrier, folder, url)
        running.enter_context(django_on(url))
        running.enter_context(django_db_blocker.unblock())
        with ExitStack() as processes:
            _start(made, processes)
            yield made


@contextmanager
def _database(host: Host, paths: Paths) -> Iterator[str]:
    """PostgreSQL on the host, for its own processes by a socket and for others in private."""
    server = postgres.EmbeddedPostgres(paths)
    server.start()
    url = server.url
    server.stop()
    data = paths.postgres / "data"
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"\nhost all all {PRIVATE}.0/24 scram-sha-256\n")
    listens = {
        "listen_addresses": host.private,
        "unix_socket_directories": str(paths.sockets),
        "fsync": "off",
    }
    words = [w for k, v in (postgres.SETTINGS | listens).items() for w in ("-c", f"{k}={v}")]
    argv = [*postgres._as_ordinary_user(), postgres._program("postgres"), "-D", str(data), *words]
    child = Child("postgres", host.inside(*argv), log=paths.log / "pg.log")
    child.start()
    try:
        child.wait_ready(server.is_running, PATIENCE_S)
        yield url
    finally:
        child.kill()


def _start(floor: Floor, running: ExitStack) -> None:
    prefix = str(stack.asterisk_prefix())
    everywhere = {
        "AUTODIALER_PUBLIC_URL": f"http://{floor.office.outside}:{WEB}",
        "AUTODIALER_SECRET_KEY": "the same key on all hosts, long enough to be one",
        "AUTODIALER_ASTERISK_PREFIX": prefix,
    }
    shared = floor.folder / "recordings"  # as a folder that all of them mount
    shared.mkdir()
    everywhere["AUTODIALER_RECORDINGS"] = str(shared)
    office = everywhere | {
        "AUTODIALER_VAR": str(floor.folder / "a"),
        "AUTODIALER_DATABASE_URL": floor.url,
        "AUTODIALER_WEB_HOST": floor.office.outside,
    }
    program = (sys.executable, "-m", "autodialer")
    migrate = _child(floor, floor.office, "migrate", [*program, "db", "migrate"], office)
    wait_until(lambda: migrate.exit_code is not None, PATIENCE_S, "the tables are made")
    assert migrate.exit_code == 0
    for name, words in (("web", ["web"]), ("worker", ["worker", "run"])):
        running.callback(_child(floor, floor.office, name, [*program, *words], office).stop)
    folder = str(floor.folder / "c")
    words = ["-m", "tests.support.carrier_host", prefix, folder, floor.carrier.outside]
    running.callback(_child(floor, floor.carrier, "carrier", [sys.executable, *words], {}).stop)
    credentials = floor.url.partition("://")[2].partition("@")[0]
    for name, host in floor.nodes.items():
        add_node(name=name, trunk="main", now=now())
        var = floor.folder / name
        var.mkdir()
        settings = everywhere | {
            "AUTODIALER_VAR": str(var),
            "AUTODIALER_DATABASE_URL": f"postgresql://{credentials}@{floor.office.private}:5432"
            f"/{postgres.DATABASE}",
            "AUTODIALER_NODE": name,
            "AUTODIALER_NODE_ADDRESS": host.private,
            "AUTODIALER_SIP_ADDRESS": host.outside,
            "AUTODIALER_SIP_PORT": str(SIP),
            "AUTODIALER_TRUNK_HOST": floor.carrier.outside,
            "AUTODIALER_METRICS_PORT": "9100",
        }
        running.callback(_child(floor, host, name, [*program, "node", "run"], settings).stop)
    pages = f"{floor.office.outside}:{WEB} "
    wait_until(lambda: pages in floor.office.run("ss", "-Hltn"), PATIENCE_S, "pages are served")
    wait_until(_both_drive, PATIENCE_S, "both nodes are driven")


def _child(floor: Floor, host: Host, name: str, argv: list[str], env: dict[str, str]) -> Child:
    child = Child(name, host.inside(*argv), log=floor.folder / f"{name}.out", env=env)
    child.start()
    return child


def _both_drive() -> bool:
    held = Node.objects.filter(name__in=NODES, lease_until__gt=now(), switch_instance__gt="")
    return held.count() == len(NODES)


def _hire(account: Account, at: int) -> User:
    user = create_user(
        account=account, email=f"a{at}@acme.example", name=f"A{at}", role=Role.AGENT, now=now()
    )
    phone, kind = f"+9199000333{at:02d}", DeviceKind.PHONE
    add_device(account=account, user_id=user.pk, kind=kind, address=phone, now=now())
    return user


def _open(account: Account, users: list[User]) -> Campaign:
    group = create_group(
        account=account, name="Sales", member_ids=[user.pk for user in users], now=now()
    )
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


def test_only_pages_sip_and_audio_answer_from_outside(floor: Floor) -> None:
    """Every TCP port is asked from outside, and every UDP port that a program there has open.

    A program's own questions, to a name server for one, leave by UDP ports of any number: those
    are open and answer nobody.
    """
    hosts = {"office": floor.office, **floor.nodes}
    answering = {name: floor.ask(SCAN, host.outside) for name, host in hosts.items()}
    assert answering == {"office": [WEB], "north": [], "south": []}
    for name, host in hosts.items():
        answering[name] = floor.ask(KNOCK, host.outside, *(host.open_udp_ports() - set(RTP)))
    assert answering == {"office": [], "north": [SIP], "south": [SIP]}


def test_what_is_private_cannot_be_reached_by_a_detour(floor: Floor) -> None:
    """The carrier has no way into the private network, and is given none."""
    routes = floor.carrier.run("ip", "route")
    assert PRIVATE not in routes
    assert "default" not in routes


def test_agents_are_dialled_by_nodes_on_other_hosts_and_heard_in_the_pages(floor: Floor) -> None:
    account = create_account(name="Acme", zone=zone_of_noon(now()), now=now())
    users = [_hire(account, at) for at in range(4)]
    campaign = _open(account, users)
    for user in users:
        start_session(account=account, campaign_id=campaign.pk, user_id=user.pk, now=now())
    wait_until(lambda: _is_completed(campaign), PATIENCE_S, "the campaign is completed")
    assert sorted(n for n in floor.invites() if n in NUMBERS) == sorted(NUMBERS)
    used = set(Session.objects.values_list("node__name", flat=True))
    assert used == set(NODES)  # each took its share of the agents
    calls = Attempt.objects.filter(status="completed")
    assert set(calls.values_list("node__name", flat=True)) == set(NODES)
    assert broken_promises(now()) == []
    for name in NODES:
        call = calls.filter(node__name=name)[0]
        heard = _fetch(floor, account, f"/api/v1/calls/{call.pk}/recording")
        assert heard[:4] == b"RIFF"
        assert len(heard) > 16_000  # two seconds of 8 kHz, at the least one of them


def _is_completed(campaign: Campaign) -> bool:
    return Campaign.objects.get(pk=campaign.pk).status == "completed"


def _fetch(floor: Floor, account: Account, path: str) -> bytes:
    """Ask the API from outside."""
    key = create_key(
        account=account,
        actor=OPERATOR,
        name=path[:60],
        scopes=[KeyScope.RECORDINGS_READ],
        now=now(),
    )
    url = f"http://{floor.office.outside}:{WEB}{path}"
    words = floor.carrier.inside(sys.executable, "-c", FETCH, url, str(key.token))
    return subprocess.run(words, check=True, capture_output=True).stdout
