"""Reports and recordings, sent as files."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.conf import settings
from django.http import StreamingHttpResponse
from ninja import Router

from autodialer.api.fields import Id
from autodialer.api.operations import operation
from autodialer.api.problems import ApiError
from autodialer.api.request import ApiRequest
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls import details, report
from autodialer.apps.calls.services import download_report, play_recording
from autodialer.apps.sending import disposition, pieces, ranged
from autodialer.apps.sheets import csv_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponseBase

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.apps.sheets import Section

router: Final = Router()
_P = Permission
_REPORTS: Final = "/campaigns/{campaign_id}/reports"
CSV: Final = "text/csv"
WAV: Final = "audio/wav"
_UNSATISFIABLE: Final = 416


def file_of(kind: str, status: int = 200) -> dict[int, Any]:
    """Return how the OpenAPI document describes a file."""
    binary = {"type": "string", "format": "binary"}
    return {status: {"description": "The file.", "content": {kind: {"schema": binary}}}}


@operation(
    router,
    "GET",
    f"{_REPORTS}/calls.csv",
    _P.DOWNLOAD_REPORT,
    replies={200: None},
    refuses=(404,),
    produces=CSV,
    documented=file_of(CSV),
)
def download_calls(request: ApiRequest, campaign_id: Id) -> HttpResponseBase:
    """Download the calls of a campaign as CSV, oldest first."""
    return _csv(request, campaign_id, "calls.csv", report.calls)


@operation(
    router,
    "GET",
    f"{_REPORTS}/numbers.csv",
    _P.DOWNLOAD_REPORT,
    replies={200: None},
    refuses=(404,),
    produces=CSV,
    documented=file_of(CSV),
)
def download_numbers(request: ApiRequest, campaign_id: Id) -> HttpResponseBase:
    """Download the numbers of a campaign as CSV, in the order of the list."""
    return _csv(request, campaign_id, "numbers.csv", report.targets)


@operation(
    router,
    "GET",
    "/calls/{call_id}/recording",
    _P.PLAY_RECORDING,
    replies={200: None},
    refuses=(404, 409, 416),
    produces=WAV,
    documented={**file_of(WAV), **file_of(WAV, 206)},
)
def get_recording(request: ApiRequest, call_id: UUID) -> HttpResponseBase:
    """Download the recording of a call that has ended, or one range of it."""
    found = details.recording(request.account, request.actor, call_id)
    headers = {
        "Content-Type": WAV,
        "Content-Disposition": disposition(f"call-{call_id}.wav"),
    }
    with ExitStack() as stack:
        file = stack.enter_context(details.open_recording(settings.RECORDINGS, found))
        response = ranged(request, file, headers)
        if response.status_code == _UNSATISFIABLE:
            raise ApiError(
                "range_unsatisfiable",
                "Ask for one range of the file.",
                headers={"Content-Range": response["Content-Range"]},
            )
        if response.streaming:
            play_recording(
                account=request.account,
                call_id=call_id,
                is_saved=True,
                actor=request.actor,
                now=request.now,
            )
        stack.pop_all()  # from here on the response closes the file
    return response


def _csv(
    request: ApiRequest,
    campaign_id: int,
    form: str,
    section: Callable[[Account, Campaign], Section],
) -> HttpResponseBase:
    """Send a table of the report, after the audit log has noted who takes it."""
    campaign = download_report(
        account=request.account,
        campaign_id=campaign_id,
        form=form,
        actor=request.actor,
        now=request.now,
    )
    return StreamingHttpResponse(
        pieces(csv_lines(section(request.account, campaign))),
        content_type=f"{CSV}; charset=utf-8",
        headers={"Content-Disposition": disposition(f"campaign-{campaign_id}-{form}")},
    )
