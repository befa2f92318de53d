from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta

import psycopg
import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device
from autodialer.apps.campaigns import queries, services
from autodialer.apps.campaigns.models import CampaignChange, Target
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.models import Contact
from autodialer.apps.contacts.services import add_dnd_numbers, create_list
from autodialer.domain.errors import (
    AutodialerError,
    ConflictError,
    IllegalTransitionError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from autodialer.domain.target import TargetStatus
from tests.support.book import NOON, Book, make_book

MINUTE = timedelta(minutes=1)


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def steer(book: Book, campaign_id: int, verb: str, actor: Actor | None = None) -> None:
    service = getattr(services, f"{verb}_campaign")
    who = actor or Actor.of(book.supervisor)
    service(account=book.account, campaign_id=campaign_id, actor=who, now=NOON + MINUTE)


def status_of(book: Book, campaign_id: int) -> str:
    return queries.campaign_row(book.account, campaign_id).status


def set_target(seq: int, status: TargetStatus, tries: int = 0) -> None:
    due_at = NOON if status is TargetStatus.RETRY else None
    target = Target.objects.order_by("seq")[seq]
    Target.objects.filter(pk=target.pk).update(status=status.value, tries=tries, due_at=due_at)


def test_a_campaign_keeps_its_copy_whatever_becomes_of_the_list(book: Book) -> None:
    campaign = book.campaign()
    Contact.objects.all().update(first_name="Changed", fields={})
    Contact.objects.filter(e164="+919000000001").delete()
    targets = list(Target.objects.filter(campaign=campaign).order_by("seq"))
    assert [target.e164 for target in targets] == [f"+91900000000{n}" for n in range(3)]
    assert targets[1].contact["first_name"] == "Person 1"
    assert targets[1].contact["fields"] == {"city": "Pune"}
    assert campaign.target_count == 3


def test_a_campaign_that_starts_now_is_in_progress_and_a_later_one_is_created(book: Book) -> None:
    now = book.campaign("Now")
    later = book.campaign("Later", Terms(starts_at=NOON + timedelta(hours=1)))
    assert (now.status, later.status) == ("in-progress", "created")
    assert now.ends_at == NOON + timedelta(days=30)
    assert [change.new for change in queries.changes(book.account, now.pk)] == ["in-progress"]


def test_numbers_on_the_registry_are_copied_because_it_is_asked_when_dialling(book: Book) -> None:
    add_dnd_numbers(account=book.account, numbers=["9000000001"], now=NOON)
    assert queries.campaign_counts(book.account, book.campaign().pk)[TargetStatus.SCHEDULED] == 3


def test_a_listed_number_that_has_become_an_agents_phone_or_a_caller_id_is_never_dialled(
    book: Book,
) -> None:
    add_device(
        account=book.account,
        user_id=book.agent.pk,
        kind=DeviceKind.PHONE,
        address="9000000001",
        now=NOON,
    )
    services.add_caller_id(account=book.account, actor=OPERATOR, number="9000000002", now=NOON)
    copied = Target.objects.filter(campaign=book.campaign()).order_by("seq")
    assert [(target.status, target.reason) for target in copied] == [
        ("scheduled", ""),
        ("invalid", "number_is_ours"),
        ("invalid", "number_is_ours"),
    ]


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (Terms(starts_at=NOON - timedelta(minutes=2, seconds=1)), "start_in_past"),
        (Terms(starts_at=NOON.replace(tzinfo=None)), "offset_required"),
        (Terms(ends_at=NOON + timedelta(seconds=119)), "end_too_early"),
        (Terms(ends_at=NOON + timedelta(days=30, seconds=1)), "too_long"),
        (Terms(retries=4), "retries_out_of_range"),
        (Terms(retries=-1), "retries_out_of_range"),
        (Terms(retries=2), "statuses_missing"),
        (Terms(retries=1, retry_statuses=["completed"]), "status_unknown"),
        (Terms(retries=1, retry_statuses=["busy", "busy"]), "status_unknown"),
        (Terms(retry_interval_min=0), "interval_out_of_range"),
        (Terms(retry_interval_min=1441), "interval_out_of_range"),
        (Terms(window_opens=time(9), window_closes=None), "window_half"),
        (Terms(window_opens=None, window_closes=time(21)), "window_half"),
        (Terms(window_opens=time(8, 59), window_closes=time(21)), "window_too_wide"),
        (Terms(window_opens=time(9), window_closes=time(21, 1)), "window_too_wide"),
        (Terms(window_opens=time(20), window_closes=time(10)), "window_empty"),
        (Terms(window_opens=time(10), window_closes=time(10)), "window_empty"),
        (Terms(ring_timeout_s=4), "ring_timeout_s_out_of_range"),
        (Terms(max_talk_s=29), "max_talk_s_out_of_range"),
        (Terms(max_talk_s=14_401), "max_talk_s_out_of_range"),
        (Terms(idle_limit_s=0), "idle_limit_s_out_of_range"),
    ],
)
def test_terms_outside_their_limits_are_refused_and_nothing_is_made(
    book: Book, terms: Terms, code: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        book.campaign(terms=terms)
    assert refused.value.code == code
    assert queries.campaign_rows(book.account) == []


@pytest.mark.parametrize(
    "terms",
    [
        Terms(starts_at=NOON - timedelta(minutes=2)),
        Terms(ends_at=NOON + timedelta(minutes=2)),
        Terms(ends_at=NOON + timedelta(days=30)),
        Terms(retries=3, retry_statuses=["busy", "no-answer", "failed"], retry_interval_min=1440),
        Terms(window_opens=time(9), window_closes=time(21)),
    ],
)
def test_terms_at_their_limits_are_accepted(book: Book, terms: Terms) -> None:
    campaign = book.campaign(terms=terms)
    assert campaign.starts_at >= NOON
    assert Target.objects.filter(campaign=campaign, max_tries=1 + terms.retries).count() == 3


def test_a_campaign_needs_a_list_with_numbers_a_verified_caller_id_and_agents(book: Book) -> None:
    empty = create_list(account=book.account, name="Empty", now=NOON)
    unverified = services.add_caller_id(
        account=book.account, actor=OPERATOR, number="9876500001", now=NOON
    )
    right = {"list_id": book.list_id, "caller_id": book.caller_id.pk, "group_id": book.group.pk}
    wrong: list[tuple[dict[str, int], type[AutodialerError], str]] = [
        ({"list_id": empty.pk}, InvalidInputError, "list_empty"),
        ({"list_id": 10**9}, NotFoundError, "unknown_reference"),
        ({"caller_id": unverified.pk}, InvalidInputError, "caller_id_unverified"),
        ({"caller_id": 10**9}, NotFoundError, "unknown_reference"),
        ({"group_id": 10**9}, NotFoundError, "unknown_reference"),
    ]
    for change, error, code in wrong:
        asked = right | change
        with pytest.raises(error) as refused:
            services.create_campaign(
                account=book.account,
                actor=OPERATOR,
                name="X",
                now=NOON,
                list_id=asked["list_id"],
                caller_id=asked["caller_id"],
                group_id=asked["group_id"],
            )
        assert refused.value.code == code
    assert queries.campaign_rows(book.account) == []


def test_nothing_of_another_account_can_be_used_or_seen(book: Book) -> None:
    stranger = make_book("Zenith")
    campaign = book.campaign()
    with pytest.raises(NotFoundError):
        services.create_campaign(
            account=stranger.account,
            actor=OPERATOR,
            name="Theirs",
            list_id=book.list_id,
            caller_id=stranger.caller_id.pk,
            group_id=stranger.group.pk,
            now=NOON,
        )
    with pytest.raises(NotFoundError):
        steer(stranger, campaign.pk, "pause")
    with pytest.raises(NotFoundError):
        queries.campaign_row(stranger.account, campaign.pk)
    assert queries.campaign_rows(stranger.account) == []
    assert queries.campaign_counts(stranger.account, campaign.pk).total == 0


def test_a_name_is_free_again_once_its_campaign_is_archived(book: Book) -> None:
    first = book.campaign()
    with pytest.raises(ConflictError):
        book.campaign()
    steer(book, first.pk, "complete", OPERATOR)
    steer(book, first.pk, "archive")
    book.campaign()


@pytest.mark.parametrize(
    "alike", ["DIWALI \u00c9T\u00c9", "diwali e\u0301te\u0301", " Diwali \u00c9t\u00e9 "]
)
def test_a_name_is_taken_however_it_is_written(book: Book, alike: str) -> None:
    book.campaign("Diwali \u00e9t\u00e9")
    with pytest.raises(ConflictError, match="Capital and small letters make no difference"):
        book.campaign(alike)


def test_a_clone_gets_a_name_that_is_free_however_it_is_written(book: Book) -> None:
    first = book.campaign("Diwali")
    book.campaign("DIWALI (2)")
    clone = services.clone_campaign(
        account=book.account, actor=OPERATOR, campaign_id=first.pk, now=NOON
    )
    assert clone.name == "Diwali (3)"


def test_an_agent_steers_nothing(book: Book) -> None:
    campaign = book.campaign()
    for verb in ("pause", "resume", "complete", "archive"):
        with pytest.raises(NotAllowedError):
            steer(book, campaign.pk, verb, Actor.of(book.agent))


def test_a_supervisor_completes_a_paused_campaign_and_an_admin_also_a_running_one(
    book: Book,
) -> None:
    first, second = book.campaign("First"), book.campaign("Second")
    with pytest.raises(NotAllowedError):
        steer(book, first.pk, "complete")
    steer(book, first.pk, "pause")
    steer(book, first.pk, "complete")
    steer(book, second.pk, "complete", Actor.of(book.admin))
    assert (status_of(book, first.pk), status_of(book, second.pk)) == ("completed", "completed")


@pytest.mark.parametrize(
    ("moves", "illegal"),
    [
        ((), "resume"),
        ((), "archive"),
        (("pause",), "pause"),
        (("pause",), "archive"),
        (("pause", "complete"), "complete"),
        (("pause", "complete"), "pause"),
        (("pause", "complete"), "resume"),
        (("pause", "complete", "archive"), "archive"),
        (("pause", "complete", "archive"), "resume"),
    ],
)
def test_an_illegal_move_says_where_the_campaign_is_and_changes_nothing(
    book: Book, moves: tuple[str, ...], illegal: str
) -> None:
    campaign = book.campaign()
    for verb in moves:
        steer(book, campaign.pk, verb)
    before = status_of(book, campaign.pk)
    with pytest.raises(IllegalTransitionError) as refused:
        steer(book, campaign.pk, illegal)
    assert refused.value.current == before
    assert status_of(book, campaign.pk) == before
    assert CampaignChange.objects.filter(campaign=campaign).count() == 1 + len(moves)


def test_a_campaign_that_has_not_started_is_neither_paused_nor_completed(book: Book) -> None:
    campaign = book.campaign(terms=Terms(starts_at=NOON + timedelta(hours=1)))
    for verb in ("pause", "resume", "complete"):
        with pytest.raises(IllegalTransitionError):
            steer(book, campaign.pk, verb, OPERATOR)
    steer(book, campaign.pk, "archive")
    assert queries.campaign_rows(book.account) == []


def test_completing_finishes_what_waits_and_leaves_what_lives(book: Book) -> None:
    campaign = book.campaign(terms=Terms(retries=1, retry_statuses=["busy"]))
    set_target(0, TargetStatus.IN_PROGRESS, tries=1)
    set_target(1, TargetStatus.RETRY, tries=1)
    steer(book, campaign.pk, "complete", OPERATOR)
    counts = queries.campaign_counts(book.account, campaign.pk)
    assert {status: count for status, count in counts.by_status.items() if count} == {
        TargetStatus.IN_PROGRESS: 1,
        TargetStatus.FAILED: 1,
        TargetStatus.FAILED_NO_ATTEMPT: 1,
    }
    assert counts.total == campaign.target_count
    retried = Target.objects.get(status=TargetStatus.FAILED.value)
    assert retried.reason == "ended_before_retry"


def test_the_history_tells_who_did_what_in_order(book: Book) -> None:
    campaign = book.campaign()
    steer(book, campaign.pk, "pause")
    steer(book, campaign.pk, "resume", OPERATOR)
    assert [(c.old, c.new, c.actor) for c in queries.changes(book.account, campaign.pk)] == [
        ("", "in-progress", "Asha"),
        ("in-progress", "paused", "Asha"),
        ("paused", "in-progress", "operator"),
    ]


def test_lists_of_campaigns_can_be_searched_and_filtered_in_three_queries(book: Book) -> None:
    for at in range(3):
        book.campaign(f"Diwali {at}")
    with CaptureQueriesContext(connection) as few:
        assert len(queries.campaign_rows(book.account)) == 3
    for at in range(3, 20):
        book.campaign(f"Holi {at}")
    with CaptureQueriesContext(connection) as many:
        assert len(queries.campaign_rows(book.account)) == 20
    assert len(many) == len(few)
    assert len(queries.campaign_rows(book.account, search="holi")) == 17
    assert len(queries.campaign_rows(book.account, search="ho")) == 20


def race(*acts: object) -> list[str]:
    """Run the callables at the same moment in threads; return how each ended."""
    barrier = threading.Barrier(len(acts))

    def run(act: object) -> str:
        assert callable(act)
        barrier.wait()
        try:
            act()
        except AutodialerError as error:
            return error.code
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts))


@pytest.mark.parametrize("round_", range(5))
def test_of_two_supervisors_who_pause_at_once_one_is_told_that_it_is_paused(
    live_database: str, round_: int
) -> None:
    book = make_book()
    campaign = book.campaign()

    def pause() -> None:
        steer(book, campaign.pk, "pause")

    assert race(pause, pause, pause) == ["done", "illegal_transition", "illegal_transition"]
    assert [c.new for c in queries.changes(book.account, campaign.pk)] == ["in-progress", "paused"]


def test_pausing_and_completing_at_once_end_in_one_legal_order(live_database: str) -> None:
    book = make_book()
    campaign = book.campaign()
    race(
        lambda: steer(book, campaign.pk, "pause"),
        lambda: steer(book, campaign.pk, "complete", OPERATOR),
    )
    assert status_of(book, campaign.pk) == "completed"
    steps = queries.changes(book.account, campaign.pk)
    assert [step.old for step in steps[1:]] == [step.new for step in steps[:-1]]


def test_dialers_get_a_hint_when_a_campaign_is_paused(live_database: str) -> None:
    book = make_book()
    campaign = book.campaign()
    with psycopg.connect(live_database, autocommit=True) as listener:
        listener.execute("LISTEN autodialer")
        steer(book, campaign.pk, "pause")
        (hint,) = list(listener.notifies(timeout=5, stop_after=1))
    assert hint.payload == f'{{"kind": "campaign", "id": {campaign.pk}}}'
