"""Dial-Whom over HTTP: asks a customer's system for the next number of a waiting agent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from autodialer.adapters.safehttp.asking import question
from autodialer.domain.dial_whom import LONGEST_JSON, SourceTrouble
from autodialer.domain.parameters import created_time, wall_time
from autodialer.ports.http import HttpFailedError
from autodialer.ports.numbers import SourceFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.domain.dial_whom import NumberRequest
    from autodialer.ports.http import Http

DEADLINE: Final = timedelta(seconds=5)
_OK, _NO_CONTENT, _ABOVE = 200, 204, 300


class HttpDialWhom:
    """`ports.numbers.DialWhom` by GET (docs/reference/urls.md)."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def ask(self, request: NumberRequest) -> str:
        """See `ports.numbers.DialWhom`."""
        asked = question(request, parameters(request), DEADLINE, LONGEST_JSON)
        try:
            reply = await self._http.fetch(asked)
        except HttpFailedError as error:
            raise SourceFailedError(SourceTrouble(error.kind.value)) from None
        if reply.status == _NO_CONTENT:
            return ""
        if not _OK <= reply.status < _ABOVE:
            raise SourceFailedError(SourceTrouble.HTTP_STATUS)
        # A byte that is no text is no number either: the answer is found unreadable.
        return reply.body.decode("utf-8", errors="replace")


def parameters(request: NumberRequest) -> Sequence[tuple[str, str]]:
    """Return who asks, as a call that waits for its other party."""
    zone = ZoneInfo(request.zone)
    given = [
        ("CallSid", request.session_id.hex),
        ("CallFrom", request.agent_address),
        ("CallTo", request.caller_id),
        ("CallStatus", "in-progress"),
        ("Direction", "outbound-dial"),
        ("Created", created_time(request.started_at, zone)),
        ("StartTime", wall_time(request.ready_at, zone)),
        ("CurrentTime", wall_time(request.asked_at, zone)),
        ("From", request.agent_address),
        ("To", request.caller_id),
        ("CampaignSid", str(request.campaign_id)),
        ("AgentEmail", request.agent_email),
    ]
    return given + ([("CustomField", request.custom_field)] if request.custom_field else [])
