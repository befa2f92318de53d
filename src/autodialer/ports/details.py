"""Asking a customer's system who is being called, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from autodialer.domain.errors import AutodialerError

if TYPE_CHECKING:
    from autodialer.domain.ids import AccountId, AttemptId, CampaignId


class DetailsFailedError(AutodialerError):
    """The Get Contacts URL did not answer in time, or answered that it cannot."""

    code = "get_contacts_failed"


@dataclass(frozen=True, slots=True)
class DetailsRequest:
    """One call whose customer shall be asked about. Numbers are E.164.

    `agent_address` is where the agent is called, `plain_http` the account's leave to do without
    TLS.
    """

    attempt_id: AttemptId
    campaign_id: CampaignId
    account_id: AccountId
    url: str
    e164: str
    agent_address: str
    custom_field: str = ""
    plain_http: bool = False


class GetContacts(Protocol):
    """Whoever knows customers by their number. Adapters pass `tests/contract/details.py`."""

    async def ask(self, request: DetailsRequest) -> str:
        """Return the text of the answer. Raises DetailsFailedError; the caller may cancel."""
        ...
