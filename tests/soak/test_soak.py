"""The soak itself: what its judge sees, and one short run of it all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from autodialer.ops.lab.carrier import Invite
from tests.soak import numbers
from tests.soak.judge import overlaps
from tests.support.stack import asterisk_prefix

ROOT = Path(__file__).parents[2]


def call(at: float, called: str, call_id: str) -> Invite:
    return Invite(at, called, "+918045678901", call_id)


def test_a_call_that_begins_before_the_last_one_to_the_number_is_over_is_two_at_once() -> None:
    calls = [call(1, "+91980", "a"), call(3, "+91980", "b"), call(5, "+91980", "c")]
    assert overlaps(calls, {"a": 2, "b": 4, "c": 6}) == 0
    assert overlaps(calls, {"a": 3.5, "b": 4, "c": 6}) == 1
    # One without an end lives.
    assert overlaps(calls, {"b": 4, "c": 6}) == 1
    assert overlaps([call(1, "+91980", "a"), call(1, "+91981", "b")], {}) == 0


def test_a_list_has_each_number_once_and_is_the_same_for_the_same_seed() -> None:
    made, again, other = (numbers.make(10_000, Random(seed)) for seed in (7, 7, 8))  # noqa: S311
    assert len(set(made)) == 10_000
    assert made == again != other
    assert {number[-2:] for number in made} == set(numbers.ENDINGS)
    assert sum(numbers.ENDINGS.values()) == 100


@pytest.mark.asterisk
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_short_soak_keeps_every_promise(tmp_path: Path) -> None:
    line = ["--minutes", "1.5", "--seed", "7", "--agents", "10", "--numbers", "100"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", *line, "--every", "30"],
        cwd=ROOT,
        env={
            **os.environ,
            "AUTODIALER_VAR": str(tmp_path),
            "AUTODIALER_ASTERISK_PREFIX": str(asterisk_prefix()),
            "PYTHONPATH": str(ROOT / "src"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every promise was kept." in (tmp_path / "soak" / "report.md").read_text()
