"""`python -m tests.soak`: run one, print its report and keep it below var/soak."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import structlog
from bench.machine import describe

from autodialer.ops.cli.shell import set_up_django
from autodialer.ops.paths import Paths
from tests.soak.machine import Machine
from tests.soak.receiver import Receiver
from tests.support.stack import asterisk_prefix

if TYPE_CHECKING:
    from tests.soak.report import Report

_NUMBERS_A_MINUTE = 10_000 / 30


def main() -> int:
    wanted = _arguments()
    base = Paths.from_environment()
    kept = base.var / "soak"
    kept.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=kept))
    # The services tell of each session that is queued: here the report tells.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"Soak: {wanted.minutes:g} minutes, seed {wanted.seed}.", flush=True)
    report = _soak(wanted, Paths.below(folder, asterisk_prefix=asterisk_prefix()))
    text = report.as_markdown()
    (kept / "report.md").write_text(text + "\n")
    (kept / "report.json").write_text(json.dumps(report.as_json(), default=str, indent=1))
    print(f"\n{text}\n\nReport: {kept / 'report.md'}, {kept / 'report.json'}")
    if report.verdict:
        print(f"All that the processes wrote is kept in {folder}.")
        return 1
    shutil.rmtree(folder)
    return 0


def _soak(wanted: argparse.Namespace, paths: Paths) -> Report:
    machine = Machine(paths)
    with Receiver() as receiver:
        os.environ["AUTODIALER_VAR"] = str(paths.var)
        os.environ["AUTODIALER_OUTBOUND_ALLOW"] = f"127.0.0.1:{receiver.port}"
        try:
            os.environ["AUTODIALER_DATABASE_URL"] = machine.start_database()
            set_up_django()
            from django.core.management import call_command

            from tests.soak.run import Soak

            call_command("migrate", verbosity=0, interactive=False)
            machine.start_rest()
            soak = Soak(
                machine,
                receiver,
                seed=wanted.seed,
                agents=wanted.agents,
                numbers=wanted.numbers or round(wanted.minutes * _NUMBERS_A_MINUTE),
                tell=lambda text: print(text, flush=True),
            )
            return soak.run(60 * wanted.minutes, wanted.every, _commit(), describe(paths))
        finally:
            machine.stop()


def _commit() -> str:
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="with faults (default 30)")
    parser.add_argument("--seed", type=int, default=None, help="of all chance; default: any")
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--numbers", type=int, help="default: 10,000 for 30 minutes")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between faults")
    wanted = parser.parse_args()
    if wanted.seed is None:
        wanted.seed = Random().randrange(1_000_000)  # noqa: S311  it is printed, to repeat the run
    return wanted


if __name__ == "__main__":
    sys.exit(main())
