"""Caller ids, balance, settings and the audit log."""

from __future__ import annotations

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account
from autodialer.apps.billing.services import set_payment_mode, top_up
from autodialer.apps.campaigns.models import CallerId
from autodialer.domain.money import PaymentMode
from autodialer.web.templatetags.ui import noted
from tests.support.book import NOON, Book, make_book
from tests.support.visit import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    return make_book()


def test_an_admin_adds_a_number_and_a_wrong_one_is_explained_beside_its_field(book: Book) -> None:
    devi = signed_in(book.admin)
    answer = devi.post("/caller-ids/", {"number": "080 4567 8999", "verified": "on"}, follow=True)
    assert "+918045678999 was added." in answer.content.decode()
    refused = devi.post("/caller-ids/", {"number": "12"})
    assert refused.status_code == 422
    assert refused.context["form"].errors["number"]
    assert 'value="12"' in refused.content.decode()


def test_a_supervisor_sees_the_numbers_and_may_not_add_one(book: Book) -> None:
    asha = signed_in(book.supervisor)
    page = asha.get("/caller-ids/").content.decode()
    assert str(book.caller_id) in page
    assert "Add a number" not in page
    assert asha.post("/caller-ids/", {"number": "08045678999"}).status_code == 403
    assert CallerId.objects.count() == 1


def test_a_number_is_withdrawn_after_a_question_that_counts_the_campaigns(book: Book) -> None:
    devi, url = signed_in(book.admin), f"/caller-ids/{book.caller_id.pk}/withdraw/"
    book.campaign()
    question = devi.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "1 campaign" in question
    assert "<html" not in question
    answer = devi.post(url, follow=True).content.decode()
    assert "1 campaign was paused" in answer
    assert "Not verified" in answer


def test_the_balance_of_an_account_that_is_not_metered_says_so(book: Book) -> None:
    page = signed_in(book.supervisor).get("/balance/").content.decode()
    assert "not charged" in page


def test_the_ledger_shows_what_moved_the_balance_page_by_page(book: Book) -> None:
    set_payment_mode(
        account=book.account, mode=PaymentMode.PREPAID, currency="INR", actor=OPERATOR, now=NOON
    )
    for number in range(52):
        top_up(
            account=book.account,
            amount=100 + number,
            reference=f"INV-{number}",
            actor=OPERATOR,
            now=NOON,
        )
    asha = signed_in(book.supervisor)
    newest = asha.get("/balance/")
    assert [row.reference for row in newest.context["rows"]][:1] == ["INV-51"]
    assert "INV-1<" not in newest.content.decode()
    older = asha.get("/balance/", {"before": newest.context["older"]})
    assert [row.reference for row in older.context["rows"]] == ["INV-1", "INV-0"]


def test_settings_are_saved_audited_and_checked(book: Book) -> None:
    devi = signed_in(book.admin)
    given = {
        "zone": "Asia/Dubai",
        "region": "AE",
        "window_opens": "10:00",
        "window_closes": "20:00",
        "redial_gap": "90",
        "allows_http": "on",
    }
    assert devi.post("/settings/", given).status_code == 302
    account = Account.objects.get(pk=book.account.pk)
    assert (account.zone, account.region, account.redial_gap_s) == ("Asia/Dubai", "AE", 90)
    assert account.allows_http
    log = devi.get("/audit/").content.decode()
    assert "account.change" in log
    assert "Asia/Kolkata" in log
    night = devi.post("/settings/", given | {"window_closes": "23:00"})
    assert night.status_code == 422
    assert "21:00" in str(night.context["form"].errors)
    long = devi.post("/settings/", given | {"redial_gap": "4000"})
    assert "redial_gap" in long.context["form"].errors


def test_a_supervisor_reads_the_settings_only(book: Book) -> None:
    asha = signed_in(book.supervisor)
    assert "Only an admin may change these." in asha.get("/settings/").content.decode()
    given = {
        "zone": "Asia/Dubai",
        "region": "AE",
        "window_opens": "10:00",
        "window_closes": "20:00",
        "redial_gap": "90",
    }
    assert asha.post("/settings/", given).status_code == 403


def test_the_audit_log_is_filtered_by_kind_and_refuses_others(book: Book) -> None:
    devi = signed_in(book.admin)
    rows = devi.get("/audit/", {"kind": "group"}).context["rows"]
    assert {row.subject_kind for row in rows} == {"group"}
    assert devi.get("/audit/", {"kind": "x; DROP"}).status_code == 422


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), ([], "-"), (["busy", "no-answer"], "busy, no-answer"), (True, "yes"), (0, "0")],
)
def test_what_was_noted_is_shown_without_marks_of_a_program(value: object, text: str) -> None:
    assert noted(value) == text
