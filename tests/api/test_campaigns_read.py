"""Campaigns are listed and read."""

from __future__ import annotations

import pytest

from tests.api.client import Caller, caller
from tests.support.book import Book, make_book

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def crm(book: Book) -> Caller:
    return caller(book.account)


def test_a_campaign_is_listed_and_read_with_its_counts(book: Book, crm: Caller) -> None:
    campaign = book.campaign()
    listed = crm.get("/campaigns").json()
    assert [each["id"] for each in listed["items"]] == [str(campaign.pk)]
    assert listed["next"] is None
    read = crm.get(f"/campaigns/{campaign.pk}").json()
    assert read["name"] == "Diwali"
    assert read["counts"]["total"] == read["counts"]["by_status"]["scheduled"] == 3
    assert read["actions"] == ["pause", "clone"]


@pytest.mark.parametrize("sort", ["-created", "created", "name", "-name"])
def test_pages_hold_every_campaign_once_though_others_are_made_meanwhile(
    sort: str, book: Book, crm: Caller
) -> None:
    made = {str(book.campaign(name).pk) for name in ("A", "b", "C", "d", "E")}
    seen: list[str] = []
    address = f"/campaigns?limit=2&sort={sort}"
    while address:
        page = crm.get(address).json()
        seen += [each["id"] for each in page["items"]]
        address = page["next"]
        book.campaign(f"new {len(seen)}")
    assert len(seen) == len(set(seen))
    assert made <= set(seen)
