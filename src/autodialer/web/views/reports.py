"""The report of a campaign to take away."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.http import StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls import report
from autodialer.apps.calls.queries import call_count
from autodialer.apps.calls.services import download_report
from autodialer.apps.calls.workbook import write_workbook
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.exports.queries import MOST_AT_ONCE
from autodialer.apps.sending import XLSX, disposition, pieces, written
from autodialer.apps.sheets import csv_lines
from autodialer.domain.errors import NotFoundError
from autodialer.domain.exports import Takeaway
from autodialer.web.routes import FORM, ONCE, Route
from autodialer.web.views.exports import preparing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.http import HttpResponse, HttpResponseBase

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.web.access import PageRequest

CSV: Final = "text/csv; charset=utf-8"
# What is in the file: its ending and its type.
FORMS: Final = {"calls": ("csv", CSV), "numbers": ("csv", CSV), "workbook": ("xlsx", XLSX)}


def choose(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Offer the forms of the report."""
    campaign = visible_campaign(
        request.account, request.actor, campaign_id, Permission.DOWNLOAD_REPORT
    )
    return render(request, "campaign/report.html", {"campaign": campaign})


def download(request: PageRequest, campaign_id: int, kind: str) -> HttpResponseBase:
    """Send the report, CSV row by row at any size; the audit log notes who took it."""
    if kind not in FORMS:
        raise NotFoundError("There is no such report.")
    if kind == "workbook" and _is_long(request, campaign_id):
        return redirect("campaign_report_prepare", campaign_id)
    ending, content_type = FORMS[kind]
    now = request.now
    campaign = download_report(
        account=request.account,
        campaign_id=campaign_id,
        form=f"{kind}.{ending}",
        actor=request.actor,
        now=now,
    )
    response = StreamingHttpResponse(
        _content(kind, request.account, campaign, now), content_type=content_type
    )
    today = f"{timezone.localtime(now):%Y-%m-%d}"
    response["Content-Disposition"] = disposition(f"campaign-{campaign_id}-{kind}-{today}.{ending}")
    response["Cache-Control"] = "private, no-store"
    return response


def prepare(request: PageRequest, campaign_id: int) -> HttpResponse:
    """Say that the workbook of a long report takes a while, and let a worker write it."""
    campaign = visible_campaign(
        request.account, request.actor, campaign_id, Permission.DOWNLOAD_REPORT
    )
    return preparing(request, Takeaway.REPORT, campaign.pk, campaign.name)


def _is_long(request: PageRequest, campaign_id: int) -> bool:
    campaign = visible_campaign(
        request.account, request.actor, campaign_id, Permission.DOWNLOAD_REPORT
    )
    rows = campaign.target_count
    return rows > MOST_AT_ONCE or rows + call_count(request.account, campaign_id) > MOST_AT_ONCE


def _content(
    kind: str, account: Account, campaign: Campaign, now: datetime
) -> Iterable[str] | Iterable[bytes]:
    if kind == "workbook":
        return written(lambda file: write_workbook(account, campaign, file, now))
    section = report.calls if kind == "calls" else report.targets
    return pieces(csv_lines(section(account, campaign)))


_P = Permission
ROUTES: Final = (
    Route("campaigns/<int:campaign_id>/report/", "campaign_report", choose, _P.DOWNLOAD_REPORT),
    Route(
        "campaigns/<int:campaign_id>/report/prepare/",
        "campaign_report_prepare",
        prepare,
        _P.DOWNLOAD_REPORT,
        FORM,
    ),
    Route(
        "campaigns/<int:campaign_id>/report/<str:kind>/",
        "campaign_report_file",
        download,
        _P.DOWNLOAD_REPORT,
        ONCE,
    ),
)
