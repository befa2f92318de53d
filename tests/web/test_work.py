"""The agent's screen: Start, Stop, and who is being called."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.calls.console import console, popup_link, state_keys
from autodialer.apps.calls.explain import why_idle
from autodialer.apps.calls.known import fields_of
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.services import pause_campaign
from tests.support.book import NOON, Book, make_book
from tests.support.visit import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodialer.apps.calls.console import Console

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def campaign(book: Book) -> Campaign:
    return book.campaign()


def connected(book: Book, campaign: Campaign) -> Session:
    started = start_session(
        account=book.account, campaign_id=campaign.pk, user_id=book.agent.pk, now=NOON
    )
    node, _ = Node.objects.get_or_create(name="main", defaults={"epoch": 1, "created_at": NOON})
    sessions = Session.objects.filter(pk=started.session_id)
    sessions.update(status="ready", ready_at=NOON, node=node)
    return sessions.get()


def call(session: Session, **values: object) -> Attempt:
    target = Target.objects.filter(campaign=session.campaign).earliest("seq")
    assert session.node is not None
    dialing = {"state": "dialing", "placed_at": NOON + timedelta(seconds=5), "try_no": 1}
    given: dict[str, Any] = dialing | values
    return Attempt.objects.create(
        id=uuid4(),
        account=session.account,
        campaign=session.campaign,
        target=target,
        session=session,
        user=session.user,
        node=session.node,
        e164=target.e164,
        caller_id="+918045678901",
        **given,
    )


def call_before(session: Session, days: int) -> Attempt:
    """A call that ended days ago; given back, so that it may stand beside others."""
    at = NOON - timedelta(days=days)
    return call(
        session,
        state="ended",
        status="busy",
        reason="busy",
        try_no=None,
        placed_at=at,
        ended_at=at,
    )


def screen(book: Book, campaign: Campaign) -> Console:
    return console(book.account, campaign, book.agent, LATER)


def test_before_start_the_screen_says_what_start_does(book: Book, campaign: Campaign) -> None:
    shown = screen(book, campaign)
    assert shown.mine is None
    assert shown.can_start


def test_a_disabled_start_says_why_and_when_to_look_again(book: Book, campaign: Campaign) -> None:
    shown = console(book.account, campaign, book.agent, NOON + timedelta(hours=15))
    assert not shown.can_start
    assert shown.refusal is not None
    assert "between 09:00 and 21:00" in str(shown.refusal)
    assert shown.refusal.until is not None
    assert shown.refusal.until.hour == 3  # 09:00 in India is 03:30 UTC


def test_a_paused_campaign_says_who_paused_it(book: Book, campaign: Campaign) -> None:
    pause_campaign(
        account=book.account, campaign_id=campaign.pk, actor=Actor.of(book.supervisor), now=NOON
    )
    shown = screen(book, Campaign.objects.get(pk=campaign.pk))
    assert shown.refusal is not None
    assert "paused by Asha" in str(shown.refusal)


def test_the_callee_is_shown_with_all_fields_and_earlier_calls(
    book: Book, campaign: Campaign
) -> None:
    session = connected(book, campaign)
    call_before(session, days=1)
    call(session)
    shown = screen(book, campaign)
    assert shown.mine is not None
    assert shown.mine.state == "dialing"
    assert shown.callee is not None
    assert shown.callee.call.contact == "Person 0"
    assert ("city", "Pune") in shown.callee.fields
    assert [one.status for one in shown.callee.earlier] == ["busy"]


def test_what_the_screen_shows_is_on_the_page(book: Book, campaign: Campaign) -> None:
    call(connected(book, campaign))
    page = signed_in(book.agent).get(f"/campaigns/{campaign.pk}/agent/").content.decode()
    for text in ("Dialling Person 0", "Pune", "+919000000000", "Stop after this call"):
        assert text in page, text


def test_who_waits_for_a_free_line_of_the_trunk_reads_so(book: Book, campaign: Campaign) -> None:
    session, bina, told = connected(book, campaign), signed_in(book.agent), "takes no more calls"
    url = f"/campaigns/{campaign.pk}/agent/"
    before = state_keys(book.account, [book.agent.pk])
    assert told not in bina.get(url).content.decode()
    Node.objects.update(trunk_waiting=1)
    assert state_keys(book.account, [book.agent.pk]) != before
    assert told in bina.get(url).content.decode()
    assert told in why_idle(book.account, campaign.pk, LATER)
    call(session)
    assert told not in bina.get(url).content.decode()


def test_start_pressed_twice_starts_once(book: Book) -> None:
    campaign, bina = book.campaign(), signed_in(book.agent)
    connected(book, campaign)
    for _ in range(2):
        answer = bina.post(f"/campaigns/{campaign.pk}/agent/start/", headers={"HX-Request": "true"})
        assert answer.status_code == 200
        assert b"Waiting for the next call" in answer.content
    assert Session.objects.count() == 1


def test_stop_ends_after_the_call_and_hang_up_at_once(book: Book, campaign: Campaign) -> None:
    session, bina = connected(book, campaign), signed_in(book.agent)
    url = f"/campaigns/{campaign.pk}/agent/stop/"
    answer = bina.post(url, headers={"HX-Request": "true"}).content.decode()
    assert "released after this call" in answer
    assert not Session.objects.get(pk=session.pk).stop_at_once
    bina.post(url, {"at_once": "yes"})
    assert Session.objects.get(pk=session.pk).stop_at_once


def test_a_refused_start_says_why_on_the_page_and_in_the_part(book: Book) -> None:
    campaign, bina = book.campaign(), signed_in(book.agent)
    pause_campaign(
        account=book.account, campaign_id=campaign.pk, actor=Actor.of(book.supervisor), now=NOON
    )
    url = f"/campaigns/{campaign.pk}/agent/start/"
    for headers in ({}, {"HX-Request": "true"}):
        answer = bina.post(url, headers=headers)
        assert answer.status_code == 409
        assert 'role="alert"' in answer.content.decode()


def test_a_supervisor_who_is_no_agent_of_the_campaign_is_told_so(
    book: Book, campaign: Campaign
) -> None:
    answer = signed_in(book.supervisor).get(f"/campaigns/{campaign.pk}/agent/")
    assert "is not an agent of this campaign" in answer.content.decode()


def test_the_key_changes_with_every_step(book: Book, campaign: Campaign) -> None:
    def key() -> str | None:
        return state_keys(book.account, [book.agent.pk]).get(book.agent.pk)

    seen = [key()]
    session = connected(book, campaign)
    seen.append(key())
    attempt = call(session)
    seen.append(key())
    Attempt.objects.filter(pk=attempt.pk).update(state="talking", answered_at=LATER)
    seen.append(key())
    Session.objects.filter(pk=session.pk).update(stop_reason="stopped")
    seen.append(key())
    assert len(set(seen)) == len(seen)


def test_a_change_while_the_screen_is_read_is_shown_or_will_be_asked_for(
    book: Book, campaign: Campaign
) -> None:
    session = connected(book, campaign)
    sessions = Session.objects.filter(pk=session.pk)
    with CaptureQueriesContext(connection) as asked:
        screen(book, campaign)
    for last in range(1, len(asked) + 1):
        sessions.update(stop_reason="")
        with connection.execute_wrapper(
            _After(last, lambda: sessions.update(stop_reason="stopped"))
        ):
            shown = screen(book, campaign)
        assert shown.mine is not None
        new = state_keys(book.account, [book.agent.pk])[book.agent.pk]
        assert shown.mine.stopping or shown.key != new, f"after query {last}"


class _After:
    """Does something after so many queries, as another process would meanwhile."""

    def __init__(self, queries: int, act: Callable[[], object]) -> None:
        self._left, self._act = queries, act

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        found = execute(*args)
        self._left -= 1
        if self._left == 0:
            self._act()
        return found


def test_the_popup_link_keeps_the_customers_own_query(book: Book, campaign: Campaign) -> None:
    attempt = call(connected(book, campaign))
    link = popup_link("https://crm.example/card?key=a%20b", attempt)
    assert link.startswith("https://crm.example/card?key=a%20b&CallSid=")
    assert "From=%2B919000000000" in link


def test_the_popup_link_keeps_the_place_in_the_customers_page_at_its_end(
    book: Book, campaign: Campaign
) -> None:
    link = popup_link("https://crm.example/#/card", call(connected(book, campaign)))
    assert link.startswith("https://crm.example/?CallSid=")
    assert link.endswith("#/card")


@pytest.mark.parametrize("url", ["javascript:alert(1)//", "data:text/html,x", "//evil.example", ""])
def test_no_popup_link_is_made_of_what_a_browser_would_run(
    url: str, book: Book, campaign: Campaign
) -> None:
    assert popup_link(url, call(connected(book, campaign))) == ""


def test_fields_without_a_value_are_not_shown() -> None:
    assert fields_of({"company": "", "fields": {"city": "Pune", "plan": ""}}) == [("city", "Pune")]


def test_the_number_of_queries_does_not_depend_on_the_number_of_calls(
    book: Book, campaign: Campaign
) -> None:
    bina, url = signed_in(book.agent), f"/campaigns/{campaign.pk}/agent/now/"
    session = connected(book, campaign)
    call(session)
    few = queries(bina, url)
    for day in range(1, 20):
        call_before(session, day)
    assert queries(bina, url) <= few + 1


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        client.get(url)
    return len(asked)
