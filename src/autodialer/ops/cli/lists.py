"""Commands for lists and the do-not-call registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from autodialer.ops.cli.shell import (
    Commands,
    json_option,
    now,
    pick,
    print_json,
    print_rows,
    with_account,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.csv_import import RejectedRow
    from autodialer.apps.contacts.services import ImportResult

ROWS_SHOWN: Final = 5


@click.group("list", cls=Commands)
def list_() -> None:
    """Lists of contacts that campaigns dial."""


@list_.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the new list.")
@click.option("--number-column", help="Heading of the column with the numbers, if not found.")
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows that were left out, with reasons, to this CSV file.",
)
@json_option
@with_account
def list_import(
    owner: Account,
    *,
    file: Path,
    name: str,
    number_column: str | None,
    rejected: Path | None,
    as_json: bool,
) -> None:
    """Make a list of the rows of the CSV FILE that can be dialled."""
    from autodialer.apps.contacts.csv_import import NothingToImportError
    from autodialer.apps.contacts.services import import_list

    try:
        result = import_list(
            account=owner,
            name=name,
            data=file.read_bytes(),
            number_column=number_column,
            now=now(),
        )
    except NothingToImportError as error:
        _write_rejected(error.rejected, error.headings, rejected)
        raise
    _write_rejected(result.rejected, result.headings, rejected)
    _print_result(result, name, rejected, as_json=as_json)


@list_.command("list")
@json_option
@with_account
def list_list(owner: Account, *, as_json: bool) -> None:
    """List the lists."""
    from autodialer.apps.contacts.queries import list_rows

    print_rows(
        list_rows(owner),
        ("id", "name", "contacts", "created_at"),
        owner.zone,
        as_json=as_json,
        empty="There is no list yet: `autodialer list import FILE --name NAME`.",
    )


@click.group(cls=Commands)
def dnd() -> None:
    """The do-not-call registry; it is asked at the instant of dialling."""


@dnd.command("add")
@click.argument("numbers", nargs=-1, required=True)
@with_account
def dnd_add(owner: Account, *, numbers: Sequence[str]) -> None:
    """Forbid calls to NUMBERS from now on."""
    from autodialer.apps.contacts.services import add_dnd_numbers

    added = add_dnd_numbers(account=owner, numbers=numbers, now=now())
    click.echo(f"{added} added; {len(numbers) - added} were on the registry.", err=True)


@dnd.command("remove")
@click.argument("numbers", nargs=-1, required=True)
@with_account
def dnd_remove(owner: Account, *, numbers: Sequence[str]) -> None:
    """Allow calls to NUMBERS again."""
    from autodialer.apps.contacts.services import remove_dnd_numbers

    removed = remove_dnd_numbers(account=owner, numbers=numbers)
    click.echo(f"{removed} removed.", err=True)


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


def pick_list(owner: Account, wanted: str) -> int:
    """Return the id of the list that is meant by id or name."""
    from autodialer.apps.contacts.queries import list_rows

    return pick("list", [(row.id, row.name) for row in list_rows(owner)], wanted)


def _write_rejected(rows: Sequence[RejectedRow], headings: Sequence[str], to: Path | None) -> None:
    from autodialer.apps.contacts.csv_import import write_rejected

    if to is not None:
        with to.open("w", encoding="utf-8-sig", newline="") as out:
            write_rejected(rows, headings, out)


def _print_result(result: ImportResult, name: str, rejected: Path | None, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    click.echo(result.list_id)
    form = f"{result.encoding}, separator {result.separator!r}, numbers in {result.number_column!r}"
    click.echo(f"Read as {form}{'' if result.has_header else ', no header row'}.", err=True)
    click.echo(
        f"The list {name!r} has {result.imported:,} numbers; {result.duplicates:,} duplicates and "
        f"{len(result.rejected):,} rows with errors were left out.",
        err=True,
    )
    _print_rejected(result.rejected)
    if result.rejected and rejected is None:
        click.echo("Get these rows with their reasons: --rejected FILE.", err=True)


def _print_rejected(rows: Sequence[RejectedRow]) -> None:
    from autodialer.apps.contacts.problems import ROW_PROBLEMS

    for row in rows[:ROWS_SHOWN]:
        click.echo(f"  line {row.line}: {ROW_PROBLEMS[row.code].cause} ({row.code})", err=True)
    if len(rows) > ROWS_SHOWN:
        click.echo(f"  and {len(rows) - ROWS_SHOWN:,} more", err=True)
