"""Two who edit one thing: who saves second is told, and overwrites it only by saying so again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from django.utils import timezone

from autodialer.apps.agents.models import Group
from autodialer.apps.audit.queries import entries
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.models import Contact
from tests.support.book import Book, make_book
from tests.support.visit import signed_in
from tests.web.visit import HTMX, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.test import Client

pytestmark = pytest.mark.django_db

TOLD: Final = "Somebody else has changed this since you opened it."


@pytest.fixture
def book() -> Book:
    return make_book()


def contact_page(_: Book) -> str:
    return f"/lists/contacts/{Contact.objects.earliest('pk').pk}/"


def campaign_page(book: Book) -> str:
    tomorrow = timezone.localtime().replace(hour=10, minute=0, second=0) + timedelta(days=1)
    later = book.campaign(terms=Terms(starts_at=tomorrow))
    return f"/campaigns/{later.pk}/edit/"


# A page, and what the two of them write into one of its fields.
PAGES: Final = {
    "group": (lambda book: f"/groups/{book.group.pk}/", "name", "Night", "Late"),
    "settings": (lambda _: "/settings/", "redial_gap", "90", "120"),
    "contact": (contact_page, "company", "Acme", "Bharat"),
    "campaign": (campaign_page, "name", "Diwali", "Holi"),
}
each_page = pytest.mark.parametrize(
    ("page_of", "field", "first", "second"), PAGES.values(), ids=PAGES
)


def filled_in(page: Any, **changes: str) -> dict[str, Any]:
    """What a browser would send of a page that was opened, after these changes."""
    form = page.context["form"]
    sent: dict[str, Any] = {"seen": form.version}
    for bound in form:
        value = bound.value()
        if isinstance(value, bool):
            sent |= {bound.html_name: "on"} if value else {}
        else:
            shown = bound.field.widget.format_value(value)
            sent[bound.html_name] = "" if shown is None else shown
    return sent | changes


def kept(browser: Client, url: str, field: str) -> str:
    return str(browser.get(url).context["form"][field].value())


@each_page
def test_who_saves_second_is_told_and_nothing_typed_is_lost(
    book: Book, page_of: Callable[[Book], str], field: str, first: str, second: str
) -> None:
    url, devi, other = page_of(book), signed_in(book.admin), signed_in(book.admin)
    pages: Mapping[str, Any] = {first: devi.get(url), second: other.get(url)}
    assert devi.post(url, filled_in(pages[first], **{field: first})).status_code == 302
    refused = other.post(url, filled_in(pages[second], **{field: second}))
    assert refused.status_code == 409
    assert TOLD in text(refused)
    assert kept(other, url, field) == first
    assert refused.context["form"][field].value() == second
    assert other.post(url, filled_in(refused)).status_code == 302
    assert kept(other, url, field) == second


def test_a_group_is_saved_at_once_and_noted_once(book: Book) -> None:
    asha, url = signed_in(book.supervisor), f"/groups/{book.group.pk}/"
    before = len(entries(book.account))
    given = filled_in(asha.get(url), name="Night") | {"members": [book.supervisor.pk]}
    assert asha.post(url, given, headers=HTMX)["HX-Redirect"] == "/people/"
    assert [entry.action for entry in entries(book.account)][: -before or None] == ["group.edit"]
    stranger = make_book("Bharat").agent.pk
    given = filled_in(asha.get(url), name="Late") | {"members": [stranger]}
    assert asha.post(url, given).status_code == 422
    assert Group.objects.get(pk=book.group.pk).name == "Night"
