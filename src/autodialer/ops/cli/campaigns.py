"""Commands for campaigns."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

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
    with_account,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.apps.campaigns.queries import CampaignRow

STATUSES: Final = ("created", "in-progress", "paused", "completed", "archived")
FORMS: Final = ("csv", "xlsx")
RETRY_ON: Final = ("busy", "no-answer", "failed")


class _Clock(click.ParamType[time]):
    """A time of the day such as 09:30."""

    name = "HH:MM"

    def convert(self, value: Any, param: Any, ctx: Any) -> time:
        if isinstance(value, time):
            return value
        try:
            return time.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time of the day: write it like 09:30.", param, ctx)


class _Instant(click.ParamType[datetime]):
    """A date and time; without an offset it is in the zone of the account."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time: write it like 2026-11-23T09:30.", param, ctx)


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
@click.option("--start", "starts_at", type=_Instant(), help="Start; now if omitted.")
@click.option("--end", "ends_at", type=_Instant(), help="End; 30 days later if omitted.")
@click.option("--opens", "window_opens", type=_Clock(), help="Earliest time of the day.")
@click.option("--closes", "window_closes", type=_Clock(), help="Latest time of the day.")
@click.option("--retries", type=int, default=0, show_default=True, help="0 to 3.")
@click.option("--retry-on", "retry_statuses", type=click.Choice(RETRY_ON), multiple=True)
@click.option(
    "--retry-interval",
    "retry_interval_min",
    type=int,
    default=30,
    show_default=True,
    help="Minutes from a call to its retry, 1 to 1,440.",
)
@click.option("--retry-mechanism", type=click.Choice(("linear", "exponential")), default="linear")
@click.option(
    "--ring-timeout",
    "ring_timeout_s",
    type=int,
    default=30,
    show_default=True,
    help="Seconds that a phone rings, 5 to 120.",
)
@click.option(
    "--idle-limit",
    "idle_limit_s",
    type=int,
    default=120,
    show_default=True,
    help="Seconds that an agent waits for a next number, 10 to 3,600.",
)
@click.option(
    "--max-talk",
    "max_talk_s",
    type=int,
    default=3600,
    show_default=True,
    help="Seconds after which a talk is ended, 30 to 14,400.",
)
@click.option("--popup-url", default="", help="Shown to the agent with each call.")
@click.option("--call-completed-url", default="", help="Told of each call that was answered.")
@click.option("--call-no-answer-url", default="", help="Told of each call that was not.")
@click.option("--get-contacts-url", default="", help="Gives what is known of a number.")
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
    from autodialer.domain.retry import RetryMechanism

    terms["retry_mechanism"] = RetryMechanism(terms["retry_mechanism"])
    for moment in ("starts_at", "ends_at"):
        terms[moment] = _in_zone(terms[moment], owner)
    made = create_campaign(
        account=owner,
        actor=OPERATOR,
        name=name,
        list_id=None if list_name is None else pick_list(owner, list_name),
        dial_whom_url=dial_whom_url,
        group_id=None if group_name is None else pick_group(owner, group_name),
        agent_ids=[pick_user(owner, agent) for agent in agents],
        caller_id=pick_caller_id(owner, caller_id),
        terms=Terms(**terms),
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
            ("id", "name", "status", "completed", "failed", "scheduled", "start"),
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
@with_account
def campaign_pause(owner: Account, *, name: str) -> None:
    """Stop new calls; live calls go on."""
    from autodialer.apps.campaigns.services import pause_campaign

    _steer(owner, name, pause_campaign, "is paused")


@campaign.command("resume")
@click.argument("name")
@with_account
def campaign_resume(owner: Account, *, name: str) -> None:
    """Let a paused campaign call again."""
    from autodialer.apps.campaigns.services import resume_campaign

    _steer(owner, name, resume_campaign, "is in progress")


@campaign.command("complete")
@click.argument("name")
@with_account
def campaign_complete(owner: Account, *, name: str) -> None:
    """End a campaign early; live calls go on, what waits is finished."""
    from autodialer.apps.campaigns.services import complete_campaign

    _steer(owner, name, complete_campaign, "is completed")


@campaign.command("archive")
@click.argument("name")
@with_account
def campaign_archive(owner: Account, *, name: str) -> None:
    """Put away a completed or a not yet started campaign."""
    from autodialer.apps.campaigns.services import archive_campaign

    _steer(owner, name, archive_campaign, "is archived")


@campaign.command("clone")
@click.argument("name")
@click.option(
    "--as", "new_name", default="", help="Name of the new one; the next free one if omitted."
)
@click.option("--start", "starts_at", type=_Instant(), help="Start; now if omitted.")
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
        starts_at=_in_zone(starts_at, owner),
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
@click.option("--start", "starts_at", type=_Instant(), help="Another start.")
@click.option("--end", "ends_at", type=_Instant(), help="Another end.")
@click.option("--retries", type=int, help="0 to 3.")
@click.option("--retry-on", "retry_statuses", type=click.Choice(RETRY_ON), multiple=True)
@click.option("--ring-timeout", "ring_timeout_s", type=int, help="Seconds, 5 to 120.")
@with_account
def campaign_edit(
    owner: Account, *, name: str, new_name: str | None, list_name: str | None, **changes: Any
) -> None:
    """Change the campaign NAME before it starts; what is not given stays."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.campaigns.queries import campaign as campaign_of
    from autodialer.apps.campaigns.queries import plan_of
    from autodialer.apps.campaigns.services import edit_campaign

    plan = plan_of(campaign_of(owner, pick_campaign(owner, name)))
    for moment in ("starts_at", "ends_at"):
        changes[moment] = _in_zone(changes[moment], owner)
    given = {key: value for key, value in changes.items() if value not in {None, ()}}
    plan = replace(plan, name=new_name or plan.name, terms=replace(plan.terms, **given))
    if list_name is not None:
        plan = replace(plan, list_id=pick_list(owner, list_name), dial_whom_url="")
    edited = edit_campaign(
        account=owner,
        campaign_id=pick_campaign(owner, name),
        actor=OPERATOR,
        plan=plan,
        copy_again=list_name is not None,
        now=now(),
    )
    click.echo(f"The campaign {edited.name!r} is {edited.status}.", err=True)


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


def _steer(owner: Account, name: str, service: Callable[..., None], done: str) -> None:
    from autodialer.apps.accounts.actor import OPERATOR

    campaign_id = pick_campaign(owner, name)
    service(account=owner, campaign_id=campaign_id, actor=OPERATOR, now=now())
    click.echo(f"The campaign {name} {done}.", err=True)


def _in_zone(moment: datetime | None, owner: Account) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=ZoneInfo(owner.zone))


def _summary(row: CampaignRow) -> list[str]:
    """The three figures of the requirements; each adds up its kinds."""
    from autodialer.domain.target import TERMINAL, TargetStatus

    done = row.counts[TargetStatus.COMPLETED]
    failed = sum(row.counts[s] for s in TERMINAL - {TargetStatus.COMPLETED})
    figures = [f"{count:,}" for count in (done, failed, row.counts.total - done - failed)]
    return [str(row.id), row.name, row.status, *figures, shown(row.starts_at, row.zone)]
