"""Webhook endpoints and their deliveries: all but the secrets."""

from __future__ import annotations

from typing import Any

import pytest

from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.webhooks.models import Delivery, Endpoint
from tests.api.client import Caller, caller, now
from tests.support.book import Book, make_book

pytestmark = pytest.mark.django_db

URL = "https://crm.example/hooks"


def made(crm: Caller, **said: Any) -> Any:
    answer = crm.post("/webhooks", {"url": URL, **said})
    assert answer.status_code == 201, answer.content
    return answer


def test_an_endpoint_is_made_changed_disabled_and_deleted(crm: Caller) -> None:
    answer = made(crm, kinds=["call.ended"], description="CRM")
    address = f"/webhooks/{answer.json()['id']}"
    read = crm.get(address)
    assert (read.json(), read["ETag"]) == (answer.json(), answer["ETag"])
    assert crm.get("/webhooks").json() == {"items": [read.json()]}
    changed = crm.patch(address, {"kinds": []}, If_Match=read["ETag"])
    assert changed.json()["kinds"] == []
    assert (changed.json()["url"], changed.json()["description"]) == (URL, "CRM")
    assert crm.patch(address, {"description": "x"}, If_Match=read["ETag"]).status_code == 412
    assert crm.post(f"{address}/disable").json()["disabled"] == "disabled_by_user"
    assert crm.post(f"{address}/enable").json()["disabled"] is None
    assert crm.ask("DELETE", address).status_code == 204
    assert crm.get(address).status_code == 404


def test_a_test_is_sent_read_and_sent_again(crm: Caller) -> None:
    address = f"/webhooks/{made(crm).json()['id']}"
    sent = crm.post(f"{address}/test")
    assert (sent.status_code, sent.json()["kind"]) == (202, "webhook.test")
    delivery = f"/webhook-deliveries/{sent.json()['id']}"
    assert crm.get(delivery).json() == sent.json()
    assert sent.json()["url"] == URL
    assert "webhook.test" in sent.json()["payload"]
    listed = crm.get(f"{address}/deliveries").json()["items"]
    assert [one["id"] for one in listed] == [sent.json()["id"]]
    Delivery.objects.update(status="failed", done_at=now(), outcome="http_500")
    failed = crm.get(f"{address}/deliveries?status=failed").json()["items"]
    assert [(one["id"], one["outcome"]) for one in failed] == [(sent.json()["id"], "http_500")]
    again = crm.post(f"{delivery}/replay")
    assert (again.status_code, again.json()["message_id"]) == (202, sent.json()["message_id"])
    since = {"since": "2020-01-01T00:00:00Z"}
    assert crm.post(f"{address}/replay", since).json() == {"replayed": 0}


def test_what_a_campaign_tells_its_urls_is_listed(book: Book, crm: Caller) -> None:
    campaign = book.campaign()
    assert crm.get(f"/campaigns/{campaign.pk}/deliveries").json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    "url",
    ["", "ftp://crm.example/", "https://127.0.0.1/", "https://user:pw@crm.example/", "nonsense"],
)
def test_an_address_that_must_not_be_opened_is_refused(url: str, crm: Caller) -> None:
    answer = crm.post("/webhooks", {"url": url})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/url"]


@pytest.mark.parametrize("kinds", [["webhook.test"], ["call.exploded"], "call.ended", [1]])
def test_kinds_are_those_of_the_list(kinds: object, crm: Caller) -> None:
    answer = crm.post("/webhooks", {"url": URL, "kinds": kinds})
    assert answer.status_code == 422
    assert all(error["pointer"].startswith("/kinds") for error in answer.json()["errors"])


def test_no_answer_holds_a_secret(book: Book, crm: Caller) -> None:
    endpoint = made(crm).json()
    answers = [crm.get("/webhooks"), crm.get(f"/webhooks/{endpoint['id']}")]
    salt = Endpoint.objects.get().salt
    for answer in answers:
        assert "whsec" not in answer.content.decode()
        assert salt not in answer.content.decode()
    for verb in ("secret", "rotate", "rotate-secret"):
        assert crm.post(f"/webhooks/{endpoint['id']}/{verb}").status_code == 404


def test_a_key_that_reads_changes_nothing(book: Book, crm: Caller) -> None:
    address = f"/webhooks/{made(crm).json()['id']}"
    reader = caller(book.account, [KeyScope.WEBHOOKS_READ], "reader")
    assert reader.get(address).status_code == 200
    for answer in (
        reader.post("/webhooks", {"url": URL}),
        reader.patch(address, {"description": "x"}, If_Match="*"),
        reader.ask("DELETE", address),
        reader.post(f"{address}/disable"),
        reader.post(f"{address}/test"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_endpoints_and_deliveries_of_another_account_are_not_found(crm: Caller) -> None:
    zenith = make_book("Zenith")
    other = caller(zenith.account)
    address = f"/webhooks/{made(other).json()['id']}"
    delivery = f"/webhook-deliveries/{other.post(f'{address}/test').json()['id']}"
    for answer in (
        crm.get(address),
        crm.patch(address, {"description": "x"}, If_Match="*"),
        crm.ask("DELETE", address),
        crm.post(f"{address}/enable"),
        crm.post(f"{address}/disable"),
        crm.post(f"{address}/test"),
        crm.post(f"{address}/replay", {"since": "2020-01-01T00:00:00Z"}),
        crm.get(f"{address}/deliveries"),
        crm.get(f"/campaigns/{zenith.campaign().pk}/deliveries"),
        crm.get(delivery),
        crm.post(f"{delivery}/replay"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert crm.get("/webhooks").json() == {"items": []}
