"""The report of a campaign: its calls and its targets, streamed at any size.

The rows are the same for CSV (here) and Excel (`workbook.py`). In CSV, telephone numbers of our
own making are E.164 and keep their plus sign; every other text is shielded so that no spreadsheet
calculates it, and importing the file as a list undoes that.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import orjson
from django.db import connection

from autodialer.apps.calls.reasons import in_words
from autodialer.apps.contacts.models import E164
from autodialer.apps.spreadsheet import FORMULA_STARTS, shield
from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign

Value: TypeAlias = str | int | float | Decimal | datetime | None

CALL_COLUMNS: Final = (
    "call_id", "number", "contact", "agent", "caller_id", "try", "status", "reason",
    "what_happened", "abandoned", "estimated", "placed_at", "answered_at", "ended_at",
    "talk_seconds", "charged", "currency", "recording", "time_zone",
)  # fmt: skip
KNOWN_COLUMNS: Final = ("first_name", "last_name", "company", "email", "tag")
TARGET_COLUMNS: Final = (
    "number", *KNOWN_COLUMNS, "status", "reason", "what_happened", "tries", "due_at",
    "last_called_at", "last_agent", "talk_seconds", "changed_at", "time_zone",
)  # fmt: skip
_AFTER_TIMES: Final = 4  # talk, charged, currency, recording: as they are
ROWS_AT_ONCE: Final = 2_000
_MARKED: Final = frozenset((*FORMULA_STARTS, "'"))
_E164: Final = re.compile(E164)
_YES_NO: Final = ("no", "yes")


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a report. Its rows can be read once; times are in the account's zone."""

    name: str
    columns: Sequence[str]
    rows: Iterator[Sequence[Value]]


def calls(account: Account, campaign: Campaign) -> Section:
    """Return one row for each call, oldest first, all of one instant."""
    return Section("calls", CALL_COLUMNS, _calls(account, campaign))


def targets(account: Account, campaign: Campaign) -> Section:
    """Return one row for each target in list order, all of one instant; own columns come last.

    An own column that is called like one of ours gets a number, as when it is imported.
    """
    own = [heading for (heading,) in _rows("report_fields", account, campaign)]
    return Section("numbers", _distinct((*TARGET_COLUMNS, *own)), _targets(account, campaign, own))


def write_calls(account: Account, campaign: Campaign, to: TextIO) -> int:
    """Write one row for each call as CSV, oldest first; return how many."""
    return write_csv(calls(account, campaign), to)


def write_targets(account: Account, campaign: Campaign, to: TextIO) -> int:
    """Write one row for each target as CSV in list order; return how many."""
    return write_csv(targets(account, campaign), to)


def write_csv(section: Section, to: TextIO) -> int:
    """Write a table as CSV without keeping it in memory; return the number of rows."""
    writer = csv.writer(to)
    writer.writerow(map(_safe, section.columns))
    count = 0
    for count, row in enumerate(section.rows, start=1):  # noqa: B007  the last one is returned
        writer.writerow(map(_safe, row))
    return count


def _safe(value: Value) -> Value:
    if isinstance(value, str):
        # Of millions of cells few begin like this: the first character settles it for the rest.
        may_need_it = value[:1] in _MARKED and not _E164.fullmatch(value)
        return shield(value) if may_need_it else value
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _calls(account: Account, campaign: Campaign) -> Iterator[Sequence[Value]]:
    zone = ZoneInfo(account.zone)
    for row in _rows("report_calls", account, campaign):
        *who, reason, abandoned, estimated, placed, answered, ended = row[:-_AFTER_TIMES]
        yield (
            *who,
            reason,
            in_words(reason),
            _YES_NO[abandoned],
            _YES_NO[estimated],
            _local(placed, zone),
            _local(answered, zone),
            _local(ended, zone),
            *row[-_AFTER_TIMES:],
            account.zone,
        )


def _targets(account: Account, campaign: Campaign, own: Sequence[str]) -> Iterator[Sequence[Value]]:
    zone = ZoneInfo(account.zone)
    for row in _rows("report_targets", account, campaign):
        number, stored, status, reason, tries, due, called, agent, talk_s, changed = row
        contact = orjson.loads(stored)
        fields = contact.get("fields", {})
        yield (
            number,
            *(contact.get(column, "") for column in KNOWN_COLUMNS),
            status,
            reason,
            in_words(reason),
            tries,
            _local(due, zone),
            _local(called, zone),
            agent,
            talk_s,
            _local(changed, zone),
            account.zone,
            *(fields.get(heading, "") for heading in own),
        )


def _rows(name: str, account: Account, campaign: Campaign) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement from a cursor on the server: few are here at a time."""
    values = {"account_id": account.pk, "campaign_id": campaign.pk}
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement("calls", name), values)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows


def _distinct(headings: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for heading in headings:
        name, again = heading, 2
        while name in found:
            name, again = f"{heading} ({again})", again + 1
        found.append(name)
    return tuple(found)


def _local(instant: datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if instant is None else instant.astimezone(zone)
