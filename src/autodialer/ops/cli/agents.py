"""Commands for agents: Start, Stop, and who is connected."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from autodialer.domain.errors import ConflictError
from autodialer.ops.cli.book import pick_user
from autodialer.ops.cli.campaigns import pick_campaign
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

# So long the reason why a session ended stays in view.
ENDED_SHOWN: Final = timedelta(minutes=10)


@click.group(cls=Commands)
def agent() -> None:
    """Start and stop agents."""


@agent.command("start")
@click.option("--campaign", required=True, help="Campaign (name or id).")
@click.option("--agent", "who", required=True, help="Agent (name, e-mail or id).")
@click.option("--device", help="Device (address or id); the default one if omitted.")
@json_option
@with_account
def agent_start(
    owner: Account, *, campaign: str, who: str, device: str | None, as_json: bool
) -> None:
    """Call the agent, then the numbers of the campaign one after the other."""
    from autodialer.apps.agents.queries import devices
    from autodialer.apps.calls.services import start_session

    user_id = pick_user(owner, who)
    device_id = None if device is None else pick("device", devices(owner, user_id), device)
    started = start_session(
        account=owner,
        campaign_id=pick_campaign(owner, campaign),
        user_id=user_id,
        device_id=device_id,
        now=now(),
    )
    if as_json:
        print_json(started)
        return
    click.echo(str(started.session_id))
    click.echo(
        f"{who} will be called now; see `autodialer campaign watch {shlex.quote(campaign)}`, and "
        "`autodialer session list` if nothing happens."
        if started.is_new
        else f"{who} is connected already.",
        err=True,
    )


@agent.command("stop")
@click.option("--agent", "who", required=True, help="Agent (name, e-mail or id).")
@click.option("--now", "at_once", is_flag=True, help="Also end the present call.")
@json_option
@with_account
def agent_stop(owner: Account, *, who: str, at_once: bool, as_json: bool) -> None:
    """Release the agent, after the present call unless --now."""
    from autodialer.apps.calls.queries import agent_rows
    from autodialer.apps.calls.services import stop_session

    user_id = pick_user(owner, who)
    live = [row for row in agent_rows(owner) if row.user_id == user_id]
    if not live:
        raise ConflictError(f"{who} is not connected.")
    stop_session(account=owner, session_id=live[0].session_id, at_once=at_once, now=now())
    tell(
        {"session_id": live[0].session_id, "at_once": at_once},
        f"{who} {'is released' if at_once else 'leaves after this call'}.",
        as_json=as_json,
    )


@agent.command("why")
@click.argument("name")
@json_option
@with_account
def agent_why(owner: Account, *, name: str, as_json: bool) -> None:
    """Say what the phone of the agent NAME does, or why it is quiet."""
    from autodialer.apps.calls.explain import why_agent

    found = why_agent(owner, pick_user(owner, name), now())
    if as_json:
        print_json(found)
        return
    click.echo(found.sentence)


@click.group(cls=Commands)
def session() -> None:
    """Spans of agents being connected."""


@session.command("list")
@json_option
@with_account
def session_list(owner: Account, *, as_json: bool) -> None:
    """List who is connected and doing what, then who left in the last 10 minutes and why."""
    from autodialer.apps.calls.queries import agent_rows, ended_rows

    print_rows(
        [*agent_rows(owner), *ended_rows(owner, now() - ENDED_SHOWN)],
        ("session_id", "campaign_id", "agent", "state", "since", "number", "contact", "why"),
        owner.zone,
        as_json=as_json,
        empty="No agent is connected.",
    )
