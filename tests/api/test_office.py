"""Money, prices and caller ids: read by keys, changed by people."""

from __future__ import annotations

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.billing.services import set_payment_mode, set_tariffs, top_up
from autodialer.domain.money import PaymentMode, Rate
from tests.api.client import Caller
from tests.support.book import NOON, Book, make_book

pytestmark = pytest.mark.django_db


def fund(book: Book, *amounts: int) -> None:
    account, who = book.account, OPERATOR
    set_payment_mode(account=account, mode=PaymentMode.PREPAID, actor=who, now=NOON)
    for amount in amounts:
        top_up(account=account, amount=amount, reference=f"R{amount}", actor=who, now=NOON)


def test_an_account_that_is_not_metered_says_so(crm: Caller) -> None:
    assert crm.get("/balance").json() == {
        "is_metered": False,
        "mode": None,
        "currency": None,
        "balance": None,
        "held": None,
        "available": None,
    }


def test_the_balance_and_what_moved_it_are_whole_minor_units(book: Book, crm: Caller) -> None:
    fund(book, 100, 250)
    assert crm.get("/balance").json() == {
        "is_metered": True,
        "mode": "prepaid",
        "currency": "INR",
        "balance": 350,
        "held": 0,
        "available": 350,
    }
    first = crm.get("/ledger?limit=1").json()
    assert [(one["kind"], one["amount"]) for one in first["items"]] == [("top-up", 250)]
    rest = crm.get(first["next"]).json()
    assert ([one["amount"] for one in rest["items"]], rest["next"]) == ([100], None)
    assert crm.get("/ledger?kind=charge").json()["items"] == []
    assert crm.get("/ledger?kind=theft").status_code == 422


def test_prices_are_listed_by_prefix(book: Book, crm: Caller) -> None:
    rates = {"+91": Rate(60, 30, 60, 30), "+1": Rate(30, 50, 6, 10)}
    set_tariffs(account=book.account, rates=rates, actor=OPERATOR, now=NOON)
    first = crm.get("/tariffs?limit=1").json()
    assert first["items"] == [
        {"prefix": "+1", "first_s": 30, "first_amount": 50, "next_s": 6, "next_amount": 10}
    ]
    assert [one["prefix"] for one in crm.get(first["next"]).json()["items"]] == ["+91"]


def test_caller_ids_are_listed_and_read(book: Book, crm: Caller) -> None:
    book.campaign()
    (one,) = crm.get("/caller-ids").json()["items"]
    assert (one["number"], one["campaigns"]) == ("+918045678901", 1)
    assert one["verified_at"]
    assert crm.get(f"/caller-ids/{one['id']}").json() == one
    assert crm.get("/caller-ids?is_verified=false").json()["items"] == []
    assert crm.get("/caller-ids?number=08045678901").json()["items"] == [one]


def test_the_account_of_a_key_is_told(book: Book, crm: Caller) -> None:
    assert crm.get("/account").json() == {
        "id": str(book.account.pk),
        "name": "Acme",
        "zone": "Asia/Kolkata",
        "region": "IN",
    }


def test_money_and_numbers_of_another_account_are_not_seen(crm: Caller) -> None:
    zenith = make_book("Zenith")
    fund(zenith, 100)
    assert crm.get("/ledger").json()["items"] == []
    assert crm.get("/balance").json()["is_metered"] is False
    assert crm.get(f"/caller-ids/{zenith.caller_id.pk}").status_code == 404


@pytest.mark.parametrize("path", ["/balance", "/ledger", "/tariffs", "/caller-ids", "/account"])
def test_no_key_changes_money_or_numbers(path: str, crm: Caller) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert crm.ask(method, path, {}).status_code == 405
