from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from autodialer.apps.imports.problems import FILE_PROBLEMS, ROW_PROBLEMS
from autodialer.ops.cli import cli

DOCS = Path(__file__).parents[2] / "docs"


def commands_of(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


@pytest.mark.parametrize(("name", "command"), [*commands_of(cli, "autodialer")])
def test_each_command_and_option_is_in_the_reference(name: str, command: click.Command) -> None:
    page = (DOCS / "reference/cli.md").read_text()
    _, found, rest = page.partition(f"## {name}\n")
    assert found, f"{name} is not described"
    section = rest.partition("\n## ")[0]
    assert command.help is not None
    assert command.help in section
    for option in (p for p in command.params if isinstance(p, click.Option)):
        assert f"`{option.opts[0]}`" in section
        assert (option.help or "").partition("  [default")[0] in section


def test_the_reference_describes_no_command_that_is_not_there() -> None:
    lines = (DOCS / "reference/cli.md").read_text().splitlines()
    described = {line.removeprefix("## ") for line in lines if line.startswith("## ")}
    assert described == {name for name, _ in commands_of(cli, "autodialer")}


def test_each_import_error_is_in_the_reference_as_the_program_says_it() -> None:
    page = (DOCS / "reference/import-errors.md").read_text()
    for code, problem in (*ROW_PROBLEMS.items(), *FILE_PROBLEMS.items()):
        assert f"| `{code}` | {problem.cause} | {problem.remedy} |" in page
