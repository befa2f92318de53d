"""The report of a campaign: its calls and its targets, streamed at any size.

The rows are the same for CSV and Excel (`workbook.py`); times are in the account's zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import orjson
from django.db import connection

from autodialer.apps.calls.reasons import in_words
from autodialer.apps.sheets import Section, Value, distinct, write_csv
from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import TextIO

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign

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
_YES_NO: Final = ("no", "yes")


def calls(account: Account, campaign: Campaign) -> Section:
    """Return one row for each call, oldest first, all of one instant."""
    return Section("calls", CALL_COLUMNS, _calls(account, campaign))


def targets(account: Account, campaign: Campaign) -> Section:
    """Return one row for each target in list order, all of one instant; own columns come last.

    An own column that is called like one of ours gets a number, as when it is imported.
    """
    own = [heading for (heading,) in _rows("report_fields", account, campaign)]
    return Section("numbers", distinct((*TARGET_COLUMNS, *own)), _targets(account, campaign, own))


def write_calls(account: Account, campaign: Campaign, to: TextIO) -> int:
    """Write one row for each call as CSV, oldest first; return how many."""
    return write_csv(calls(account, campaign), to)


def write_targets(account: Account, campaign: Campaign, to: TextIO) -> int:
    """Write one row for each target as CSV in list order; return how many."""
    return write_csv(targets(account, campaign), to)


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


def _local(instant: datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if instant is None else instant.astimezone(zone)
