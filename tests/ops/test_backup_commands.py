"""`autodialer backup` and `autodialer restore` as people type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from django.conf import settings

from autodialer.apps.accounts.models import Account
from autodialer.apps.campaigns.models import Campaign
from autodialer.ops.cli import cli
from tests.support.book import make_book

# Two of them start PostgreSQL, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(240)


def run(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=typed)


@pytest.fixture
def file(live_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backup of an account with a campaign in progress."""
    monkeypatch.setenv("AUTODIALER_DATABASE_URL", live_database)
    make_book().campaign()
    made = run("backup", str(tmp_path / "b.zip"), "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["rows"] > 10
    return tmp_path / "b.zip"


def test_a_backup_tells_to_keep_the_key(file: Path) -> None:
    again = run("backup", str(file.with_name("c.zip")))
    assert again.exit_code == 0
    assert "AUTODIALER_SECRET_KEY" in again.stderr
    refused = run("backup", str(file))
    assert refused.exit_code == 1
    assert "exists" in refused.stderr


def test_a_restore_asks_before_it_replaces(file: Path) -> None:
    refused = run("restore", str(file))
    assert refused.exit_code == 1
    assert "not empty" in refused.stderr
    assert run("restore", str(file), "--replace", typed="n\n").exit_code == 1
    assert Campaign.objects.get().status == "in-progress"
    done = run("restore", str(file), "--replace", typed="y\n")
    assert done.exit_code == 0, done.output
    assert "1 campaign paused" in done.stderr
    assert Campaign.objects.get().status == "paused"
    assert Account.objects.get().name == "Acme"


def test_a_restore_starts_the_database_that_it_needs(file: Path, tmp_path: Path) -> None:
    def autodialer(*words: str) -> str:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("AUTODIALER_DATABASE")}
        mine = {"AUTODIALER_VAR": str(tmp_path), "AUTODIALER_SECRET_KEY": settings.SECRET_KEY}
        argv = [sys.executable, "-m", "autodialer", *words]
        done = subprocess.run(argv, env=environ | mine, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert "1 campaign paused" in autodialer("restore", str(file))
    assert "rows" in autodialer("backup", str(tmp_path / "again.zip"))
