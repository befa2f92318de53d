from __future__ import annotations

import asyncio
import os
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

import pytest

from autodialer.adapters.safehttp.client import HttpFailedError, HttpFailure, SafeHttp
from autodialer.domain.ids import AccountId
from autodialer.domain.web_address import Address, OutboundRules
from tests.adapters.safehttp.world import NameServer, get, open_to
from tests.support.addresses import REFUSED
from tests.support.bad_server import Authority, BadServer, Manner, answer

SOON = timedelta(milliseconds=400)
OUR_HOST = frozenset({"dialer.example"})


@pytest.fixture
async def server() -> AsyncIterator[BadServer]:
    async with BadServer().serve() as serving:
        yield serving


@pytest.fixture
async def http(server: BadServer) -> AsyncIterator[SafeHttp]:
    async with SafeHttp(open_to(server.port)) as client:
        yield client


async def kind_of_failure(http: SafeHttp, url: str, **changes: object) -> HttpFailure:
    with pytest.raises(HttpFailedError) as failed:
        await http.fetch(get(url, **changes))
    # Nothing that the peer said, nor where it is, gets into what people read.
    assert not any(word in str(failed.value) for word in ("127.0.0.1", "Traceback", "errno"))
    return failed.value.kind


# What is sent ------------------------------------------------------------------------------------


async def test_the_users_query_arrives_byte_for_byte(http: SafeHttp, server: BadServer) -> None:
    await http.fetch(get(server.url("/next?key=a%20b+c&n={{x}}&empty=&~=%7E#here")))
    assert server.heard[0].target == "/next?key=a%20b+c&n={{x}}&empty=&~=%7E"


async def test_headers_and_body_arrive_and_nothing_is_offered_to_be_packed(
    http: SafeHttp, server: BadServer
) -> None:
    url = server.url("/hook")
    await http.fetch(
        get(
            url,
            method="POST",
            headers=[("webhook-id", "m1"), ("User-agent", "x/1")],
            body=b'{"a":1}',
        )
    )
    (heard,) = server.heard
    assert (heard.method, heard.body) == ("POST", b'{"a":1}')
    assert heard.headers["host"] == f"127.0.0.1:{server.port}"
    assert heard.headers["accept-encoding"] == "identity"
    assert (heard.headers["webhook-id"], heard.headers["user-agent"]) == ("m1", "x/1")


async def test_no_cookie_is_kept_and_one_connection_serves_again(
    http: SafeHttp, server: BadServer
) -> None:
    server.manners["/cookie"] = answer(200, Set_Cookie="a=b")
    for _ in range(2):
        await http.fetch(get(server.url("/cookie")))
    assert "cookie" not in server.heard[1].headers
    assert server.connections == 1


async def test_no_proxy_of_the_environment_is_used(
    http: SafeHttp, server: BadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with SafeHttp(open_to(server.port)) as other:
        assert (await other.fetch(get(server.url("/")))).status == 200


# How servers misbehave ---------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "status"), [("/500", 500), ("/410", 410), ("/429", 429)])
async def test_an_error_status_is_an_answer(
    http: SafeHttp, server: BadServer, path: str, status: int
) -> None:
    reply = await http.fetch(get(server.url(path)))
    assert reply.status == status
    assert reply.header("retry-after") == ("3600" if status == 429 else "")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/hang", HttpFailure.TIMEOUT),
        ("/drip", HttpFailure.TIMEOUT),
        ("/reset", HttpFailure.CONNECT_FAILED),
        ("/closes", HttpFailure.BAD_ANSWER),
        ("/silent", HttpFailure.BAD_ANSWER),
        ("/301", HttpFailure.REDIRECT_REFUSED),
        ("/304", HttpFailure.REDIRECT_REFUSED),
        ("/101", HttpFailure.BAD_ANSWER),
        ("/10-gigabytes", HttpFailure.TOO_LARGE),
        ("/endless", HttpFailure.TOO_LARGE),
        ("/gzip", HttpFailure.BAD_ANSWER),
        ("/17-kilobytes-of-headers", HttpFailure.BAD_ANSWER),
        ("/10000-headers", HttpFailure.BAD_ANSWER),
        ("/no-http", HttpFailure.BAD_ANSWER),
    ],
)
async def test_each_misbehaviour_has_its_kind_and_ends_in_time(
    http: SafeHttp, server: BadServer, path: str, kind: HttpFailure
) -> None:
    began = monotonic()
    assert await kind_of_failure(http, server.url(path), deadline=SOON) is kind
    assert monotonic() - began < 3
    # Whatever it was, the next exchange is not touched by it.
    assert (await http.fetch(get(server.url("/well")))).body == b"ok"


@pytest.mark.parametrize("path", ["/invalid-utf-8", "/html"])
async def test_what_a_body_says_is_not_the_clients_matter(
    http: SafeHttp, server: BadServer, path: str
) -> None:
    assert (await http.fetch(get(server.url(path)))).body


async def test_a_body_of_exactly_the_limit_is_taken(http: SafeHttp, server: BadServer) -> None:
    server.manners["/body"] = answer(200, b"x" * 100)
    assert len((await http.fetch(get(server.url("/body"), longest_body=100))).body) == 100
    kind = await kind_of_failure(http, server.url("/body"), longest_body=99)
    assert kind is HttpFailure.TOO_LARGE


async def test_nobody_listening_is_a_failed_connection(server: BadServer) -> None:
    async with BadServer().serve() as gone:
        port = gone.port
    async with SafeHttp(open_to(port)) as http:
        assert await kind_of_failure(http, gone.url("/")) is HttpFailure.CONNECT_FAILED


async def test_a_caller_who_gives_up_leaves_the_client_usable(
    http: SafeHttp, server: BadServer
) -> None:
    for _ in range(10):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await http.fetch(get(server.url("/hang")))
    assert (await http.fetch(get(server.url("/well")))).body == b"ok"


# Where it connects -------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [url for url, _ in REFUSED])
async def test_what_is_refused_when_saved_is_refused_when_used_and_not_even_looked_up(
    url: str,
) -> None:
    names = NameServer()
    rules = OutboundRules(own_hosts=OUR_HOST)
    async with SafeHttp(rules, resolve=names.addresses) as http:
        kind = await kind_of_failure(http, url)
    assert kind in {HttpFailure.URL_REFUSED, HttpFailure.ADDRESS_NOT_ALLOWED}
    assert names.asked == []


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "10.0.0.1"],
        ["10.0.0.1", "93.184.216.34"],
        ["169.254.169.254"],
        ["2606:4700:4700::1111", "::1"],
        ["fe80::1%lo"],
        ["64:ff9b::7f00:1"],
    ],
)
async def test_every_address_of_a_name_must_be_allowed(found: Sequence[str]) -> None:
    async with SafeHttp(OutboundRules(), resolve=NameServer([found]).addresses) as http:
        kind = await kind_of_failure(http, "http://crm.example.com/")
    assert kind is HttpFailure.ADDRESS_NOT_ALLOWED


async def test_a_name_that_turns_to_this_machine_is_not_followed(server: BadServer) -> None:
    """Looked up once for each connection: what was checked is what is connected to."""
    names = NameServer([["127.0.0.1"], ["127.0.0.2"]])
    async with SafeHttp(open_to(server.port), resolve=names.addresses) as http:
        server.manners["/close"] = answer(200, Connection="close")
        await http.fetch(get(server.url("/close", host="crm.example.com")))
        assert names.asked == ["crm.example.com"]
        kind = await kind_of_failure(http, server.url("/", host="crm.example.com"))
    assert kind is HttpFailure.ADDRESS_NOT_ALLOWED
    assert len(server.heard) == 1


async def test_the_second_address_is_tried_when_the_first_refuses(server: BadServer) -> None:
    rules = OutboundRules(
        services=open_to(server.port).services | {(ip_address("::1"), server.port)}
    )
    names = NameServer([["::1", "127.0.0.1"]])
    async with SafeHttp(rules, resolve=names.addresses) as http:
        reply = await http.fetch(get(server.url("/", host="crm.example.com")))
    assert reply.status == 200
    assert server.heard[0].headers["host"] == f"crm.example.com:{server.port}"


async def test_a_name_that_does_not_exist_or_hangs_is_dns() -> None:
    async def nothing(host: str) -> Sequence[Address]:
        raise OSError(host)

    async def nobody(host: str) -> Sequence[Address]:
        return []

    for resolve in (nothing, nobody):
        async with SafeHttp(OutboundRules(), resolve=resolve) as http:
            kind = await kind_of_failure(http, "https://crm.example.com/")
        assert kind is HttpFailure.DNS_FAILED


async def test_an_address_without_tls_needs_the_accounts_leave(
    http: SafeHttp, server: BadServer
) -> None:
    kind = await kind_of_failure(http, server.url("/"), plain_http=False)
    assert kind is HttpFailure.URL_REFUSED
    assert server.heard == []


# How much at once --------------------------------------------------------------------------------


async def test_five_to_a_host_are_under_way_and_no_other_account_waits(
    http: SafeHttp, server: BadServer
) -> None:
    url = server.url("/hang")
    async with asyncio.TaskGroup() as tasks:
        first = [tasks.create_task(kind_of_failure(http, url, deadline=2 * SOON)) for _ in range(5)]
        later = [tasks.create_task(kind_of_failure(http, url, deadline=SOON)) for _ in range(3)]
        other = await http.fetch(get(server.url("/"), account_id=AccountId(2)))
    assert [task.result() for task in first] == [HttpFailure.TIMEOUT] * 5
    assert [task.result() for task in later] == [HttpFailure.BUSY] * 3
    assert (other.body, server.connections) == (b"ok", 6)


# TLS ---------------------------------------------------------------------------------------------


def ancient(context: ssl.SSLContext) -> ssl.SSLContext:
    """Speak TLS 1.0 only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def over_tls(authority: Authority, tls: ssl.SSLContext, manner: Manner | None = None) -> int:
    server = BadServer()
    if manner is not None:
        server.manners["/"] = manner
    async with server.serve(tls):
        url = server.url("/", host="crm.example.com", scheme="https")
        trusted = authority.trusted()
        names = NameServer()
        async with SafeHttp(open_to(server.port), resolve=names.addresses, tls=trusted) as http:
            return (await http.fetch(get(url, plain_http=False))).status


async def test_tls_is_for_the_name_that_was_asked_for(authority: Authority) -> None:
    assert await over_tls(authority, authority.server("crm.example.com")) == 200


@pytest.mark.parametrize("case", ["self-signed", "expired", "wrong host", "address", "TLS 1.0"])
async def test_a_certificate_or_protocol_that_cannot_be_trusted_is_tls(
    authority: Authority, case: str
) -> None:
    made = {
        "self-signed": lambda: authority.server("crm.example.com", self_signed=True),
        "expired": lambda: authority.server("crm.example.com", expired=True),
        "wrong host": lambda: authority.server("crm.example.org"),
        "address": lambda: authority.server("127.0.0.1"),
        "TLS 1.0": lambda: ancient(authority.server("crm.example.com")),
    }[case]()
    with pytest.raises(HttpFailedError) as failed:
        await over_tls(authority, made)
    assert failed.value.kind is HttpFailure.TLS_FAILED


def asks_for_a_certificate(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let only known clients in; since TLS 1.3 others hear of it after the handshake."""
    context.verify_mode = ssl.CERT_REQUIRED  # of an authority that nobody has
    return context


async def garble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send bytes past the encryption."""
    peer: socket.socket = writer.get_extra_info("socket")
    os.write(peer.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
    await asyncio.sleep(0)


async def test_who_wants_a_certificate_of_ours_breaks_nothing(authority: Authority) -> None:
    made = asks_for_a_certificate(authority.server("crm.example.com"))
    with pytest.raises(HttpFailedError) as failure:
        await over_tls(authority, made)
    # Which of the two comes first, the alert or the end of the connection, is chance.
    assert failure.value.kind in {HttpFailure.TLS_FAILED, HttpFailure.CONNECT_FAILED}


async def test_an_encryption_that_breaks_off_breaks_nothing(authority: Authority) -> None:
    with pytest.raises(HttpFailedError) as failure:
        await over_tls(authority, authority.server("crm.example.com"), garble)
    assert failure.value.kind is HttpFailure.TLS_FAILED
