"""Commands for accounts, groups and caller ids."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from autodialer.ops.cli.shell import (
    Commands,
    counted,
    json_option,
    needs_database,
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
    from datetime import datetime

    from autodialer.apps.accounts.models import Account


@click.group(cls=Commands)
def account() -> None:
    """Accounts: everything belongs to exactly one."""


@account.command("create")
@click.argument("name")
@click.option("--zone", default="Asia/Kolkata", show_default=True, help="Time zone.")
@click.option("--region", default="IN", show_default=True, help="Country of plain numbers.")
@json_option
@needs_database
def account_create(name: str, zone: str, region: str, as_json: bool) -> None:
    """Make an account called NAME."""
    from autodialer.apps.accounts.services import create_account

    made = create_account(name=name, zone=zone, region=region, now=now())
    tell_made("account", made.pk, made.name, as_json=as_json)


@account.command("list")
@json_option
@needs_database
def account_list(as_json: bool) -> None:
    """List all accounts."""
    from autodialer.apps.accounts.queries import accounts

    rows = [{"id": found.pk, "name": found.name, "zone": found.zone} for found in accounts()]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(("id", "name", "zone"), [[str(v) for v in row.values()] for row in rows])
    else:
        click.echo("There is no account yet: `autodialer account create NAME`.", err=True)


@account.command("set")
@click.option("--zone", help="Time zone.")
@click.option("--region", help="Country of plain numbers.")
@click.option("--opens", type=click.DateTime(["%H:%M"]), help="Begin of the calling window.")
@click.option("--closes", type=click.DateTime(["%H:%M"]), help="End of the calling window.")
@click.option("--gap", type=int, help="Seconds between two calls to a number, 0 to 3600.")
@click.option("--http/--no-http", default=None, help="Allow addresses without TLS (http://).")
@json_option
@with_account
def account_set(
    owner: Account,
    *,
    zone: str | None,
    region: str | None,
    opens: datetime | None,
    closes: datetime | None,
    gap: int | None,
    http: bool | None,
    as_json: bool,
) -> None:
    """Change the zone, the country, the gap between calls, the window (09:00 to 21:00), or TLS."""
    from autodialer.apps.accounts.services import change_account

    changed = change_account(
        account=owner,
        now=now(),
        zone=zone,
        region=region,
        window_opens=opens.time() if opens else None,
        window_closes=closes.time() if closes else None,
        redial_gap=None if gap is None else timedelta(seconds=gap),
        allows_http=http,
    )
    hours = f"{changed.window_opens:%H:%M} to {changed.window_closes:%H:%M}"
    rests = changed.redial_gap_s
    if as_json:
        told = {"zone": changed.zone, "region": changed.region, "window": hours}
        print_json(told | {"redial_gap_s": rests, "allows_http": changed.allows_http})
        return
    said = f"{changed.name}: {changed.zone}, {changed.region}, calls {hours}"
    tls = "with or without TLS" if changed.allows_http else "over TLS only"
    click.echo(f"{said}, {rests} s between two calls to a number, asks addresses {tls}.", err=True)


@click.group(cls=Commands)
def group() -> None:
    """Groups of agents; they may change while campaigns run."""


@group.command("create")
@click.argument("name")
@click.option("--agent", "agents", multiple=True, help="Member (name, e-mail or id); repeatable.")
@json_option
@with_account
def group_create(owner: Account, *, name: str, agents: Sequence[str], as_json: bool) -> None:
    """Make a group called NAME."""
    from autodialer.apps.agents.services import create_group

    members = [pick_user(owner, agent) for agent in agents]
    made = create_group(account=owner, name=name, member_ids=members, now=now())
    tell_made("group", made.pk, made.name, as_json=as_json)


@group.command("add")
@click.argument("name")
@click.argument("agents", nargs=-1, required=True)
@json_option
@with_account
def group_add(owner: Account, *, name: str, agents: Sequence[str], as_json: bool) -> None:
    """Add AGENTS to the group NAME, at once."""
    from autodialer.apps.agents.services import add_group_members

    members = [pick_user(owner, agent) for agent in agents]
    add_group_members(account=owner, now=now(), group_id=pick_group(owner, name), user_ids=members)
    tell({"added": members}, f"{name}: {len(members)} added.", as_json=as_json)


@group.command("remove")
@click.argument("name")
@click.argument("agents", nargs=-1, required=True)
@json_option
@with_account
def group_remove(owner: Account, *, name: str, agents: Sequence[str], as_json: bool) -> None:
    """Take AGENTS out of the group NAME; who talks finishes the call first."""
    from autodialer.apps.agents.services import remove_group_members

    members = [pick_user(owner, agent) for agent in agents]
    remove_group_members(
        account=owner, now=now(), group_id=pick_group(owner, name), user_ids=members
    )
    tell({"removed": members}, f"{name}: {len(members)} removed.", as_json=as_json)


@group.command("set")
@click.argument("name")
@click.argument("agents", nargs=-1)
@json_option
@with_account
def group_set(owner: Account, *, name: str, agents: Sequence[str], as_json: bool) -> None:
    """Make AGENTS the members of the group NAME."""
    from autodialer.apps.agents.services import set_group_members

    members = [pick_user(owner, agent) for agent in agents]
    set_group_members(account=owner, now=now(), group_id=pick_group(owner, name), user_ids=members)
    tell({"members": members}, f"{name}: {counted(len(members), 'member')}.", as_json=as_json)


@group.command("rename")
@click.argument("name")
@click.argument("new_name")
@json_option
@with_account
def group_rename(owner: Account, *, name: str, new_name: str, as_json: bool) -> None:
    """Call the group NAME by NEW_NAME."""
    from autodialer.apps.agents.services import rename_group

    renamed = rename_group(
        account=owner, now=now(), group_id=pick_group(owner, name), name=new_name
    )
    tell(
        {"id": renamed.pk, "name": renamed.name},
        f"{name}: is called {renamed.name!r} now.",
        as_json=as_json,
    )


@group.command("delete")
@click.argument("name")
@json_option
@with_account
def group_delete(owner: Account, *, name: str, as_json: bool) -> None:
    """Delete the group NAME, unless a campaign was made for it."""
    from autodialer.apps.agents.services import delete_group

    delete_group(account=owner, now=now(), group_id=pick_group(owner, name))
    tell({"deleted": name}, f"{name}: deleted.", as_json=as_json)


@group.command("list")
@json_option
@with_account
def group_list(owner: Account, *, as_json: bool) -> None:
    """List the groups with their members."""
    from autodialer.apps.agents.queries import group_rows

    print_rows(
        group_rows(owner),
        ("id", "name", "members"),
        as_json=as_json,
        empty="There is no group yet: `autodialer group create NAME`.",
    )


@click.group(cls=Commands)
def caller_id() -> None:
    """Numbers that campaigns call from."""


@caller_id.command("add")
@click.argument("number")
@click.option("--verified", is_flag=True, help="The account has shown that the number is its own.")
@json_option
@with_account
def caller_id_add(owner: Account, *, number: str, verified: bool, as_json: bool) -> None:
    """Add NUMBER, or mark a known one as verified."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.campaigns.services import add_caller_id

    made = add_caller_id(account=owner, actor=OPERATOR, number=number, verified=verified, now=now())
    tell_made("caller id", made.pk, made.e164, as_json=as_json)


@caller_id.command("unverify")
@click.argument("number")
@json_option
@with_account
def caller_id_unverify(owner: Account, *, number: str, as_json: bool) -> None:
    """Forbid calls from NUMBER; what runs with it pauses."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.campaigns.services import unverify_caller_id

    picked = pick_caller_id(owner, number)
    paused = unverify_caller_id(account=owner, actor=OPERATOR, caller_id=picked, now=now())
    tell(
        {"campaigns_paused": paused},
        f"{number} is not verified any more; campaigns paused: {paused}.",
        as_json=as_json,
    )


@caller_id.command("list")
@json_option
@with_account
def caller_id_list(owner: Account, *, as_json: bool) -> None:
    """List the caller ids of the account."""
    from autodialer.apps.campaigns.queries import caller_id_rows

    print_rows(
        caller_id_rows(owner),
        ("id", "e164", "verified_at"),
        owner.zone,
        as_json=as_json,
        empty="There is no caller id yet: `autodialer caller-id add NUMBER --verified`.",
    )


def pick_user(owner: Account, wanted: str) -> int:
    """Return the id of the user that is meant by id, e-mail address or name."""
    from autodialer.apps.accounts.queries import users

    known = users(owner)
    names = [(found.pk, found.name) for found in known]
    return pick("user", names + [(found.pk, found.email) for found in known], wanted)


def pick_group(owner: Account, wanted: str) -> int:
    """Return the id of the group that is meant by id or name."""
    from autodialer.apps.agents.queries import group_rows

    return pick("group", [(row.id, row.name) for row in group_rows(owner)], wanted)


def pick_caller_id(owner: Account, wanted: str) -> int:
    """Return the id of the caller id that is meant by id or number."""
    from autodialer.apps.campaigns.queries import caller_id_rows
    from autodialer.apps.contacts.numbers import NumberError, parse_caller_id

    rows = [(row.id, row.e164) for row in caller_id_rows(owner)]
    if any(wanted == str(number) for number, _ in rows):
        return int(wanted)
    with contextlib.suppress(NumberError):  # then `pick` says that there is no such caller id
        wanted = parse_caller_id(wanted, owner.region)
    return pick("caller-id", rows, wanted)


def tell_made(what: str, number: int, name: str, *, as_json: bool) -> None:
    """Print the id on stdout, for scripts, and the sentence on stderr, for people."""
    if as_json:
        print_json({"id": number, "name": name})
        return
    click.echo(number)
    click.echo(f"The {what} {name!r} has the id {number}.", err=True)
