"""The page of campaigns: what it shows to whom, and its buttons."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.campaigns.counting import TargetCounts
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.services import (
    archive_campaign,
    complete_campaign,
    pause_campaign,
    resume_campaign,
)
from autodialer.apps.campaigns.terms import Terms
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.errors import NotFoundError
from autodialer.domain.target import TargetStatus
from autodialer.web.live_topics import Viewer
from autodialer.web.performance import PARTS, bar
from autodialer.web.views import campaigns as views
from autodialer.web.views.campaigns import TOPICS
from tests.support.book import NOON, Book, make_book
from tests.support.visit import signed_in

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer


HTMX = {"HX-Request": "true"}
# The dialogs work by the real clock: long after it.
TO_COME = Terms(starts_at=NOON + timedelta(hours=1))

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    return make_book()


def text(answer: Answer) -> str:
    return " ".join(answer.content.decode().split())


def names(answer: Answer) -> list[str]:
    return [row.name for row in answer.context["page"].rows]


def status_of(campaign: Campaign) -> str:
    campaign.refresh_from_db(fields=["status"])
    return campaign.status


def test_a_supervisor_sees_every_column_and_an_agent_only_their_own_campaigns(book: Book) -> None:
    book.campaign("Diwali")
    others = book.campaign("Holi")
    Campaign.objects.filter(pk=others.pk).update(group=None)
    page = signed_in(book.supervisor).get("/")
    assert names(page) == ["Holi", "Diwali"]
    for heading in ("Campaign", "Type", "Created", "Schedule", "Status", "Performance"):
        assert f"{heading}</" in text(page) or f"{heading} <" in text(page)
    agent = signed_in(book.agent).get("/")
    assert names(agent) == ["Diwali"]
    assert "Assigned by" in text(agent)
    assert "Asha" in text(agent)
    assert "Actions for" not in text(agent)
    assert "Create Dialer Campaign" not in text(agent)


def test_a_filter_a_search_and_an_order_are_taken_from_the_address(book: Book) -> None:
    for name in ("Diwali north", "Diwali south", "Holi"):
        book.campaign(name)
    pause_campaign(
        account=book.account,
        campaign_id=Campaign.objects.get(name="Holi").pk,
        actor=OPERATOR,
        now=NOON,
    )
    client = signed_in(book.supervisor)
    assert names(client.get("/", {"q": "diwali", "sort": "name"})) == [
        "Diwali north",
        "Diwali south",
    ]
    assert names(client.get("/", {"status": "paused"})) == ["Holi"]
    assert names(client.get("/", {"q": "ho"})) == ["Holi", "Diwali south", "Diwali north"]
    assert "at least 3 characters to search" in text(client.get("/", {"q": "ho"}))


@pytest.mark.parametrize("query", ["sort=price", "status=gone", "sort=name;drop"])
def test_an_order_or_a_status_that_is_not_offered_is_refused_in_words(
    book: Book, query: str
) -> None:
    answer = signed_in(book.supervisor).get(f"/?{query}")
    assert answer.status_code == 422
    assert "Choose one of" in text(answer)


def test_without_a_result_the_page_says_what_was_asked_and_how_to_clear_it(book: Book) -> None:
    book.campaign("Diwali")
    shown = text(signed_in(book.supervisor).get("/", {"q": "<script>", "status": "paused"}))
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown.replace("<script src", "")
    assert "Clear filters" in shown


def test_the_first_page_of_an_account_says_what_a_campaign_is(book: Book) -> None:
    assert "No campaigns yet" in text(signed_in(book.supervisor).get("/"))
    assert "You are in no campaign" in text(signed_in(book.agent).get("/"))
    campaign = book.campaign("Old", TO_COME)
    archive_campaign(account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=NOON)
    assert "All campaigns are archived" in text(signed_in(book.supervisor).get("/"))


def test_htmx_gets_the_table_alone_and_the_back_button_the_page(book: Book) -> None:
    book.campaign("Diwali")
    client = signed_in(book.supervisor)
    part = client.get("/", headers={**HTMX, "HX-Target": "campaigns"})
    assert "<html" not in text(part)
    assert "Diwali" in text(part)
    assert "HX-Request" in part["Vary"]
    back = {**HTMX, "HX-Target": "campaigns", "HX-History-Restore-Request": "true"}
    assert "<html" in text(client.get("/", headers=back))


def test_a_page_after_the_last_is_the_last(book: Book) -> None:
    for at in range(26):
        book.campaign(f"Campaign {at}")
    client = signed_in(book.supervisor)
    assert len(names(client.get("/"))) == 25
    assert names(client.get("/?page=2")) == names(client.get("/?page=9")) == ["Campaign 0"]


def test_more_campaigns_take_no_more_queries(book: Book) -> None:
    client = signed_in(book.supervisor)
    book.campaign("First")
    client.get("/")
    views.COUNTS.clear()
    with CaptureQueriesContext(connection) as few:
        client.get("/")
    for at in range(20):
        book.campaign(f"Campaign {at}")
    views.COUNTS.clear()
    with CaptureQueriesContext(connection) as many:
        client.get("/")
    assert len(many) == len(few)


def test_the_bar_has_every_status_once_and_its_parts_add_up() -> None:
    assert sorted(status for _, members in PARTS for status in members) == sorted(TargetStatus)
    counts = TargetCounts.of(dict.fromkeys(TargetStatus, 10))
    parts = bar(counts)
    assert [(part.status, part.count) for part in parts] == [
        ("completed", 10),
        ("failed", 50),
        ("scheduled", 40),
    ]
    assert [(part.start, part.width) for part in parts] == [
        ("0.00", "10.00"),
        ("10.00", "50.00"),
        ("60.00", "40.00"),
    ]
    assert bar(TargetCounts.of({})) == []


def test_the_counts_are_in_the_row_and_at_an_address_of_their_own(book: Book) -> None:
    campaign = book.campaign("Diwali")
    Target.objects.filter(pk=Target.objects.earliest("seq").pk).update(
        status=TargetStatus.FAILED_DND.value
    )
    client = signed_in(book.supervisor)
    alone = text(client.get(f"/campaigns/{campaign.pk}/performance/"))
    assert '<dt>Failed DND</dt><dd class="tabular">1</dd>' in alone
    assert alone in text(client.get("/"))


def test_the_menu_has_the_legal_entries_and_why_not_the_rest(book: Book) -> None:
    campaign = book.campaign("Diwali")
    shown = text(signed_in(book.supervisor).get("/"))
    for verb in ("pause", "clone"):
        assert f'href="/campaigns/{campaign.pk}/{verb}/"' in shown
    for verb in ("edit", "resume", "complete", "archive"):
        assert f'href="/campaigns/{campaign.pk}/{verb}/"' not in shown
    assert "Only while it is paused." in shown
    assert "Pause the campaign first, or ask an admin to complete it." in shown


def test_a_dialog_says_in_numbers_what_completing_does(book: Book) -> None:
    campaign = book.campaign("Diwali", Terms(retries=1, retry_statuses=("busy",)))
    first, second = Target.objects.order_by("seq")[:2]
    Target.objects.filter(pk=first.pk).update(status=TargetStatus.IN_PROGRESS.value, tries=1)
    Target.objects.filter(pk=second.pk).update(
        status=TargetStatus.RETRY.value, tries=1, due_at=NOON
    )
    shown = text(signed_in(book.admin).get(f"/campaigns/{campaign.pk}/complete/"))
    assert "1 number that was never called will be marked Failed no-attempt." in shown
    assert "1 number that waits for a retry will be marked Failed." in shown
    assert "1 call now in progress will finish." in shown
    assert "Complete the campaign" in shown


def test_each_button_does_it_and_goes_back_to_where_it_was_pressed(book: Book) -> None:
    campaign = book.campaign("Diwali")
    client = signed_in(book.admin)
    for verb, status in (
        ("pause", CampaignStatus.PAUSED),
        ("resume", CampaignStatus.IN_PROGRESS),
        ("complete", CampaignStatus.COMPLETED),
        ("archive", CampaignStatus.ARCHIVED),
    ):
        answer = client.post(f"/campaigns/{campaign.pk}/{verb}/", {"back": "/?page=2"})
        assert (answer.status_code, answer["Location"]) == (302, "/?page=2")
        assert status_of(campaign) == status
    assert "Diwali is archived." in text(client.get("/"))


def test_htmx_is_told_to_show_the_page_again(book: Book) -> None:
    campaign = book.campaign("Diwali")
    here = {**HTMX, "HX-Current-URL": "http://testserver/?sort=name"}
    answer = signed_in(book.supervisor).post(f"/campaigns/{campaign.pk}/pause/", headers=here)
    assert answer["HX-Redirect"] == "/?sort=name"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:0"])
def test_nobody_is_sent_to_another_site(book: Book, elsewhere: str) -> None:
    campaign = book.campaign("Diwali")
    url = f"/campaigns/{campaign.pk}/pause/"
    assert signed_in(book.supervisor).post(url, {"back": elsewhere})["Location"] == "/"


def test_the_second_of_two_supervisors_is_told_what_is_so_and_who_did_it(book: Book) -> None:
    campaign = book.campaign("Diwali")
    pause_campaign(
        account=book.account, campaign_id=campaign.pk, actor=Actor.of(book.admin), now=NOON
    )
    client, url = signed_in(book.supervisor), f"/campaigns/{campaign.pk}/pause/"
    for answer in (client.get(url), client.post(url)):  # a stale page, a double click
        assert answer.status_code == 409
        assert "This campaign is paused already. Last changed by Devi at 10:30 IST" in text(answer)
    inside = client.post(url, headers=HTMX)
    assert (inside.status_code, inside["HX-Retarget"]) == (409, "#alerts")


def test_a_supervisor_cannot_complete_what_is_in_progress(book: Book) -> None:
    campaign = book.campaign("Diwali")
    client, url = signed_in(book.supervisor), f"/campaigns/{campaign.pk}/complete/"
    for answer in (client.get(url), client.post(url)):
        assert answer.status_code == 409
        assert "Pause the campaign first" in text(answer)
    assert status_of(campaign) == CampaignStatus.IN_PROGRESS


def test_dialogs_tell_apart_what_was_never_dialled_and_what_is_done(book: Book) -> None:
    to_come, done = book.campaign("To come", TO_COME), book.campaign("Done")
    complete_campaign(account=book.account, campaign_id=done.pk, actor=OPERATOR, now=NOON)
    client = signed_in(book.supervisor)
    never = text(client.get(f"/campaigns/{to_come.pk}/archive/"))
    assert "3 numbers that were never called will be marked Failed no-attempt." in never
    kept = text(client.get(f"/campaigns/{done.pk}/archive/"))
    assert "Its counts, calls, recordings and report stay." in kept
    running = book.campaign("Running")
    pausing = text(client.get(f"/campaigns/{running.pk}/pause/"))
    assert "3 numbers wait to be called, 0 of them for a retry." in pausing
    pause_campaign(account=book.account, campaign_id=running.pk, actor=OPERATOR, now=NOON)
    assert "Resume the campaign" in text(client.get(f"/campaigns/{running.pk}/resume/"))
    resume_campaign(account=book.account, campaign_id=running.pk, actor=OPERATOR, now=NOON)


def test_a_live_row_is_the_row_of_the_page(book: Book) -> None:
    campaign = book.campaign("Diwali")
    of_row, of_list = TOPICS
    for user in (book.supervisor, book.agent):
        page = signed_in(user).get("/")
        viewer = Viewer(user, "en", "", "", "")
        of_row.authorise(viewer, campaign.pk)
        with timezone.override("Asia/Kolkata"):
            pushed = of_row.render(viewer.view(NOON), [campaign.pk, 10**9])
        assert list(pushed) == [campaign.pk]
        row = pushed[campaign.pk][f"campaign-{campaign.pk}"]
        assert " ".join(row.split()) in text(page)
        pushed = of_list.render(viewer.view(NOON), [book.account.pk])
        assert pushed[book.account.pk] == {"!campaigns": page.context["version"]}


def test_the_list_is_asked_again_when_a_campaign_is_made_or_archived(book: Book) -> None:
    view = Viewer(book.supervisor, "en", "", "", "").view(NOON)
    seen = [TOPICS[1].render(view, [book.account.pk])]
    campaign = book.campaign("Diwali", TO_COME)
    seen.append(TOPICS[1].render(view, [book.account.pk]))
    archive_campaign(account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=NOON)
    seen.append(TOPICS[1].render(view, [book.account.pk]))
    assert seen[0] != seen[1] != seen[2]


def test_nobody_watches_a_row_that_the_page_does_not_show_them(book: Book) -> None:
    campaign = book.campaign("Diwali")
    Campaign.objects.filter(pk=campaign.pk).update(group=None)
    stranger = make_book("Bharat", rows=1)
    for user in (book.agent, stranger.admin):
        viewer = Viewer(user, "en", "", "", "")
        with pytest.raises(NotFoundError):
            TOPICS[0].authorise(viewer, campaign.pk)
    assert (
        TOPICS[0].render(Viewer(stranger.admin, "en", "", "", "").view(NOON), [campaign.pk]) == {}
    )
