"""Each import contract is broken once, on a copy, and must be reported."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from tools.sources import ROOT

# contract -> files of the copy and what is added to them
BREACHES: Final = {
    "layers": {"domain/planted.py": "import autodialer.ports.store"},
    "domain-pure": {"domain/planted.py": "import asyncio"},
    "engine-no-django": {"engine/planted.py": "import django"},
    "engine-no-adapters": {"adapters/ari/planted.py": "import autodialer.apps.calls.models"},
    "adapters-independent": {"adapters/ari/planted.py": "import autodialer.adapters.sim.switch"},
    "app-layers": {"apps/campaigns/models.py": "import autodialer.apps.campaigns.services"},
    "apps-acyclic": {
        "apps/accounts/planted.py": "import autodialer.apps.campaigns.models",
        "apps/campaigns/planted.py": "import autodialer.apps.accounts.planted",
    },
    "views-use-services": {"web/planted.py": "import autodialer.apps.campaigns.models"},
    "one-http-client": {"engine/planted.py": "import httpcore"},
    "settings-protected": {"ops/planted.py": "import autodialer.config.settings"},
}


def contract_ids() -> set[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]}


def lint(copy: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("lint-imports"))
    return subprocess.run(
        [program, "--no-cache", "--config", str(copy / "pyproject.toml"), *options],
        cwd=copy,
        env={"PYTHONPATH": str(copy / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_has_a_breach_here() -> None:
    assert set(BREACHES) == contract_ids()


@pytest.mark.parametrize("contract", BREACHES)
def test_a_breach_is_reported(copy: Path, contract: str) -> None:
    for name, line in BREACHES[contract].items():
        with (copy / "src/autodialer" / name).open("a") as file:
            file.write(f"\n{line}\n")
    done = lint(copy, "--contract", contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_the_copy_itself_breaks_nothing(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
