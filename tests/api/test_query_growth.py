"""Every list asks the database as often for many things as for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.billing.services import set_payment_mode, set_tariffs, top_up
from autodialer.apps.campaigns.services import add_caller_id
from autodialer.domain.money import PaymentMode, Rate
from tests.api.client import Caller, caller
from tests.api.files import send_file
from tests.support.acts import answered_call
from tests.support.book import NOON, Book, csv_of, make_book

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

MANY: Final = range(2, 9)


def one_of_each(book: Book, crm: Caller) -> None:
    answered_call(book)
    set_payment_mode(account=book.account, mode=PaymentMode.PREPAID, actor=OPERATOR, now=NOON)
    more(book, crm, 1)


def more(book: Book, crm: Caller, at: int) -> None:
    """Make one more thing of each kind that is listed."""
    crm.post("/contacts", {"number": f"987654321{at}", "list_id": str(book.list_id)})
    crm.post("/lists", {"name": f"List {at}"})
    crm.post("/dnd", {"numbers": [f"987654322{at}"]})
    made = crm.post("/users", {"name": f"Agent {at}", "email": f"agent{at}@x.example"}).json()["id"]
    crm.post(f"/groups/{book.group.pk}/members", {"user_ids": [made]})
    crm.post("/groups", {"name": f"Group {at}", "member_ids": [made]})
    crm.post(f"/users/{book.agent.pk}/devices", {"kind": "phone", "number": f"987654323{at}"})
    webhook = crm.post("/webhooks", {"url": f"https://crm.example/{at}"}).json()["id"]
    crm.post(f"/webhooks/{webhook}/test")
    send_file(crm, "/imports", csv_of(at + 5), name=f"{at}.csv")
    account, number = book.account, f"0804567891{at}"
    top_up(account=account, amount=at, reference=f"R{at}", actor=OPERATOR, now=NOON)
    rates = {f"+9{at}": Rate(60, 1, 60, 1)}
    set_tariffs(account=account, rates=rates, actor=OPERATOR, now=NOON)
    add_caller_id(account=account, actor=OPERATOR, number=number, verified=True, now=NOON)


def lists(book: Book, crm: Caller) -> Iterator[str]:
    """Yield the addresses of all lists but those of campaigns and calls."""
    yield from ("/contacts", "/lists", "/dnd", "/imports", "/users", "/groups", "/agent-sessions")
    yield from ("/ledger", "/tariffs", "/caller-ids", "/webhooks")
    yield f"/lists/{book.list_id}/contacts"
    yield f"/groups/{book.group.pk}/members"
    yield f"/users/{book.agent.pk}/devices"
    (first, *_) = crm.get("/webhooks").json()["items"]
    yield f"/webhooks/{first['id']}/deliveries"


def counted(crm: Caller, path: str) -> tuple[int, int]:
    """How many items and how many queries."""
    with CaptureQueriesContext(connection) as asked:
        items = crm.get(path).json()["items"]
    return len(items), len(asked)


def test_lists_ask_as_often_for_many_things_as_for_one() -> None:
    book = make_book()
    crm = caller(book.account)
    one_of_each(book, crm)
    before = {path: counted(crm, path) for path in lists(book, crm)}
    for at in MANY:
        more(book, crm, at)
    after = {path: counted(crm, path) for path in before}
    grown = {path for path in before if after[path][1] > before[path][1]}
    assert grown == set()
    # The sessions and deliveries of one thing did not become more; all the others did.
    few = {path for path in before if after[path][0] <= before[path][0]}
    assert few == {"/agent-sessions", next(path for path in before if "deliveries" in path)}
