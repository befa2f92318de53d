"""The report of a campaign as an Excel workbook: its numbers, its calls and a summary.

Every text is typed as text: nothing is calculated, no digit of a number is lost.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from django.db import connection
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from autodialer.apps.calls import report
from autodialer.apps.campaigns.queries import campaign_row
from autodialer.apps.spreadsheet import FORMULA_STARTS
from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.calls.report import Section, Value
    from autodialer.apps.campaigns.models import Campaign

HEADER: Final = Font(bold=True)
TEXT: Final = "@"  # Excel's own format for text: it stays text when somebody edits the cell
MONEY: Final = "0.00"
WIDTH: Final = 18
_BAD: Final = ILLEGAL_CHARACTERS_RE
_FORMULA: Final = (*FORMULA_STARTS, *ERROR_CODES)


def write_workbook(account: Account, campaign: Campaign, to: BinaryIO, now: datetime) -> int:
    """Write the whole report; return the number of rows below the headers of numbers and calls.

    Times are those of the clock in the account's zone, which Excel cannot store: it is named in
    a column of its own. Rows pass through a temporary file, not through memory.
    """
    book = Workbook(write_only=True)
    # First, because an import reads the first sheet: a report can be imported as a list again.
    rows = _add(book, report.targets(account, campaign))
    rows += _add(book, report.calls(account, campaign))
    _add(book, summary(account, campaign, now))
    book.save(to)
    return rows


def summary(account: Account, campaign: Campaign, now: datetime) -> Section:
    """Return what the campaign came to until `now`, a line for each figure."""
    facts = chain(_about(account, campaign, now), _call_totals(account, campaign))
    return report.Section("summary", ("what", "value"), iter(facts))


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


def _add(book: Workbook, section: Section) -> int:
    sheet: WriteOnlyWorksheet = book.create_sheet(section.name)
    sheet.freeze_panes = "A2"
    for at in range(len(section.columns)):
        letters = get_column_letter(1 + at)
        sheet.column_dimensions[letters].width = WIDTH  # type: ignore[attr-defined]  # not in the stubs
    sheet.append([_heading(sheet, name) for name in section.columns])
    count = 0
    for count, row in enumerate(section.rows, start=1):  # noqa: B007  the last one is returned
        sheet.append([_cell(sheet, value) for value in row])
    return count


def _heading(sheet: WriteOnlyWorksheet, name: str) -> Cell:
    cell = _text(sheet, name)
    cell.font = HEADER
    return cell


def _cell(sheet: WriteOnlyWorksheet, value: Value) -> Cell | Value:
    if isinstance(value, str):
        is_plain = not value.startswith(_FORMULA) and not _BAD.search(value)
        return (value or None) if is_plain else _text(sheet, value)
    if isinstance(value, Decimal):
        cell = WriteOnlyCell(sheet, float(value))  # all that Excel has
        cell.number_format = MONEY
        return cell
    # Excel knows no zones: what the clock on the account's wall showed.
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _text(sheet: WriteOnlyWorksheet, value: str) -> Cell:
    """Return a cell that is text, whatever it looks like; XML has no control characters."""
    cell = WriteOnlyCell(sheet, _BAD.sub("\N{REPLACEMENT CHARACTER}", value))
    cell.data_type, cell.number_format = "s", TEXT
    return cell
