"""Get Contacts over HTTP: asks a customer's system who is being called."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from autodialer.adapters.safehttp.asking import question
from autodialer.domain.contact_details import LONGEST_ANSWER
from autodialer.ports.details import DetailsFailedError
from autodialer.ports.http import HttpFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.ports.details import DetailsRequest
    from autodialer.ports.http import Http

# Later it would be of no use: the customer has answered or not.
DEADLINE: Final = timedelta(seconds=2)
_OK: Final = 200


class HttpGetContacts:
    """`ports.details.GetContacts` by GET (docs/reference/urls.md)."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def ask(self, request: DetailsRequest) -> str:
        """See `ports.details.GetContacts`."""
        asked = question(request, parameters(request), DEADLINE, LONGEST_ANSWER)
        try:
            reply = await self._http.fetch(asked)
        except HttpFailedError as error:
            raise DetailsFailedError(error.kind.value) from None
        if reply.status != _OK:
            raise DetailsFailedError("http_status")
        return reply.body.decode("utf-8", errors="replace")


def parameters(request: DetailsRequest) -> Sequence[tuple[str, str]]:
    """Return who is called, and by whom."""
    return [
        ("CallSid", request.attempt_id.hex),
        ("CampaignSid", str(request.campaign_id)),
        ("Number", request.e164),
        ("AgentNumber", request.agent_address),
        ("CustomField", request.custom_field),
    ]
