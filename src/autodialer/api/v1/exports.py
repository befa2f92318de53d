"""Taking lists away: as CSV at once, as a workbook when a worker has written it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router, Status
from pydantic import Field

from autodialer.api.fields import Id, Reply
from autodialer.api.operations import operation
from autodialer.api.request import ApiRequest
from autodialer.api.v1.downloads import CSV, file_of
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts.export import export_list
from autodialer.apps.exports import queries, services
from autodialer.apps.sending import XLSX, disposition, open_in, pieces
from autodialer.apps.sheets import csv_lines
from autodialer.domain.errors import NotFoundError
from autodialer.domain.exports import Takeaway

if TYPE_CHECKING:
    from autodialer.apps.exports.queries import ExportRow

router: Final = Router()
_P = Permission
_ALL: Final = "/lists/{list_id}/workbooks"
_ONE: Final = f"{_ALL}/{{export_id}}"


class ExportReply(Reply):
    """A workbook that a worker writes; it is kept for a day."""

    id: str
    list_id: str
    title: str
    rows_total: int
    rows_done: int
    is_ready: bool
    error: str
    size: int
    file: str | None = Field(description="Address of the workbook once it is ready.")
    created_at: datetime
    finished_at: datetime | None


@operation(
    router,
    "GET",
    "/lists/{list_id}/contacts.csv",
    _P.EXPORT_CONTACTS,
    replies={200: None},
    refuses=(404,),
    produces=CSV,
    documented=file_of(CSV),
)
def download_list(request: ApiRequest, list_id: Id) -> HttpResponseBase:
    """Download a list as CSV that becomes the same list when it is imported; it is audited."""
    section = export_list(request.account, request.actor, list_id, request.now)
    return StreamingHttpResponse(
        pieces(csv_lines(section)),
        content_type=f"{CSV}; charset=utf-8",
        headers={"Content-Disposition": disposition(f"list-{list_id}.csv")},
    )


@operation(router, "POST", _ALL, _P.EXPORT_CONTACTS, replies={202: ExportReply}, refuses=(404,))
def ask_list_workbook(
    request: ApiRequest, list_id: Id, response: HttpResponse
) -> Status[ExportReply]:
    """Let a worker write a list as an Excel workbook; `Location` says how far it is.

    Asked for again meanwhile, it is the same one.
    """
    made = services.ask_export(
        account=request.account,
        what=Takeaway.LIST,
        subject_id=list_id,
        now=request.now,
        actor=request.actor,
    )
    response["Location"] = f"{request.path}/{made}"
    return Status(202, _reply(_row(request, list_id, made)))


@operation(router, "GET", _ONE, _P.EXPORT_CONTACTS, replies={200: ExportReply}, refuses=(404,))
def get_list_workbook(request: ApiRequest, list_id: Id, export_id: Id) -> ExportReply:
    """Read how far a workbook is; it is kept for a day."""
    return _reply(_row(request, list_id, export_id))


@operation(
    router,
    "GET",
    f"{_ONE}/list.xlsx",
    _P.EXPORT_CONTACTS,
    replies={200: None},
    refuses=(404, 409),
    produces=XLSX,
    documented=file_of(XLSX),
)
def download_list_workbook(request: ApiRequest, list_id: Id, export_id: Id) -> HttpResponseBase:
    """Download a workbook that is ready; each download is audited."""
    _row(request, list_id, export_id)
    name = services.take_export(
        account=request.account, export_id=export_id, actor=request.actor, now=request.now
    )
    file = open_in(Path(settings.EXPORTS), name, "This workbook was deleted: ask for it again.")
    headers = {"Content-Disposition": disposition(f"list-{list_id}.xlsx")}
    return StreamingHttpResponse(file, content_type=XLSX, headers=headers)


def _row(request: ApiRequest, list_id: int, export_id: int) -> ExportRow:
    """Return a workbook of this list; a report of a campaign is none. Raises NotFoundError."""
    row = queries.export_row(request.account, request.actor, export_id)
    if (row.what, row.subject_id) != (Takeaway.LIST, list_id):
        raise NotFoundError("There is no such workbook of this list.")
    return row


def _reply(row: ExportRow) -> ExportReply:
    is_ready = row.size > 0
    return ExportReply(
        id=str(row.id),
        list_id=str(row.subject_id),
        title=row.title,
        rows_total=row.rows_total,
        rows_done=row.rows_done,
        is_ready=is_ready,
        error=row.error,
        size=row.size,
        file=f"/api/v1/lists/{row.subject_id}/workbooks/{row.id}/list.xlsx" if is_ready else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
