"""What every adapter of `ports.details` must do: subclassed once for each."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import pytest

from autodialer.domain.ids import AccountId, AttemptId, CampaignId
from autodialer.ports.details import DetailsFailedError, DetailsRequest, GetContacts

KNOWN = "+919800000100"
UNKNOWN = "+919800000200"


class GetContactsContract:
    """A subclass makes a source that gives these texts by number; others fail."""

    def source(self, texts: Mapping[str, str]) -> GetContacts:
        raise NotImplementedError

    def request(self, e164: str) -> DetailsRequest:
        return DetailsRequest(
            attempt_id=AttemptId(UUID(int=1)),
            campaign_id=CampaignId(1),
            account_id=AccountId(1),
            url="https://crm.example.com/who",
            e164=e164,
            agent_address="+919800000001",
            custom_field="a&b",
        )

    async def test_the_text_comes_as_it_is(self) -> None:
        source = self.source({KNOWN: '{"first_name": "Asha"} '})
        assert await source.ask(self.request(KNOWN)) == '{"first_name": "Asha"} '

    async def test_a_failure_is_told_and_the_next_one_may_be_asked(self) -> None:
        source = self.source({KNOWN: "{}"})
        with pytest.raises(DetailsFailedError):
            await source.ask(self.request(UNKNOWN))
        assert await source.ask(self.request(KNOWN)) == "{}"
