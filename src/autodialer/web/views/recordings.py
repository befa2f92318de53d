"""Recordings: played in the page, with seeking, or downloaded."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils import timezone

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.calls import details
from autodialer.apps.calls.services import play_recording
from autodialer.apps.sending import disposition, ranged
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
        file = stack.enter_context(details.open_recording(settings.RECORDINGS, found))
        response = ranged(request, file, _headers(found, is_saved=is_saved))
        if response.streaming:
            _note(request, found, is_saved=is_saved)
        stack.pop_all()  # from here on the response closes the file
    return response


def _note(request: PageRequest, found: Recording, *, is_saved: bool) -> None:
    """Leave the play in the audit log; for each range, lest a part be heard unnoticed."""
    play_recording(
        account=request.account,
        call_id=found.call_id,
        is_saved=is_saved,
        actor=request.actor,
        now=request.now,
    )


def _headers(found: Recording, *, is_saved: bool) -> dict[str, str]:
    placed = f"{timezone.localtime(found.placed_at):%Y-%m-%d-%H%M%S}"
    name = f"call-{placed}-{found.number.removeprefix('+')}.wav"
    return {
        "Cache-Control": "private, no-store",
        "Content-Disposition": disposition(name, is_saved=is_saved),
        "Content-Type": TYPE,
        "Cross-Origin-Resource-Policy": "same-origin",
    }


ROUTES: Final = (
    Route("recordings/<uuid:attempt_id>/", "recording", recording, Permission.PLAY_RECORDING),
)
