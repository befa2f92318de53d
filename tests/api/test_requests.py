"""Requests as programs get them wrong: each is refused with its status and code."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from django.db import connection, transaction
from django.test import Client

from autodialer.api.limits import Limiter
from autodialer.api.problems import ApiError
from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.services import create_account, set_user_active
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.keys.models import ApiKey, KeptReply
from autodialer.apps.keys.replies import expire_replies
from autodialer.apps.keys.services import create_key, revoke_key
from autodialer.apps.keys.token import new_token
from tests.api.client import Caller, caller, now
from tests.support.book import Book

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_django import Settings

pytestmark = pytest.mark.django_db
DAY: Final = timedelta(days=1)


def told(answer: Any) -> tuple[int, str]:
    """The status and code of a problem, which has all that a problem has."""
    problem = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["instance"] == answer["X-Request-ID"]
    assert problem["type"].endswith(f"#{problem['code']}")
    assert problem["title"]
    assert problem["detail"]
    return answer.status_code, problem["code"]


def wanted(book: Book, name: str = "Diwali") -> dict[str, str]:
    return {
        "name": name,
        "caller_id": str(book.caller_id.pk),
        "list_id": str(book.list_id),
        "group_id": str(book.group.pk),
    }


# Bodies (F01 to F07) ---------------------------------------------------------------------------

# The last one is there twice.
MANY_NAMES = b"{%b}" % b",".join(b'"n%d": 0' % min(at, 59_999) for at in range(60_001))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "offset 0"),
        (b"null", "offset 0"),
        (b"[]", "offset 0"),
        (b'"x"', "offset 0"),
        (b'{"name": "x"', "offset 12"),
        (b'{"name": "x",}', "offset 13"),
        (b'{"name": 1 /* no */}', "offset 11"),
        (b'{"name": NaN}', "NaN"),
        (b'{"retries": -Infinity}', "-Infinity"),
        (b'{"retries": 1e309}', "too big"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"name": "\xff"}', "offset 10"),
        (b"\xef\xbb\xbf{}", "offset 0"),
        ('{"retries": \u0663}'.encode(), "offset 12"),
        (b"[" * 100_000, ""),
        pytest.param(MANY_NAMES, "'n59999' is there twice", id="many names"),
    ],
)
@pytest.mark.timeout(30)  # what grows with the square of a body takes longer
def test_a_body_that_is_no_object_is_refused_with_its_place(
    body: bytes, where: str, crm: Caller
) -> None:
    answer = crm.client.post("/api/v1/campaigns", body, "application/json", headers=bearer(crm))
    assert told(answer) == (400, "malformed")
    assert where in answer.json()["detail"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/xml",
        "application/json; charset=latin-1",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ],
)
def test_a_body_of_another_type_is_not_read(kind: str, crm: Caller) -> None:
    body = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    answer = crm.client.generic("POST", "/api/v1/campaigns", body, kind, headers=bearer(crm))
    assert told(answer) == (415, "media_type_unsupported")


def test_an_operation_without_fields_takes_none(book: Book, crm: Caller) -> None:
    path = f"/campaigns/{book.campaign().pk}/pause"
    answer = crm.post(path, {"force": True})
    assert told(answer) == (422, "invalid_fields")
    assert answer.json()["errors"][0]["code"] == "unknown_field"
    assert crm.post(path, {}).status_code == 200


def test_a_body_beyond_the_limit_is_not_read(crm: Caller) -> None:
    assert told(crm.post("/campaigns", {"name": "x" * 5_300_000})) == (413, "too_big")


# Addresses (F08 to F11, F15) -------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["0", "-1", "01", "1 OR 1=1", "1" + "0" * 30, "a-b", "\u0661", "00000000-0000-1000", "1\0"],
)
def test_what_can_be_no_id_is_not_found(name: str, crm: Caller) -> None:
    for path in (f"/campaigns/{name}", f"/campaigns/{name}/calls", f"/calls/{name}/recording"):
        assert told(crm.get(path)) == (404, "not_found")


@pytest.mark.parametrize("path", ["/", "/nothing", "/campaigns/../users", "/campaigns/1/nothing"])
def test_an_address_that_is_not_there_says_so(path: str, crm: Caller) -> None:
    assert told(crm.get(path)) == (404, "no_such_address")


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("sort=number;DROP", ["?sort"]),
        ("sort=password", ["?sort"]),
        ("filter[x]=1", ["?filter[x]"]),
        ("limit=0", ["?limit"]),
        ("limit=201", ["?limit"]),
        ("limit=ten&status=new", ["?limit", "?status"]),
        ("Status=paused", ["?Status"]),
    ],
)
def test_a_filter_or_order_that_is_not_there_is_refused(
    query: str, pointers: list[str], crm: Caller
) -> None:
    answer = crm.get(f"/campaigns?{query}")
    assert told(answer) == (422, "invalid_fields")
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "bnVsbA", "Wy1jcmVhdGVkIiwx", "WyJuYW1lIiwxLDJd", "é", "A" * 400]
)
def test_a_cursor_of_elsewhere_is_refused(cursor: str, crm: Caller) -> None:
    assert told(crm.get(f"/campaigns?cursor={cursor}")) == (400, "cursor_invalid")


@pytest.mark.parametrize(
    "place",
    [
        ["-created"],
        ["-created", "x", 1],
        ["-created", 1, 1, 1],
        ["-created", 2**60, 1],
        ["-created", 1, "9" * 20],
        ["-created", "1", 1],
    ],
)
def test_a_cursor_that_somebody_made_up_is_refused(place: list[object], crm: Caller) -> None:
    made_up = base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")
    assert told(crm.get(f"/campaigns?cursor={made_up}")) == (400, "cursor_invalid")


@pytest.mark.parametrize("place", [b"", b',"99999999999999999999"'], ids=["none", "a text"])
def test_a_cursor_without_a_number_for_a_place_is_refused(place: bytes, crm: Caller) -> None:
    made_up = base64.urlsafe_b64encode(b'["-id"%s]' % place).decode().rstrip("=")
    assert told(crm.get(f"/contacts?cursor={made_up}")) == (400, "cursor_invalid")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "PATCH"])
def test_a_method_that_is_not_there_is_refused_with_those_that_are(
    method: str, crm: Caller
) -> None:
    answer = crm.ask(method, "/campaigns")
    assert told(answer) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_options_and_head_are_answered(book: Book, crm: Caller) -> None:
    options = crm.ask("OPTIONS", "/campaigns")
    assert (options.status_code, options["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    head = crm.ask("HEAD", f"/campaigns/{book.campaign().pk}")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_does_not_change_the_method(header: str, book: Book, crm: Caller) -> None:
    book.campaign()
    answer = crm.post("/campaigns", {}, **{header: "GET"})
    assert told(answer) == (422, "invalid_fields")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*"])
def test_a_format_that_is_not_there_is_refused(accept: str, crm: Caller) -> None:
    assert told(crm.get("/campaigns", Accept=accept)) == (406, "not_acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, application/json;q=0.9"])
def test_json_is_sent_to_who_takes_it(accept: str, crm: Caller) -> None:
    assert crm.get("/campaigns", Accept=accept).status_code == 200


# Keys (F16, F21) -------------------------------------------------------------------------------


def bearer(crm: Caller) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {crm.key}"}


def basic(user: str, password: str) -> Mapping[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def ask(headers: Mapping[str, str], query: str = "") -> Any:
    return Client(raise_request_exception=False).get(f"/api/v1/campaigns{query}", headers=headers)


def refused(answer: Any) -> str:
    status, code = told(answer)
    assert status == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    return code


def test_a_key_is_taken_as_bearer_and_as_basic(crm: Caller) -> None:
    key_id, _, rest = crm.key.removeprefix("dlr_live_").partition("_")
    for headers in (
        bearer(crm),
        {"Authorization": f"bearer {crm.key}"},
        basic("anything", crm.key),
        basic(key_id, rest),
    ):
        assert ask(headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Bearer {new_token()}"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /////w=="},
        basic("x", "y"),
    ],
)
def test_what_is_no_key_is_refused(headers: Mapping[str, str]) -> None:
    assert refused(ask(headers)) == "key_unknown"


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Digest x"}])
def test_who_has_no_key_is_told_what_to_send(headers: Mapping[str, str]) -> None:
    assert refused(ask(headers)) == "key_missing"


def test_the_id_with_another_secret_is_refused(crm: Caller) -> None:
    other = type(new_token())(crm.key[9:17], new_token().secret)
    assert refused(ask({"Authorization": f"Bearer {other}"})) == "key_unknown"


def test_a_key_that_was_revoked_expired_or_lost_its_maker_is_refused(book: Book) -> None:
    keys = {}
    for name, expires_at in (("revoked", None), ("expired", now() + DAY), ("maker_gone", None)):
        made = create_key(
            account=book.account,
            actor=OPERATOR,
            name=name,
            scopes=["campaigns:read"],
            now=now(),
            expires_at=expires_at,
        )
        keys[name] = made
    revoke_key(account=book.account, actor=OPERATOR, key_id=keys["revoked"].id, now=now())
    ApiKey.objects.filter(pk=keys["expired"].id).update(
        created_at=now() - 2 * DAY, expires_at=now() - DAY
    )
    ApiKey.objects.filter(pk=keys["maker_gone"].id).update(made_by=book.supervisor)
    set_user_active(account=book.account, user_id=book.supervisor.pk, active=False, now=now())
    for name, made in keys.items():
        assert refused(ask({"Authorization": f"Bearer {made.token}"})) == f"key_{name}"


def test_a_key_in_the_address_is_refused_even_if_it_is_right(crm: Caller) -> None:
    for query in (f"?api_key={crm.key}", f"?x={crm.key}", "?token=abc"):
        assert told(ask(bearer(crm), query)) == (400, "key_in_query")


def test_a_key_that_came_without_tls_is_refused_where_the_proxy_says_so(
    crm: Caller, settings: Settings
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for headers in ({}, {"X-Forwarded-Proto": "http"}):
        assert told(crm.get("/campaigns", **headers)) == (403, "https_required")
    assert ApiKey.objects.get().last_used_at is None
    assert crm.get("/campaigns", X_Forwarded_Proto="https").status_code == 200


def test_a_session_opens_nothing(book: Book) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(book.admin)
    assert refused(client.get("/api/v1/campaigns")) == "key_missing"
    form = client.post("/api/v1/campaigns", {"name": "x"})
    assert refused(form) == "key_missing"
    assert not form.cookies


def test_use_is_noted(crm: Caller) -> None:
    crm.get("/campaigns")
    assert ApiKey.objects.get().last_used_at is not None


# Idempotency (F13) -----------------------------------------------------------------------------


def test_the_same_request_is_carried_out_once(book: Book, crm: Caller) -> None:
    first = crm.post("/campaigns", wanted(book), Idempotency_Key="k1")
    again = crm.post("/campaigns", wanted(book), Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (again["Location"], again["ETag"]) == (first["Location"], first["ETag"])
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Campaign.objects.count() == 1


def test_another_request_with_the_same_key_is_refused(book: Book, crm: Caller) -> None:
    crm.post("/campaigns", wanted(book), Idempotency_Key="k1")
    other = crm.post("/campaigns", wanted(book, "Holi"), Idempotency_Key="k1")
    assert told(other) == (422, "idempotency_key_reused")
    assert Campaign.objects.count() == 1


def test_a_key_of_somebody_else_or_for_another_address_is_another(book: Book, crm: Caller) -> None:
    path = f"/campaigns/{book.campaign().pk}"
    assert crm.post(f"{path}/pause", Idempotency_Key="k1").status_code == 200
    assert crm.post(f"{path}/resume", Idempotency_Key="k1").status_code == 200
    other = caller(book.account, name="Other")
    assert other.post(f"{path}/pause", Idempotency_Key="k1").status_code == 200


def test_a_reply_is_forgotten_after_a_day(book: Book, crm: Caller) -> None:
    crm.post("/campaigns", wanted(book), Idempotency_Key="k1")
    KeptReply.objects.update(created_at=now() - DAY)
    assert crm.post("/campaigns", wanted(book, "Holi"), Idempotency_Key="k1").status_code == 201
    KeptReply.objects.update(created_at=now() - DAY)
    assert expire_replies(now=now()) == 1
    assert expire_replies(now=now()) == 0


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é", "a b"])
def test_a_key_that_cannot_be_kept_is_refused(key: str, book: Book, crm: Caller) -> None:
    answer = crm.post("/campaigns", wanted(book), Idempotency_Key=key)
    assert told(answer) == (400, "idempotency_key_invalid")


def test_while_a_request_is_answered_the_same_one_waits(book: Book, crm: Caller) -> None:
    crm.post("/campaigns", wanted(book), Idempotency_Key="k1")
    KeptReply.objects.update(http_status=None)
    answer = crm.post("/campaigns", wanted(book), Idempotency_Key="k1")
    assert told(answer) == (409, "request_in_flight")
    assert answer["Retry-After"] == "1"


# Quota (F19) -----------------------------------------------------------------------------------


def test_the_request_beyond_the_quota_is_told_when_to_go_on() -> None:
    at = [0.0]
    limiter = Limiter(200, lambda: at[0])
    headers = [limiter.take(1) for _ in range(200)]
    assert headers[0]["RateLimit-Policy"] == '"default";q=200;w=60'
    assert headers[150]["RateLimit"] == '"default";r=49;t=60'
    with pytest.raises(ApiError) as refusal:
        limiter.take(1)
    assert refusal.value.code == "too_many_requests"
    assert refusal.value.headers["Retry-After"] == "60"
    limiter.take(2)  # another key has its own
    at[0] = 60.0
    limiter.take(1)


def test_every_answer_says_what_is_left(crm: Caller) -> None:
    for path in ("/campaigns", "/campaigns/999", "/campaigns?limit=0"):
        answer = crm.get(path)
        assert answer["RateLimit-Policy"] == '"default";q=200;w=60'
        assert answer["RateLimit"].startswith('"default";r=')


def test_too_many_requests_are_refused_with_a_problem(crm: Caller) -> None:
    answers = [crm.ask("OPTIONS", "/campaigns") for _ in range(201)]
    assert [answer.status_code for answer in answers[:200]] == [204] * 200
    assert told(answers[200]) == (429, "too_many_requests")
    assert int(answers[200]["Retry-After"]) > 0


def test_a_fault_of_ours_is_a_problem_that_tells_nothing_of_it() -> None:
    crm = caller(create_account(name="Acme", now=now()))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE imports_listimport RENAME COLUMN name TO title")
        answer = crm.get("/imports")
        transaction.set_rollback(True)
    assert told(answer) == (500, "internal_error")
    assert "column" not in answer.content.decode()
