"""Requests are counted by the pattern of their address, never by the address."""

from __future__ import annotations

import pytest
from django.test import Client

from autodialer.web.meters import REGISTRY, count_request
from tests.support.book import Book, make_book
from tests.web.visit import signed_in


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def counted(method: str, route: str, status: str) -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("autodialer_http_requests_total", labels) or 0.0


def test_all_campaigns_are_one_route(book: Book) -> None:
    browser = signed_in(book.admin)
    before = counted("GET", "campaigns/<int:campaign_id>/", "2xx")
    for campaign in (book.campaign(name="One"), book.campaign(name="Two")):
        assert browser.get(f"/campaigns/{campaign.pk}/").status_code == 200
    assert counted("GET", "campaigns/<int:campaign_id>/", "2xx") == before + 2
    before = counted("GET", "campaigns/<int:campaign_id>/", "4xx")
    assert browser.get("/campaigns/999999/").status_code == 404
    assert counted("GET", "campaigns/<int:campaign_id>/", "4xx") == before + 1


def test_what_is_made_up_makes_no_series_of_its_own(db: None) -> None:
    before = counted("GET", "none", "4xx")
    for at in range(3):
        assert Client().get(f"/made-up/{at}/").status_code == 404
    assert counted("GET", "none", "4xx") == before + 3
    before = counted("other", "none", "4xx")
    count_request("BREW", "", 405, 0.0)
    assert counted("other", "none", "4xx") == before + 1
    assert counted("BREW", "none", "4xx") == 0


def test_the_api_is_counted_by_its_patterns_too(book: Book) -> None:
    route = "api/v1/campaigns/<campaign_id>"
    before = counted("GET", route, "4xx")
    assert Client().get("/api/v1/campaigns/4711").status_code == 401
    assert counted("GET", route, "4xx") == before + 1
