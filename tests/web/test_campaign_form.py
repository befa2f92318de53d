"""Making, cloning and editing a campaign in a browser."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.campaigns.models import Campaign, CampaignAgent, Target
from autodialer.apps.campaigns.services import unverify_caller_id
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.models import ContactList, DndEntry
from autodialer.apps.imports.services import import_list
from autodialer.domain.campaign import MAX_DURATION, CampaignStatus
from tests.support.book import NOON, Book, make_book
from tests.support.visit import signed_in

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer


KOLKATA = ZoneInfo("Asia/Kolkata")
HTMX = {"HX-Request": "true"}
NEW = "/campaigns/new/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def client(book: Book) -> Client:
    return signed_in(book.supervisor)


def text(answer: Answer) -> str:
    return " ".join(answer.content.decode().split())


def tomorrow(hour: int) -> datetime:
    day = timezone.localtime(timezone=KOLKATA).date() + timedelta(days=1)
    return datetime.combine(day, time(hour), tzinfo=KOLKATA)


def filled(book: Book, **changes: Any) -> dict[str, Any]:
    """What a browser sends when only what must be chosen was chosen."""
    return {
        "name": "Diwali",
        "dial_numbers": "list",
        "list": book.list_id,
        "dial_whom_url": "",
        "participants": "group",
        "group": book.group.pk,
        "caller_id": book.caller_id.pk,
        "starts_at": "",
        "ends_at": "",
        "retries": "0",
        "retry_statuses": ["busy", "no-answer"],
        "retry_interval_min": "30",
        "retry_mechanism": "linear",
        "popup_url": "",
        "call_completed_url": "",
        "call_no_answer_url": "",
        "get_contacts_url": "",
        "window_opens": "",
        "window_closes": "",
        "ring_timeout_s": "30",
        "idle_limit_s": "120",
        "max_talk_s": "3600",
        **changes,
    }


def edit_url(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.pk}/edit/"


def shown_values(answer: Answer) -> dict[str, Any]:
    """Return what the form shows, as a browser would send it back."""
    fields = answer.context["form"]
    return {field.name: field.value() for field in fields}


def test_what_is_left_at_its_default_makes_a_campaign_that_starts_now(
    client: Client, book: Book
) -> None:
    answer = client.post(NEW, filled(book))
    assert (answer.status_code, answer["Location"]) == (302, "/")
    campaign = Campaign.objects.get()
    assert campaign.status == CampaignStatus.IN_PROGRESS
    assert campaign.ends_at - campaign.starts_at == MAX_DURATION
    assert (campaign.retries, campaign.retry_statuses, campaign.ring_timeout_s) == (0, [], 30)
    assert (campaign.contact_list_id, campaign.group, campaign.target_count) == (
        book.list_id,
        book.group,
        3,
    )
    assert "Diwali was created. It has a copy of 3 numbers." in text(client.get("/"))


def test_every_field_reaches_the_campaign(client: Client, book: Book) -> None:
    urls = {
        name: f"https://crm.example.org/{name}"
        for name in ("popup_url", "call_completed_url", "call_no_answer_url", "get_contacts_url")
    }
    start, end = tomorrow(10), tomorrow(10) + timedelta(days=2)
    sent = filled(
        book,
        participants="agents",
        agents=[book.agent.pk, book.supervisor.pk],
        starts_at=f"{start:%Y-%m-%dT%H:%M}",
        ends_at=f"{end:%Y-%m-%dT%H:%M}",
        retries="3",
        retry_statuses=["busy", "failed"],
        retry_interval_min="45",
        retry_mechanism="exponential",
        window_opens="10:00",
        window_closes="18:30",
        ring_timeout_s="20",
        idle_limit_s="60",
        max_talk_s="600",
        **urls,
    )
    assert client.post(NEW, sent).status_code == 302
    made = Campaign.objects.get()
    assert (made.starts_at, made.ends_at) == (start, end)  # by the account's clock
    assert made.status == CampaignStatus.CREATED
    assert (made.group, CampaignAgent.objects.count()) == (None, 2)
    assert (made.retries, made.retry_statuses) == (3, ["busy", "failed"])
    assert (made.retry_interval_min, made.retry_mechanism) == (45, "exponential")
    assert (made.window_opens, made.window_closes) == (time(10), time(18, 30))
    assert (made.ring_timeout_s, made.idle_limit_s, made.max_talk_s) == (20, 60, 600)
    assert {name: getattr(made, name) for name in urls} == urls


def test_a_url_can_be_asked_instead_of_a_list(client: Client, book: Book) -> None:
    url = "https://crm.example.org/next"
    # The list that was chosen before is not shown any more, and counts no more.
    client.post(NEW, filled(book, dial_numbers="url", dial_whom_url=url))
    made = Campaign.objects.get()
    assert (made.dial_whom_url, made.contact_list, made.target_count) == (url, None, 0)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"name": " "}, "name", "required"),
        ({"name": "x" * 101}, "name", "100"),
        ({"list": ""}, "list", "Choose a list."),
        ({"list": "99999"}, "list", "not there any more"),
        ({"dial_numbers": "url"}, "dial_whom_url", "Give the address"),
        ({"group": ""}, "group", "Choose a group."),
        ({"participants": "agents"}, "agents", "Choose at least one agent."),
        ({"caller_id": "0"}, "caller_id", "not there any more"),
        ({"starts_at": "2020-01-01T10:00"}, "starts_at", "The start has passed"),
        ({"ends_at": "2020-01-01T10:00"}, "ends_at", "at least 2 minutes after"),
        ({"ends_at": "2099-01-01T10:00"}, "ends_at", "at most 30 days"),
        ({"retries": "4"}, "retries", "4"),
        ({"retries": "1", "retry_statuses": []}, "retry_statuses", "which results"),
        ({"retry_interval_min": "0"}, "retry_interval_min", "1 to 1,440"),
        ({"window_opens": "08:00", "window_closes": "10:00"}, "window_opens", "within"),
        ({"window_opens": "10:00"}, "window_opens", "both hours"),
        ({"ring_timeout_s": "4"}, "ring_timeout_s", "5 to 120"),
        ({"max_talk_s": "1e3"}, "max_talk_s", "whole number"),
        ({"popup_url": "http://localhost/"}, "popup_url", "public internet"),
        ({"call_completed_url": "ftp://a.example"}, "call_completed_url", "https://"),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_the_rest_is_kept(
    client: Client, book: Book, changes: dict[str, Any], field: str, sentence: str
) -> None:
    sent = filled(book, idle_limit_s="77", **changes)
    answer = client.post(NEW, sent, headers=HTMX)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert sentence in " ".join(form.errors[field])
    assert f'id="id_{field}_error"' in text(answer)
    assert 'value="77"' in text(answer)
    assert not Campaign.objects.exists()


def test_a_name_that_is_in_use_is_said_beside_the_name(client: Client, book: Book) -> None:
    book.campaign("dIWALI")
    answer = client.post(NEW, filled(book))
    assert answer.status_code == 422
    assert "already: choose another name" in answer.context["form"].errors["name"][0]


def test_what_somebody_types_is_shown_literally(client: Client, book: Book) -> None:
    nasty = "<img src=x onerror=alert(1)> {{ 7|add:7 }} \u202eabc"
    answer = client.post(NEW, filled(book, name=nasty, popup_url=nasty))
    assert "<img" not in answer.content.decode()
    client.post(NEW, filled(book, name=nasty))
    assert "<img" not in client.get("/").content.decode()
    assert Campaign.objects.get().name == nasty


def test_the_dialog_names_the_clock_and_offers_what_the_account_has(
    client: Client, book: Book
) -> None:
    make_book("Bharat", rows=1)
    shown = text(client.get(NEW, headers=HTMX))
    assert "<html" not in shown
    assert "Asia/Kolkata (IST)" in shown
    assert "Sales (1 agent)" in shown
    assert "Transactional" in shown
    assert shown.count("Leads</option>") == 1
    assert "<html" in text(client.get(NEW))


def test_before_saving_it_says_how_many_numbers_will_be_copied(client: Client, book: Book) -> None:
    data = b"number\n9000000001\n9000000001\n9000000002\nnonsense\n"
    made = import_list(account=book.account, name="Doubles", data=data, now=NOON)
    DndEntry.objects.create(account=book.account, e164="+919000000002", added_at=NOON)
    shown = text(client.get("/campaigns/preview/", {"list": made.list_id}, headers=HTMX))
    for sentence in (
        "<strong>2</strong> numbers will be copied.",
        "1 of them is on the DND list and will not be called.",
        "1 duplicate was left out at import.",
        "1 row could not be imported.",
    ):
        assert sentence in shown
        assert sentence in text(client.get(NEW, {"list": made.list_id}))
    other = make_book("Bharat", rows=1)
    assert client.get("/campaigns/preview/", {"list": other.list_id}).status_code == 404
    assert "Choose a list" in text(client.get("/campaigns/preview/", {"list": "9" * 30}))


def test_what_is_missing_is_named_with_the_way_to_it(client: Client, book: Book) -> None:
    ContactList.objects.all().delete()
    assert "The address book has no list yet." in text(client.get(NEW))
    unverify_caller_id(account=book.account, actor=OPERATOR, caller_id=book.caller_id.pk, now=NOON)
    shown = text(client.get(NEW))
    assert "There is no number to call from yet" in shown
    assert 'href="/caller-ids/"' in shown
    assert "<form class=" not in shown


def test_a_clone_is_filled_in_and_can_be_sent_as_it_is(client: Client, book: Book) -> None:
    terms = Terms(
        starts_at=tomorrow(10),
        ends_at=tomorrow(10) + timedelta(days=2),
        retries=2,
        retry_statuses=("failed",),
        popup_url="https://crm.example.org/popup",
    )
    model = book.campaign("Diwali", terms)
    answer = client.get(f"/campaigns/{model.pk}/clone/")
    values = {name: value for name, value in shown_values(answer).items() if value is not None}
    assert (values["name"], "starts_at" in values) == ("Diwali (copy)", False)
    ends_at = re.search(r'name="ends_at" value="([^"]+)"', answer.content.decode())
    assert ends_at is not None
    values["ends_at"] = ends_at[1]
    assert client.post(NEW, values).status_code == 302
    made = Campaign.objects.get(name="Diwali (copy)")
    assert (made.retries, made.retry_statuses, made.popup_url) == (2, ["failed"], terms.popup_url)
    assert abs(made.ends_at - made.starts_at - timedelta(days=2)) < timedelta(minutes=2)


def test_a_campaign_to_come_can_be_changed_and_keeps_its_copy(client: Client, book: Book) -> None:
    campaign = book.campaign("Diwali", Terms(starts_at=tomorrow(10)))
    copied = set(Target.objects.values_list("pk", flat=True))
    answer = client.get(edit_url(campaign))
    assert "The campaign's copy has 3 numbers." in answer.content.decode()
    values = filled(book, name="Holi", starts_at=f"{tomorrow(11):%Y-%m-%dT%H:%M}")
    assert client.post(edit_url(campaign), values).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.name, campaign.starts_at) == ("Holi", tomorrow(11))
    assert set(Target.objects.values_list("pk", flat=True)) == copied
    client.post(edit_url(campaign), {**values, "copy_again": "on"})
    assert not copied & set(Target.objects.values_list("pk", flat=True))


def test_a_campaign_that_has_started_is_not_edited_and_the_page_says_so(
    client: Client, book: Book
) -> None:
    campaign = book.campaign("Diwali")
    for answer in (client.get(edit_url(campaign)), client.post(edit_url(campaign), filled(book))):
        assert answer.status_code == 409
        assert "This campaign is in-progress" in text(answer)


def test_agents_are_told_who_may_make_campaigns(book: Book) -> None:
    campaign = book.campaign("Diwali")
    agent = signed_in(book.agent)
    for url in (NEW, edit_url(campaign), f"/campaigns/{campaign.pk}/clone/", "/campaigns/preview/"):
        answer = agent.get(url)
        assert answer.status_code == 403
        assert "Only an admin or a supervisor may" in text(answer)
