from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from urllib.parse import parse_qsl, urlsplit

import pytest

from autodialer.adapters.safehttp import get_contacts
from autodialer.adapters.safehttp.client import SafeHttp
from autodialer.adapters.safehttp.get_contacts import HttpGetContacts
from autodialer.domain.contact_details import DetailsUnreadableError, read_details
from autodialer.ports.details import DetailsFailedError, DetailsRequest, GetContacts
from tests.adapters.safehttp.world import open_to
from tests.contract.details import KNOWN, GetContactsContract
from tests.support.bad_server import BadServer, Reader, Writer, answer


@pytest.fixture
async def server() -> AsyncIterator[BadServer]:
    async with BadServer().serve() as serving:
        yield serving


class TestHttpGetContacts(GetContactsContract):
    @pytest.fixture(autouse=True)
    async def serve(self, server: BadServer) -> AsyncIterator[None]:
        self.server = server
        async with SafeHttp(open_to(server.port)) as self.http:
            yield

    def source(self, texts: Mapping[str, str]) -> GetContacts:
        async def by_number(reader: Reader, writer: Writer) -> None:
            asked = dict(parse_qsl(urlsplit(self.server.heard[-1].target).query))["Number"]
            known = asked in texts
            body = texts.get(asked, "").encode()
            await answer(200 if known else 404, body)(reader, writer)

        self.server.manners["/who"] = by_number
        return HttpGetContacts(self.http)

    def request(self, e164: str, path: str = "/who?key=1") -> DetailsRequest:
        return replace(super().request(e164), url=self.server.url(path), plain_http=True)

    async def test_the_server_learns_the_number_and_the_call(self) -> None:
        await self.source({KNOWN: "{}"}).ask(self.request(KNOWN))
        assert parse_qsl(urlsplit(self.server.heard[0].target).query) == [
            ("key", "1"),
            ("CallSid", self.request(KNOWN).attempt_id.hex),
            ("CampaignSid", "1"),
            ("Number", KNOWN),
            ("AgentNumber", "+919800000001"),
            ("CustomField", "a&b"),
        ]

    @pytest.mark.parametrize("path", ["/hang", "/drip", "/500", "/301", "/endless", "/reset"])
    async def test_a_server_that_misbehaves_costs_its_time_and_nothing_else(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert timedelta(seconds=2) == get_contacts.DEADLINE
        monkeypatch.setattr(get_contacts, "DEADLINE", timedelta(milliseconds=300))
        began = monotonic()
        with pytest.raises(DetailsFailedError):
            await HttpGetContacts(self.http).ask(self.request(KNOWN, path))
        assert monotonic() - began < 3

    @pytest.mark.parametrize("path", ["/html", "/invalid-utf-8", "/well"])
    async def test_what_is_no_contact_is_unreadable(self, path: str) -> None:
        text = await HttpGetContacts(self.http).ask(self.request(KNOWN, path))
        with pytest.raises(DetailsUnreadableError):
            read_details(text)
