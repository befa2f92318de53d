"""The services of deploy/compose*.yaml as plain processes: their words, settings and checks.

What an engine would add is left out: images, volumes, users. Folders stand for the volumes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

import yaml

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
# As in deploy/Dockerfile.
VAR: Final = "/var/lib/autodialer"
SECRETS: Final = "/secrets"
_ASKED: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True)
class Service:
    """What the engine would run, and what it would ask to see whether it is well."""

    command: list[str]
    environment: dict[str, str]
    health: list[str]


def service(file: str, name: str, given: Mapping[str, str], folders: Mapping[str, Path]) -> Service:
    """Read one of our services; `given` is deploy/.env, `folders` are what its volumes are."""

    def filled(text: object) -> str:
        """The text with what is given, and with the folders for the volumes."""
        found = _ASKED.sub(lambda asked: _value(asked, given), str(text))
        for volume, folder in folders.items():
            found = found.replace(volume, str(folder))
        return found

    read: Mapping[str, Any] = yaml.safe_load((DEPLOY / file).read_text())["services"][name]
    settings = {key: filled(value) for key, value in read["environment"].items()}
    _, *check = read.get("healthcheck", {}).get("test", ["CMD"])
    return Service(
        [sys.executable, "-m", "autodialer", *read["command"]],
        {**settings, "AUTODIALER_VAR": str(folders[VAR])},
        [sys.executable if word == "python" else str(word) for word in check],
    )


def run_script(
    name: str, words: Sequence[str], folder: Path, told: Mapping[str, str]
) -> Popen[str]:
    """Run a script of deploy/ with the volumes' secrets in `folder`, and the image's programs."""
    script = (DEPLOY / name).read_text().replace(SECRETS, str(folder))
    return Popen(["sh", "-c", script, name, *words], env=with_programs(folder, told), text=True)


def with_programs(folder: Path, told: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which `python` and `autodialer` are those of these tests."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for program, means in (("python", ""), ("autodialer", "-m autodialer")):
        text = f'#!/bin/sh\nexec "{sys.executable}" {means} "$@"\n'
        (programs / program).write_text(text)
        (programs / program).chmod(0o700)
    return {**os.environ, **told, "PATH": f"{programs}:{os.environ['PATH']}"}


def postgres_settings(given: Mapping[str, str]) -> list[str]:
    """Return the words after `postgres` where several machines share it."""
    read = yaml.safe_load((DEPLOY / "compose.several.yaml").read_text())
    words = read["services"]["postgres"]["command"][1:]
    return [_ASKED.sub(lambda asked: _value(asked, given), word) for word in words]


def _value(asked: re.Match[str], given: Mapping[str, str]) -> str:
    """What stands for ${NAME}, ${NAME:-otherwise} or ${NAME:?why it is needed}."""
    name, kind, text = asked.groups()
    if kind == "-":
        return given.get(name) or text
    return given[name]
