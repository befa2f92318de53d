"""Commands for imports that a worker does, and for those that are over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autodialer.ops.cli.shell import (
    Commands,
    counted,
    json_option,
    now,
    print_json,
    print_one,
    print_rows,
    with_account,
)

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account


@click.group("import", cls=Commands)
def import_() -> None:
    """Imports of lists: progress and results."""


@import_.command("list")
@json_option
@with_account
def import_list(owner: Account, *, as_json: bool) -> None:
    """List the newest 100 imports."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.imports.queries import import_rows

    print_rows(
        import_rows(owner, OPERATOR),
        ("id", "name", "file_name", "status", "ready", "duplicates", "rejected", "created_at"),
        owner.zone,
        as_json=as_json,
        empty="There is no import yet: `autodialer list import FILE --name NAME --background`.",
    )


@import_.command("show")
@click.argument("import_id", type=int)
@json_option
@with_account
def import_show(owner: Account, *, import_id: int, as_json: bool) -> None:
    """Show the progress or the result of an import, and why rows were left out."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.imports.queries import import_row

    row = import_row(owner, OPERATOR, import_id)
    if as_json:
        print_json(row)
        return
    print_one(row, owner.zone, as_json=False)
    for problem in row.problems:
        click.echo(f"  {counted(problem.rows, 'row')}: {problem.cause} {problem.remedy}", err=True)


@import_.command("undo")
@click.argument("import_id", type=int)
@json_option
@with_account
def import_undo(owner: Account, *, import_id: int, as_json: bool) -> None:
    """Take back what an import of the last 24 hours has saved."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.imports.undo import undo_import

    undone = undo_import(account=owner, actor=OPERATOR, import_id=import_id, now=now())
    print_one(undone, owner.zone, as_json=as_json)


@import_.command("rejected")
@click.argument("import_id", type=int)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File.")
@with_account
def import_rejected(owner: Account, *, import_id: int, out: Path) -> None:
    """Write the rows that were left out, with reasons, to a CSV file."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.imports.queries import rejected_file

    out.write_bytes(rejected_file(owner, OPERATOR, import_id))
    click.echo(f"Correct {out} and import it again.", err=True)
