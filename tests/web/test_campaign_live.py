"""What open pages of a campaign are sent when something has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.models import Role
from autodialer.apps.campaigns.services import pause_campaign
from autodialer.domain.errors import NotFoundError
from autodialer.web.live_topics import View, Viewer
from autodialer.web.views.campaign import FIGURES
from autodialer.web.views.campaign_live import TOPICS
from tests.apps.test_sessions import start
from tests.support.book import NOON, Book, make_book
from tests.web.test_campaign_page import ended, ready

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.apps.accounts.models import User
    from autodialer.apps.campaigns.models import Campaign

pytestmark = pytest.mark.django_db
(TOPIC,) = TOPICS


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def campaign(book: Book) -> Campaign:
    made = book.campaign()
    ended(ready(start(book, made)), 0)
    return made


def sent(book: Book, campaign: Campaign, role: Role) -> Mapping[str, str]:
    view = View(book.account, role, "en", "", NOON)
    return TOPIC.render(view, [campaign.pk])[campaign.pk]


def viewer(user: User) -> Viewer:
    return Viewer(user, "en", "session", "", "")


def test_each_part_is_the_element_that_it_replaces(book: Book, campaign: Campaign) -> None:
    parts = sent(book, campaign, Role.SUPERVISOR)
    elements = {name: html for name, html in parts.items() if not name.startswith("!")}
    assert {"campaign-status", "campaign-counts", "campaign-agents", "campaign-menu"} <= set(
        elements
    )
    for name, html in elements.items():
        assert html.strip().startswith("<")
        assert f'id="{name}"' in html.strip().split(">")[0]


def test_nothing_is_sent_again_when_nothing_has_moved(book: Book, campaign: Campaign) -> None:
    assert sent(book, campaign, Role.ADMIN) == sent(book, campaign, Role.ADMIN)


def test_a_call_that_begins_or_ends_is_told_to_the_table_of_calls(
    book: Book, campaign: Campaign
) -> None:
    name = f"!calls-{campaign.pk}"
    before = sent(book, campaign, Role.SUPERVISOR)[name]
    campaign.targets.update(status="in-progress")
    assert sent(book, campaign, Role.SUPERVISOR)[name] != before


def test_agents_are_sent_counts_and_nothing_of_each_other(book: Book, campaign: Campaign) -> None:
    assert set(sent(book, campaign, Role.AGENT)) == {"work-counts"}


def test_who_may_not_see_a_campaign_may_not_watch_it(book: Book, campaign: Campaign) -> None:
    for user in (book.supervisor, book.agent):
        TOPIC.authorise(viewer(user), campaign.pk)
    other = make_book("Bharat")
    for user in (other.admin, other.agent):
        with pytest.raises(NotFoundError):
            TOPIC.authorise(viewer(user), campaign.pk)


def test_a_campaign_of_another_account_is_never_rendered(book: Book, campaign: Campaign) -> None:
    other = make_book("Bharat")
    view = View(other.account, Role.ADMIN, "en", "", NOON)
    assert TOPIC.render(view, [campaign.pk]) == {}


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT])
def test_twenty_campaigns_cost_the_queries_of_one(
    book: Book, campaign: Campaign, role: Role
) -> None:
    ids = [campaign.pk, *(book.campaign(name=f"Eid {n}").pk for n in range(19))]
    pause_campaign(
        account=book.account, campaign_id=ids[-1], actor=Actor.of(book.supervisor), now=NOON
    )

    def queries(asked: Sequence[int]) -> int:
        FIGURES.clear()
        with CaptureQueriesContext(connection) as found:
            rendered = TOPIC.render(View(book.account, role, "en", "", NOON), asked)
        assert set(rendered) == set(asked)
        return len(found)

    assert queries(ids) == queries(ids[:1])
