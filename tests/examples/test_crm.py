"""The sample CRM by itself; the story with the dialer is in tests/asterisk/test_crm_story.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest
from examples.crm.crm import Crm, CrmServer

KEY: Final = "of-the-addresses"
SECRET: Final = "whsec_" + base64.b64encode(b"s" * 24).decode()
NUMBERS: Final = ("+919820012310", "+919820012330")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CrmServer]:
    crm = Crm(tmp_path / "crm.sqlite3")
    for number in NUMBERS:
        crm.add(number, "Asha <b>Rao", "A-17")
    with CrmServer(("127.0.0.1", 0), crm, KEY, [SECRET]) as running:
        serving = threading.Thread(target=running.serve_forever, args=(0.05,))
        serving.start()
        yield running
        running.shutdown()
        serving.join()


def ask(server: CrmServer, method: str, path: str, key: str = KEY, **query: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request(method, f"{path}?{urlencode({'key': key, **query})}")
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply.status, body


def post(server: CrmServer, body: bytes, *, sent_at: int, secret: str = SECRET) -> int:
    signed = f"msg_1.{sent_at}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(sent_at),
        "webhook-signature": f"v1,{signature}",
    }
    connection.request("POST", "/webhooks", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_each_number_is_handed_out_once_and_looking_costs_none(server: CrmServer) -> None:
    assert ask(server, "HEAD", "/next") == (200, "")
    assert [ask(server, "GET", "/next") for _ in range(3)] == [
        (200, NUMBERS[0]),
        (200, NUMBERS[1]),
        (200, ""),
    ]


def test_without_the_key_nothing_is_told(server: CrmServer) -> None:
    for path in ("/", "/next", "/contact", "/popup", "/result", "/nowhere"):
        assert ask(server, "GET", path, key="another")[0] == 401
    assert ask(server, "GET", "/next") == (200, NUMBERS[0])


def test_the_agents_browser_sees_who_is_on_the_line_as_text(server: CrmServer) -> None:
    status, page = ask(server, "GET", "/popup", From=NUMBERS[0])
    assert status == 200
    assert "A-17" in page
    assert "<b>" not in page


def test_news_and_results_that_come_twice_are_kept_once(server: CrmServer) -> None:
    result = {
        "CallSid": "c1",
        "CallTo": NUMBERS[0],
        "DialCallStatus": "busy",
        "DialCallDuration": "0",
    }
    for _ in range(2):
        assert ask(server, "GET", "/result", **result) == (200, "")
        news = {"CallSid": "c1", "EventType": "Dial", "From": NUMBERS[0]}
        assert ask(server, "GET", "/popup", **news) == (200, "")
    assert server.crm.rows("SELECT call, status FROM result") == [("c1", "busy")]
    assert server.crm.rows("SELECT call, state FROM popup") == [("c1", "Dial")]
    assert "busy" in ask(server, "GET", "/")[1]


def test_only_signed_and_fresh_webhooks_are_kept_each_once(server: CrmServer) -> None:
    body = json.dumps({"type": "call.ended"}).encode()
    now = int(time.time())
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    assert post(server, body, sent_at=now, secret=other) == 401
    assert post(server, body, sent_at=now - 600) == 401
    assert [post(server, body, sent_at=now) for _ in range(2)] == [200, 200]
    assert server.crm.rows("SELECT id, type FROM event") == [("msg_1", "call.ended")]
