from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from autodialer.adapters.safehttp import dial_whom
from autodialer.adapters.safehttp.client import HttpFailure, HttpReply, SafeHttp
from autodialer.adapters.safehttp.dial_whom import HttpDialWhom
from autodialer.domain.dial_whom import (
    AnswerUnreadableError,
    NumberRequest,
    SourceTrouble,
    read_answer,
)
from autodialer.ports.http import HttpRequest
from autodialer.ports.numbers import DialWhom, SourceFailedError
from tests.adapters.safehttp.world import open_to
from tests.contract.numbers import DialWhomContract
from tests.support.bad_server import BadServer, Manner, answer


@pytest.fixture
async def server() -> AsyncIterator[BadServer]:
    async with BadServer().serve() as serving:
        yield serving


class Crm(DialWhomContract):
    """The contract against a real server on loopback."""

    @pytest.fixture(autouse=True)
    async def serve(self, server: BadServer) -> AsyncIterator[None]:
        self.server = server
        async with SafeHttp(open_to(server.port)) as self.http:
            yield

    def source(self, texts: Sequence[str | None]) -> DialWhom:
        manners = [answer(503) if text is None else answer(200, text.encode()) for text in texts]
        self.say(*manners)
        return HttpDialWhom(self.http)

    def say(self, *manners: Manner, path: str = "/next") -> None:
        script = iter(manners)

        async def next_one(reader: object, writer: object) -> None:
            await next(script)(reader, writer)  # type: ignore[arg-type]

        self.server.manners[path] = next_one

    def request(self) -> NumberRequest:
        url = self.server.url("/next?key=s%20e")
        return replace(super().request(), url=url, plain_http=True)


class TestHttpDialWhom(Crm):
    async def test_the_server_learns_who_asks_after_the_users_own_query(self) -> None:
        source = self.source(["+919800000100"])
        await source.ask(replace(self.request(), custom_field="a&b"))
        (heard,) = self.server.heard
        assert heard.target.startswith("/next?key=s%20e&CallSid=")
        assert dict(parse_qsl(urlsplit(heard.target).query)) == {
            "key": "s e",
            "CallSid": self.request().session_id.hex,
            "CallFrom": "+919800000001",
            "CallTo": "+918047112233",
            "CallStatus": "in-progress",
            "Direction": "outbound-dial",
            "Created": "Mon, 23 Nov 2026 11:28:00",
            "StartTime": "2026-11-23 11:29:00",
            "CurrentTime": "2026-11-23 11:30:00",
            "From": "+919800000001",
            "To": "+918047112233",
            "CampaignSid": "1",
            "AgentEmail": "asha@demo1.example",
            "CustomField": "a&b",
        }

    async def test_no_content_is_the_end(self) -> None:
        self.say(answer(204))
        assert await HttpDialWhom(self.http).ask(self.request()) == ""

    @pytest.mark.parametrize("kind", ["text/html", "application/json", "text/plain; charset=x"])
    async def test_json_is_known_by_what_it_says(self, kind: str) -> None:
        body = b'{"destination": {"numbers": ["+919800000100"]}}'
        self.say(answer(200, body, Content_Type=kind))
        text = await HttpDialWhom(self.http).ask(self.request())
        assert read_answer(text) == ("+919800000100",)

    @pytest.mark.parametrize(
        ("path", "trouble"),
        [
            ("/hang", SourceTrouble.TIMEOUT),
            ("/drip", SourceTrouble.TIMEOUT),
            ("/reset", SourceTrouble.CONNECT_FAILED),
            ("/500", SourceTrouble.HTTP_STATUS),
            ("/301", SourceTrouble.REDIRECT_REFUSED),
            ("/endless", SourceTrouble.TOO_LARGE),
            ("/gzip", SourceTrouble.BAD_ANSWER),
        ],
    )
    async def test_what_went_wrong_is_known(
        self, path: str, trouble: SourceTrouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dial_whom, "DEADLINE", timedelta(milliseconds=400))
        request = replace(self.request(), url=self.server.url(path))
        with pytest.raises(SourceFailedError) as failed:
            await HttpDialWhom(self.http).ask(request)
        assert failed.value.trouble is trouble

    @pytest.mark.parametrize("path", ["/html", "/invalid-utf-8"])
    async def test_what_is_no_number_is_unreadable(self, path: str) -> None:
        request = replace(self.request(), url=self.server.url(path))
        with pytest.raises(AnswerUnreadableError):
            read_answer(await HttpDialWhom(self.http).ask(request))

    async def test_an_account_without_leave_is_not_asked_without_tls(self) -> None:
        with pytest.raises(SourceFailedError) as failed:
            await HttpDialWhom(self.http).ask(replace(self.request(), plain_http=False))
        assert failed.value.trouble is SourceTrouble.URL_REFUSED
        assert self.server.heard == []


class Watching:
    """Keeps what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[HttpRequest] = []

    async def fetch(self, request: HttpRequest) -> HttpReply:
        self.asked.append(request)
        return HttpReply(200, (), b"")


async def test_five_seconds_and_a_megabyte_are_all_it_gets() -> None:
    http = Watching()
    await HttpDialWhom(http).ask(DialWhomContract().request())
    (request,) = http.asked
    assert (request.deadline, request.longest_body) == (timedelta(seconds=5), 1_000_000)


def test_each_failure_of_the_client_is_a_trouble_of_a_source() -> None:
    assert {kind.value for kind in HttpFailure} < {trouble.value for trouble in SourceTrouble}
