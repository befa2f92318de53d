"""Asking a customer's system whom to dial next (R18), in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from autodialer.domain.errors import AutodialerError

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.domain.ids import CampaignId, SessionId


class SourceFailedError(AutodialerError):
    """The URL did not answer in time, or answered that it cannot."""

    code = "dial_whom_failed"


@dataclass(frozen=True, slots=True)
class NumberRequest:
    """One waiting agent needs one number. `agent` is the name, `caller_id` is E.164."""

    session_id: SessionId
    campaign_id: CampaignId
    url: str
    agent: str
    caller_id: str
    asked_at: datetime


class DialWhom(Protocol):
    """Whoever knows the next number. Adapters pass `tests/contract/numbers.py`."""

    async def ask(self, request: NumberRequest) -> str:
        """Return the text of the answer, "" for no content. Raises SourceFailedError.

        The caller may cancel; asking again later is always allowed.
        """
        ...
