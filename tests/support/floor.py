"""The processes of deploy/ on hosts of their own: the first machine, a further one, a carrier.

Each is started with the words and settings of the compose files, in the order that
docs/howto/install-on-a-server.md says. Each host is a network namespace; the carrier's is in the
outside network only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from autodialer.apps.calls.models import Node
from autodialer.ops import postgres
from autodialer.ops.paths import Paths
from autodialer.ops.process import Child, wait_until
from tests.support import stack
from tests.support.carrier_host import lab_in
from tests.support.compose import SECRETS, VAR, Service, postgres_settings, run_script, service
from tests.support.database import django_on
from tests.support.hosts import PRIVATE, Host, network
from tests.support.site import now

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

    from autodialer.ops.lab.carrier import LabCarrier

PATIENCE_S: Final = 240.0
MAIN, NORTH = "main", "north"
SIP, WEB = 5060, 8000


@dataclass
class Floor:
    """The hosts and what runs on them, by the name of its service."""

    first: Host
    further: Host
    spare: Host
    carrier: Host
    folder: Path
    prefix: Path
    processes: dict[str, Child] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)

    @property
    def pages(self) -> str:
        """Where they are for browsers."""
        return f"http://{self.first.outside}:{WEB}"

    @property
    def private_url(self) -> str:
        """Where other machines find the database."""
        made = (self.folder / "secrets/database-url").read_text()
        account = urlsplit(made).netloc.rstrip("@")
        return f"postgresql://{account}@{self.first.private}/{postgres.DATABASE}"

    @property
    def given(self) -> dict[str, str]:
        """What deploy/.env says on the first machine."""
        return {
            "AUTODIALER_PUBLIC_URL": self.pages,
            "AUTODIALER_WEB_HOST": self.first.outside,
            "AUTODIALER_TRUNK_HOST": self.carrier.outside,
            "AUTODIALER_SIP_ADDRESS": self.first.outside,
            "AUTODIALER_PRIVATE_ADDRESS": self.first.private,
        }

    @property
    def given_further(self) -> dict[str, str]:
        """What it says on the further one."""
        return {
            "AUTODIALER_NODE": NORTH,
            "AUTODIALER_PRIVATE_ADDRESS": self.further.private,
            "AUTODIALER_RECORDINGS_FOLDER": str(self.folder / "recordings"),
            "AUTODIALER_TRUNK_HOST": self.carrier.outside,
            "AUTODIALER_SIP_ADDRESS": self.further.outside,
        }

    def host_of(self, name: str) -> Host:
        """Return where the service runs."""
        return self.further if name == NORTH else self.first

    def run(self, name: str) -> None:
        """Start a service that was read from the files, again too."""
        read = self.services[name]
        child = Child(
            name,
            self.host_of(name).inside(*read.command),
            log=self.folder / f"{name}.out",
            env={**read.environment, "AUTODIALER_ASTERISK_PREFIX": str(self.prefix)},
        )
        child.start()
        self.processes[name] = child

    def stop(self, *names: str) -> None:
        """End services as the engine does, in this order."""
        for name in names:
            if name in self.processes:
                self.processes[name].stop()

    def autodialer(self, *words: str) -> str:
        """Type a command on the first machine, as `docker compose exec worker` does."""
        told = {**os.environ, **self.services["worker"].environment}
        argv = self.first.inside(sys.executable, "-m", "autodialer", *words)
        done = subprocess.run(argv, env=told, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def is_well(self, name: str) -> bool:
        """Ask what the engine would ask."""
        read = self.services[name]
        argv = self.host_of(name).inside(*read.health)
        told = {**os.environ, **read.environment}
        return subprocess.run(argv, env=told, capture_output=True, check=False).returncode == 0

    def lose(self, host: Host) -> None:
        """End all that runs on a host at the same instant, as the loss of its power does."""
        for pid in host.pids():
            os.kill(pid, signal.SIGKILL)
        for name in list(self.processes):
            if self.host_of(name) is host:
                self.processes.pop(name).stop()

    def ask(self, program: str, host: str, *ports: int) -> list[int]:
        """Return the ports of the host that answer the carrier's program."""
        words = [sys.executable, "-c", program, host, *map(str, ports)]
        return [int(port) for port in self.carrier.run(*words).split()]

    @property
    def lab(self) -> LabCarrier:
        """The carrier, which runs on its own host, to be read and told."""
        return lab_in(self.folder / "c", self.prefix, self.carrier.outside)


@contextmanager
def floor_in(folder: Path, blocker: DjangoDbBlocker) -> Iterator[Floor]:
    """Have everything run, with Django here working in its database."""
    with ExitStack() as running, network(3) as (first, further, spare, carrier):
        floor = Floor(first, further, spare, carrier, folder, stack.asterisk_prefix())
        url = running.enter_context(_secrets_and_database(floor))
        running.enter_context(django_on(url))
        running.enter_context(blocker.unblock())
        with ExitStack() as processes:
            _start(floor, processes)
            yield floor


@contextmanager
def _secrets_and_database(floor: Floor) -> Iterator[str]:
    """What first-run and the image of PostgreSQL do; yield where commands find the database."""
    paths, secrets = Paths.below(floor.folder / "a"), floor.folder / "secrets"
    secrets.mkdir()
    assert run_script("first-run.sh", [], secrets, {}).wait() == 0
    made = (secrets / "database-url").read_text()
    url = made.replace("/var/run/postgresql", str(paths.sockets))
    (secrets / "database-url").write_text(url)
    server = postgres.EmbeddedPostgres(paths)
    server.start()
    _set_password(server, (secrets / "database-password").read_text())
    server.stop()
    with _listening(floor, paths):
        yield url


def _set_password(server: postgres.EmbeddedPostgres, password: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        change = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(change.format(sql.Identifier(postgres.ROLE), sql.Literal(password)))


@contextmanager
def _listening(floor: Floor, paths: Paths) -> Iterator[None]:
    """PostgreSQL with the settings of compose.several.yaml, as for throw-away data."""
    data = paths.postgres / "data"
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"\nhost all all {PRIVATE}.0/24 scram-sha-256\n")
    words = [*postgres_settings(floor.given), "-cshared_buffers=128MB", "-cfsync=off"]
    where = f"-cunix_socket_directories={paths.sockets}"
    program = [*postgres._as_ordinary_user(), postgres._program("postgres")]
    argv = floor.first.inside(*program, "-D", str(data), *words, where)
    child = Child("postgres", argv, log=paths.log / "pg.log")
    child.start()
    address = f"{floor.first.private}:5432 "
    try:
        child.wait_ready(lambda: address in floor.first.run("ss", "-Hltn"), PATIENCE_S)
        yield
    finally:
        child.kill()


def _start(floor: Floor, running: ExitStack) -> None:
    shared = floor.folder / "recordings"
    shared.mkdir()
    first = {VAR: floor.folder / "a", SECRETS: floor.folder / "secrets"}
    (first[VAR] / "recordings").symlink_to(shared)  # as it is mounted
    for name in ("migrate", "web", "worker", "node"):
        floor.services[name] = service("compose.yaml", name, floor.given, first)
    running.callback(_carrier(floor).stop)
    floor.run("migrate")
    migrate = floor.processes["migrate"]
    wait_until(lambda: migrate.exit_code is not None, PATIENCE_S, "the tables are made")
    assert migrate.exit_code == 0, migrate.log.read_text()
    floor.autodialer("node", "add", NORTH)
    _prepare_further(floor, shared)
    names = ("web", "worker", "node", NORTH)
    running.callback(floor.stop, *reversed(names))
    for name in names:
        floor.run(name)
    wait_until(lambda: all(floor.is_well(name) for name in names), PATIENCE_S, "all are well")
    wait_until(both_drive, PATIENCE_S, "both nodes are driven")


def _prepare_further(floor: Floor, shared: Path) -> None:
    """Carry the two secrets over, and mount the recordings."""
    first, secrets, var = floor.folder / "secrets", floor.folder / "carried", floor.folder / "b"
    secrets.mkdir()
    var.mkdir()
    shutil.copy(first / "secret-key", secrets)
    (secrets / "database-url").write_text(floor.private_url)
    (var / "recordings").symlink_to(shared)
    folders = {VAR: var, SECRETS: secrets}
    floor.services[NORTH] = service("compose.node.yaml", "node", floor.given_further, folders)


def _carrier(floor: Floor) -> Child:
    words = ["-m", "tests.support.carrier_host", str(floor.folder / "c"), str(floor.prefix)]
    argv = floor.carrier.inside(sys.executable, *words, floor.carrier.outside)
    child = Child("carrier", argv, log=floor.folder / "carrier.out")
    child.start()
    return child


def both_drive() -> bool:
    """Whether each node has a dialer and an Asterisk."""
    held = Node.objects.filter(lease_until__gt=now(), switch_instance__gt="")
    return held.count() == len((MAIN, NORTH))
