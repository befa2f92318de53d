"""The command `autodialer`: results on stdout, messages on stderr, exit codes that mean something.

0: done. 1: what was asked for failed. 2: wrong usage, or a name or id that does not exist.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from autodialer.ops.cli.shell import Commands

# Modules are imported when one of their commands runs: the command line starts in 0.1 s.
_MODULES: Final = {
    "account": "book",
    "user": "users",
    "group": "book",
    "device": "devices",
    "caller-id": "book",
    "list": "lists",
    "import": "imports",
    "contact": "contacts",
    "dnd": "dnd",
    "balance": "money",
    "tariff": "money",
    "campaign": "campaigns",
    "agent": "agents",
    "session": "agents",
    "key": "keys",
    "audit": "audit",
    "asterisk": "machine",
    "db": "machine",
    "dialer": "machine",
    "node": "nodes",
    "trunk": "trunks",
    "worker": "machine",
    "web": "machine",
    "demo": "demo",
    "up": "machine",
    "doctor": "doctor",
    "backup": "backup",
    "restore": "backup",
    "simulate": "simulate",
}
# Words that Python keeps for itself.
_NAMES: Final = {"list": "list_", "import": "import_"}


class _Lazy(Commands):
    """The top level: knows the names of all commands and loads the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_MODULES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"autodialer.ops.cli.{_MODULES[cmd_name]}")
        found: Any = getattr(module, _NAMES.get(cmd_name, cmd_name.replace("-", "_")))
        return found if isinstance(found, click.Command) else None


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="autodialer")
def cli() -> None:
    """Self-hosted, agent-first auto-dialer. Begin with `autodialer up`."""


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    cli(prog_name="autodialer")
