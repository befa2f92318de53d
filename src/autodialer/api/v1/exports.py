"""Taking lists and reports away: CSV at once, a workbook when a worker has written it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router, Status

from autodialer.api.fields import Id
from autodialer.api.operations import operation
from autodialer.api.request import ApiRequest
from autodialer.api.v1 import workbooks
from autodialer.api.v1.downloads import CSV, file_of
from autodialer.api.v1.workbooks import WorkbookReply
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts.export import export_list
from autodialer.apps.sending import XLSX, disposition, pieces
from autodialer.apps.sheets import csv_lines
from autodialer.domain.exports import Takeaway

if TYPE_CHECKING:
    from autodialer.apps.exports.queries import ExportRow

router: Final = Router()
_P = Permission
_LISTS: Final = "/lists/{list_id}/workbooks"
_LIST: Final = f"{_LISTS}/{{export_id}}"
_REPORTS: Final = "/campaigns/{campaign_id}/reports/workbooks"
_REPORT: Final = f"{_REPORTS}/{{export_id}}"


class ListWorkbookReply(WorkbookReply):
    """A list as a workbook that a worker writes; it is kept for a day."""

    list_id: str


class ReportWorkbookReply(WorkbookReply):
    """The report of a campaign as a workbook that a worker writes; it is kept for a day."""

    campaign_id: str


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


@operation(
    router, "POST", _LISTS, _P.EXPORT_CONTACTS, replies={202: ListWorkbookReply}, refuses=(404,)
)
def ask_list_workbook(
    request: ApiRequest, list_id: Id, response: HttpResponse
) -> Status[ListWorkbookReply]:
    """Let a worker write a list as an Excel workbook; `Location` says how far it is.

    Asked for again meanwhile, it is the same one.
    """
    return Status(202, _of_list(workbooks.ask(request, response, Takeaway.LIST, list_id)))


@operation(
    router, "GET", _LIST, _P.EXPORT_CONTACTS, replies={200: ListWorkbookReply}, refuses=(404,)
)
def get_list_workbook(request: ApiRequest, list_id: Id, export_id: Id) -> ListWorkbookReply:
    """Read how far a workbook is; it is kept for a day."""
    return _of_list(workbooks.found(request, Takeaway.LIST, list_id, export_id))


@operation(
    router,
    "GET",
    f"{_LIST}/list.xlsx",
    _P.EXPORT_CONTACTS,
    replies={200: None},
    refuses=(404, 409),
    produces=XLSX,
    documented=file_of(XLSX),
)
def download_list_workbook(request: ApiRequest, list_id: Id, export_id: Id) -> HttpResponseBase:
    """Download a workbook that is ready; each download is audited."""
    return workbooks.sent(request, Takeaway.LIST, list_id, export_id)


@operation(
    router,
    "POST",
    _REPORTS,
    _P.DOWNLOAD_REPORT,
    replies={202: ReportWorkbookReply},
    refuses=(404,),
)
def ask_report_workbook(
    request: ApiRequest, campaign_id: Id, response: HttpResponse
) -> Status[ReportWorkbookReply]:
    """Let a worker write numbers, calls and a summary of a campaign as an Excel workbook.

    `Location` says how far it is. Asked for again meanwhile, it is the same one.
    """
    return Status(202, _of_report(workbooks.ask(request, response, Takeaway.REPORT, campaign_id)))


@operation(
    router, "GET", _REPORT, _P.DOWNLOAD_REPORT, replies={200: ReportWorkbookReply}, refuses=(404,)
)
def get_report_workbook(request: ApiRequest, campaign_id: Id, export_id: Id) -> ReportWorkbookReply:
    """Read how far the workbook of a report is; it is kept for a day."""
    return _of_report(workbooks.found(request, Takeaway.REPORT, campaign_id, export_id))


@operation(
    router,
    "GET",
    f"{_REPORT}/report.xlsx",
    _P.DOWNLOAD_REPORT,
    replies={200: None},
    refuses=(404, 409),
    produces=XLSX,
    documented=file_of(XLSX),
)
def download_report_workbook(
    request: ApiRequest, campaign_id: Id, export_id: Id
) -> HttpResponseBase:
    """Download the workbook of a report that is ready; each download is audited."""
    return workbooks.sent(request, Takeaway.REPORT, campaign_id, export_id)


def _of_list(row: ExportRow) -> ListWorkbookReply:
    address = f"/api/v1/lists/{row.subject_id}/workbooks/{row.id}/list.xlsx"
    return ListWorkbookReply(list_id=str(row.subject_id), **workbooks.facts(row, address))


def _of_report(row: ExportRow) -> ReportWorkbookReply:
    address = f"/api/v1/campaigns/{row.subject_id}/reports/workbooks/{row.id}/report.xlsx"
    return ReportWorkbookReply(campaign_id=str(row.subject_id), **workbooks.facts(row, address))
