"""Commands for campaigns."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from autodialer.ops.cli.book import pick_caller_id, pick_group, pick_user
from autodialer.ops.cli.lists import pick_list
from autodialer.ops.cli.shell import (
    Commands,
    counted,
    json_option,
    now,
    pick,
    print_json,
    print_one,
    print_rows,
    print_table,
    shown,
    tell,
    with_account,
)
from autodialer.ops.cli.terms import Instant, given_terms, in_zone, terms_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.apps.campaigns.plan import Plan
    from autodialer.apps.campaigns.queries import CampaignRow

STATUSES: Final = ("created", "in-progress", "paused", "completed", "archived")
FORMS: Final = ("csv", "xlsx")
# What a list shows of the ten counts: in-progress and failed add up their kinds.
FIGURES: Final = ("scheduled", "in-progress", "retry", "completed", "failed")


@click.group(cls=Commands)
def campaign() -> None:
    """Campaigns: whom to call, by whom, when, and how often."""


@campaign.command("create")
@click.argument("name")
@click.option("--list", "list_name", help="List (name or id).")
@click.option("--dial-whom-url", default="", help="Address that gives one number a call.")
@click.option("--group", "group_name", help="Group of agents (name or id).")
@click.option("--agent", "agents", multiple=True, help="Single agent instead of a group.")
@click.option("--caller-id", required=True, help="Verified number to call from (number or id).")
@terms_options(is_new=True)
@json_option
@with_account
def campaign_create(
    owner: Account,
    *,
    name: str,
    list_name: str | None,
    dial_whom_url: str,
    group_name: str | None,
    agents: Sequence[str],
    caller_id: str,
    as_json: bool,
    **terms: Any,
) -> None:
    """Make a campaign called NAME; it starts by itself at its start."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.campaigns.services import create_campaign
    from autodialer.apps.campaigns.terms import Terms

    made = create_campaign(
        account=owner,
        actor=OPERATOR,
        name=name,
        list_id=None if list_name is None else pick_list(owner, list_name),
        dial_whom_url=dial_whom_url,
        group_id=None if group_name is None else pick_group(owner, group_name),
        agent_ids=[pick_user(owner, agent) for agent in agents],
        caller_id=pick_caller_id(owner, caller_id),
        terms=given_terms(Terms(), owner, terms),
        now=now(),
    )
    if as_json:
        print_json({"id": made.pk, "name": made.name, "status": made.status})
        return
    click.echo(made.pk)
    click.echo(
        f"The campaign {made.name!r} is {made.status} with "
        f"{counted(made.target_count, 'number')}; {_how_to_start(owner, made)}.",
        err=True,
    )


def _how_to_start(owner: Account, made: Campaign) -> str:
    """Say how agents start; before the start and outside the window only when they can."""
    from autodialer.apps.campaigns.terms import narrowed_hours
    from autodialer.domain.window import next_opening

    at = now()
    window = narrowed_hours(owner, made.window_opens, made.window_closes)
    opening = next_opening(window, max(made.starts_at, at), timedelta(seconds=made.ring_timeout_s))
    if opening is None or opening <= at:
        return f"start agents with `autodialer agent start --campaign {made.pk} --agent NAME`"
    return f"agents can start at {shown(opening, owner.zone)}"


@campaign.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Archived ones only when asked for.")
@click.option("--search", default="", help="At least three characters of the name.")
@json_option
@with_account
def campaign_list(owner: Account, *, status: str | None, search: str, as_json: bool) -> None:
    """List campaigns, newest first."""
    from autodialer.apps.campaigns.queries import campaign_rows
    from autodialer.domain.campaign import CampaignStatus

    if search and len(search) < 3:  # noqa: PLR2004  as in the requirements
        raise click.UsageError("Search for at least three characters.")
    wanted = None if status is None else CampaignStatus(status)
    rows = campaign_rows(owner, status=wanted, search=search)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("id", "name", "status", "total", *FIGURES, "start"),
            [_summary(row) for row in rows],
        )
    else:
        click.echo("No campaign found.", err=True)


@campaign.command("show")
@click.argument("name")
@json_option
@with_account
def campaign_show(owner: Account, *, name: str, as_json: bool) -> None:
    """Show the campaign NAME with its ten counts."""
    from autodialer.apps.campaigns.queries import campaign_row

    row = campaign_row(owner, pick_campaign(owner, name))
    if as_json:
        print_json(row)
        return
    print_one(row, owner.zone, as_json=False)


@campaign.command("pause")
@click.argument("name")
@json_option
@with_account
def campaign_pause(owner: Account, *, name: str, as_json: bool) -> None:
    """Stop new calls; live calls go on."""
    from autodialer.apps.campaigns.services import pause_campaign

    _steer(owner, name, pause_campaign, "is paused", as_json=as_json)


@campaign.command("resume")
@click.argument("name")
@json_option
@with_account
def campaign_resume(owner: Account, *, name: str, as_json: bool) -> None:
    """Let a paused campaign call again."""
    from autodialer.apps.campaigns.services import resume_campaign

    _steer(owner, name, resume_campaign, "is in progress", as_json=as_json)


@campaign.command("complete")
@click.argument("name")
@json_option
@with_account
def campaign_complete(owner: Account, *, name: str, as_json: bool) -> None:
    """End a campaign early; live calls go on, what waits is finished."""
    from autodialer.apps.campaigns.services import complete_campaign

    _steer(owner, name, complete_campaign, "is completed", as_json=as_json)


@campaign.command("archive")
@click.argument("name")
@json_option
@with_account
def campaign_archive(owner: Account, *, name: str, as_json: bool) -> None:
    """Put away a completed or a not yet started campaign."""
    from autodialer.apps.campaigns.services import archive_campaign

    _steer(owner, name, archive_campaign, "is archived", as_json=as_json)


@campaign.command("clone")
@click.argument("name")
@click.option(
    "--as", "new_name", default="", help="Name of the new one; the next free one if omitted."
)
@click.option("--start", "starts_at", type=Instant(), help="Start. Now if omitted.")
@json_option
@with_account
def campaign_clone(
    owner: Account, *, name: str, new_name: str, starts_at: datetime | None, as_json: bool
) -> None:
    """Make a campaign like NAME, with the list as it is now."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.campaigns.services import clone_campaign

    made = clone_campaign(
        account=owner,
        campaign_id=pick_campaign(owner, name),
        actor=OPERATOR,
        name=new_name,
        starts_at=None if starts_at is None else in_zone(starts_at, owner),
        now=now(),
    )
    if as_json:
        print_json({"id": made.pk, "name": made.name, "status": made.status})
        return
    click.echo(made.pk)
    click.echo(f"The campaign {made.name!r} is {made.status}.", err=True)


@campaign.command("edit")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--list", "list_name", help="Another list, or the same one to copy it again.")
@click.option("--dial-whom-url", help="Address that gives one number a call, instead of a list.")
@click.option("--group", "group_name", help="Another group of agents (name or id).")
@click.option("--agent", "agents", multiple=True, help="Single agents instead of those before.")
@click.option("--caller-id", help="Another verified number to call from (number or id).")
@click.option("--account-hours", is_flag=True, help="Call in the account's hours again.")
@terms_options(is_new=False)
@json_option
@with_account
def campaign_edit(
    owner: Account,
    *,
    name: str,
    list_name: str | None,
    account_hours: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Change the campaign NAME before it starts; what is not given stays."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.campaigns.queries import campaign as campaign_of
    from autodialer.apps.campaigns.queries import plan_of
    from autodialer.apps.campaigns.services import edit_campaign

    campaign_id = pick_campaign(owner, name)
    plan = _with_parties(plan_of(campaign_of(owner, campaign_id)), owner, changes)
    if list_name is not None:
        plan = replace(plan, list_id=pick_list(owner, list_name), dial_whom_url="")
    terms = plan.terms
    if account_hours:
        terms = replace(terms, window_opens=None, window_closes=None)
    edited = edit_campaign(
        account=owner,
        campaign_id=campaign_id,
        actor=OPERATOR,
        plan=replace(plan, terms=given_terms(terms, owner, changes)),
        copy_again=list_name is not None,
        now=now(),
    )
    _tell(edited, f"The campaign {edited.name!r} is {edited.status}.", as_json=as_json)


def _with_parties(plan: Plan, owner: Account, changes: dict[str, Any]) -> Plan:
    """Return the plan with another name, URL, caller id or agents; takes these out of `changes`."""
    new_name, url = changes.pop("new_name"), changes.pop("dial_whom_url")
    group_name, agents = changes.pop("group_name"), changes.pop("agents")
    caller_id = changes.pop("caller_id")
    if new_name is not None:
        plan = replace(plan, name=new_name)
    if url is not None:
        plan = replace(plan, list_id=None, dial_whom_url=url)
    if group_name is not None:
        plan = replace(plan, group_id=pick_group(owner, group_name), agent_ids=())
    if agents:
        picked = [pick_user(owner, agent) for agent in agents]
        plan = replace(plan, group_id=plan.group_id if group_name else None, agent_ids=picked)
    if caller_id is not None:
        plan = replace(plan, caller_id=pick_caller_id(owner, caller_id))
    return plan


@campaign.command("actions")
@click.argument("name")
@json_option
@with_account
def campaign_actions(owner: Account, *, name: str, as_json: bool) -> None:
    """List what may be done with the campaign NAME now, and why not the rest."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.campaigns.queries import allowed_actions

    rows = allowed_actions(owner, pick_campaign(owner, name), OPERATOR)
    print_rows(rows, ("action", "allowed", "why_not"), as_json=as_json, empty="")


@campaign.command("history")
@click.argument("name")
@click.option("--number", help="History of this number instead.")
@json_option
@with_account
def campaign_history(owner: Account, *, name: str, number: str | None, as_json: bool) -> None:
    """List the changes of status of the campaign NAME, oldest first."""
    from autodialer.apps.campaigns.queries import changes, target_changes
    from autodialer.apps.contacts.numbers import parse_caller_id

    campaign_id = pick_campaign(owner, name)
    nothing = "There is no change yet."
    if number is None:
        columns = ("at", "old", "new", "reason", "actor")
        found = changes(owner, campaign_id)
        print_rows(found, columns, owner.zone, as_json=as_json, empty=nothing)
        return
    steps = target_changes(owner, campaign_id, parse_caller_id(number, owner.region))
    columns_of_one = ("at", "old", "new", "reason")
    print_rows(steps, columns_of_one, owner.zone, as_json=as_json, empty=nothing)


@campaign.command("why")
@click.argument("name")
@click.argument("number")
@json_option
@with_account
def campaign_why(owner: Account, *, name: str, number: str, as_json: bool) -> None:
    """Say why NUMBER of the campaign NAME was or was not called."""
    from autodialer.apps.calls.explain import why_number

    found = why_number(owner, pick_campaign(owner, name), number, now())
    if as_json:
        print_json(found)
        return
    click.echo(f"{found.subject} is {found.status}. {found.sentence}")


@campaign.command("report")
@click.argument("name")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Else stdout.")
@click.option("--targets", is_flag=True, help="One row for each number instead of each call.")
@click.option(
    "--format", "form", type=click.Choice(FORMS), help="By the end of --out if omitted, else csv."
)
@with_account
def campaign_report(
    owner: Account, *, name: str, out: Path | None, targets: bool, form: str | None
) -> None:
    """Write the report of a campaign as CSV, or all of it as an Excel workbook."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.calls.services import download_report

    if form is None:
        form = "xlsx" if out is not None and out.suffix.lower() == ".xlsx" else "csv"
    found = download_report(
        account=owner,
        campaign_id=pick_campaign(owner, name),
        form=form,
        actor=OPERATOR,
        now=now(),
    )
    if out is None:
        _write_report(owner, found, sys.stdout.buffer, form, targets=targets)
        return
    draft = out.with_name(f"{out.name}.part")  # a report that breaks off leaves the old one
    try:
        with draft.open("wb") as file:
            count = _write_report(owner, found, file, form, targets=targets)
        draft.replace(out)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}.") from error
    click.echo(f"{out}: {counted(count, 'row')}.", err=True)


def _write_report(
    owner: Account, found: Campaign, to: BinaryIO, form: str, *, targets: bool
) -> int:
    from autodialer.apps import sheets
    from autodialer.apps.calls import report, workbook

    if form == "xlsx":
        return workbook.write_workbook(owner, found, to, now())
    text = io.TextIOWrapper(to, encoding="utf-8", newline="")
    section = report.targets(owner, found) if targets else report.calls(owner, found)
    try:
        return sheets.write_csv(section, text)
    finally:
        text.detach()  # flushes, and leaves `to` open to whoever opened it


@campaign.command("watch")
@click.argument("name")
@json_option
@with_account
def campaign_watch(owner: Account, *, name: str, as_json: bool) -> None:
    """Follow a campaign until it is completed. Ctrl-C ends watching, not the campaign."""
    from autodialer.ops.cli.watch import watch

    watch(owner, pick_campaign(owner, name), as_json=as_json)


def pick_campaign(owner: Account, wanted: str) -> int:
    """Return the id of the campaign that is meant by id or name, archived ones included."""
    from autodialer.apps.campaigns.queries import campaign_names

    return pick("campaign", campaign_names(owner), wanted)


def _steer(
    owner: Account, name: str, service: Callable[..., None], done: str, *, as_json: bool
) -> None:
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.campaigns.queries import campaign as campaign_of

    campaign_id = pick_campaign(owner, name)
    service(account=owner, campaign_id=campaign_id, actor=OPERATOR, now=now())
    _tell(campaign_of(owner, campaign_id), f"The campaign {name} {done}.", as_json=as_json)


def _tell(found: Campaign, sentence: str, *, as_json: bool) -> None:
    result = {"id": found.pk, "name": found.name, "status": found.status}
    tell(result, sentence, as_json=as_json)


def _summary(row: CampaignRow) -> list[str]:
    """Return the figures of a campaign; they add up to the first of them."""
    from autodialer.domain.target import TERMINAL, TargetStatus

    count, t = row.counts, TargetStatus
    figures = (
        count.total,
        count[t.SCHEDULED],
        count[t.IN_PROGRESS] + count[t.RETRYING],
        count[t.RETRY],
        count[t.COMPLETED],
        sum(count[status] for status in TERMINAL - {t.COMPLETED}),
    )
    amounts = [f"{figure:,}" for figure in figures]
    return [str(row.id), row.name, row.status, *amounts, shown(row.starts_at, row.zone)]
