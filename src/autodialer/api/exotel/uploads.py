"""Files of contacts: taken at once, worked on by a worker, asked about meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autodialer.api.exotel.clock import v2_time
from autodialer.api.exotel.envelope import Item, Reply
from autodialer.api.exotel.problems import missing
from autodialer.api.exotel.reading import form_body, required
from autodialer.api.exotel.sids import number_of, sid_of
from autodialer.apps.imports.queries import import_row
from autodialer.apps.imports.services import queue_import
from autodialer.domain.imports import ImportStatus

if TYPE_CHECKING:
    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.imports.queries import ImportRow

KIND: Final = "upload"


def create(request: ApiRequest) -> Reply:
    """Make a list of a CSV file; its status tells when it is done."""
    body = form_body(request)
    file = request.FILES.get("file_name") or request.FILES.get("file")
    if file is None:
        raise missing("file_name")
    made = queue_import(
        account=request.account,
        actor=request.actor,
        name=required(body, "list_name"),
        file_name=file.name or "",
        data=file.read(),
        now=request.now,
        again=True,
    )
    return Reply([_shown(request, made)])


def show(request: ApiRequest, upload_id: str) -> Reply:
    """Say how far a file is."""
    return Reply([_shown(request, number_of(upload_id, KIND))])


def _shown(request: ApiRequest, import_id: int) -> Item:
    return Item(upload_data(request.account, import_row(request.account, request.actor, import_id)))


def upload_data(account: Account, row: ImportRow) -> dict[str, Any]:
    """Return an upload as clients read it: the rows of the file are in one of three counts."""
    return {
        "upload_id": sid_of(row.id),
        "list_name": row.name,
        "list_sid": None if row.list_id is None else sid_of(row.list_id),
        "status": _status(row),
        "summary": {
            "total": row.rows_total,
            "success": row.contacts,
            "duplicate": row.duplicates,
            "failed": row.rejected,
        },
        "errors": [
            {"code": problem.code, "rows": problem.rows, "description": problem.cause}
            for problem in row.problems
        ],
        "description": row.error or None,
        "date_created": v2_time(account, row.created_at),
        "date_updated": v2_time(account, row.finished_at or row.created_at),
    }


def _status(row: ImportRow) -> str:
    if not row.is_over:
        return "in-progress"
    return "completed" if row.status == ImportStatus.DONE else "failed"
