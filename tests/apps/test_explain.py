"""Each state of a number and of an agent has its sentence."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.calls import explain
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.reasons import ENDS, told_to_agent
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns import services
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.domain.errors import NotFoundError
from autodialer.domain.session import EndReason, Wait
from autodialer.domain.target import TargetStatus
from tests.support.book import NOON, Book, make_book

MINUTE = timedelta(minutes=1)
NUMBER = "9000000001"


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def of_number(book: Book, campaign: Campaign, number: str = NUMBER) -> str:
    return explain.why_number(book.account, campaign.pk, number, NOON + MINUTE).sentence


def of_agent(book: Book, after: timedelta = MINUTE) -> str:
    return explain.why_agent(book.account, book.agent.pk, NOON + after).sentence


def connected(book: Book, campaign: Campaign) -> Session:
    started = start_session(
        account=book.account, campaign_id=campaign.pk, user_id=book.agent.pk, now=NOON
    )
    node = Node.objects.create(name="main", epoch=1, created_at=NOON)
    sessions = Session.objects.filter(pk=started.session_id)
    sessions.update(status="ready", ready_at=NOON, node=node)
    return sessions.get()


def called(session: Session, status: str = "busy", reason: str = "busy") -> None:
    assert session.node is not None
    target = Target.objects.get(e164=f"+91{NUMBER}", campaign=session.campaign)
    Attempt.objects.create(
        id=uuid4(),
        account=session.account,
        campaign=session.campaign,
        target=target,
        session=session,
        user=session.user,
        node=session.node,
        e164=target.e164,
        caller_id="+918045678901",
        try_no=1,
        state="ended" if status else "dialing",
        placed_at=NOON,
        ended_at=NOON if status else None,
        status=status,
        reason=reason,
    )


def stand(status: TargetStatus, reason: str = "") -> None:
    due_at = NOON + 30 * MINUTE if status is TargetStatus.RETRY else None
    Target.objects.filter(e164=f"+91{NUMBER}").update(
        status=status.value, reason=reason, due_at=due_at, changed_at=NOON
    )


def test_a_number_that_waits_says_how_many_stand_before_it_and_what_it_waits_for(
    book: Book,
) -> None:
    campaign = book.campaign()
    assert of_number(book, campaign) == (
        "It was not called. Scheduled numbers before it: 1. No agent is connected."
    )
    services.pause_campaign(account=book.account, campaign_id=campaign.pk, actor=OPERATOR, now=NOON)
    assert of_number(book, campaign, "9000000000") == (
        "It was not called. It is the next one. The campaign is paused (paused by user)."
    )


def test_a_number_that_was_called_tells_each_call_and_when_it_is_due_again(book: Book) -> None:
    campaign = book.campaign()
    called(connected(book, campaign))
    stand(TargetStatus.RETRY)
    assert of_number(book, campaign) == (
        "It was called once: at 10:30 IST by Bina, busy. It is due again at 11:00 IST."
    )


def test_a_number_that_was_forbidden_while_it_rang_says_so(book: Book) -> None:
    campaign = book.campaign()
    called(connected(book, campaign), status="no-answer", reason="do_not_call")
    stand(TargetStatus.FAILED_DND, "do_not_call")
    assert of_number(book, campaign) == (
        "It was called once: at 10:30 IST by Bina, no-answer (do not call). "
        "It was put on the do-not-call list while it rang, at 10:30 IST."
    )


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (TargetStatus.FAILED_DND, "", "on the do-not-call list when its turn came at 10:30 IST."),
        (TargetStatus.FAILED_BALANCE, "", "balance did not suffice when its turn came at 10:30"),
        (TargetStatus.FAILED_NO_ATTEMPT, "", "ended at 10:30 IST, before its turn came."),
        (TargetStatus.FAILED, "ended_before_retry", "ended at 10:30 IST, before its retry."),
        (TargetStatus.FAILED, "unknown_number", "It is failed since 10:30 IST."),
        (TargetStatus.COMPLETED, "answered", "It is completed since 10:30 IST."),
        (TargetStatus.INVALID, "outcome_unknown", "It is invalid since 10:30 IST."),
    ],
)
def test_a_finished_number_says_what_finished_it(
    book: Book, status: TargetStatus, reason: str, said: str
) -> None:
    campaign = book.campaign()
    stand(status, reason)
    assert said in of_number(book, campaign)


def test_a_number_that_is_not_in_the_campaign_is_not_found(book: Book) -> None:
    with pytest.raises(NotFoundError):
        of_number(book, book.campaign(), "9111111111")


def test_an_agent_who_waits_says_why(book: Book) -> None:
    campaign = book.campaign()
    session = connected(book, campaign)
    Target.objects.exclude(e164=f"+91{NUMBER}").update(status="completed")
    stand(TargetStatus.RETRY)
    assert of_agent(book) == (
        "Bina waits: the next number is a retry that is not due yet until 11:00 IST."
    )
    called(session, status="", reason="")
    assert of_agent(book) == f"Bina is dialing with +91{NUMBER} since 10:30 IST."


def test_an_agent_who_is_not_connected_says_since_when_why_and_what_now(book: Book) -> None:
    assert of_agent(book) == "Bina has never pressed Start."
    campaign = book.campaign()
    session = connected(book, campaign)
    Session.objects.filter(pk=session.pk).update(
        status="ended", ended_at=NOON, end_reason=EndReason.AGENT_NO_ANSWER.value
    )
    assert of_agent(book) == (
        "Bina is not connected: at 10:30 IST Bina did not answer the phone. Start is possible now."
    )
    assert of_agent(book, timedelta(hours=12)).endswith("start at 09:00 IST on 24 November.")


def test_every_reason_has_its_words() -> None:
    assert set(ENDS) == {reason.value for reason in EndReason}
    assert set(explain._WAITS) == set(Wait)


@pytest.mark.parametrize("reason", EndReason)
def test_agents_are_told_in_the_second_person(reason: EndReason) -> None:
    told = told_to_agent(reason)
    assert told[0].isupper()
    assert told.endswith(".")
    assert "{" not in told


def test_a_sentence_for_an_agent_is_a_sentence() -> None:
    assert told_to_agent("nothing_due") == "No number fell due while you waited."
    assert told_to_agent("removed_from_campaign") == "You were taken out of the campaign."
    assert told_to_agent("phone_not_registered") == "Your phone was not registered."


def test_a_number_that_was_just_called_for_another_campaign_says_until_when_it_rests(
    book: Book,
) -> None:
    first, second = book.campaign("First"), book.campaign("Second")
    called(connected(book, first))
    book.account.redial_gap_s = 300
    assert "Campaign 'First' called it until 10:30 IST: it rests until 10:35 IST." in of_number(
        book, second
    )
    book.account.redial_gap_s = 0
    assert "rests" not in of_number(book, second)
