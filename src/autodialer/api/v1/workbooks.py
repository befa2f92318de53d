"""Workbooks that a worker writes: asked for, followed, and sent when they are ready."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.http import StreamingHttpResponse
from pydantic import Field

from autodialer.api.fields import Reply
from autodialer.apps.exports import queries, services
from autodialer.apps.sending import XLSX, disposition, open_in
from autodialer.domain.errors import NotFoundError
from autodialer.domain.exports import Takeaway

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse
    from django.http.response import HttpResponseBase

    from autodialer.api.request import ApiRequest
    from autodialer.apps.exports.queries import ExportRow

_NAMES: Final[Mapping[Takeaway, str]] = {
    Takeaway.REPORT: "campaign",
    Takeaway.LIST: "list",
}


class WorkbookReply(Reply):
    """A workbook that a worker writes; it is kept for a day."""

    id: str
    title: str
    rows_total: int
    rows_done: int
    is_ready: bool
    error: str
    size: int
    file: str | None = Field(description="Address of the workbook once it is ready.")
    created_at: datetime
    finished_at: datetime | None


def ask(request: ApiRequest, response: HttpResponse, what: Takeaway, subject_id: int) -> ExportRow:
    """Let a worker write a workbook; `Location` says where its progress is read.

    Raises as `ask_export` does.
    """
    made = services.ask_export(
        account=request.account,
        what=what,
        subject_id=subject_id,
        now=request.now,
        actor=request.actor,
    )
    response["Location"] = f"{request.path}/{made}"
    return found(request, what, subject_id, made)


def found(request: ApiRequest, what: Takeaway, subject_id: int, export_id: int) -> ExportRow:
    """Return the workbook of this list or campaign; that of another is none.

    Raises NotFoundError or NotAllowedError.
    """
    row = queries.export_row(request.account, request.actor, export_id)
    if (row.what, row.subject_id) != (what, subject_id):
        raise NotFoundError(f"There is no such workbook of this {_NAMES[what]}.")
    return row


def sent(request: ApiRequest, what: Takeaway, subject_id: int, export_id: int) -> HttpResponseBase:
    """Send a workbook that is ready, noted in the audit log. Raises as `take_export` does."""
    found(request, what, subject_id, export_id)
    name = services.take_export(
        account=request.account, export_id=export_id, actor=request.actor, now=request.now
    )
    file = open_in(Path(settings.EXPORTS), name, "This workbook was deleted: ask for it again.")
    headers = {"Content-Disposition": disposition(f"{_NAMES[what]}-{subject_id}.xlsx")}
    return StreamingHttpResponse(file, content_type=XLSX, headers=headers)


def facts(row: ExportRow, file: str) -> dict[str, Any]:
    """Return what is told of a workbook; `file` is its address, told once it is ready."""
    is_ready = row.size > 0
    return {
        "id": str(row.id),
        "title": row.title,
        "rows_total": row.rows_total,
        "rows_done": row.rows_done,
        "is_ready": is_ready,
        "error": row.error,
        "size": row.size,
        "file": file if is_ready else None,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }
