"""Commands for API keys, with which programs sign in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from autodialer.ops.cli.shell import (
    Commands,
    json_option,
    now,
    pick,
    print_json,
    print_rows,
    tell,
    with_account,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.accounts.models import Account


@click.group(cls=Commands)
def key() -> None:
    """API keys: what programs of an account sign in with."""


@key.command("create")
@click.argument("name")
@click.argument("scopes", nargs=-1, required=True)
@click.option("--days", type=click.IntRange(1, 3_660), help="How long it works; else for ever.")
@json_option
@with_account
def key_create(
    owner: Account, *, name: str, scopes: Sequence[str], days: int | None, as_json: bool
) -> None:
    """Make a key called NAME for SCOPES, such as campaigns:read; shown this once."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.keys.services import create_key

    at = now()
    made = create_key(
        account=owner,
        actor=OPERATOR,
        name=name,
        scopes=scopes,
        now=at,
        expires_at=None if days is None else at + timedelta(days=days),
    )
    if as_json:
        print_json({"id": made.id, "key": str(made.token)})
        return
    click.echo(str(made.token))
    click.echo(f"{name} sends it as `Authorization: Bearer KEY`.", err=True)


@key.command("list")
@json_option
@with_account
def key_list(owner: Account, *, as_json: bool) -> None:
    """List the keys, newest first, without their secrets."""
    from autodialer.apps.keys.queries import key_rows

    print_rows(
        key_rows(owner, now()),
        ("id", "name", "public_id", "state", "scopes", "made_by", "expires_at", "last_used_at"),
        owner.zone,
        as_json=as_json,
        empty="No keys yet: `autodialer key create NAME campaigns:read` makes one.",
    )


@key.command("revoke")
@click.argument("wanted", metavar="KEY")
@json_option
@with_account
def key_revoke(owner: Account, *, wanted: str, as_json: bool) -> None:
    """End KEY (number or public id) at once and for ever."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.keys.queries import key_rows
    from autodialer.apps.keys.services import revoke_key

    at = now()
    known = ((row.id, row.public_id) for row in key_rows(owner, at))
    key_id = pick("key", known, wanted)
    revoke_key(account=owner, actor=OPERATOR, key_id=key_id, now=at)
    tell({"id": key_id}, f"Key {wanted} does not work any more.", as_json=as_json)
