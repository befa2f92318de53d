"""A Get Contacts URL whose answers are written down beforehand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autodialer.ports.details import DetailsFailedError, DetailsRequest

if TYPE_CHECKING:
    from collections.abc import Mapping


class ScriptedDetails:
    """`ports.details.GetContacts` by number; it fails for others, after `delay_s`."""

    def __init__(self, texts: Mapping[str, str], *, delay_s: float = 0.0) -> None:
        self._texts, self._delay_s = texts, delay_s
        self.requests: list[DetailsRequest] = []

    async def ask(self, request: DetailsRequest) -> str:
        """See `ports.details.GetContacts`."""
        self.requests.append(request)
        await asyncio.sleep(self._delay_s)
        if request.e164 not in self._texts:
            raise DetailsFailedError("The Get Contacts URL does not answer (simulated).")
        return self._texts[request.e164]
