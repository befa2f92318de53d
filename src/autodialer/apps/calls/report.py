"""The report of a campaign as CSV, one row a call or one a target, streamed at any size.

Telephone numbers of our own making are E.164 and keep their plus sign; every other text is
shielded so that no spreadsheet calculates it, and `autodialer list import` undoes that.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from autodialer.apps.calls.models import Attempt
from autodialer.apps.calls.queries import call_row
from autodialer.apps.campaigns.models import Target
from autodialer.apps.contacts.models import E164
from autodialer.apps.spreadsheet import shield

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from typing import TextIO

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign

CALL_COLUMNS: Final = (
    "call_id", "number", "contact", "agent", "caller_id", "try", "status", "reason", "abandoned",
    "placed_at", "answered_at", "ended_at", "talk_seconds", "recording",
)  # fmt: skip
KNOWN_COLUMNS: Final = ("first_name", "last_name", "company", "email", "tag")
TARGET_COLUMNS: Final = (
    "number", *KNOWN_COLUMNS, "status", "reason", "tries", "due_at", "changed_at",
)  # fmt: skip
ROWS_AT_ONCE: Final = 2_000
_E164: Final = re.compile(E164)


def write_calls(account: Account, campaign: Campaign, to: TextIO) -> int:
    """Write one row for each call, oldest first; return how many.

    Times are in the zone of the account.
    """
    return _write(to, CALL_COLUMNS, _calls(account, campaign))


def write_targets(account: Account, campaign: Campaign, to: TextIO) -> int:
    """Write one row for each target in list order, its own columns last; return how many."""
    extra = _extra_columns(account, campaign)
    return _write(to, (*TARGET_COLUMNS, *extra), _targets(account, campaign, extra))


def _write(to: TextIO, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    writer = csv.writer(to)
    writer.writerow(map(_safe, columns))
    count = 0
    for row in rows:
        writer.writerow(map(_safe, row))
        count += 1
    return count


def _safe(value: object) -> object:
    if not isinstance(value, str) or _E164.fullmatch(value):
        return value
    return shield(value)


def _calls(account: Account, campaign: Campaign) -> Iterator[Sequence[object]]:
    zone = ZoneInfo(account.zone)
    attempts = Attempt.objects.filter(account=account, campaign=campaign)
    found = attempts.select_related("user", "target").order_by("placed_at", "pk")
    for attempt in found.iterator(chunk_size=ROWS_AT_ONCE):
        row = call_row(attempt)
        yield (
            str(row.id),
            row.number,
            row.contact,
            row.agent,
            attempt.caller_id,
            row.try_no,
            row.status or row.state,
            row.reason,
            "yes" if row.abandoned else "no",
            _local(row.placed_at, zone),
            _local(row.answered_at, zone),
            _local(row.ended_at, zone),
            None if row.talk_s is None else round(row.talk_s, 1),
            row.recording,
        )


def _targets(
    account: Account, campaign: Campaign, extra: Sequence[str]
) -> Iterator[Sequence[object]]:
    zone = ZoneInfo(account.zone)
    found = Target.objects.filter(account=account, campaign=campaign).order_by("seq", "pk")
    for target in found.iterator(chunk_size=ROWS_AT_ONCE):
        fields = target.contact.get("fields", {})
        yield (
            target.e164,
            *(target.contact.get(column, "") for column in KNOWN_COLUMNS),
            target.status,
            target.reason,
            target.tries,
            _local(target.due_at, zone),
            _local(target.changed_at, zone),
            *(fields.get(column, "") for column in extra),
        )


def _extra_columns(account: Account, campaign: Campaign) -> list[str]:
    """Return the headings of the list's own columns; a column that no contact fills is absent."""
    found: set[str] = set()
    contacts = Target.objects.filter(account=account, campaign=campaign)
    for fields in contacts.values_list("contact__fields", flat=True).iterator(ROWS_AT_ONCE):
        found.update(fields or {})
    return sorted(found)


def _local(instant: datetime | None, zone: ZoneInfo) -> str:
    return "" if instant is None else instant.astimezone(zone).isoformat(timespec="seconds")
