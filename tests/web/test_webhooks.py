"""The pages of webhooks."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.webhooks import services
from autodialer.apps.webhooks.models import Delivery, Endpoint
from tests.support.book import NOON, Book, make_book
from tests.support.outbox import connected, dial, end, endpoint
from tests.support.visit import signed_in

pytestmark = pytest.mark.django_db
URL = "https://crm.example.com/in?key=a%2Fb"


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def devi(book: Book) -> Client:
    return signed_in(book.admin)


def send(book: Book, made: Endpoint, count: int = 1) -> list[Delivery]:
    return [
        services.send_test(
            account=book.account,
            actor=OPERATOR,
            endpoint_id=made.pk,
            now=NOON + timedelta(minutes=at),
        )
        for at in range(count)
    ]


def fail(*deliveries: Delivery, outcome: str = "http_503") -> None:
    for each in deliveries:
        Delivery.objects.filter(pk=each.pk).update(
            status="failed",
            outcome=outcome,
            done_at=NOON,
            tries=8,
            log=[[NOON.isoformat(), outcome, 12]],
        )


def test_an_account_without_endpoints_is_told_what_they_are_for(book: Book, devi: Client) -> None:
    assert "Add an endpoint" in devi.get("/webhooks/").content.decode()
    of_asha = signed_in(book.supervisor).get("/webhooks/").content.decode()
    assert "An admin can add" in of_asha
    assert "Add an endpoint" not in of_asha


def test_an_admin_adds_an_endpoint_and_a_wrong_one_is_explained_beside_its_field(
    book: Book, devi: Client
) -> None:
    refused = devi.post("/webhooks/new/", {"url": "http://127.0.0.1/x", "description": "CRM"})
    assert refused.status_code == 422
    assert refused.context["form"].errors["url"]
    assert 'value="CRM"' in refused.content.decode()
    page = devi.post("/webhooks/new/", {"url": URL, "kinds": ["call.ended"]}, follow=True)
    made = Endpoint.objects.get()
    assert (made.url, made.kinds) == (URL, ["call.ended"])
    text = page.content.decode()
    assert "Nothing was sent yet" in text
    assert "call.ended" in text
    assert signed_in(book.supervisor).post("/webhooks/new/", {"url": URL}).status_code == 403


def test_an_endpoint_that_somebody_else_changed_is_not_overwritten(
    book: Book, devi: Client
) -> None:
    made = endpoint(book)
    page = devi.get(f"/webhooks/{made.pk}/edit/").content.decode()
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found
    answers = [
        devi.post(f"/webhooks/{made.pk}/edit/", {"url": f"{URL}&{at}", "seen": found[1]})
        for at in range(2)
    ]
    assert [answer.status_code for answer in answers] == [302, 409]


def test_a_secret_is_shown_only_when_asked_for_and_only_to_admins(book: Book, devi: Client) -> None:
    made = endpoint(book)
    url = f"/webhooks/{made.pk}/secret/"
    assert "whsec_" not in devi.get(url).content.decode()
    assert "whsec_" not in devi.get(f"/webhooks/{made.pk}/").content.decode()
    shown = devi.post(url, {"show": "1"}).content.decode()
    renewed = devi.post(url, {"rotate": "1"}).content.decode()
    secrets = [re.findall(r"whsec_[\w+/=]+", page) for page in (shown, renewed)]
    assert all(len(found) == 1 for found in secrets)
    assert secrets[0] != secrets[1]
    assert signed_in(book.supervisor).post(url, {"show": "1"}).status_code == 403
    assert "whsec_" in devi.post("/webhooks/url-secret/").content.decode()


def test_an_endpoint_is_disabled_enabled_and_deleted_after_a_question(
    book: Book, devi: Client
) -> None:
    made = endpoint(book)
    for verb, state in (("disable", "disabled_by_user"), ("enable", "")):
        url = f"/webhooks/{made.pk}/act/{verb}/"
        question = devi.get(url, headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in question
        assert f"{verb.title()} the endpoint" in question
        assert devi.post(url).status_code == 302
        made.refresh_from_db()
        assert made.disabled_reason == state
    assert devi.post(f"/webhooks/{made.pk}/act/delete/").status_code == 302
    assert not Endpoint.objects.exists()
    assert devi.get("/webhooks/1/act/explode/").status_code == 404


def test_deliveries_are_shown_by_status_and_one_with_what_it_says_and_its_tries(
    book: Book,
) -> None:
    asha, made = signed_in(book.supervisor), endpoint(book)
    waits, lost = send(book, made, 2)
    fail(lost)
    page = asha.get(f"/webhooks/{made.pk}/?status=failed").content.decode()
    assert f"/webhooks/deliveries/{lost.pk}/" in page
    assert f"/webhooks/deliveries/{waits.pk}/" not in page
    assert "It answered 503." in page
    one = asha.get(f"/webhooks/deliveries/{lost.pk}/").content.decode()
    assert "A test, sent by hand." in one
    assert f"msg_{lost.event_id.hex}" in one
    assert "12 ms" in one
    none = asha.get(f"/webhooks/{made.pk}/?status=delivered").content.decode()
    assert "No delivery is delivered" in none
    assert "Clear filters" in none


def test_what_failed_is_sent_again_one_by_one_and_all_since_a_moment(book: Book) -> None:
    asha, made = signed_in(book.supervisor), endpoint(book)
    sent = send(book, made, 3)
    fail(*sent)
    assert asha.post(f"/webhooks/deliveries/{sent[0].pk}/replay/").status_code == 302
    assert Delivery.objects.filter(status="pending").count() == 1
    # 10:31 on the account's wall: the second and the third.
    answer = asha.post(f"/webhooks/{made.pk}/replay/", {"since": "2026-11-23T10:31"}, follow=True)
    assert "2 deliveries are sent again." in answer.content.decode()
    refused = asha.post(f"/webhooks/{made.pk}/replay/", {"since": "yesterday"})
    assert refused.status_code == 422


def test_a_test_is_sent_and_not_to_what_is_disabled(book: Book) -> None:
    asha, made = signed_in(book.supervisor), endpoint(book, kinds=["call.ended"])
    assert asha.post(f"/webhooks/{made.pk}/test/").status_code == 302
    assert Delivery.objects.get().event.kind == "webhook.test"
    assert "every 3s" in asha.get(f"/webhooks/{made.pk}/").content.decode()
    Delivery.objects.update(tries=1)
    assert "every 3s" not in asha.get(f"/webhooks/{made.pk}/").content.decode()
    Endpoint.objects.update(disabled_reason="gone", disabled_at=NOON)
    assert asha.post(f"/webhooks/{made.pk}/test/").status_code == 409


def test_what_the_urls_of_a_campaign_were_told_is_shown_with_the_campaign(book: Book) -> None:
    asha = signed_in(book.supervisor)
    campaign = book.campaign(terms=Terms(call_completed_url="https://crm.example.com/done"))
    assert (
        "Nothing was sent yet" in asha.get(f"/campaigns/{campaign.pk}/deliveries/").content.decode()
    )
    end(dial(connected(book, campaign)), "busy", "busy")
    page = asha.get(f"/campaigns/{campaign.pk}/deliveries/").content.decode()
    assert "Call completed URL" in page
    one = asha.get(f"/webhooks/deliveries/{Delivery.objects.get().pk}/").content.decode()
    assert "DialCallStatus=busy" in one
    assert (
        f"/campaigns/{campaign.pk}/deliveries/"
        in asha.get(f"/campaigns/{campaign.pk}/").content.decode()
    )


def test_managers_are_told_where_they_begin_that_an_endpoint_was_stopped(book: Book) -> None:
    endpoint(book)
    asha = signed_in(book.supervisor)
    assert "was stopped" not in asha.get("/").content.decode()
    Endpoint.objects.update(disabled_reason="failing", disabled_at=NOON)
    assert "1 webhook endpoint was stopped" in asha.get("/").content.decode()
    page = asha.get(f"/webhooks/{Endpoint.objects.get().pk}/").content.decode()
    assert "for five days" in page


def test_what_is_another_account_s_is_not_there(book: Book) -> None:
    stranger = make_book("Zenith")
    theirs = endpoint(stranger)
    (sent,) = send(stranger, theirs)
    campaign = stranger.campaign()
    asha = signed_in(book.supervisor)
    for url in (
        f"/webhooks/{theirs.pk}/",
        f"/webhooks/deliveries/{sent.pk}/",
        f"/campaigns/{campaign.pk}/deliveries/",
    ):
        assert asha.get(url).status_code == 404
    assert asha.post(f"/webhooks/{theirs.pk}/test/").status_code == 404
    assert theirs.url not in asha.get("/webhooks/").content.decode()


def test_the_number_of_queries_does_not_grow_with_the_deliveries(book: Book) -> None:
    made, asha = endpoint(book), signed_in(book.supervisor)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert asha.get(f"/webhooks/{made.pk}/").status_code == 200
        return len(captured)

    queries()
    send(book, made, 2)
    few = queries()
    send(book, made, 30)
    assert queries() == few


def test_what_a_user_typed_is_shown_literally(book: Book, devi: Client) -> None:
    services.add_endpoint(
        account=book.account,
        actor=OPERATOR,
        url="https://crm.example.com/?x=<b>",
        description="<script>alert(1)</script>",
        now=NOON,
    )
    page = devi.get("/webhooks/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
