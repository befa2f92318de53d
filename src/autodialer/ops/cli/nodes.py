"""Commands for nodes, each one Asterisk and one dialer."""

from __future__ import annotations

import click

from autodialer.domain.nodes import FIRST_NODE, FIRST_TRUNK
from autodialer.ops.cli.shell import (
    Commands,
    json_option,
    needs_database,
    now,
    print_rows,
    tell,
)


@click.group(cls=Commands)
def node() -> None:
    """The nodes that make the calls; each is one Asterisk and one dialer."""


@node.command("add")
@click.argument("name")
@click.option("--trunk", default=FIRST_TRUNK, show_default=True, help="What it calls over.")
@json_option
@needs_database
def node_add(*, name: str, trunk: str, as_json: bool) -> None:
    """Let a machine join as the node NAME; then run `autodialer node run` on it."""
    from autodialer.apps.calls.nodes import add_node

    add_node(name=name, trunk=trunk, now=now())
    how = f"Run `autodialer node run --name {name}` on its machine."
    tell({"added": name, "trunk": trunk}, f"{name}: added. {how}", as_json=as_json)


@node.command("list")
@json_option
@needs_database
def node_list(*, as_json: bool) -> None:
    """List the nodes: what each does and carries, and until when its dialer holds it."""
    from autodialer.apps.calls.nodes import node_rows

    print_rows(
        node_rows(now()),
        ("name", "state", "sessions", "capacity", "calls", "trunk", "waiting", "lease_until"),
        as_json=as_json,
        empty="There is no node yet: `autodialer up` makes the first one.",
    )


@node.command("drain")
@click.argument("name")
@json_option
@needs_database
def node_drain(*, name: str, as_json: bool) -> None:
    """Take NAME out of service: no new session, and each one ends after its present call."""
    from autodialer.apps.calls.nodes import drain_node

    drain_node(name=name, now=now())
    then = "`autodialer node list` says `drained` when it is empty."
    tell({"draining": name}, f"{name}: takes no session any more. {then}", as_json=as_json)


@node.command("undrain")
@click.argument("name")
@json_option
@needs_database
def node_undrain(*, name: str, as_json: bool) -> None:
    """Let NAME, which was drained, take sessions again."""
    from autodialer.apps.calls.nodes import undrain_node

    undrain_node(name=name, now=now())
    tell({"undrained": name}, f"{name}: takes sessions again.", as_json=as_json)


@node.command("remove")
@click.argument("name")
@click.option(
    "--lost",
    is_flag=True,
    help="Its machine is off for good: its calls are over, their numbers free at once.",
)
@json_option
@needs_database
def node_remove(*, name: str, lost: bool, as_json: bool) -> None:
    """Forget NAME, whose dialer has stopped: none may drive it any more."""
    from autodialer.apps.calls.nodes import remove_node

    remove_node(name=name, now=now(), lost=lost)
    tell({"removed": name, "lost": lost}, f"{name}: removed.", as_json=as_json)


@node.command("run")
@click.option(
    "--name", envvar="AUTODIALER_NODE", default=FIRST_NODE, show_default=True, help="The node."
)
@click.option("--lab", is_flag=True, help="Call the lab carrier instead of a real trunk.")
@needs_database
def node_run(*, name: str, lab: bool) -> None:
    """Run the Asterisk and the dialer of this machine until SIGTERM."""
    from autodialer.apps.calls.nodes import node_called
    from autodialer.ops.cli.machine import run_node

    if name != FIRST_NODE:  # the first one makes itself known
        node_called(name)
    run_node(name, lab=lab)
