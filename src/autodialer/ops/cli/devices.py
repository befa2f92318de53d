"""Commands for the devices on which agents are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from autodialer.ops.cli.book import pick_user
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
    from autodialer.apps.accounts.models import Account

KINDS: Final = ("phone", "sip", "browser")


@click.group(cls=Commands)
def device() -> None:
    """Where agents are called: telephone numbers, SIP users, browsers."""


@device.command("add")
@click.argument("who")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("address", default="")
@click.option("--extra", is_flag=True, help="Keep the present default device.")
@json_option
@with_account
def device_add(
    owner: Account, *, who: str, kind: str, address: str, extra: bool, as_json: bool
) -> None:
    """Add a device of WHO: a phone needs its number as ADDRESS, the others get a name."""
    from autodialer.apps.agents.models import DeviceKind
    from autodialer.apps.agents.services import add_device

    made = add_device(
        account=owner,
        user_id=pick_user(owner, who),
        kind=DeviceKind(kind),
        address=address,
        is_default=not extra,
        now=now(),
    )
    if as_json:
        print_json({"id": made.pk, "address": made.address})
        return
    click.echo(made.pk)
    click.echo(f"{who} can be called on {made}.", err=True)


@device.command("secret")
@click.argument("who")
@click.argument("wanted", metavar="DEVICE")
@json_option
@with_account
def device_secret(owner: Account, *, who: str, wanted: str, as_json: bool) -> None:
    """Give DEVICE (name or id), a SIP phone of WHO, a new secret; shown this once."""
    from autodialer.apps.agents.services import issue_phone_secret

    user_id = pick_user(owner, who)
    device_id = _pick(owner, user_id, wanted)
    issued = issue_phone_secret(account=owner, user_id=user_id, device_id=device_id, now=now())
    shown = {"user": issued.user, "secret": issued.secret, "realm": issued.realm}
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        click.echo(f"{name}: {value}")
    click.echo("The secret before it is void. This one is not shown again.", err=True)


@device.command("default")
@click.argument("who")
@click.argument("wanted", metavar="DEVICE")
@json_option
@with_account
def device_default(owner: Account, *, who: str, wanted: str, as_json: bool) -> None:
    """Call WHO on DEVICE (address or id) from the next Start on."""
    from autodialer.apps.agents.services import set_default_device

    user_id = pick_user(owner, who)
    set_default_device(
        account=owner, now=now(), user_id=user_id, device_id=_pick(owner, user_id, wanted)
    )
    tell({"default": wanted}, f"{who}: {wanted} is the default device.", as_json=as_json)


@device.command("remove")
@click.argument("who")
@click.argument("wanted", metavar="DEVICE")
@json_option
@with_account
def device_remove(owner: Account, *, who: str, wanted: str, as_json: bool) -> None:
    """Remove DEVICE (address or id) of WHO."""
    from autodialer.apps.agents.services import remove_device

    user_id = pick_user(owner, who)
    remove_device(
        account=owner, now=now(), user_id=user_id, device_id=_pick(owner, user_id, wanted)
    )
    tell({"removed": wanted}, f"{who}: {wanted} removed.", as_json=as_json)


@device.command("list")
@click.option("--user", "who", help="Of this user only (name, e-mail or id).")
@json_option
@with_account
def device_list(owner: Account, *, who: str | None, as_json: bool) -> None:
    """List devices by user, the default one first."""
    from autodialer.apps.agents.queries import device_rows

    print_rows(
        device_rows(owner, None if who is None else pick_user(owner, who)),
        ("id", "user", "kind", "address", "is_default", "is_ready"),
        as_json=as_json,
        empty="There is no device yet: `autodialer device add WHO phone NUMBER`.",
    )


def _pick(owner: Account, user_id: int, wanted: str) -> int:
    from autodialer.apps.agents.queries import devices

    return pick("device", devices(owner, user_id), wanted)
