"""Stale pages, double clicks and the back button: a sentence, and never a wrong state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import RequestFactory
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from autodialer.apps.accounts.models import User
from autodialer.apps.agents.models import Group
from autodialer.apps.campaigns.models import Campaign, CampaignChange
from autodialer.apps.contacts.models import DndEntry
from autodialer.domain.campaign import CampaignStatus
from autodialer.web import back
from tests.support.book import Book, make_book
from tests.web.visit import signed_in, text

if TYPE_CHECKING:
    from django.test import Client


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


@pytest.fixture
def browser(book: Book) -> Client:
    return signed_in(book.admin)


@pytest.mark.parametrize(
    ("action", "status"),
    [("pause", CampaignStatus.PAUSED), ("complete", CampaignStatus.COMPLETED)],
)
def test_a_button_of_a_campaign_that_is_pressed_twice_acts_once_and_says_what_is_so(
    action: str, status: CampaignStatus, book: Book, browser: Client
) -> None:
    campaign = book.campaign()
    url = reverse(f"campaign_{action}", args=[campaign.pk])
    assert browser.post(url).status_code == 302
    steps = CampaignChange.objects.filter(campaign=campaign).count()
    again = browser.post(url)
    assert again.status_code == 409
    assert "Last changed by Devi" in text(again)
    campaign.refresh_from_db()
    assert campaign.status == status
    assert CampaignChange.objects.filter(campaign=campaign).count() == steps


def test_a_person_who_is_invited_twice_is_there_once(book: Book, browser: Client) -> None:
    said = {"name": "Farid", "email": "farid@acme.example", "role": "agent"}
    assert browser.post(reverse("invite"), said).status_code == 200
    again = browser.post(reverse("invite"), said)
    assert again.status_code == 422
    assert "farid@acme.example" in text(again)
    assert User.objects.filter(name="Farid").count() == 1


def test_a_group_that_is_made_twice_is_there_once(book: Book, browser: Client) -> None:
    said = {"name": "Night", "members": [book.agent.pk]}
    assert browser.post(reverse("group_new"), said).status_code == 302
    assert browser.post(reverse("group_new"), said).status_code == 422
    assert Group.objects.filter(account=book.account, name="Night").count() == 1


def test_a_group_may_be_saved_twice_but_not_when_it_is_gone(book: Book, browser: Client) -> None:
    url = reverse("group", args=[book.group.pk])
    said: dict[str, object] = {"name": "Sales", "members": []}
    assert [browser.post(url, said).status_code for _ in range(2)] == [302, 302]
    browser.post(reverse("group_delete", args=[book.group.pk]))
    assert browser.post(url, said).status_code == 404


def test_numbers_that_are_forbidden_twice_are_told_to_be_there_already(browser: Client) -> None:
    said = {"numbers": "+919812345678", "reason": "asked"}
    for sentence in ("1 number was added.", "1 was there already."):
        assert browser.post(reverse("dnd"), said).status_code == 302
        assert sentence in text(browser.get(reverse("dnd")))
    assert DndEntry.objects.count() == 1


def test_a_campaign_of_a_name_that_is_taken_is_refused_beside_the_name(
    book: Book, browser: Client
) -> None:
    book.campaign("Diwali")
    said = {"name": "Diwali ", "dial_numbers": "list", "participants": "group"}
    said |= {"list": str(book.list_id), "group": str(book.group.pk), "retries": "0"}
    said |= {"caller_id": str(book.caller_id.pk), "retry_mechanism": "linear"}
    said |= {"retry_interval_min": "30", "ring_timeout_s": "30", "idle_limit_s": "120"}
    answer = browser.post(reverse("campaign_new"), {**said, "max_talk_s": "3600"})
    assert answer.status_code == 422
    assert "name" in answer.context["form"].errors
    assert Campaign.objects.count() == 1


def test_no_cache_keeps_a_page_that_somebody_saw(book: Book, browser: Client) -> None:
    for url in ("/", "/people/", "/people/999999/", reverse("list", args=[book.list_id])):
        assert browser.get(url)["Cache-Control"] == "private, no-store", url


def test_ones_own_password_is_changed_only_by_who_knows_the_present_one(
    book: Book, browser: Client
) -> None:
    answer = browser.post(reverse("person_password", args=[book.admin.pk]))
    assert answer["Location"] == reverse("account_change_password")
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example/",
        "//evil.example/",
        "http://testserver//evil.example/",
        "http://testserver/\\evil.example/",
        "javascript:alert(1)",
        "lists/",
    ],
)
def test_an_answered_dialog_leads_back_to_no_other_site(asked: str) -> None:
    assert _origin(asked) == "/default/"


def test_an_answered_dialog_leads_back_to_the_page_it_was_opened_on() -> None:
    assert _origin("http://testserver/?status=paused&page=2") == "/?status=paused&page=2"


@pytest.mark.parametrize(
    ("referer", "shown"),
    [
        ("http://testserver/people/?q=a", 'href="/people/?q=a"'),
        ("https://evil.example/", None),
        (None, None),
    ],
)
def test_a_refusal_leads_back_to_where_one_came_from(
    browser: Client, referer: str | None, shown: str | None
) -> None:
    headers = {"Referer": referer} if referer else {}
    page = browser.get("/groups/999999/", headers=headers)
    assert page.status_code == 404
    assert (">Back<" in page.content.decode()) is (shown is not None)
    assert shown is None or shown in page.content.decode()


def _origin(asked: str) -> str:
    request = RequestFactory().post("/campaigns/1/pause/", {back.FIELD: asked})
    request.htmx = HtmxDetails(request)  # type: ignore[attr-defined]
    return back.origin(request, "/default/")  # type: ignore[arg-type]
