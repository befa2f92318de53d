from __future__ import annotations

import pytest

from autodialer.apps.calls.models import Node, Trunk
from tests.cli.test_nodes import hold, rows, run
from tests.support.book import Book, make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def test_limits_are_set_shown_taken_away_and_noted_in_the_audit_log(book: Book) -> None:
    run("node", "add", "north")
    (plain,) = rows("trunk", "list")
    assert (plain["name"], plain["nodes"], plain["calls_per_second"]) == ("main", 1, None)
    said = run("trunk", "set", "main", "--calls-per-second", "5", "--calls-at-once", "30")
    assert (said.exit_code, "calls per second: 5, calls at once: 30" in said.stderr) == (0, True)
    for _ in range(2):  # the second one changes nothing
        assert run("trunk", "set", "main", "--calls-per-second", "none").exit_code == 0
    (limited,) = rows("trunk", "list")
    assert (limited["calls_per_second"], limited["calls_at_once"]) == (None, 30)
    acts = rows("audit", "list", "--kind", "trunk")
    assert [(act["action"], act["subject_id"]) for act in acts] == [("trunk.set", "main")] * 2
    assert acts[0]["before"] == {"calls_per_second": 5}
    assert acts[0]["after"] == {"calls_per_second": None}


def test_calls_that_wait_for_the_trunk_are_shown(book: Book) -> None:
    run("node", "add", "north")
    hold("north", 60)
    Node.objects.update(trunk_waiting=3)
    assert [row["waiting"] for row in rows("trunk", "list")] == [3]
    assert [row["waiting"] for row in rows("node", "list")] == [3]


@pytest.mark.parametrize(
    "words",
    [
        ("main", "--calls-per-second", "0"),
        ("main", "--calls-per-second", "1001"),
        ("main", "--calls-at-once", "few"),
        ("main",),
        ("Ma in", "--calls-at-once", "1"),
    ],
)
def test_what_no_trunk_can_have_is_refused(book: Book, words: tuple[str, ...]) -> None:
    assert run("trunk", "set", *words).exit_code == 2
    assert Trunk.objects.count() == 0
