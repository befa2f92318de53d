"""Each process says whether it lives and whether it is ready, without a session or a key."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest
from tools.metrics import by_process

from autodialer.adapters.pg.health import PgHealth
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.env import SettingError
from autodialer.ops.monitor import at_port, monitor_settings, ports_of_children
from autodialer.ops.paths import Paths
from autodialer.ops.process import Child, free_port, wait_until
from autodialer.ops.web import WebProcess
from autodialer.ops.worker import WorkerProcess
from tests.support.database import Databases
from tests.support.watch import SOON_S, Told, ask, until

NAMES_BY = {process: {known.name for known in metrics} for process, metrics in by_process().items()}
# Told only by a dialer that records calls.
OF_ASTERISK = {"autodialer_recordings_free_bytes", "autodialer_recordings_size_bytes"}


def text(told: Told) -> str:
    assert told.status == 200
    return told.body.decode()


def names(text: str) -> set[str]:
    """The metrics that a text tells of; a promise of one counts, as its first series may come."""
    return set(re.findall(r"^# TYPE (autodialer_\w+)", text, re.MULTILINE))


@dataclass(slots=True)
class Machine:
    """Processes on one database, each watched at a port of its own; stopped at the end."""

    paths: Paths
    url: str
    running: list[Child] = field(default_factory=list)

    def web(self) -> int:
        web = WebProcess(self.paths, self.url, port=free_port())
        self._start(web)
        return web.port

    def dialer(self, node: str = "main") -> int:
        port = free_port()
        self._start(DialerProcess(self.paths, self.url, None, node=node, extra=at_port(port)))
        return port

    def worker(self) -> int:
        port = free_port()
        self._start(WorkerProcess(self.paths, self.url, at_port(port)))
        return port

    def _start(self, child: Child) -> None:
        self.running.append(child)
        child.start()


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(Paths.below(tmp_path / "var"), database_url)
    yield made
    for child in made.running:
        child.stop()


def is_ready(told: Told) -> bool:
    return told.status == 200


def lacks(*parts: str) -> Callable[[Told], bool]:
    return lambda told: told.status == 503 and told.json()["parts"] == list(parts)


def test_the_pages_are_live_and_ready_for_anybody(machine: Machine) -> None:
    port = machine.web()
    assert ask(port, "/livez").json() == {"status": "live"}
    until(port, "/readyz", is_ready)
    assert ask(port, "/readyz?verbose").json()["parts"] == {"database": "ok", "schema": "ok"}
    assert ask(port, "/api/v1/no-such-thing/4711").status == 404
    told = text(ask(port, "/metrics"))
    assert 'autodialer_http_requests_total{method="GET",route="none",status="4xx"} 1.0' in told
    assert 'autodialer_streams{kind="live"} 0.0' in told
    assert "4711" not in told
    assert NAMES_BY["web"] <= names(told)
    over_proxy = ask(port, "/readyz?verbose", headers={"X-Forwarded-For": "127.0.0.1"})
    assert over_proxy.status == 403


async def test_tables_of_an_older_version_are_not_ready(database_url: str) -> None:
    ours, newer = ("calls", "0001_initial"), ("calls", "9999_of_tomorrow")
    assert [part.trouble for part in await PgHealth(database_url, [ours])()] == ["", ""]
    database, schema = await PgHealth(database_url, [ours, newer])()
    assert database.is_ready
    assert schema.trouble == "1 migrations are missing: run autodialer db migrate"


async def test_a_database_without_any_tables_is_not_ready(databases: Databases) -> None:
    parts = await PgHealth(databases.url_of("template1"), [("calls", "0001_initial")])()
    assert [part.is_ready for part in parts] == [True, False]


def test_pages_without_a_database_live_and_are_not_ready(machine: Machine) -> None:
    machine.url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    port = machine.web()
    assert ask(port, "/livez").status == 200
    until(port, "/readyz", lacks("database"))


def test_a_worker_is_ready_with_its_database(machine: Machine) -> None:
    port = machine.worker()
    until(port, "/readyz", is_ready)
    assert ask(port, "/livez").status == 200
    told = text(ask(port, "/metrics"))
    assert NAMES_BY["worker"] <= names(told)
    assert "autodialer_webhook_backlog 0.0" in told


def test_a_dialer_is_ready_with_lease_and_switch_and_a_stand_by_lives_only(
    machine: Machine,
) -> None:
    first = machine.dialer()
    until(first, "/readyz", is_ready)
    second = machine.dialer()
    until(second, "/readyz", lacks("lease", "switch"))
    assert ask(second, "/livez").status == 200
    assert ask(first, "/readyz").status == 200
    told = text(ask(first, "/metrics"))
    assert "autodialer_lease_held 1.0" in told
    assert NAMES_BY["dialer"] <= names(told) | OF_ASTERISK
    assert "autodialer_lease_held 0.0" in text(ask(second, "/metrics"))
    machine.running[0].stop()
    until(second, "/readyz", is_ready)


def test_a_dialer_without_a_database_is_not_ready(machine: Machine) -> None:
    machine.url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    until(machine.dialer(), "/readyz", lacks("store", "lease", "switch"))


def test_a_port_that_somebody_else_has_keeps_no_dialer_from_its_work(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        dialer = DialerProcess(machine.paths, machine.url, None, extra=at_port(port))
        machine.running.append(dialer)
        dialer.start()
        wait_until(lambda: "lease_taken" in dialer.log.read_text(), SOON_S, "the lease")
        assert "monitor_not_listening" in dialer.log.read_text()
    until(port, "/readyz", is_ready)


async def test_a_database_that_is_silent_is_not_waited_for_and_is_asked_once_a_second() -> None:
    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(1)
        await _reader.read()
        writer.close()

    came: list[int] = []
    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        health = PgHealth(f"postgresql://nobody@127.0.0.1:{port}/none", (), deadline_s=0.2)
        answers = await asyncio.gather(*(health() for _ in range(20)))
    assert {parts[0].is_ready for parts in answers} == {False}
    assert len(came) == 1


def test_who_may_watch_is_a_list_of_networks() -> None:
    settings = monitor_settings({"AUTODIALER_METRICS_FROM": "10.1.0.0/16, fd00::/8"})
    assert settings.watchers == (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert monitor_settings({}).watchers == ()
    with pytest.raises(SettingError, match="AUTODIALER_METRICS_FROM must hold networks"):
        monitor_settings({"AUTODIALER_METRICS_FROM": "monitoring.example"})


def test_the_children_of_one_machine_get_ports_side_by_side_or_free_ones() -> None:
    assert ports_of_children({"AUTODIALER_METRICS_PORT": "9100"}) == (9100, 9101)
    dialer, worker = ports_of_children({})
    assert 0 < dialer != worker > 0
