"""Asking a customer's system whom to dial next (R18), in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from autodialer.domain.errors import AutodialerError

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.domain.dial_whom import SourceTrouble
    from autodialer.domain.ids import AccountId, CampaignId, SessionId


class SourceFailedError(AutodialerError):
    """The URL did not answer in time, or answered that it cannot; `trouble` says which."""

    code = "dial_whom_failed"

    def __init__(self, trouble: SourceTrouble) -> None:
        self.trouble = trouble
        super().__init__(f"The Dial-Whom URL gave no answer ({trouble}).")


@dataclass(frozen=True, slots=True)
class NumberRequest:
    """One waiting agent needs one number; who that is, and since when it is connected.

    `agent` is the name, `agent_address` where the agent is called, `caller_id` E.164. `zone` and
    `region` are the account's, `plain_http` its leave to do without TLS.
    """

    session_id: SessionId
    campaign_id: CampaignId
    url: str
    agent: str
    caller_id: str
    asked_at: datetime
    account_id: AccountId
    agent_address: str
    agent_email: str
    zone: str
    region: str
    started_at: datetime
    ready_at: datetime
    custom_field: str = ""
    plain_http: bool = False


class DialWhom(Protocol):
    """Whoever knows the next number. Adapters pass `tests/contract/numbers.py`."""

    async def ask(self, request: NumberRequest) -> str:
        """Return the text of the answer, "" for no content. Raises SourceFailedError.

        The caller may cancel; asking again later is always allowed.
        """
        ...
