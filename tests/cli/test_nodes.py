from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from autodialer.apps.calls.models import Node, Session
from autodialer.ops.cli import cli
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.paths import Paths
from autodialer.ops.process import wait_until
from tests.support.book import NOON, Book, make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def rows(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def hold(name: str, seconds: float) -> None:
    """Let a dialer hold the node until so long from now, by the clock that commands read."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)  # noqa: TID251
    Node.objects.filter(name=name).update(lease_until=until, holder="one", capacity=200)


def sit(book: Book, node: str) -> Session:
    return Session.objects.create(
        pk=uuid4(), account=book.account, campaign=book.campaign(), user=book.agent,
        created_at=NOON, status="ready", ready_at=NOON, node=Node.objects.get(name=node),
    )  # fmt: skip


def test_a_node_is_added_drained_and_removed_and_each_act_is_in_the_audit_log(book: Book) -> None:
    assert "autodialer node run --name north" in run("node", "add", "north").stderr
    assert [row["state"] for row in rows("node", "list")] == ["down"]
    hold("north", 60)
    assert [row["state"] for row in rows("node", "list")] == ["running"]
    session = sit(book, "north")
    for _ in range(2):  # repeatable
        assert run("node", "drain", "north").exit_code == 0
    (row,) = rows("node", "list")
    assert (row["state"], row["sessions"]) == ("draining", 1)
    session.status, session.ended_at = "ended", NOON
    session.save()
    assert [row["state"] for row in rows("node", "list")] == ["drained"]
    assert run("node", "undrain", "north").exit_code == 0
    assert [row["state"] for row in rows("node", "list")] == ["running"]
    hold("north", -1)
    assert run("node", "remove", "north").exit_code == 0
    assert rows("node", "list") == []
    acts = [(row["action"], row["subject_id"]) for row in rows("audit", "list", "--kind", "node")]
    assert acts == [
        ("node.remove", "north"),
        ("node.undrain", "north"),
        ("node.drain", "north"),
        ("node.add", "north"),
    ]


def test_a_node_that_was_removed_may_be_added_again(book: Book) -> None:
    assert run("node", "add", "north").exit_code == 0
    again = run("node", "add", "north")
    assert (again.exit_code, "already" in again.stderr) == (1, True)
    assert run("node", "remove", "north").exit_code == 0
    assert run("node", "drain", "north").exit_code == 2
    assert run("node", "add", "north", "--trunk", "second").exit_code == 0
    assert [row["trunk"] for row in rows("node", "list")] == ["second"]


def test_a_node_that_runs_or_has_calls_is_not_removed(book: Book) -> None:
    run("node", "add", "north")
    hold("north", 60)
    refused = run("node", "remove", "north", "--lost")
    assert (refused.exit_code, "stop its dialer" in refused.stderr) == (1, True)
    hold("north", -1)
    sit(book, "north")
    refused = run("node", "remove", "north")
    assert (refused.exit_code, "1 sessions" in refused.stderr) == (1, True)
    epoch = Node.objects.get(name="north").epoch
    assert run("node", "remove", "north", "--lost").exit_code == 0
    assert Node.objects.get(name="north").epoch == epoch + 1


@pytest.mark.parametrize("name", ["", "North", "no rth", "-n", "n-", "n" * 64, "a/b"])
def test_a_name_that_could_be_no_host_is_refused(book: Book, name: str) -> None:
    assert run("node", "add", "--", name).exit_code == 2
    assert Node.objects.count() == 0


def test_a_node_that_was_never_added_is_not_run(book: Book) -> None:
    refused = run("node", "run", "--name", "nowhere")
    assert (refused.exit_code, "no node 'nowhere'" in refused.stderr) == (2, True)


def test_a_dialer_of_a_node_that_was_never_added_stops_with_one_sentence(
    live_database: str, tmp_path: Path
) -> None:
    dialer = DialerProcess(Paths.below(tmp_path), live_database, None, node="nowhere")
    dialer.start()
    try:
        wait_until(lambda: dialer.exit_code is not None, 30, "the dialer")
        assert dialer.exit_code == 2, dialer.log.read_text()
        assert "run `autodialer node add nowhere` first" in dialer.log.read_text()
    finally:
        dialer.stop()
