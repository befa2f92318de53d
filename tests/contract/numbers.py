"""What every adapter of `ports.numbers` must do: subclassed once for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from autodialer.domain.dial_whom import NumberRequest, SourceTrouble, read_answer
from autodialer.domain.ids import AccountId, CampaignId, SessionId
from autodialer.ports.numbers import DialWhom, SourceFailedError
from tests.contract.store_world import NOW


class DialWhomContract:
    """A subclass makes a source that gives these texts one after the other; None is a failure."""

    def source(self, texts: Sequence[str | None]) -> DialWhom:
        raise NotImplementedError

    def request(self) -> NumberRequest:
        return NumberRequest(
            session_id=SessionId(UUID(int=1)),
            campaign_id=CampaignId(1),
            url="https://crm.example.com/next",
            agent="asha",
            caller_id="+918047112233",
            asked_at=NOW,
            account_id=AccountId(1),
            agent_address="+919800000001",
            agent_email="asha@demo1.example",
            region="IN",
            zone="Asia/Kolkata",
            started_at=NOW - timedelta(minutes=2),
            ready_at=NOW - timedelta(minutes=1),
        )

    async def test_the_text_comes_as_it_is(self) -> None:
        source = self.source(["+919800000100", " +919800000100,09800000200 \r\n", ""])
        texts = [await source.ask(self.request()) for _ in range(3)]
        assert [read_answer(text) for text in texts] == [
            ("+919800000100",),
            ("+919800000100", "09800000200"),
            (),
        ]

    async def test_a_failure_is_told_apart_from_the_end_and_may_be_asked_again(self) -> None:
        source = self.source([None, "+919800000100"])
        with pytest.raises(SourceFailedError) as failed:
            await source.ask(self.request())
        assert failed.value.trouble in SourceTrouble
        assert await source.ask(self.request()) == "+919800000100"
