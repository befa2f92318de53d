from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device
from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.billing import queries, services
from autodialer.apps.billing.models import Hold, LedgerEntry
from autodialer.apps.calls.services import start_session, stop_session
from autodialer.apps.calls.start import NEEDS, CannotStartError
from autodialer.apps.campaigns.models import Campaign, CampaignChange
from autodialer.domain.campaign import PauseReason
from autodialer.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from autodialer.domain.money import PaymentMode, Rate
from tests.apps.test_campaigns import race
from tests.support.book import NOON, Book, make_book

MINUTELY = Rate(60, 60, 60, 60)
PHONE = "+919000000099"


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def meter(book: Book, mode: PaymentMode = PaymentMode.PREPAID, amount: int = 0) -> None:
    services.set_payment_mode(account=book.account, mode=mode, actor=OPERATOR, now=NOON)
    if amount:
        top_up(book, amount, "first")


def top_up(book: Book, amount: int, reference: str) -> LedgerEntry:
    return services.top_up(
        account=book.account, amount=amount, reference=reference, actor=OPERATOR, now=NOON
    )


def adjust(book: Book, amount: int) -> LedgerEntry:
    return services.adjust(
        account=book.account, amount=amount, reference="correction", actor=OPERATOR, now=NOON
    )


def price(book: Book, **rates: Rate) -> None:
    services.set_tariffs(
        account=book.account,
        rates={f"+{prefix[1:]}": rate for prefix, rate in rates.items()},
        actor=OPERATOR,
        now=NOON,
    )


def balance(book: Book) -> tuple[int, int, int | None]:
    found = queries.balance(book.account)
    assert found is not None
    return found.balance, found.held, found.available


def test_an_account_is_not_metered_until_it_has_a_mode(book: Book) -> None:
    assert queries.balance(book.account) is None
    with pytest.raises(NotFoundError, match="not metered"):
        top_up(book, 5, "INV-1")
    meter(book)
    assert balance(book) == (0, 0, 0)


def test_a_payment_is_booked_once_by_its_reference(book: Book) -> None:
    meter(book)
    first = top_up(book, 500, "INV-1")
    assert top_up(book, 500, " INV-1 ") == first
    with pytest.raises(ConflictError, match="booked already"):
        top_up(book, 501, "INV-1")
    top_up(book, 500, "INV-2")
    assert balance(book) == (1000, 0, 1000)
    assert [row.reference for row in queries.ledger_rows(book.account)] == ["INV-2", "INV-1"]


def test_a_payment_that_is_reported_twice_at_once_is_booked_once(live_database: str) -> None:
    book = make_book()
    meter(book)
    entries = race(lambda: top_up(book, 500, "INV-1"), lambda: top_up(book, 500, "INV-1"))
    assert len({getattr(entry, "pk", entry) for entry in entries}) == 1
    assert balance(book) == (500, 0, 500)


@pytest.mark.parametrize("amount", [0, -1, 2**63, 10**12 + 1])
def test_an_impossible_top_up_is_refused(book: Book, amount: int) -> None:
    meter(book)
    with pytest.raises(InvalidInputError):
        top_up(book, amount, "INV-1")
    assert queries.ledger_rows(book.account) == []


def test_an_adjustment_may_take_money_away(book: Book) -> None:
    meter(book, amount=500)
    adjust(book, -700)
    assert balance(book) == (-200, 0, -200)


def test_nobody_but_the_operator_changes_money(book: Book) -> None:
    meter(book)
    admin = Actor.of(book.admin)
    for change in (
        lambda: services.top_up(
            account=book.account, amount=5, reference="mine", actor=admin, now=NOON
        ),
        lambda: services.adjust(
            account=book.account, amount=5, reference="mine", actor=admin, now=NOON
        ),
        lambda: services.set_tariffs(account=book.account, rates={}, actor=admin, now=NOON),
        lambda: services.remove_tariff(account=book.account, prefix="+91", actor=admin, now=NOON),
        lambda: services.set_payment_mode(
            account=book.account, mode=PaymentMode.POSTPAID, actor=admin, now=NOON
        ),
    ):
        with pytest.raises(NotAllowedError):
            change()


def test_each_change_of_money_is_audited_once(book: Book) -> None:
    meter(book, amount=500)
    meter(book)
    top_up(book, 500, "first")
    price(book, p91=MINUTELY)
    adjust(book, -5)
    services.remove_tariff(account=book.account, prefix="+91", actor=OPERATOR, now=NOON)
    audited = AuditEntry.objects.filter(account=book.account, subject_kind="account")
    money = [a for a in audited.order_by("pk").values_list("action", flat=True) if "." in a]
    assert money[-5:] == [
        *("balance.mode", "balance.top-up", "tariff.set"),
        *("balance.adjustment", "tariff.remove"),
    ]


def test_an_account_sees_its_own_money_alone(book: Book) -> None:
    meter(book, amount=500)
    price(book, p91=MINUTELY)
    other = make_book("Zenith")
    assert queries.balance(other.account) is None
    assert not queries.ledger_rows(other.account)
    assert not queries.tariff_rows(other.account)


def test_a_tariff_is_replaced_and_removed(book: Book) -> None:
    price(book, p91=MINUTELY, p9199=Rate(1, 1, 1, 1))
    price(book, p91=Rate(30, 5, 6, 1))
    assert queries.tariff_rows(book.account) == [
        queries.TariffRow("+91", Rate(30, 5, 6, 1)),
        queries.TariffRow("+9199", Rate(1, 1, 1, 1)),
    ]
    services.remove_tariff(account=book.account, prefix="+91", actor=OPERATOR, now=NOON)
    with pytest.raises(NotFoundError):
        services.remove_tariff(account=book.account, prefix="+91", actor=OPERATOR, now=NOON)


def test_the_currency_is_chosen_once(book: Book) -> None:
    meter(book)
    with pytest.raises(ConflictError, match="INR"):
        services.set_payment_mode(
            account=book.account,
            mode=PaymentMode.PREPAID,
            currency="USD",
            actor=OPERATOR,
            now=NOON,
        )


def test_a_postpaid_account_with_live_calls_does_not_become_prepaid(book: Book) -> None:
    meter(book, PaymentMode.POSTPAID)
    columns = {"first_s": 60, "first_amount": 1, "next_s": 60, "next_amount": 1}
    Hold.objects.create(
        leg=uuid4(), kind="customer", account=book.account, opened_at=NOON, **columns
    )
    with pytest.raises(ConflictError, match="live"):
        meter(book)


def at_a_telephone(book: Book) -> Campaign:
    add_device(
        account=book.account, user_id=book.agent.pk, kind=DeviceKind.PHONE, address=PHONE, now=NOON
    )
    return book.campaign()


def start(book: Book, campaign: Campaign) -> None:
    start_session(account=book.account, campaign_id=campaign.pk, user_id=book.agent.pk, now=NOON)


def test_start_holds_for_an_agent_at_a_telephone_until_a_stop(book: Book) -> None:
    meter(book, amount=500)
    price(book, p91=MINUTELY)
    campaign = at_a_telephone(book)
    start(book, campaign)
    start(book, campaign)
    assert balance(book) == (500, 120, 380)  # the idle limit: two minutes
    hold = Hold.objects.get()
    for _ in range(2):
        stop_session(account=book.account, session_id=hold.leg, now=NOON + timedelta(seconds=1))
    assert balance(book) == (500, 0, 500)
    assert queries.charged(book.account, [hold.leg]) == {hold.leg: 0}


def test_an_agent_on_a_sip_phone_costs_nothing(book: Book) -> None:
    meter(book)
    start(book, book.campaign())
    assert balance(book) == (0, 0, 0)


@pytest.mark.parametrize(
    ("amount", "priced", "code"), [(119, True, "low_balance"), (500, False, "no_tariff")]
)
def test_start_says_why_the_agent_cannot_be_called(
    book: Book, amount: int, priced: bool, code: str
) -> None:
    meter(book, amount=amount)
    if priced:
        price(book, p91=MINUTELY)
    campaign = at_a_telephone(book)
    with pytest.raises(CannotStartError) as refused:
        start(book, campaign)
    assert refused.value.code == code
    assert balance(book) == (amount, 0, amount)


@pytest.mark.parametrize("reason", list(PauseReason))
def test_start_says_what_a_campaign_needs_that_has_paused_by_itself(
    book: Book, reason: PauseReason
) -> None:
    campaign = book.campaign()
    Campaign.objects.filter(pk=campaign.pk).update(status="paused", reason=reason)
    CampaignChange.objects.create(
        campaign=campaign,
        old="in-progress",
        new="paused",
        reason=reason,
        actor="billing",
        at=NOON,
    )
    said = NEEDS.get(reason)
    assert (said is None) is (reason is PauseReason.BY_HAND)
    told = f"at 10:30 IST: {said}" if said else "by billing at 10:30 IST."
    with pytest.raises(CannotStartError, match=re.escape(f"Campaign paused {told}")):
        start(book, campaign)


@pytest.mark.parametrize("reason", list(PauseReason))
def test_each_reason_of_a_pause_is_explained(reason: PauseReason) -> None:
    page = Path(__file__).parents[2] / "docs/reference/campaigns.md"
    assert f"| `{reason}` | " in page.read_text()
