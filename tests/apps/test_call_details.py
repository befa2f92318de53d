"""The call details: each call on exactly one page, whatever is searched, filtered or sorted."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from autodialer.apps.calls import details
from autodialer.apps.calls.details import Asked, Mark, call_page
from autodialer.apps.calls.figures import call_figures
from autodialer.domain.outcome import CallStatus
from tests.apps.test_sessions import place, start
from tests.support.book import NOON, Book, make_book

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.apps.campaigns.models import Campaign

pytestmark = pytest.mark.django_db
CALLS = 23
STATUSES = (CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.NO_ANSWER)


@pytest.fixture
def book() -> Book:
    return make_book(rows=CALLS)


@pytest.fixture
def campaign(book: Book) -> Campaign:
    """A campaign with calls of three statuses, of which four each were placed at one instant."""
    made = book.campaign()
    session = start(book, made)
    for seq in range(CALLS):
        placed = NOON + timedelta(seconds=seq // 4)
        place(session, seq, state="ended", status=STATUSES[seq % 3], placed_at=placed,
              ended_at=placed + timedelta(seconds=30),
              answered_at=placed + timedelta(seconds=10) if seq % 3 == 0 else None)  # fmt: skip
    return made


def pages(book: Book, campaign: Campaign, **asked: object) -> Iterator[list[UUID]]:
    """Yield the ids of page after page, and look that each page leads back to the one before."""
    mark, before = None, None
    while True:
        page = call_page(book.account, campaign.pk, Asked(after=mark, **asked), size=5)  # type: ignore[arg-type]
        ids = [row.id for row in page.rows]
        assert (page.previous is None) == (before is None)
        if before is not None:
            back = Asked(before=page.previous, **asked)  # type: ignore[arg-type]
            assert [row.id for row in call_page(book.account, campaign.pk, back, 5).rows] == before
        yield ids
        if page.next is None:
            return
        mark, before = page.next, ids


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("status", [None, CallStatus.BUSY])
@pytest.mark.parametrize("few", [0, 2_000])
@pytest.mark.parametrize("number", ["", "900000001"])
def test_every_call_is_on_one_page_and_pages_lead_back(
    book: Book, campaign: Campaign, monkeypatch: pytest.MonkeyPatch, *,
    oldest_first: bool, status: CallStatus | None, few: int, number: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(details, "FEW_TARGETS", few)
    asked = {"oldest_first": oldest_first, "status": status, "number": number}
    found = [call for page in pages(book, campaign, **asked) for call in page]
    whole = call_page(book.account, campaign.pk, Asked(**asked), size=100).rows  # type: ignore[arg-type]
    assert found == [row.id for row in whole]
    assert len(set(found)) == len(found)
    wanted = range(10, 20) if number else range(CALLS)
    assert len(found) == sum(status is None or seq % 3 == 1 for seq in wanted)
    order = [(row.placed_at, row.id) for row in whole]
    assert all((a < b) == oldest_first for a, b in pairwise(order))


@pytest.mark.parametrize(
    "written", ["00-01-5", "०००१५", " 0 0 0 1 5 ", "+91 90000 00015", "09000000015"]
)
def test_a_number_is_found_however_a_part_of_it_is_written(
    book: Book, campaign: Campaign, written: str
) -> None:
    (row,) = call_page(book.account, campaign.pk, Asked(number=written)).rows
    assert row.number == "+919000000015"


def test_fewer_than_three_digits_find_everything(book: Book, campaign: Campaign) -> None:
    assert len(call_page(book.account, campaign.pk, Asked(number="15")).rows) == CALLS


def test_calls_of_another_account_are_on_no_page(book: Book, campaign: Campaign) -> None:
    other = make_book("Bharat")
    assert call_page(other.account, campaign.pk, Asked()).rows == []
    assert call_figures(other.account, campaign.pk, NOON).calls == 0


@pytest.mark.parametrize(
    "text", ["", "x", "1-2", "-", "1e9-0", "9" * 5_000 + "-" + "0" * 32, "9" * 30]
)
def test_a_mark_that_was_never_written_is_none(text: str) -> None:
    assert Mark.parse(text) is None


def test_a_mark_comes_back_from_its_text() -> None:
    mark = Mark(NOON + timedelta(microseconds=1), UUID(int=7))
    assert Mark.parse(str(mark)) == mark


def test_the_figures_add_up(book: Book, campaign: Campaign) -> None:
    figures = call_figures(book.account, campaign.pk, NOON + timedelta(minutes=61))
    assert (figures.calls, figures.tried, figures.completed) == (CALLS, CALLS, 8)
    assert figures.connect_rate == pytest.approx(100 * 8 / CALLS)
    assert figures.average_talk_s == 20
    assert figures.last_hour == 0
    assert call_figures(book.account, campaign.pk, NOON + timedelta(minutes=1)).last_hour == CALLS
