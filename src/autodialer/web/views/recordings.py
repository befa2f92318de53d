"""Recordings: played in the page, with seeking, or downloaded."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls import details
from autodialer.apps.calls.services import play_recording
from autodialer.web.files import Part, Span, UnsatisfiableError, disposition, open_in, span
from autodialer.web.routes import Route

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase

    from autodialer.apps.calls.details import Recording
    from autodialer.web.access import PageRequest

TYPE: Final = "audio/wav"


def recording(request: PageRequest, attempt_id: UUID) -> HttpResponseBase:
    """Send a recording, or the range of it that a player asks for; the audit log notes it."""
    found = details.recording(request.account, request.actor, attempt_id)
    is_saved = request.GET.get("download") == "1"
    with ExitStack() as stack:
        file = stack.enter_context(open_in(settings.RECORDINGS, found.file))
        facts = os.fstat(file.fileno())
        size, tag = facts.st_size, f'"{facts.st_size:x}-{facts.st_mtime_ns:x}"'
        headers = _headers(found, tag, is_saved=is_saved)
        try:
            wanted = _wanted(request, size, tag)
        except UnsatisfiableError:
            return HttpResponse(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})
        headers |= _range_headers(wanted, size)
        status, part = (206, wanted) if wanted else (200, Span(0, size - 1))
        if request.method == "HEAD":
            return HttpResponse(status=status, headers=headers)
        _note(request, found, is_saved=is_saved)
        stack.pop_all()  # from here on the response closes the file
        return StreamingHttpResponse(
            Part(file, part.first, part.length), status=status, headers=headers
        )


def _wanted(request: PageRequest, size: int, tag: str) -> Span | None:
    """Return the range to send; all of a file that has changed since the player read a part."""
    known = request.headers.get("If-Range", tag)
    return span(request.headers.get("Range", ""), size) if known == tag else None


def _note(request: PageRequest, found: Recording, *, is_saved: bool) -> None:
    """Leave the play in the audit log; for each range, lest a part be heard unnoticed."""
    play_recording(
        account=request.account,
        call_id=found.call_id,
        is_saved=is_saved,
        actor=request.actor,
        now=request.now,
    )


def _headers(found: Recording, tag: str, *, is_saved: bool) -> dict[str, str]:
    placed = f"{timezone.localtime(found.placed_at):%Y-%m-%d-%H%M%S}"
    name = f"call-{placed}-{found.number.removeprefix('+')}.wav"
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Disposition": disposition(name, is_saved=is_saved),
        "Content-Type": TYPE,
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": tag,
    }


def _range_headers(wanted: Span | None, size: int) -> dict[str, str]:
    if wanted is None:
        return {"Content-Length": str(size)}
    return {
        "Content-Length": str(wanted.length),
        "Content-Range": f"bytes {wanted.first}-{wanted.last}/{size}",
    }


ROUTES: Final = (
    Route("recordings/<uuid:attempt_id>/", "recording", recording, Permission.PLAY_RECORDING),
)
