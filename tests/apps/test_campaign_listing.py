"""The table of campaigns: whose, in which order, and with counts that cost little."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.calls.promises import verdicts
from autodialer.apps.campaigns.counting import cheap_counts
from autodialer.apps.campaigns.listing import Order, Wanted, entries, entry, has_any, matches
from autodialer.apps.campaigns.models import Campaign, CampaignAgent, Target
from autodialer.apps.campaigns.queries import campaign_counts
from autodialer.apps.campaigns.services import (
    add_caller_id,
    archive_campaign,
    complete_campaign,
    keep_final_counts,
    pause_campaign,
)
from autodialer.apps.campaigns.terms import Terms
from autodialer.domain.campaign import CampaignAction, CampaignStatus
from autodialer.domain.errors import NotFoundError
from autodialer.domain.target import TargetStatus
from tests.support.book import NOON, Book, make_book

HOUR = timedelta(hours=1)
TO_COME = Terms(starts_at=NOON + HOUR)

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    return make_book()


def complete(book: Book, campaign: Campaign) -> None:
    complete_campaign(account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=NOON)


def archive(book: Book, campaign: Campaign) -> None:
    archive_campaign(account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=NOON)


def names(book: Book, wanted: Wanted, actor: Actor = OPERATOR) -> list[str]:
    return [row.name for row in entries(book.account, actor, wanted)]


def kept(campaign: Campaign) -> dict[str, int] | None:
    campaign.refresh_from_db(fields=["final_counts"])
    counts: dict[str, int] | None = campaign.final_counts
    return counts


def test_the_table_is_sorted_by_date_name_and_status_both_ways(book: Book) -> None:
    book.campaign("beta", TO_COME)
    pause = book.campaign("Alpha")
    pause_campaign(account=book.account, campaign_id=pause.pk, actor=OPERATOR, now=NOON)
    book.campaign("gamma")
    orders = {
        Order.OLDEST: ["beta", "Alpha", "gamma"],
        Order.NAME: ["Alpha", "beta", "gamma"],
        Order.STATUS: ["gamma", "Alpha", "beta"],  # in progress, paused, to come
    }
    for order, expected in orders.items():
        assert names(book, Wanted(order=order)) == expected
        assert names(book, Wanted(order=Order(f"-{order}"))) == expected[::-1]


def test_archived_campaigns_are_shown_by_their_filter_only(book: Book) -> None:
    old = book.campaign("Old", TO_COME)
    archive(book, old)
    assert names(book, Wanted()) == []
    assert names(book, Wanted(status=CampaignStatus.ARCHIVED)) == ["Old"]
    assert matches(book.account, OPERATOR, Wanted()) == 0
    assert has_any(book.account, OPERATOR)


def test_a_search_counts_from_three_characters_and_is_taken_literally(book: Book) -> None:
    book.campaign("100% Diwali_1")
    book.campaign("Holi")
    assert names(book, Wanted(search="di")) == ["Holi", "100% Diwali_1"]
    assert Wanted(search="di").is_too_short
    assert names(book, Wanted(search="DIWALI_")) == ["100% Diwali_1"]
    assert names(book, Wanted(search="00%")) == ["100% Diwali_1"]
    assert names(book, Wanted(search="o_i")) == []
    assert names(book, Wanted(search="nul\0")) == []


def test_pages_do_not_overlap_and_leave_nothing_out(book: Book) -> None:
    made = [book.campaign(f"Same {at}").name for at in range(5)]  # all of one instant
    pages = [entries(book.account, OPERATOR, Wanted(), offset=at, limit=2) for at in (0, 2, 4)]
    assert [row.name for page in pages for row in page] == made[::-1]


def test_agents_find_their_own_campaigns_and_strangers_none(book: Book) -> None:
    of_group, picked = book.campaign("Group"), book.campaign("Picked")
    Campaign.objects.filter(pk=picked.pk).update(group=None)
    bina = Actor.of(book.agent)
    assert names(book, Wanted(), bina) == ["Group"]
    CampaignAgent.objects.create(campaign=picked, user=book.agent)
    assert names(book, Wanted(), bina) == ["Picked", "Group"]
    assert entry(book.account, bina, picked.pk).choices == ()
    chitra = make_book("Bharat", rows=1)
    assert entries(chitra.account, Actor.of(chitra.supervisor), Wanted()) == []
    with pytest.raises(NotFoundError):
        entry(chitra.account, Actor.of(chitra.supervisor), of_group.pk)


def test_a_row_says_whom_it_calls_by_whom_and_what_may_be_done(book: Book) -> None:
    campaign = book.campaign()
    row = entry(book.account, Actor.of(book.supervisor), campaign.pk)
    assert (row.numbers, row.group, row.made_by, row.target_count) == ("Leads", "Sales", "Asha", 3)
    allowed = {choice.action for choice in row.choices if choice.allowed}
    assert allowed == {CampaignAction.PAUSE, CampaignAction.CLONE}
    assert row.counts == campaign_counts(book.account, campaign.pk)


def test_more_campaigns_take_no_more_queries(book: Book) -> None:
    book.campaign("One")
    book.campaign("To come", TO_COME)
    with CaptureQueriesContext(connection) as few:
        entries(book.account, OPERATOR, Wanted())
    for at in range(20):
        complete(book, book.campaign(f"Over {at}"))
    with CaptureQueriesContext(connection) as many:
        assert len(entries(book.account, OPERATOR, Wanted())) == 22
    assert len(many) == len(few) == 3


def test_what_is_kept_is_not_counted(book: Book) -> None:
    campaign = book.campaign()
    complete(book, campaign)
    keep_final_counts()
    campaign.refresh_from_db()
    with CaptureQueriesContext(connection) as asked:
        counts = cheap_counts(book.account, [campaign])
    assert len(asked) == 0
    assert counts[campaign.pk] == campaign_counts(book.account, campaign.pk)


def test_before_the_start_the_counts_are_those_of_the_copy(book: Book) -> None:
    one_of_ours = add_caller_id(
        account=book.account, actor=OPERATOR, number="09000000001", verified=True, now=NOON
    )
    campaign = book.campaign(terms=TO_COME)
    counts = cheap_counts(book.account, [campaign])
    assert counts[campaign.pk] == campaign_counts(book.account, campaign.pk)
    assert campaign_counts(book.account, campaign.pk)[TargetStatus.INVALID] == 1, one_of_ours


def test_a_page_counts_only_as_many_targets_as_it_has_time_for(book: Book) -> None:
    campaigns = [book.campaign(f"Running {at}") for at in range(3)]  # of three targets each
    for at_most, counted in ((1, 1), (3, 1), (8, 2), (9, 3)):
        counts = cheap_counts(book.account, campaigns, at_most=at_most)
        assert [counts[one.pk] is not None for one in campaigns] == [
            at < counted for at in range(3)
        ]
    campaigns[0].target_count = 10  # a large one keeps no small one waiting
    counts = cheap_counts(book.account, campaigns, at_most=9)
    assert [counts[one.pk] is not None for one in campaigns] == [False, True, True]


def test_counts_are_kept_when_a_campaign_is_over_and_its_last_call_has_ended(book: Book) -> None:
    campaign = book.campaign()
    assert keep_final_counts() == 0
    live = Target.objects.filter(pk=Target.objects.earliest("seq").pk)
    live.update(status=TargetStatus.IN_PROGRESS.value, tries=1)
    complete(book, campaign)
    assert keep_final_counts() == 0
    assert kept(campaign) is None
    live.update(status=TargetStatus.COMPLETED.value)
    assert keep_final_counts() == 1
    assert kept(campaign) == {"completed": 1, "failed-no-attempt": 2}
    assert keep_final_counts() == 0
    broken = {each.promise.statement: each.broken for each in verdicts(NOON)}
    assert broken["promise_counts_add_up"] == 0


def test_the_counts_of_a_campaign_without_numbers_are_kept_too(book: Book) -> None:
    campaign = book.campaign()
    Target.objects.filter(campaign=campaign).delete()
    complete(book, campaign)
    keep_final_counts()
    assert kept(campaign) == {}
