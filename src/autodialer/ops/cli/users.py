"""Commands for users: who they are, what they may do, and how they log in."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Final

import click

from autodialer.ops.cli.book import pick_user, tell_made
from autodialer.ops.cli.shell import (
    Commands,
    json_option,
    now,
    print_json,
    print_rows,
    tell,
    with_account,
)

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account

ROLES: Final = ("admin", "supervisor", "agent")
# Bytes of chance in a password that the program makes.
CHANCE: Final = 15


@click.group(cls=Commands)
def user() -> None:
    """Users: admins, supervisors and agents."""


@user.command("create")
@click.argument("name")
@click.option("--email", required=True, help="Address that the user logs in with.")
@click.option("--role", type=click.Choice(ROLES), default="agent", show_default=True)
@click.option("--phone", help="Telephone number on which the agent is called.")
@click.option("--sip", is_flag=True, help="Make a SIP account on which the agent is called.")
@json_option
@with_account
def user_create(
    owner: Account,
    *,
    name: str,
    email: str,
    role: str,
    phone: str | None,
    sip: bool,
    as_json: bool,
) -> None:
    """Make a user called NAME, with the device on which an agent is called."""
    from autodialer.apps.accounts.models import Role
    from autodialer.apps.accounts.services import create_user
    from autodialer.apps.agents.models import DeviceKind
    from autodialer.apps.agents.services import add_device, check_address

    devices = [(DeviceKind.PHONE, phone), (DeviceKind.SIP, "" if sip else None)]
    given = [(kind, address) for kind, address in devices if address is not None]
    for kind, address in given:  # before the user exists: a wrong device leaves nothing behind
        check_address(kind, address, owner.region)
    made = create_user(account=owner, email=email, name=name, role=Role(role), now=now())
    for kind, address in reversed(given):
        add_device(account=owner, user_id=made.pk, kind=kind, address=address, now=now())
    tell_made("user", made.pk, made.name, as_json=as_json)


@user.command("list")
@json_option
@with_account
def user_list(owner: Account, *, as_json: bool) -> None:
    """List the users of the account."""
    from autodialer.apps.agents.queries import user_rows

    print_rows(
        user_rows(owner),
        ("id", "name", "email", "role", "is_active", "devices"),
        as_json=as_json,
        empty="There is no user yet: `autodialer user create NAME --email ADDRESS`.",
    )


@user.command("disable")
@click.argument("who")
@json_option
@with_account
def user_disable(owner: Account, *, who: str, as_json: bool) -> None:
    """Keep WHO out; an agent who talks finishes the call first."""
    _set_active(owner, who, active=False, as_json=as_json)


@user.command("enable")
@click.argument("who")
@json_option
@with_account
def user_enable(owner: Account, *, who: str, as_json: bool) -> None:
    """Let WHO in again."""
    _set_active(owner, who, active=True, as_json=as_json)


def _set_active(owner: Account, who: str, *, active: bool, as_json: bool) -> None:
    from autodialer.apps.accounts.services import set_user_active

    found = set_user_active(account=owner, now=now(), user_id=pick_user(owner, who), active=active)
    result = {"id": found.pk, "name": found.name, "is_active": found.is_active}
    tell(result, f"{found.name}: {'enabled' if active else 'disabled'}.", as_json=as_json)


@user.command("rename")
@click.argument("who")
@click.argument("name")
@json_option
@with_account
def user_rename(owner: Account, *, who: str, name: str, as_json: bool) -> None:
    """Call WHO by another NAME."""
    from autodialer.apps.accounts.services import rename_user

    renamed = rename_user(account=owner, now=now(), user_id=pick_user(owner, who), name=name)
    tell(
        {"id": renamed.pk, "name": renamed.name},
        f"{who}: is called {renamed.name!r} now.",
        as_json=as_json,
    )


@user.command("role")
@click.argument("who")
@click.argument("role", type=click.Choice(ROLES))
@json_option
@with_account
def user_role(owner: Account, *, who: str, role: str, as_json: bool) -> None:
    """Make WHO an admin, a supervisor or an agent."""
    from autodialer.apps.accounts.models import Role
    from autodialer.apps.accounts.services import change_role

    found = change_role(account=owner, now=now(), user_id=pick_user(owner, who), role=Role(role))
    tell(
        {"id": found.pk, "name": found.name, "role": found.role},
        f"{found.name}: {found.role}.",
        as_json=as_json,
    )


@user.command("create-admin")
@click.argument("name")
@click.option("--email", required=True, help="Address that the admin logs in with.")
@click.option("--generate", is_flag=True, help="Make a password and print it, without asking.")
@json_option
@with_account
def user_create_admin(
    owner: Account, *, name: str, email: str, generate: bool, as_json: bool
) -> None:
    """Make an admin called NAME who can log in.

    Asks for the password; without a terminal it makes one and prints it.
    """
    from autodialer.apps.accounts.models import Role
    from autodialer.apps.accounts.services import create_user

    password, is_ours = _new_password(generate=generate or as_json)
    made = create_user(
        account=owner, email=email, name=name, role=Role.ADMIN, password=password, now=now()
    )
    if as_json:
        print_json({"id": made.pk, "name": made.name, "password": password})
        return
    click.echo(f"{made.name} logs in as {made.email}.", err=True)
    _tell_password(password, is_ours=is_ours)


@user.command("set-password")
@click.argument("who")
@click.option("--generate", is_flag=True, help="Make a password and print it, without asking.")
@json_option
@with_account
def user_set_password(owner: Account, *, who: str, generate: bool, as_json: bool) -> None:
    """Let WHO log in with another password; their sessions end.

    Asks for the password; without a terminal it makes one and prints it.
    """
    from autodialer.apps.accounts.services import set_password

    user_id = pick_user(owner, who)
    password, is_ours = _new_password(generate=generate or as_json)
    found = set_password(account=owner, user_id=user_id, password=password, now=now())
    if as_json:
        print_json({"id": found.pk, "name": found.name, "password": password})
        return
    click.echo(f"{found.name} logs in as {found.email} with the new password.", err=True)
    _tell_password(password, is_ours=is_ours)


def _new_password(*, generate: bool) -> tuple[str, bool]:
    """Return a password and whether it was made here; else it is typed twice, unseen."""
    if generate or not sys.stdin.isatty():
        return secrets.token_urlsafe(CHANCE), True
    return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True), False


def _tell_password(password: str, *, is_ours: bool) -> None:
    if not is_ours:
        return
    click.echo(password)
    click.echo("This is the password: it is not shown again.", err=True)
