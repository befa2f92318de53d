"""Campaigns are listed and read."""

from __future__ import annotations

import pytest

from tests.api.client import Caller
from tests.support.book import Book, make_book

pytestmark = pytest.mark.django_db


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


def test_newest_first_is_oldest_first_turned_round(book: Book, crm: Caller) -> None:
    """The two are read in different ways; all of these were made at one instant."""
    made = [str(book.campaign(name).pk) for name in ("A", "b", "C")]
    later = {"starts_at": "2027-01-01T10:00:00+05:30"}
    away = crm.post(f"/campaigns/{made[0]}/clone", {"name": "Away", **later}).json()["id"]
    crm.post(f"/campaigns/{away}/archive")
    make_book("Bharat").campaign()
    (newest,) = pages(crm, "/campaigns?limit=9")
    assert newest == made[::-1]
    assert pages(crm, "/campaigns?limit=2") == [made[:0:-1], made[:1]]
    assert pages(crm, "/campaigns?limit=9&sort=created") == [made]


def pages(crm: Caller, address: str | None) -> list[list[str]]:
    """Return the ids of each part of a list."""
    found: list[list[str]] = []
    while address:
        page = crm.get(address).json()
        found.append([each["id"] for each in page["items"]])
        address = page["next"]
    return found
