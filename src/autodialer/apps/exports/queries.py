"""What pages read of workbooks that are being written or are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.exports.models import Export
from autodialer.domain.errors import NotFoundError
from autodialer.domain.exports import Takeaway

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account

# What more rows than these come to is not written while a browser waits: 2,000 take a second.
MOST_AT_ONCE: Final = 5_000
PERMISSIONS: Final[Mapping[Takeaway, Permission]] = {
    Takeaway.REPORT: Permission.DOWNLOAD_REPORT,
    Takeaway.LIST: Permission.EXPORT_CONTACTS,
}


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A workbook. It is ready when it has a size, and has failed when it has an error."""

    id: int
    what: Takeaway
    subject_id: int
    title: str
    rows_total: int
    rows_done: int
    size: int
    error: str
    who: str
    created_at: datetime
    finished_at: datetime | None


def export(account: Account, actor: Actor, export_id: int) -> Export:
    """Return a workbook that this person may take away. Raises NotFoundError, NotAllowedError."""
    found = Export.objects.filter(account=account, pk=export_id).first()
    if found is None:
        raise NotFoundError(f"There is no export {export_id}: it is deleted after a day.")
    require(actor, PERMISSIONS[Takeaway(found.what)])
    return found


def export_row(account: Account, actor: Actor, export_id: int) -> ExportRow:
    """Return the same to be shown. Raises as `export` does."""
    return row_of(export(account, actor, export_id))


def export_rows(account: Account, ids: Sequence[int]) -> list[ExportRow]:
    """Return those of the workbooks that are there. Nobody is asked whether they may see them."""
    found = Export.objects.filter(account=account, pk__in=ids).select_related("created_by")
    return [row_of(one) for one in found]


def exports_of(account: Account, what: Takeaway, subject_id: int) -> list[ExportRow]:
    """Return the workbooks of one campaign or list, newest first."""
    found = Export.objects.filter(account=account, what=what.value, subject_id=subject_id)
    return [row_of(one) for one in found.select_related("created_by").order_by("-created_at")]


def row_of(found: Export) -> ExportRow:
    """Return a workbook to be shown."""
    return ExportRow(
        id=found.pk,
        what=Takeaway(found.what),
        subject_id=found.subject_id,
        title=found.title,
        rows_total=found.rows_total,
        rows_done=found.rows_done,
        size=found.size,
        error=found.error,
        who=found.created_by.name if found.created_by else "",
        created_at=found.created_at,
        finished_at=found.finished_at,
    )
