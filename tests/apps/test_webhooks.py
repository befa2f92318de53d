"""Endpoints and their deliveries: who changes them, what is sent again, what is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.audit.queries import entries
from autodialer.apps.versions import ChangedMeanwhileError
from autodialer.apps.webhooks import queries, services
from autodialer.apps.webhooks.models import Delivery, Endpoint, Event
from autodialer.domain.errors import ConflictError, InvalidInputError, NotFoundError
from autodialer.domain.webhooks import KEPT_FOR, DeliveryStatus, DisabledReason, EventKind
from tests.support.book import NOON, Book, make_book
from tests.support.outbox import URL, connected, dial, end, endpoint

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def add(book: Book, **values: Any) -> Endpoint:
    given = {"url": URL, "account": book.account, "actor": OPERATOR, "now": NOON, **values}
    return services.add_endpoint(**given)


def test_an_endpoint_is_kept_as_it_was_given(book: Book) -> None:
    made = add(book, kinds=["call.ended", "call.answered"], description=" CRM ")
    row = queries.endpoint_row(book.account, Actor.of(book.supervisor), made.pk)
    assert (row.url, row.description, row.disabled) == (URL, "CRM", None)
    assert row.kinds == (EventKind.CALL_ANSWERED, EventKind.CALL_ENDED)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://crm.example.com/"}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"kinds": ["call.rang"]}, "kinds"),
        ({"kinds": ["webhook.test"]}, "kinds"),
        ({"description": "x" * 201}, "description"),
        ({"description": "a\0b"}, "description"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(
    book: Book, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        add(book, **values)
    assert refused.value.field == field


def test_an_account_has_at_most_twenty(book: Book) -> None:
    for _ in range(services.MOST_ENDPOINTS):
        endpoint(book)
    with pytest.raises(ConflictError):
        add(book)


def test_a_change_that_is_based_on_what_is_not_so_any_more_is_refused(book: Book) -> None:
    made = add(book)
    seen = queries.endpoint_row(book.account, OPERATOR, made.pk).version

    def change(url: str) -> Endpoint:
        return services.change_endpoint(
            account=book.account,
            actor=OPERATOR,
            endpoint_id=made.pk,
            url=url,
            seen=seen,
            now=NOON,
        )

    assert change(f"{URL}/1").url == f"{URL}/1"
    with pytest.raises(ChangedMeanwhileError):
        change(f"{URL}/2")
    assert Endpoint.objects.get().url == f"{URL}/1"


BY_ID: list[Callable[..., object]] = [
    services.change_endpoint,
    services.enable_endpoint,
    services.disable_endpoint,
    services.delete_endpoint,
    services.rotate_secret,
    services.show_secret,
    services.send_test,
]


@pytest.mark.parametrize("service", BY_ID, ids=lambda service: service.__name__)
def test_what_is_another_account_s_is_not_found(book: Book, service: Callable[..., object]) -> None:
    theirs = endpoint(make_book("Zenith"))
    with pytest.raises(NotFoundError):
        service(account=book.account, actor=OPERATOR, endpoint_id=theirs.pk, now=NOON)


def test_reads_of_another_account_find_nothing(book: Book) -> None:
    stranger = make_book("Zenith")
    theirs = endpoint(stranger)
    campaign = stranger.campaign()
    delivery = Delivery.objects.first()
    assert delivery
    account = book.account
    assert queries.endpoints(account, OPERATOR) == []
    for read in (
        lambda: queries.endpoint_row(account, OPERATOR, theirs.pk),
        lambda: queries.endpoint_deliveries(account, OPERATOR, theirs.pk),
        lambda: queries.campaign_deliveries(account, OPERATOR, campaign.pk),
        lambda: queries.delivery_detail(account, OPERATOR, delivery.pk, now=NOON),
    ):
        with pytest.raises(NotFoundError):
            read()
    with pytest.raises(NotFoundError):
        services.replay_delivery(account=account, actor=OPERATOR, delivery_id=delivery.pk, now=NOON)


# Secrets -------------------------------------------------------------------------------------


def secret(book: Book, made: Endpoint) -> str:
    return services.show_secret(account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON)


def test_a_secret_is_shown_again_and_each_time_noted_but_stored_nowhere(book: Book) -> None:
    made = add(book)
    shown = secret(book, made)
    assert shown == secret(book, made)
    noted = [e.action for e in entries(book.account, subject_kind="endpoint")]
    assert noted == ["webhook.show_secret", "webhook.show_secret", "webhook.add"]
    row = Endpoint.objects.values().get()
    assert shown.removeprefix("whsec_") not in str(row)
    assert secret(book, add(book)) != shown


def test_after_a_rotation_both_secrets_are_used_for_a_day(book: Book) -> None:
    made = add(book)
    old = secret(book, made)
    new = services.rotate_secret(
        account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON
    )
    assert new == secret(book, made) != old
    until = queries.endpoint_row(book.account, OPERATOR, made.pk).old_secret_until
    assert until == NOON + DAY


# Disabling -----------------------------------------------------------------------------------


def test_what_waits_for_an_endpoint_that_is_disabled_fails_and_nothing_new_is_told(
    book: Book,
) -> None:
    made = endpoint(book, kinds=["call.dialing"])
    session = connected(book, book.campaign())
    call = dial(session)
    services.disable_endpoint(account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON)
    (row,) = queries.endpoint_deliveries(book.account, OPERATOR, made.pk)
    assert (row.status, row.outcome) == (DeliveryStatus.FAILED, "endpoint_disabled")
    end(call, "busy", "busy")
    dial(session)
    assert Delivery.objects.count() == 1
    with pytest.raises(ConflictError):
        services.replay_delivery(account=book.account, actor=OPERATOR, delivery_id=row.id, now=NOON)


@pytest.mark.parametrize(
    ("failed_for", "is_disabled"), [(4.9 * DAY, False), (5 * DAY, True), (7 * DAY, True)]
)
def test_an_endpoint_that_only_failed_for_five_days_is_disabled(
    book: Book, failed_for: timedelta, is_disabled: bool
) -> None:
    made = endpoint(book)
    Endpoint.objects.update(failing_since=NOON, failed_at=NOON + failed_for)
    services.disable_failing(now=NOON + 9 * DAY)
    row = queries.endpoint_row(book.account, OPERATOR, made.pk)
    assert row.disabled is (DisabledReason.FAILING if is_disabled else None)
    assert queries.stopped_by_themselves(book.account) == int(is_disabled)


def test_the_admins_are_written_to_once_about_what_was_disabled_by_itself(book: Book) -> None:
    made = endpoint(book)
    endpoint(make_book("Zenith"))
    Endpoint.objects.filter(pk=made.pk).update(disabled_reason="gone", disabled_at=NOON)
    ((told, admins),) = services.note_stopped(now=NOON)
    assert (told.pk, admins) == (made.pk, [book.admin.email])
    assert services.note_stopped(now=NOON) == []
    newest, *_ = entries(book.account, subject_kind="endpoint")
    assert (newest.action, newest.who) == ("webhook.disable", "webhooks")


def test_enabling_begins_the_five_days_anew(book: Book) -> None:
    made = endpoint(book)
    Endpoint.objects.update(
        disabled_reason="failing", disabled_at=NOON, failing_since=NOON, failed_at=NOON + 6 * DAY
    )
    services.enable_endpoint(
        account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON + 6 * DAY
    )
    services.disable_failing(now=NOON + 7 * DAY)
    row = queries.endpoint_row(book.account, OPERATOR, made.pk)
    assert (row.disabled, row.failing_since) == (None, None)


# Sending again -------------------------------------------------------------------------------


def failed(book: Book, made: Endpoint, count: int) -> list[Delivery]:
    """Deliveries that failed, of events a minute apart."""
    found = []
    for at in range(count):
        sent = services.send_test(
            account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON + at * MINUTE
        )
        Delivery.objects.filter(pk=sent.pk).update(
            status="failed", done_at=NOON + DAY, tries=8, outcome="http_500"
        )
        found.append(sent)
    return found


def test_what_failed_is_sent_again_with_the_same_id_from_the_first_try_on(book: Book) -> None:
    made = endpoint(book)
    (sent,) = failed(book, made, 1)
    before = queries.delivery_detail(book.account, OPERATOR, sent.pk, now=NOON).row
    later = NOON + 2 * DAY
    services.replay_delivery(account=book.account, actor=OPERATOR, delivery_id=sent.pk, now=later)
    after = queries.delivery_detail(book.account, OPERATOR, sent.pk, now=NOON).row
    assert (after.status, after.tries, after.due_at) == (DeliveryStatus.PENDING, 0, later)
    assert after.message_id == before.message_id


def test_all_that_failed_since_a_moment_is_sent_again(book: Book) -> None:
    made, other = endpoint(book), endpoint(book)
    failed(book, made, 4)
    failed(book, other, 1)
    count = services.replay_failed(
        account=book.account,
        actor=OPERATOR,
        endpoint_id=made.pk,
        since=NOON + 2 * MINUTE,
        now=NOON + DAY,
    )
    statuses = [row.status for row in queries.endpoint_deliveries(book.account, OPERATOR, made.pk)]
    assert count == 2
    assert statuses == ["pending", "pending", "failed", "failed"]
    assert Delivery.objects.filter(lane=f"e{other.pk}", status="failed").count() == 1


def test_deliveries_are_read_by_status_and_page_by_page(book: Book) -> None:
    made = endpoint(book)
    sent = failed(book, made, 3)
    services.send_test(account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON)
    account = book.account

    def read(**values: Any) -> list[int]:
        rows = queries.endpoint_deliveries(account, OPERATOR, made.pk, **values)
        return [row.id for row in rows]

    assert len(read()) == 4
    of_failed = read(status=DeliveryStatus.FAILED, limit=2)
    assert of_failed == [sent[2].pk, sent[1].pk]
    assert read(status=DeliveryStatus.FAILED, before_id=of_failed[-1]) == [sent[0].pk]


# Forgetting ----------------------------------------------------------------------------------


def test_what_was_delivered_long_ago_is_forgotten_and_what_waits_is_not(book: Book) -> None:
    made = endpoint(book)
    failed(book, made, 2)
    waits = services.send_test(account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON)
    assert services.forget_old(now=NOON + KEPT_FOR) == 0
    assert services.forget_old(now=NOON + KEPT_FOR + DAY) == 2
    assert [each.pk for each in Delivery.objects.all()] == [waits.pk]
    assert [each.pk for each in Event.objects.all()] == [waits.event_id]


def test_an_endpoint_is_deleted_with_its_deliveries(book: Book) -> None:
    made = endpoint(book)
    failed(book, made, 2)
    services.delete_endpoint(account=book.account, actor=OPERATOR, endpoint_id=made.pk, now=NOON)
    assert (Endpoint.objects.count(), Delivery.objects.count()) == (0, 0)
    services.forget_old(now=NOON + KEPT_FOR + DAY)
    assert Event.objects.count() == 0
