"""Commands for lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from autodialer.ops.cli.reading import reading_options
from autodialer.ops.cli.shell import (
    FAILED,
    Commands,
    counted,
    json_option,
    now,
    pick,
    print_json,
    print_rows,
    print_table,
    tell,
    with_account,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.imports.checked_rows import RejectedRow
    from autodialer.apps.imports.services import ImportResult
    from autodialer.apps.imports.table import Reading

ROWS_SHOWN: Final = 5


@click.group("list", cls=Commands)
def list_() -> None:
    """Lists of contacts that campaigns dial."""


@list_.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the new list.")
@reading_options
@click.option("--again", is_flag=True, help="Also when this very file was imported before.")
@click.option("--background", is_flag=True, help="Let a worker do it; see `import show`.")
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
    reading: Reading,
    again: bool,
    background: bool,
    rejected: Path | None,
    as_json: bool,
) -> None:
    """Make a list of the rows of the CSV or XLSX FILE that can be dialled."""
    from autodialer.apps.imports.checked_rows import NothingToImportError
    from autodialer.apps.imports.services import import_list

    if background:
        if rejected is not None:
            raise click.UsageError("With --background, get them by `autodialer import rejected`.")
        _queue(owner, file, name, reading, again=again, as_json=as_json)
        return
    _check_writable(rejected)
    try:
        result = import_list(
            account=owner,
            name=name,
            data=file.read_bytes(),
            file_name=file.name,
            reading=reading,
            again=again,
            now=now(),
        )
    except NothingToImportError as error:
        _write_rejected(error.rejected, error.headings, rejected)
        raise
    written = _write_rejected(result.rejected, result.headings, rejected)
    _print_result(result, name, rejected, as_json=as_json)
    if not written:
        raise click.exceptions.Exit(FAILED)


def _queue(
    owner: Account, file: Path, name: str, reading: Reading, *, again: bool, as_json: bool
) -> None:
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.imports.services import queue_import

    import_id = queue_import(
        account=owner,
        actor=OPERATOR,
        name=name,
        file_name=file.name,
        data=file.read_bytes(),
        reading=reading,
        again=again,
        now=now(),
    )
    if as_json:
        print_json({"id": import_id})
        return
    click.echo(import_id)
    click.echo(f"Queued: see `autodialer import show {import_id}`.", err=True)


@list_.command("create")
@click.argument("name")
@json_option
@with_account
def list_create(owner: Account, *, name: str, as_json: bool) -> None:
    """Make an empty list called NAME."""
    from autodialer.apps.contacts.services import create_list

    made = create_list(account=owner, name=name, now=now())
    if as_json:
        print_json({"id": made.pk, "name": made.name})
        return
    click.echo(made.pk)


@list_.command("rename")
@click.argument("name")
@click.argument("new_name")
@json_option
@with_account
def list_rename(owner: Account, *, name: str, new_name: str, as_json: bool) -> None:
    """Call the list NAME by NEW_NAME."""
    from autodialer.apps.contacts.services import rename_list

    renamed = rename_list(account=owner, now=now(), list_id=pick_list(owner, name), name=new_name)
    tell(
        {"id": renamed.pk, "name": renamed.name},
        f"{name}: is called {renamed.name!r} now.",
        as_json=as_json,
    )


@list_.command("delete")
@click.argument("name")
@json_option
@with_account
def list_delete(owner: Account, *, name: str, as_json: bool) -> None:
    """Delete the list NAME; its contacts stay, and campaigns keep their copy."""
    from autodialer.apps.contacts.services import delete_list

    delete_list(account=owner, now=now(), list_id=pick_list(owner, name))
    tell({"deleted": name}, f"{name}: deleted.", as_json=as_json)


@list_.command("show")
@click.argument("name")
@click.option("--after", default=0, help="Begin after this position.")
@click.option("--limit", default=100, show_default=True, help="Show at most so many.")
@json_option
@with_account
def list_show(owner: Account, *, name: str, after: int, limit: int, as_json: bool) -> None:
    """List the contacts of the list NAME in its order."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.contacts.queries import member_rows

    rows = member_rows(owner, OPERATOR, pick_list(owner, name), after_seq=after, limit=limit)
    if as_json:
        print_json(rows)
        return
    contacts = [(row.seq, row.contact) for row in rows]
    print_table(
        ("position", "contact", "number", "first_name"),
        [(str(seq), str(found.id), found.e164, found.first_name) for seq, found in contacts],
    )


@list_.command("add")
@click.argument("name")
@click.argument("contacts", nargs=-1, required=True, type=int)
@json_option
@with_account
def list_add(owner: Account, *, name: str, contacts: Sequence[int], as_json: bool) -> None:
    """Put CONTACTS (ids) at the end of the list NAME."""
    from autodialer.apps.contacts.services import add_to_list

    added = add_to_list(
        account=owner, now=now(), list_id=pick_list(owner, name), contact_ids=contacts
    )
    tell({"added": added}, f"{name}: {added} added.", as_json=as_json)


@list_.command("remove")
@click.argument("name")
@click.argument("contacts", nargs=-1, required=True, type=int)
@json_option
@with_account
def list_remove(owner: Account, *, name: str, contacts: Sequence[int], as_json: bool) -> None:
    """Take CONTACTS (ids) out of the list NAME."""
    from autodialer.apps.contacts.services import remove_from_list

    removed = remove_from_list(
        account=owner, now=now(), list_id=pick_list(owner, name), contact_ids=contacts
    )
    tell({"removed": removed}, f"{name}: {removed} removed.", as_json=as_json)


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


def pick_list(owner: Account, wanted: str) -> int:
    """Return the id of the list that is meant by id or name."""
    from autodialer.apps.contacts.queries import list_rows

    return pick("list", [(row.id, row.name) for row in list_rows(owner)], wanted)


def _check_writable(to: Path | None) -> None:
    """Raise OSError before anything is imported; what stands in the file stays for now."""
    if to is not None:
        to.open("ab").close()


def _write_rejected(rows: Sequence[RejectedRow], headings: Sequence[str], to: Path | None) -> bool:
    """Write the rows if asked to; say so, and return False, when they cannot be written."""
    from autodialer.apps.imports.checked_rows import write_rejected

    if to is None:
        return True
    try:
        with to.open("w", encoding="utf-8-sig", newline="") as out:
            write_rejected(rows, headings, out)
    except OSError as error:
        click.echo(f"The rejected rows could not be written to {to}: {error.strerror}.", err=True)
        return False
    return True


def _print_result(result: ImportResult, name: str, rejected: Path | None, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    click.echo(result.list_id)
    form = f"{result.encoding}, separator {result.separator!r}, numbers in {result.number_column!r}"
    click.echo(f"Read as {form}{'' if result.has_header else ', no header row'}.", err=True)
    click.echo(
        f"The list {name!r} has {counted(result.imported, 'number')}; left out: "
        f"{counted(result.duplicates, 'duplicate')}, "
        f"{counted(len(result.rejected), 'row')} with errors.",
        err=True,
    )
    _print_rejected(result.rejected)
    if result.rejected and rejected is None:
        click.echo("Get these rows with their reasons: --rejected FILE.", err=True)


def _print_rejected(rows: Sequence[RejectedRow]) -> None:
    from autodialer.apps.imports.problems import ROW_PROBLEMS

    for row in rows[:ROWS_SHOWN]:
        click.echo(f"  line {row.line}: {ROW_PROBLEMS[row.code].cause} ({row.code})", err=True)
    if len(rows) > ROWS_SHOWN:
        click.echo(f"  and {len(rows) - ROWS_SHOWN:,} more", err=True)
