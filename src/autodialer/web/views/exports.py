"""Workbooks that take a while: asked for, followed while a worker writes them, and taken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.http import FileResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.exports import queries, services
from autodialer.apps.sending import XLSX, open_in
from autodialer.ports.screens import Shown
from autodialer.web.live_topics import Topic, View, Viewer, fragment, the_id_of
from autodialer.web.routes import ONCE, Route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpResponse

    from autodialer.domain.exports import Takeaway
    from autodialer.web.access import PageRequest


def preparing(request: PageRequest, what: Takeaway, subject_id: int, title: str) -> HttpResponse:
    """Ask whether a worker shall write a workbook, with those that are there; and let it."""
    if request.method != "POST":
        before = queries.exports_of(request.account, what, subject_id)
        shown = {"title": title, "before": before, "most": queries.MOST_AT_ONCE}
        return render(request, "exports/prepare.html", shown)
    export_id = services.ask_export(
        account=request.account,
        what=what,
        subject_id=subject_id,
        actor=request.actor,
        now=request.now,
    )
    return redirect("export", export_id)


def export(request: PageRequest, export_id: int) -> HttpResponse:
    """Show how far a workbook is, and hand it out when it is there."""
    row = queries.export_row(request.account, request.actor, export_id)
    return render(request, "exports/export.html", {"row": row})


def export_file(request: PageRequest, export_id: int) -> FileResponse:
    """Hand a workbook out; the audit log notes who took it."""
    row = queries.export_row(request.account, request.actor, export_id)
    stored = services.take_export(
        account=request.account, export_id=export_id, actor=request.actor, now=request.now
    )
    file = open_in(settings.EXPORTS, stored, _("This workbook was deleted: prepare it again."))
    today = f"{timezone.localtime(row.created_at):%Y-%m-%d}"
    name = f"{row.what}-{file_stem(row.title)}-{today}.xlsx"
    return FileResponse(file, as_attachment=True, filename=name, content_type=XLSX)


def file_stem(name: str) -> str:
    """Return a name as part of a file's name: letters, digits, dashes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or "list"


def _may_watch(viewer: Viewer, export_id: int) -> None:
    queries.export_row(viewer.account, viewer.actor, export_id)


def _as_they_are(view: View, ids: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
    return {
        row.id: {f"export-{row.id}": fragment("exports/_state.html", row=row)}
        for row in queries.export_rows(view.account, ids)
    }


TOPICS: Final = (Topic("export", _may_watch, _as_they_are, shown_in=the_id_of(Shown.EXPORT)),)
_P = Permission
ROUTES: Final = (
    Route("exports/<int:export_id>/", "export", export, _P.DOWNLOAD_REPORT),
    Route("exports/<int:export_id>/file/", "export_file", export_file, _P.DOWNLOAD_REPORT, ONCE),
)
