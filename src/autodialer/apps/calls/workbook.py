"""The report of a campaign as an Excel workbook: its numbers, its calls and a summary."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db import connection

from autodialer.apps import sheets
from autodialer.apps.calls import report
from autodialer.apps.campaigns.queries import campaign_row
from autodialer.apps.sheets import Section
from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.apps.sheets import Value


def write_workbook(account: Account, campaign: Campaign, to: BinaryIO, now: datetime) -> int:
    """Write the whole report; return the number of rows below the headers of numbers and calls."""
    targets, calls, _ = sheets.write_workbook(report_sections(account, campaign, now), to)
    return targets + calls


def report_sections(account: Account, campaign: Campaign, now: datetime) -> tuple[Section, ...]:
    """Return the sheets of the report.

    Times are those of the clock in the account's zone, which Excel cannot store: it is named in
    a column of its own.
    """
    return (
        # First, because an import reads the first sheet: a report can be imported as a list again.
        report.targets(account, campaign),
        report.calls(account, campaign),
        summary(account, campaign, now),
    )


def summary(account: Account, campaign: Campaign, now: datetime) -> Section:
    """Return what the campaign came to until `now`, a line for each figure."""
    facts = chain(_about(account, campaign, now), _call_totals(account, campaign))
    return Section("summary", ("what", "value"), iter(facts))


def _about(account: Account, campaign: Campaign, now: datetime) -> Iterator[Sequence[Value]]:
    row, zone = campaign_row(account, campaign.pk), ZoneInfo(account.zone)
    yield "campaign", row.name
    yield "status", row.status
    yield "reason", row.reason
    yield "list", row.list_name
    yield "participants", row.participants
    yield "caller id", row.caller_id
    yield "start", row.starts_at.astimezone(zone)
    yield "end", row.ends_at.astimezone(zone)
    yield "report of", now.astimezone(zone)
    yield "time zone", account.zone
    yield "numbers", row.counts.total
    yield from ((f"numbers {status}", count) for status, count in row.counts.by_status.items())


def _call_totals(account: Account, campaign: Campaign) -> Iterator[Sequence[Value]]:
    values = {"account_id": account.pk, "campaign_id": campaign.pk}
    with connection.cursor() as cursor:
        cursor.execute(statement("calls", "report_totals"), values)
        found = cursor.fetchall()
    yield "calls", sum(calls for _, calls, _, _ in found)
    yield from ((f"calls {status}", calls) for status, calls, _, _ in found)
    yield "calls abandoned", sum(abandoned for _, _, abandoned, _ in found)
    yield "talk seconds", sum(talk_s for _, _, _, talk_s in found)
