"""No page asks more of the database because there is more to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.services import create_user
from autodialer.apps.agents.services import add_group_members, create_group
from autodialer.apps.billing.services import set_payment_mode, top_up
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.services import add_caller_id, pause_campaign
from autodialer.apps.contacts.models import Contact
from autodialer.apps.contacts.services import add_dnd_numbers
from autodialer.apps.imports.services import import_list
from autodialer.domain.money import PaymentMode
from autodialer.web.views import campaign as campaign_views
from autodialer.web.views import campaigns as campaigns_views
from tests.support.book import NOON, Book, csv_of, desk_phone, make_book
from tests.support.visit import signed_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.test import Client

pytestmark = pytest.mark.django_db
MORE = 3


@pytest.fixture
def book() -> Book:
    made = make_book()
    set_payment_mode(
        account=made.account, mode=PaymentMode.PREPAID, currency="INR", actor=OPERATOR, now=NOON
    )
    add_to(made, "A")
    return made


def add_to(book: Book, name: str) -> None:
    """One more of each thing that pages show in rows."""
    account, at = book.account, ord(name)
    campaign = book.campaign(f"Campaign {name}")
    pause_campaign(account=account, campaign_id=campaign.pk, actor=OPERATOR, now=NOON)
    person = create_user(
        account=account, email=f"{name}@acme.example", name=name, role=Role.AGENT, now=NOON
    )
    desk_phone(account, person)
    for group in (create_group(account=account, name=name, now=NOON), book.group):
        add_group_members(account=account, group_id=group.pk, user_ids=[person.pk], now=NOON)
    import_list(account=account, name=name, data=csv_of(at % 60), now=NOON)
    number = f"080456700{at}"
    add_caller_id(account=account, actor=OPERATOR, number=number, verified=True, now=NOON)
    add_dnd_numbers(account=account, numbers=[f"98123450{at}"], now=NOON)
    top_up(account=account, amount=at, reference=name, actor=OPERATOR, now=NOON)


def pages_of(book: Book) -> Sequence[str]:
    """Every page that shows rows of something, or choices of it."""
    contact = Contact.objects.order_by("pk")[0]
    one = f"/campaigns/{Campaign.objects.get().pk}/"
    return (
        *("/", "/?sort=name", one, f"{one}agent/", f"{one}clone/", "/campaigns/new/"),
        *("/lists/", f"/lists/{book.list_id}/", f"/lists/{book.list_id}/add/", "/lists/imports/"),
        *("/lists/contacts/", f"/lists/contacts/{contact.pk}/", "/lists/imports/new/", "/dnd/"),
        *("/people/", f"/people/{book.agent.pk}/", f"/groups/{book.group.pk}/", "/groups/new/"),
        *("/caller-ids/", "/balance/", "/audit/", "/settings/", "/profile/"),
    )


def asked(client: Client, pages: Sequence[str]) -> Mapping[str, int]:
    """The number of queries of each page, when nothing is kept from the page before."""
    found = {}
    for url in pages:
        campaigns_views.COUNTS.clear()
        campaign_views.FIGURES.clear()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200, url
        found[url] = len(captured)
    return found


def test_no_page_asks_more_because_there_is_more(book: Book) -> None:
    devi, pages = signed_in(book.admin), pages_of(book)
    devi.get("/")  # the first one also notes the browser
    few = asked(devi, pages)
    for at in range(MORE):
        add_to(book, chr(ord("B") + at))
    assert asked(devi, pages) == few
