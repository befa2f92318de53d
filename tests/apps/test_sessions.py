from __future__ import annotations

import csv
import io
from datetime import timedelta
from uuid import uuid4

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.agents.services import add_group_members, set_group_members
from autodialer.apps.calls import queries
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.report import write_calls, write_targets
from autodialer.apps.calls.services import start_session, stop_session
from autodialer.apps.calls.start import CannotStartError
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.services import complete_campaign, pause_campaign
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.models import Contact
from autodialer.apps.imports.services import import_list
from autodialer.domain.errors import NotFoundError
from autodialer.domain.target import TargetStatus
from tests.apps.test_campaigns import race
from tests.support.book import NOON, Book, make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def start(book: Book, campaign: Campaign, *, hours: float = 0, user_id: int = 0) -> Session:
    started = start_session(
        account=book.account,
        campaign_id=campaign.pk,
        user_id=user_id or book.agent.pk,
        now=NOON + timedelta(hours=hours),
    )
    return Session.objects.get(pk=started.session_id)


def refusal(
    book: Book, campaign: Campaign, *, hours: float = 0, user_id: int = 0
) -> tuple[str, str]:
    with pytest.raises(CannotStartError) as refused:
        start(book, campaign, hours=hours, user_id=user_id)
    assert not Session.objects.filter(campaign=campaign).exists()
    return refused.value.code, str(refused.value)


def place(session: Session, seq: int, **changes: object) -> Attempt:
    """An attempt of the session as the dialer writes it."""
    target = Target.objects.filter(campaign=session.campaign).order_by("seq")[seq]
    node, _ = Node.objects.get_or_create(name="node", defaults={"created_at": NOON})
    values: dict[str, object] = {
        "account_id": session.account_id,
        "campaign_id": session.campaign_id,
        "target": target,
        "session": session,
        "user_id": session.user_id,
        "node": node,
        "e164": target.e164,
        "caller_id": "+918045678901",
        "try_no": 1,
        "placed_at": NOON,
    }
    return Attempt.objects.create(id=uuid4(), **(values | changes))


def test_start_queues_one_session_on_the_default_device(book: Book) -> None:
    session = start(book, book.campaign())
    assert (session.status, session.device_id) == ("queued", book.device.pk)


def test_start_again_finds_the_session_that_lives(book: Book) -> None:
    campaign = book.campaign()
    first = start(book, campaign)
    assert start(book, campaign) == first
    with pytest.raises(CannotStartError) as refused:
        start(book, book.campaign("Other"))
    assert refused.value.code == "already_connected"


def test_an_agent_outside_the_group_cannot_start_until_added(book: Book) -> None:
    campaign = book.campaign()
    code, sentence = refusal(book, campaign, user_id=book.supervisor.pk)
    assert code == "not_in_campaign"
    assert sentence == "Asha is not an agent of this campaign: a supervisor can change that."
    add_group_members(
        account=book.account, now=NOON, group_id=book.group.pk, user_ids=[book.supervisor.pk]
    )
    assert refusal(book, campaign, user_id=book.supervisor.pk)[0] == "no_device"
    set_group_members(account=book.account, now=NOON, group_id=book.group.pk, user_ids=[])
    assert refusal(book, campaign)[0] == "not_in_campaign"


def test_why_start_is_refused_is_one_sentence(book: Book) -> None:
    later = book.campaign("Later", Terms(starts_at=NOON + timedelta(minutes=14)))
    assert refusal(book, later) == ("campaign_not_started", "Starts at 10:44 IST (in 14 min).")
    paused = book.campaign("Paused")
    pause_campaign(account=book.account, campaign_id=paused.pk, actor=OPERATOR, now=NOON)
    assert refusal(book, paused) == ("campaign_paused", "Campaign paused by operator at 10:30 IST.")
    over = book.campaign("Over")
    complete_campaign(account=book.account, campaign_id=over.pk, actor=OPERATOR, now=NOON)
    assert refusal(book, over)[0] == "campaign_completed"
    ended = book.campaign("Ended", Terms(ends_at=NOON + timedelta(minutes=2)))
    assert refusal(book, ended, hours=1)[0] == "campaign_completed"
    night = book.campaign("Night")
    assert refusal(book, night, hours=11) == (
        "outside_window",
        "Calls are allowed between 09:00 and 21:00 only: start at 09:00 IST on 24 November.",
    )


def test_start_is_refused_when_no_number_is_left_or_due(book: Book) -> None:
    campaign = book.campaign(terms=Terms(retries=1, retry_statuses=["busy"]))
    targets = Target.objects.filter(campaign=campaign)
    targets.update(status="retry", tries=1, due_at=NOON + timedelta(minutes=20))
    assert refusal(book, campaign) == ("nothing_due", "The next number is due at 10:50 IST.")
    targets.update(status=TargetStatus.FAILED.value, due_at=None)
    assert refusal(book, campaign)[0] == "nothing_left"


def test_a_short_wait_for_a_retry_or_the_window_is_no_reason_to_refuse(book: Book) -> None:
    campaign = book.campaign(terms=Terms(retries=1, retry_statuses=["busy"]))
    due_at = NOON + timedelta(seconds=100)
    Target.objects.filter(campaign=campaign).update(status="retry", tries=1, due_at=due_at)
    assert start(book, campaign).status == "queued"


def test_a_campaign_whose_start_has_come_can_be_started_before_the_sweep(book: Book) -> None:
    campaign = book.campaign(terms=Terms(starts_at=NOON + timedelta(minutes=14)))
    assert start(book, campaign, hours=0.25).status == "queued"


def test_stop_ends_a_queued_session_and_asks_a_live_one(book: Book) -> None:
    campaign = book.campaign()
    queued = start(book, campaign)
    stop_session(account=book.account, session_id=queued.pk, now=NOON)
    queued.refresh_from_db()
    assert (queued.status, queued.end_reason) == ("ended", "stopped")
    live = start(book, campaign)
    Session.objects.filter(pk=live.pk).update(status="ready", ready_at=NOON)
    stop_session(account=book.account, session_id=live.pk, now=NOON, at_once=True)
    stop_session(account=book.account, session_id=live.pk, now=NOON)
    live.refresh_from_db()
    assert (live.status, live.stop_reason, live.stop_at_once) == ("ready", "stopped", True)


def test_sessions_of_another_account_are_not_found(book: Book) -> None:
    stranger = make_book("Zenith")
    session = start(book, book.campaign())
    with pytest.raises(NotFoundError):
        stop_session(account=stranger.account, session_id=session.pk, now=NOON)
    with pytest.raises(NotFoundError):
        start(stranger, Campaign.objects.get(), user_id=book.agent.pk)
    assert queries.agent_rows(stranger.account) == []


def test_ten_starts_at_once_make_one_session(live_database: str) -> None:
    book = make_book()
    campaign = book.campaign()
    assert race(*[lambda: start(book, campaign)] * 10) == ["done"] * 10
    assert Session.objects.count() == 1


def test_the_state_of_an_agent_follows_the_session_and_its_call(book: Book) -> None:
    session = start(book, book.campaign())

    def state() -> tuple[str, int, str]:
        (row,) = queries.agent_rows(book.account, session.campaign_id)
        return row.state, int((row.since - NOON).total_seconds()), row.number

    assert state() == ("connecting", 0, "")
    ready_at = NOON + timedelta(seconds=5)
    Session.objects.filter(pk=session.pk).update(status="ready", ready_at=ready_at)
    assert state() == ("waiting", 5, "")
    attempt = place(session, 0, placed_at=NOON + timedelta(seconds=6))
    assert state() == ("dialing", 6, "+919000000000")
    Attempt.objects.filter(pk=attempt.pk).update(
        state="talking", answered_at=NOON + timedelta(seconds=9)
    )
    assert state() == ("talking", 9, "+919000000000")
    Attempt.objects.filter(pk=attempt.pk).update(
        state="ended", status="completed", ended_at=NOON + timedelta(seconds=30)
    )
    assert state() == ("waiting", 30, "")


def test_only_an_answered_call_names_a_recording(book: Book) -> None:
    session = start(book, book.campaign())
    done: dict[str, object] = {"state": "ended", "ended_at": NOON, "recording": "one.wav"}
    place(session, 0, status="busy", **done)
    place(session, 1, status="completed", answered_at=NOON, **done)
    rows = queries.call_rows(book.account, session.campaign_id)
    assert {row.status: row.recording for row in rows} == {"busy": "", "completed": "one.wav"}


def test_calls_can_be_found_by_part_of_the_number_and_by_status(book: Book) -> None:
    session = start(book, book.campaign())
    done: dict[str, object] = {"state": "ended", "ended_at": NOON + timedelta(seconds=9)}
    place(session, 0, status="busy", **done)
    place(session, 1, status="completed", answered_at=NOON, **done)
    (row,) = queries.call_rows(book.account, session.campaign_id, number="0001")
    assert (row.number, row.status, row.talk_s, row.contact) == (
        "+919000000001",
        "completed",
        9.0,
        "Person 1",
    )


def test_a_report_has_one_row_a_call_and_times_of_the_account(book: Book) -> None:
    session = start(book, book.campaign())
    place(
        session, 1, state="ended", status="completed", reason="answered",
        answered_at=NOON + timedelta(seconds=4), ended_at=NOON + timedelta(seconds=64.26),
    )  # fmt: skip
    out = io.StringIO()
    assert write_calls(book.account, session.campaign, out) == 1
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["number"], row["agent"], row["talk_seconds"]) == ("+919000000001", "Bina", "60.3")
    assert row["placed_at"] == "2026-11-23T10:30:00+05:30"


def test_what_a_spreadsheet_would_calculate_survives_report_and_import_unchanged(
    book: Book,
) -> None:
    texts = ["=1+1", "'=1", "-2", "@SUM(A1)", "+x", "＝1", "''@", "'quoted'"]  # noqa: RUF001
    campaign = book.campaign()
    Target.objects.filter(campaign=campaign).delete()
    for at, text in enumerate(texts):
        Target.objects.create(
            account=book.account, campaign=campaign, seq=at, e164=f"+91910000000{at}",
            contact={"fields": {"note": text}}, max_tries=1, changed_at=NOON,
        )  # fmt: skip
    out = io.StringIO()
    assert write_targets(book.account, campaign, out) == len(texts)
    for row in csv.DictReader(io.StringIO(out.getvalue())):
        assert row["note"][0] == "'"
    again = import_list(account=book.account, name="Back", data=out.getvalue().encode(), now=NOON)
    assert again.imported == len(texts)
    for at, text in enumerate(texts):
        assert Contact.objects.get(e164=f"+91910000000{at}").fields["note"] == text
