"""Every address of the table with every kind of nonsense, as everybody."""

from __future__ import annotations

from typing import Any, Final

import pytest

from autodialer.api.exotel.routes import Address
from autodialer.api.exotel.sids import sid_of
from autodialer.api.exotel.urls import V1, V2, V2_BETA
from autodialer.apps.accounts.scopes import KeyScope
from tests.api.exotel.conftest import basic
from tests.api.exotel.program import Program, program
from tests.support.book import make_book

pytestmark = pytest.mark.django_db

TABLES: Final = {"/v2/accounts": V2, "/v1/Accounts": V1, "/v2_beta/Accounts": V2_BETA}
WALK: Final = [
    (base, each, method) for base, table in TABLES.items() for each in table for method in each.ways
]
NAMES: Final = ("sid", "contact_sid", "device_sid", "upload_id", "number")
JSON: Final = "application/json"
NONSENSE: Final = (
    (JSON, b"{"),
    (JSON, b"[]"),
    (JSON, b'"\\ud800"'),
    (JSON, b'{"campaigns": [[]], "lists": 3, "contacts": "x", "name": "\\u0000"}'),
    (JSON, b'{"campaigns": [{"name": {}}], "lists": [{}], "contacts": [{}]}'),
    (JSON, b"[" * 100_000),
    (JSON, b'{"From": "1", "To": "2", "CallerId": "' + b"9" * 5_000 + b'"}'),
    ("application/x-www-form-urlencoded", b"From=1&To=%00&CallerId=3&TimeOut=x"),
    ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
    ("multipart/form-data", b""),
    ("text/plain", b"\xff\xfe"),
)
QUERY: Final = "?status=%00&name=%FF&limit=99999999999999999999&Sid=x&DateCreated=gte:x&After=1-"


@pytest.fixture
def crm(settings: Any) -> Program:
    settings.API_REQUESTS_PER_MINUTE = 100_000
    return program(make_book())


def address(crm: Program, base: str, path: str, sid: str) -> str:
    for name in NAMES:
        path = path.replace(f"<str:{name}>", sid)
    return f"{base}/{sid_of(crm.book.account.pk)}/{path}"


@pytest.mark.parametrize(("base", "each", "method"), WALK)
def test_each_address_refuses_strangers_other_accounts_and_keys_without_the_scope(
    crm: Program, base: str, each: Address, method: str
) -> None:
    path = address(crm, base, each.path, "f" * 32)
    assert crm.client.generic(method, path).status_code == 401
    wrong = basic("dlr_live_x")
    assert crm.client.generic(method, path, headers=wrong).status_code == 401
    foreign = path.replace(sid_of(crm.book.account.pk), "f" * 32)
    assert crm.client.generic(method, foreign, headers=crm.headers).status_code == 404
    narrow = program(crm.book, KeyScope.WEBHOOKS_READ)
    assert crm.client.generic(method, path, headers=narrow.headers).status_code == 403


@pytest.mark.parametrize("base", TABLES)
def test_no_body_is_our_fault(crm: Program, base: str) -> None:
    for each in TABLES[base]:
        for sid in ("f" * 32, "x", "%00", "9" * 200):
            path = address(crm, base, each.path, sid)
            for method in each.ways:
                asked = [(where, *sent) for where in (path, path + QUERY) for sent in NONSENSE]
                for where, kind, body in asked:
                    answer: Any = crm.client.generic(method, where, body, kind, headers=crm.headers)
                    assert answer.status_code < 500, (method, where, body[:80], answer.content)


def test_a_program_that_asks_too_often_is_told_when_to_go_on(settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    crm = program(make_book())
    answers = [crm.client.get(f"{crm.base}/lists", headers=crm.headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[3]["Retry-After"]) > 0
    assert answers[3].json()["response"][0]["error_data"]["code"] == 429


@pytest.mark.parametrize("path", ["", "/sms-campaigns", "/campaigns/x/y", "/lists/"])
def test_what_is_not_there_is_said_in_the_envelope(crm: Program, path: str) -> None:
    answer = crm.client.get(f"{crm.base}{path}", headers=crm.headers)
    assert answer.status_code == answer.json()["http_code"] == 404
    wrong = crm.client.patch(f"{crm.base}/lists", headers=crm.headers)
    assert (wrong.status_code, wrong.json()["response"][0]["code"]) == (405, 405)
