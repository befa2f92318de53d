"""Following a campaign: on a terminal as a page that is drawn again, in a pipe as lines."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autodialer.apps.calls.queries import AgentRow, CallRow, agent_rows, call_rows, ended_rows
from autodialer.apps.campaigns.queries import CampaignRow, campaign_row
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.target import TargetStatus
from autodialer.ops.cli.agents import ENDED_SHOWN
from autodialer.ops.cli.shell import now, shown, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from autodialer.apps.accounts.models import Account

# The counts read all targets of a campaign: once a second is enough for people.
EVERY_S: Final = 1.0
CALLS_SHOWN: Final = 8
BAR_WIDTH: Final = 40
OVER: Final = frozenset({CampaignStatus.COMPLETED.value, CampaignStatus.ARCHIVED.value})
_STYLES: Final = {
    TargetStatus.COMPLETED: "green",
    TargetStatus.SCHEDULED: "blue",
    TargetStatus.IN_PROGRESS: "yellow",
    TargetStatus.RETRYING: "yellow",
    TargetStatus.RETRY: "cyan",
}


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a campaign at one instant."""

    campaign: CampaignRow
    agents: list[AgentRow]
    ended: list[AgentRow]
    calls: list[CallRow]
    at: datetime

    @property
    def is_over(self) -> bool:
        """True when the campaign is completed and its last conversation has ended."""
        return self.campaign.status in OVER and not self.agents


def watch(account: Account, campaign_id: int, *, as_json: bool) -> None:
    """Show the campaign until it is over or the reader presses Ctrl-C."""
    views = _views(account, campaign_id)
    console = Console()
    try:
        if as_json:
            _lines(views, _json)
        elif console.is_terminal:
            _page(views, console)
        else:
            _lines(views, _line)
    except KeyboardInterrupt:
        click.echo("Watching has ended; the campaign goes on.", err=True)


def read_view(account: Account, campaign_id: int) -> View:
    """Return the campaign, its agents and its last calls as they are now."""
    at = now()
    agents = agent_rows(account, campaign_id)
    return View(
        campaign=campaign_row(account, campaign_id),
        agents=agents,
        ended=_last_ends(ended_rows(account, at - ENDED_SHOWN, campaign_id), agents),
        calls=call_rows(account, campaign_id, limit=CALLS_SHOWN),
        at=at,
    )


def page_of(view: View) -> Group:
    """Return the page that a terminal shows: counts as bars, agents, last calls."""
    return Group(_title(view), _bars(view), Text(""), _agents(view), Text(""), _calls(view))


def _last_ends(ended: list[AgentRow], agents: list[AgentRow]) -> list[AgentRow]:
    """Return the last end of each agent who is not connected again; the newest come first."""
    seen = {row.user_id for row in agents}
    last: list[AgentRow] = []
    for row in ended:
        if row.user_id not in seen:
            seen.add(row.user_id)
            last.append(row)
    return last


def _views(account: Account, campaign_id: int) -> Iterator[View]:
    while True:
        view = read_view(account, campaign_id)
        yield view
        if view.is_over:
            return
        time.sleep(EVERY_S)


def _page(views: Iterator[View], console: Console) -> None:
    with Live(console=console, auto_refresh=False) as live:
        for view in views:
            live.update(page_of(view), refresh=True)


def _lines(views: Iterator[View], line_of: Callable[[View], str]) -> None:
    """Print a line for each view that differs from the one before."""
    last = ""
    for view in views:
        line = line_of(view)
        if line != last:
            click.echo(line)
        last = line


def _json(view: View) -> str:
    return to_json({"campaign": view.campaign, "agents": view.agents, "ended": view.ended})


def _line(view: View) -> str:
    agents = [f"{row.agent} {_doing(row)}" for row in view.agents] or ["nobody connected"]
    ended = [f"{row.agent} ended: {row.why}" for row in view.ended]
    return f"{view.campaign.status}: {view.campaign.counts}; {'; '.join(agents + ended)}"


def _doing(row: AgentRow) -> str:
    return f"{row.state} {row.number}".strip()


def _title(view: View) -> Text:
    row = view.campaign
    why = f" ({row.reason})" if row.reason else ""
    return Text.assemble((row.name, "bold"), f"  {row.status}{why}  {shown(view.at, row.zone)}")


def _bars(view: View) -> Table:
    table = Table.grid(padding=(0, 2))
    total = max(view.campaign.counts.total, 1)
    for status, count in view.campaign.counts.by_status.items():
        style = _STYLES.get(status, "red")
        bar = ProgressBar(total, count, BAR_WIDTH, complete_style=style, finished_style=style)
        table.add_row(status.value, Text(f"{count:,}", justify="right"), bar)
    return table


def _agents(view: View) -> Table:
    table = Table("agent", "state", "for", "number", "contact", "why", box=None, pad_edge=False)
    for row in (*view.agents, *view.ended):
        seconds = max(0, int((view.at - row.since).total_seconds()))
        for_ = f"{seconds // 60:02}:{seconds % 60:02}"
        cells = (row.agent, row.state.value, for_, row.number, row.contact, row.why)
        table.add_row(*map(Text, cells))
    return table


def _calls(view: View) -> Table:
    table = Table("placed", "number", "agent", "status", "reason", box=None, pad_edge=False)
    for row in view.calls:
        placed = shown(row.placed_at, view.campaign.zone)
        cells = (placed, row.number, row.agent, row.status or row.state, row.reason)
        table.add_row(*map(Text, cells))
    return table
