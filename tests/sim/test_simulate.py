"""The command that runs simulations: it judges, names the seed, and goes the same way again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from autodialer.domain.retry import RetryPolicy
from autodialer.ops.cli import cli
from autodialer.ops.simulate import simulate
from autodialer.ops.simulation import run
from autodialer.ops.simulation.odds import MIXES, mix_of

SOURCE = str(Path(__file__).parents[2] / "src")


def test_a_run_that_breaks_a_promise_is_told_with_its_seed_and_how_to_run_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "RETRIES", 0)  # The oracle allows one try, the campaign does not know.
    monkeypatch.setattr(run.Run, "_campaign", campaign_with_a_retry)
    result = CliRunner().invoke(cli, ["simulate", "--seed", "9", "--mix", "fair"])
    assert result.exit_code == 1
    assert "I1 +91980000" in result.stdout
    assert "Seed 9, mix fair broke a promise." in result.stdout
    assert "Again: autodialer simulate --seed 9 --mix fair\n" in result.stdout


_campaign = run.Run._campaign


def campaign_with_a_retry(self: run.Run, *args: Any) -> Any:
    row = _campaign(self, *args)
    row.policy = RetryPolicy(1, row.policy.statuses, row.policy.interval)
    return row


def test_many_seeds_take_all_mixes_in_turn() -> None:
    line = ["simulate", "--seed", "20", "--seeds", str(len(MIXES)), "--json"]
    result = CliRunner().invoke(cli, line)
    assert result.exit_code == 0
    told = [json.loads(text) for text in result.stdout.splitlines()]
    assert {run["mix"] for run in told} == set(MIXES)
    assert [run["seed"] for run in told] == list(range(20, 20 + len(MIXES)))


def test_a_large_world_keeps_every_promise_too_and_its_calls_and_faults_are_counted() -> None:
    line = ["simulate", "--seed", "3", "--mix", "everything", "--world", "large"]
    told = json.loads(CliRunner().invoke(cli, [*line, "--json"]).stdout)
    assert told["broken"] == []
    assert told["calls"] > 500
    assert dict(told["faults"])["dialer killed"] == told["crashes"] > 0
    assert told["world"] == "large"


def test_a_seed_goes_the_same_way_in_another_process_with_another_order_of_sets() -> None:
    here = simulate(17, mix_of(17))
    line = [sys.executable, "-m", "autodialer", "simulate", "--seed", "17", "--json"]
    environment = {**os.environ, "PYTHONPATH": SOURCE, "PYTHONHASHSEED": "4711"}
    there = subprocess.run(line, env=environment, capture_output=True, check=True, timeout=50)
    told = json.loads(there.stdout)
    assert (told["trace"], told["calls"]) == (here.trace, here.calls)
    assert simulate(18, mix_of(17)).trace != here.trace
