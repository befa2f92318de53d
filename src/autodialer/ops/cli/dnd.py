"""Commands for the do-not-call registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from autodialer.ops.cli.reading import reading_options
from autodialer.ops.cli.shell import (
    Commands,
    counted,
    json_option,
    now,
    print_json,
    print_rows,
    tell,
    with_account,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.imports.table import Reading

ROWS_SHOWN: Final = 5


@click.group(cls=Commands)
def dnd() -> None:
    """The do-not-call registry; it is asked at the instant of dialling."""


@dnd.command("add")
@click.argument("numbers", nargs=-1, required=True)
@json_option
@with_account
def dnd_add(owner: Account, *, numbers: Sequence[str], as_json: bool) -> None:
    """Forbid calls to NUMBERS from now on."""
    from autodialer.apps.contacts.services import add_dnd_numbers

    added = add_dnd_numbers(account=owner, numbers=numbers, now=now())
    tell(
        {"added": added},
        f"{added} added; {len(numbers) - added} were on the registry.",
        as_json=as_json,
    )


@dnd.command("remove")
@click.argument("numbers", nargs=-1, required=True)
@json_option
@with_account
def dnd_remove(owner: Account, *, numbers: Sequence[str], as_json: bool) -> None:
    """Allow calls to NUMBERS again."""
    from autodialer.apps.contacts.services import remove_dnd_numbers

    removed = remove_dnd_numbers(account=owner, now=now(), numbers=numbers)
    tell({"removed": removed}, f"{removed} removed.", as_json=as_json)


@dnd.command("list")
@json_option
@with_account
def dnd_list(owner: Account, *, as_json: bool) -> None:
    """List the newest 1,000 numbers of the registry."""
    from autodialer.apps.contacts.queries import dnd_rows

    print_rows(
        dnd_rows(owner),
        ("e164", "added_at"),
        owner.zone,
        as_json=as_json,
        empty="The registry is empty.",
    )


@dnd.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@reading_options
@json_option
@with_account
def dnd_import(owner: Account, *, file: Path, reading: Reading, as_json: bool) -> None:
    """Forbid calls to the numbers of the CSV or XLSX FILE."""
    from autodialer.apps.imports.problems import ROW_PROBLEMS
    from autodialer.apps.imports.services import import_dnd

    result = import_dnd(account=owner, data=file.read_bytes(), reading=reading, now=now())
    if as_json:
        print_json(result)
        return
    left_out = len(result.rejected)
    click.echo(
        f"{result.added:,} added; {result.known:,} were on the registry or repeated; "
        f"{counted(left_out, 'row')} without a telephone number.",
        err=True,
    )
    for row in result.rejected[:ROWS_SHOWN]:
        click.echo(f"  line {row.line}: {ROW_PROBLEMS[row.code].cause} ({row.code})", err=True)
