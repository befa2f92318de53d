"""Commands for the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autodialer.ops.cli.shell import Commands, json_option, print_rows, with_account

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account


@click.group(cls=Commands)
def audit() -> None:
    """Who did what."""


@audit.command("list")
@click.option("--kind", default="", help="Kind of thing, such as campaign.")
@click.option("--id", "subject_id", default="", help="Id of the thing.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True)
@json_option
@with_account
def audit_list(owner: Account, *, kind: str, subject_id: str, limit: int, as_json: bool) -> None:
    """List privileged acts, newest first."""
    from autodialer.apps.audit.queries import entries

    found = entries(owner, subject_kind=kind, subject_id=subject_id, limit=limit)
    columns = ("at", "who", "from_address", "action", "subject_id", "before", "after")
    print_rows(found, columns, owner.zone, as_json=as_json, empty="Nothing was done yet.")
