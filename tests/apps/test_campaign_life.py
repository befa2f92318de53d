"""Editing, cloning and the menu of a campaign, and what pauses one by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.campaigns import queries, services
from autodialer.apps.campaigns.models import Campaign, NumberSource, Target
from autodialer.apps.campaigns.plan import Plan
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.imports.services import import_list
from autodialer.domain.campaign import CampaignAction, CampaignStatus
from autodialer.domain.errors import (
    ConflictError,
    IllegalTransitionError,
    InvalidInputError,
    NotAllowedError,
)
from tests.apps.test_campaigns import race, status_of, steer
from tests.support.book import NOON, Book, csv_of, make_book

HOUR = timedelta(hours=1)
LATER = Terms(starts_at=NOON + HOUR)
URL = "https://crm.example.com/next"


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def edit(book: Book, campaign: Campaign, plan: Plan, actor: Actor = OPERATOR) -> Campaign:
    return services.edit_campaign(
        account=book.account, campaign_id=campaign.pk, actor=actor, plan=plan, now=NOON
    )


def from_url(book: Book, name: str = "By URL", terms: Terms | None = None) -> Campaign:
    return services.create_campaign(
        account=book.account,
        actor=OPERATOR,
        name=name,
        dial_whom_url=URL,
        agent_ids=[book.agent.pk],
        caller_id=book.caller_id.pk,
        terms=terms,
        now=NOON,
    )


# Fields --------------------------------------------------------------------------------------


def test_a_campaign_keeps_every_field_that_was_asked_for(book: Book) -> None:
    terms = Terms(
        starts_at=NOON + HOUR,
        ends_at=NOON + 3 * HOUR,
        window_opens=time(10),
        window_closes=time(18),
        retries=2,
        retry_statuses=("busy", "no-answer"),
        retry_interval_min=15,
        ring_timeout_s=40,
        idle_limit_s=90,
        max_talk_s=600,
        popup_url="https://crm.example.com/popup",
        call_completed_url="https://crm.example.com/done?key=1",
        call_no_answer_url="https://crm.example.com/missed",
        get_contacts_url="https://crm.example.com/contact",
    )
    assert queries.plan_of(book.campaign(terms=terms)).terms == terms


def test_a_campaign_by_url_has_a_source_and_no_numbers_yet(book: Book) -> None:
    campaign = from_url(book)
    row = queries.campaign_row(book.account, campaign.pk)
    assert (row.dial_whom_url, row.list_name, row.target_count) == (URL, "", 0)
    assert NumberSource.objects.filter(campaign=campaign, exhausted_at=None).exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"dial_whom_url": URL}, "numbers_missing"),
        ({"list_id": None}, "numbers_missing"),
        ({"list_id": None, "dial_whom_url": "https://10.0.0.1/"}, "url_not_public"),
        ({"terms": Terms(popup_url="javascript:alert(1)")}, "url_scheme"),
        ({"terms": Terms(call_type="promotional")}, "call_type_unknown"),
        ({"group_id": None}, "participants_missing"),
        ({"agent_ids": [1]}, "participants_missing"),
        ({"name": " "}, "name_missing"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(book: Book, change: dict[str, object], code: str) -> None:
    campaign = book.campaign(terms=LATER)
    plan = replace(queries.plan_of(campaign), **change)  # type: ignore[arg-type]  # of the table
    with pytest.raises(InvalidInputError) as refused:
        edit(book, campaign, plan)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("ends_at", "starts_at + interval '119 seconds'", "campaign_lasts_2_min_to_30_days"),
        ("ends_at", "starts_at + interval '30 days 1 second'", "campaign_lasts_2_min_to_30_days"),
        ("window_opens", "'09:00'", "campaign_window_is_legal"),
        ("(window_opens, window_closes)", "('08:59', '21:00')", "campaign_window_is_legal"),
        ("(window_opens, window_closes)", "('09:00', '21:01')", "campaign_window_is_legal"),
        ("(window_opens, window_closes)", "('10:00', '10:00')", "campaign_window_holds_a_ring"),
        ("(window_opens, window_closes)", "('20:00', '10:00')", "campaign_window_holds_a_ring"),
        ("retry_statuses", "'{completed}'", "campaign_retry_statuses_are_known"),
        ("retries", "1", "campaign_retries_have_statuses"),
        ("idle_limit_s", "9", "campaign_idle_10_to_3600"),
        ("max_talk_s", "14401", "campaign_talk_30_to_14400"),
        ("call_type", "'promotional'", "campaign_call_type_is_known"),
        ("dial_whom_url", "'https://x.example/'", "campaign_one_source"),
    ],
)
def test_postgresql_refuses_what_no_campaign_can_be(
    book: Book, column: str, value: str, constraint: str
) -> None:
    campaign = book.campaign()
    query = f"UPDATE campaigns_campaign SET {column} = {value} WHERE id = {campaign.pk}"  # noqa: S608  of the table above
    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(query)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [({"e164": "9000000001"}, "target_number_is_e164"), ({"seq": 9}, "target_place_is_once")],
)
def test_postgresql_refuses_a_target_that_could_not_be_dialled_in_order(
    book: Book, change: dict[str, object], constraint: str
) -> None:
    first, second, _ = Target.objects.filter(campaign=book.campaign()).order_by("seq")
    Target.objects.filter(pk=second.pk).update(seq=9)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Target.objects.filter(pk=first.pk).update(**change)


# Editing and cloning -------------------------------------------------------------------------


def test_editing_changes_the_terms_and_keeps_the_copy(book: Book) -> None:
    campaign = book.campaign(terms=LATER)
    first = set(Target.objects.values_list("pk", flat=True))
    plan = queries.plan_of(campaign)
    terms = replace(plan.terms, retries=3, retry_statuses=("busy",), ring_timeout_s=60)
    edit(book, campaign, replace(plan, name="Holi", terms=terms))
    edited = queries.campaign(book.account, campaign.pk)
    assert (edited.name, edited.retries, edited.ring_timeout_s) == ("Holi", 3, 60)
    assert set(Target.objects.filter(max_tries=4).values_list("pk", flat=True)) == first


def test_another_list_is_copied_anew_and_the_same_one_only_when_asked(book: Book) -> None:
    campaign = book.campaign(terms=LATER)
    other = import_list(account=book.account, name="More", data=csv_of(5), now=NOON)
    plan = replace(queries.plan_of(campaign), list_id=other.list_id)
    assert edit(book, campaign, plan).target_count == 5
    assert queries.campaign_counts(book.account, campaign.pk).total == 5


def test_a_campaign_can_be_edited_from_list_to_url_and_back(book: Book) -> None:
    campaign = book.campaign(terms=LATER)
    plan = queries.plan_of(campaign)
    edit(book, campaign, replace(plan, list_id=None, dial_whom_url=URL))
    assert queries.campaign_counts(book.account, campaign.pk).total == 0
    edit(book, campaign, plan)
    assert queries.campaign_counts(book.account, campaign.pk).total == 3
    assert not NumberSource.objects.exists()


def test_moving_the_start_to_now_starts_it(book: Book) -> None:
    campaign = book.campaign(terms=LATER)
    plan = queries.plan_of(campaign)
    edit(book, campaign, replace(plan, terms=replace(plan.terms, starts_at=NOON, ends_at=None)))
    assert status_of(book, campaign.pk) == "in-progress"
    steps = [(c.old, c.new) for c in queries.changes(book.account, campaign.pk)]
    assert steps == [("", "created"), ("created", "in-progress")]


def test_nothing_is_edited_once_it_has_started(book: Book) -> None:
    campaign = book.campaign()
    with pytest.raises(IllegalTransitionError) as refused:
        edit(book, campaign, replace(queries.plan_of(campaign), name="Holi"))
    assert refused.value.legal == ("pause", "complete", "clone")
    assert queries.campaign(book.account, campaign.pk).name == "Diwali"


def test_a_clone_keeps_the_plan_lasts_as_long_and_copies_the_list_again(book: Book) -> None:
    terms = Terms(ends_at=NOON + 2 * HOUR, retries=1, retry_statuses=("busy",))
    first = book.campaign(terms=terms)
    steer(book, first.pk, "complete", OPERATOR)
    later = NOON + timedelta(days=2)
    clone = services.clone_campaign(
        account=book.account, campaign_id=first.pk, actor=OPERATOR, now=later
    )
    assert (clone.name, clone.starts_at, clone.ends_at) == ("Diwali (2)", later, later + 2 * HOUR)
    old, new = queries.plan_of(first), queries.plan_of(clone)
    same = {"name": "", "terms": replace(old.terms, starts_at=None, ends_at=None)}
    assert replace(old, **same) == replace(  # type: ignore[arg-type]  # two of its fields
        new, name="", terms=replace(new.terms, starts_at=None, ends_at=None)
    )
    assert queries.campaign_counts(book.account, clone.pk).total == 3


# The menu ------------------------------------------------------------------------------------

MENU = {
    ("created", "Devi"): {"edit", "archive", "clone"},
    ("created", "Asha"): {"edit", "archive", "clone"},
    ("in-progress", "Devi"): {"pause", "complete", "clone"},
    ("in-progress", "Asha"): {"pause", "clone"},
    ("paused", "Devi"): {"resume", "complete", "clone"},
    ("paused", "Asha"): {"resume", "complete", "clone"},
    ("completed", "Asha"): {"archive", "clone"},
    ("archived", "Asha"): {"clone"},
    **{(status.value, "Bina"): set() for status in CampaignStatus},
}
WAYS: dict[str, tuple[str, ...]] = {
    "created": (),
    "in-progress": (),
    "paused": ("pause",),
    "completed": ("complete",),
    "archived": ("complete", "archive"),
}


@pytest.mark.parametrize(("status", "name"), MENU)
def test_the_menu_tells_what_is_allowed_and_why_not_the_rest(
    book: Book, status: str, name: str
) -> None:
    campaign = book.campaign(terms=LATER if status == "created" else None)
    for verb in WAYS[status]:
        steer(book, campaign.pk, verb, OPERATOR)
    who = {user.name: user for user in (book.admin, book.supervisor, book.agent)}[name]
    menu = queries.allowed_actions(book.account, campaign.pk, Actor.of(who))
    assert {choice.action for choice in menu if choice.allowed} == MENU[status, name]
    assert {choice.action for choice in menu} == set(CampaignAction)
    for choice in menu:
        assert choice.allowed is (choice.why_not == "")
        if choice.action in {"pause", "resume", "complete", "archive"}:
            if choice.allowed:
                continue
            with pytest.raises((IllegalTransitionError, NotAllowedError)):
                steer(book, campaign.pk, choice.action, Actor.of(who))


@pytest.mark.parametrize("round_", range(5))
def test_two_supervisors_and_an_admin_at_once_leave_one_legal_order(
    live_database: str, round_: int
) -> None:
    book = make_book()
    campaign = book.campaign()
    race(
        lambda: steer(book, campaign.pk, "pause"),
        lambda: steer(book, campaign.pk, "resume"),
        lambda: steer(book, campaign.pk, "complete", Actor.of(book.admin)),
        lambda: steer(book, campaign.pk, "pause", Actor.of(book.agent)),
    )
    steps = queries.changes(book.account, campaign.pk)
    assert [step.old for step in steps[1:]] == [step.new for step in steps[:-1]]
    assert steps[-1].new == status_of(book, campaign.pk) == "completed"
    assert {step.actor for step in steps} <= {"Asha", "Devi"}


# The caller id -------------------------------------------------------------------------------


def unverify(book: Book, actor: Actor = OPERATOR) -> int:
    return services.unverify_caller_id(
        account=book.account, actor=actor, caller_id=book.caller_id.pk, now=NOON
    )


def test_withdrawing_a_caller_id_pauses_what_runs_with_it_until_it_is_verified_again(
    book: Book,
) -> None:
    campaign, waiting = book.campaign("One"), book.campaign("Two", terms=LATER)
    assert unverify(book) == 1
    row = queries.campaign_row(book.account, campaign.pk)
    assert (row.status, row.reason) == ("paused", "caller_id_unverified")
    assert status_of(book, waiting.pk) == "created"
    with pytest.raises(ConflictError) as refused:
        steer(book, campaign.pk, "resume")
    assert refused.value.code == "caller_id_unverified"
    services.add_caller_id(
        account=book.account, actor=OPERATOR, number=book.caller_id.e164, verified=True, now=NOON
    )
    steer(book, campaign.pk, "resume")
    assert status_of(book, campaign.pk) == "in-progress"


@pytest.mark.parametrize("who", ["supervisor", "agent"])
def test_only_an_admin_touches_caller_ids(book: Book, who: str) -> None:
    actor = Actor.of(getattr(book, who))
    with pytest.raises(NotAllowedError):
        unverify(book, actor)
    with pytest.raises(NotAllowedError):
        services.add_caller_id(account=book.account, actor=actor, number="08045678902", now=NOON)
