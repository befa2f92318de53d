"""The page of a campaign: what it shows, to whom, and what can be done there."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext

from autodialer.apps.agents.services import add_group_members
from autodialer.apps.audit.queries import entries
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.campaigns.models import Campaign, NumberSource, Target
from autodialer.apps.campaigns.queries import campaign_row
from autodialer.domain.dial_whom import SourceTrouble
from autodialer.web.templatetags.campaigns import TROUBLES
from autodialer.web.views import campaign as views
from tests.apps.test_sessions import place, start
from tests.support.book import NOON, Book, make_book
from tests.support.visit import signed_in

if TYPE_CHECKING:
    from datetime import datetime


pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def book() -> Book:
    return make_book(rows=5)


@pytest.fixture
def diwali(book: Book) -> Campaign:
    return book.campaign("Diwali <b>offers</b>")


def ended(session: Session, seq: int, status: str = "completed", **changes: Any) -> Attempt:
    """A call that is over; each is placed a minute after the one before."""
    at = NOON + seq * 60 * SECOND
    answer = {"answered_at": at + 4 * SECOND} if status == "completed" else {}
    facts: dict[str, Any] = {
        "state": "ended", "status": status, "reason": "answered" if answer else "ring_timeout",
        "placed_at": at, "ended_at": at + 64 * SECOND, "recording": f"{uuid4().hex}.wav", **answer,
    }  # fmt: skip
    return place(session, seq, **facts | changes)


def ready(session: Session) -> Session:
    node, _ = Node.objects.get_or_create(name="node", defaults={"created_at": NOON})
    Session.objects.filter(pk=session.pk).update(status="ready", ready_at=NOON, node=node)
    return session


def agents(book: Book, campaign: Campaign, now: datetime) -> str:
    row = campaign_row(book.account, campaign.pk)
    return render_to_string("campaign/_agents.html", views.agents_shown(book.account, row, now))


def test_a_supervisor_sees_what_the_campaign_is_and_how_it_goes(
    book: Book, diwali: Campaign
) -> None:
    session = ready(start(book, diwali))
    ended(session, 0)
    ended(session, 1, "busy")
    ended(session, 2, abandoned=True)
    Target.objects.filter(campaign=diwali, seq=1).update(status="completed")
    answer = signed_in(book.supervisor).get(f"/campaigns/{diwali.pk}/")
    page = answer.content.decode()
    assert "Diwali &lt;b&gt;offers&lt;/b&gt;" in page
    assert answer.context["figures"].connect_rate == pytest.approx(200 / 3)
    assert answer.context["figures"].average_talk_s == 60
    assert answer.context["figures"].abandoned == 1
    assert answer.context["row"].counts.total == 5
    assert "Bina" in page
    assert "+918045678901" in page


def test_the_tiles_are_the_ten_counts(book: Book, diwali: Campaign) -> None:
    row = campaign_row(book.account, diwali.pk)
    fragment = render_to_string(
        "campaign/_counts.html", views.counts_shown(book.account, row.id, row.counts, NOON)
    )
    for word in ("Scheduled", "In progress", "Retry", "Retrying", "Failed DND", "Invalid"):
        assert word in fragment
    assert fragment.count("<dt") == 16


def test_an_agent_is_sent_to_where_agents_work(book: Book, diwali: Campaign) -> None:
    answer = signed_in(book.agent).get(f"/campaigns/{diwali.pk}/")
    assert answer["Location"] == f"/campaigns/{diwali.pk}/agent/"


def test_the_page_asks_the_same_number_of_questions_however_much_there_is(
    book: Book, diwali: Campaign
) -> None:
    asha = signed_in(book.supervisor)

    def questions() -> int:
        views.FIGURES.clear()
        with CaptureQueriesContext(connection) as asked:
            assert asha.get(f"/campaigns/{diwali.pk}/").status_code == 200
        return len(asked)

    session = ready(start(book, diwali))
    ended(session, 0)
    questions()  # the first one also notes the browser
    few = questions()
    for seq in range(1, 5):
        ended(session, seq, "busy")
    assert questions() == few <= 30


def test_the_counts_alone_take_five_questions(book: Book, diwali: Campaign) -> None:
    asha, other = signed_in(book.supervisor), book.campaign("Holi")
    asha.get(f"/campaigns/{other.pk}/counts/", headers=HTMX)  # also notes the browser
    with CaptureQueriesContext(connection) as asked:
        assert asha.get(f"/campaigns/{diwali.pk}/counts/", headers=HTMX).status_code == 200
    # Session, person with account, guard, counts, figures; the last two only once in a while.
    assert len(asked) == 5


def test_the_number_of_questions_does_not_grow_with_the_agents(
    book: Book, diwali: Campaign
) -> None:
    ready(start(book, diwali))
    with CaptureQueriesContext(connection) as few:
        agents(book, diwali, NOON)
    for at in range(3):
        Session.objects.create(
            id=uuid4(), account=book.account, campaign=diwali, status="ready", ready_at=NOON,
            user=make_book(f"X{at}").agent, created_at=NOON, node=Node.objects.get(),
        )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        shown = agents(book, diwali, NOON)
    assert len(few) == len(many)
    assert shown.count("Waiting") == 4


def test_what_is_wrong_with_the_dial_whom_url_is_said_in_words(
    book: Book, diwali: Campaign
) -> None:
    Campaign.objects.filter(pk=diwali.pk).update(status="paused", reason="dial_whom_failed")
    NumberSource.objects.create(campaign=diwali, failures=10, trouble="timeout")
    page = signed_in(book.supervisor).get(f"/campaigns/{diwali.pk}/").content.decode()
    assert "The Dial-Whom URL does not work" in page
    assert "Last answer of the Dial-Whom URL: it did not answer in time." in page


def test_every_trouble_of_a_source_has_words() -> None:
    assert set(TROUBLES) == set(SourceTrouble)


def test_an_agent_who_waits_is_told_to_the_supervisor_with_the_reason(
    book: Book, diwali: Campaign
) -> None:
    ready(start(book, diwali))
    Target.objects.filter(campaign=diwali).update(
        status="retry", tries=1, max_tries=2, due_at=NOON + timedelta(minutes=20)
    )
    shown = agents(book, diwali, NOON + 65 * SECOND)
    assert 'data-live-since="2026-11-23T05:00:00.000+00:00"' in shown
    assert "the next number is a retry that is not due yet until 10:50 IST" in shown


def test_the_switch_is_for_those_who_run_the_campaign_and_work_on_it(
    book: Book, diwali: Campaign
) -> None:
    asha, url = signed_in(book.supervisor), f"/campaigns/{diwali.pk}/"
    work = f'href="{url}agent/"'
    assert work not in asha.get(url).content.decode()
    add_group_members(
        account=book.account, now=NOON, group_id=book.group.pk, user_ids=[book.supervisor.pk]
    )
    assert work in asha.get(url).content.decode()


def test_the_refresh_icon_counts_again_and_leads_to_the_page_without_javascript(
    book: Book, diwali: Campaign
) -> None:
    asha, url = signed_in(book.supervisor), f"/campaigns/{diwali.pk}/counts/"
    part = asha.get(url, headers=HTMX).content.decode()
    assert 'id="campaign-counts"' in part
    assert "<html" not in part
    assert asha.get(url)["Location"] == f"/campaigns/{diwali.pk}/"


def test_an_agent_is_stopped_after_a_question_that_says_what_happens(
    book: Book, diwali: Campaign
) -> None:
    session = ready(start(book, diwali))
    call = place(session, 0, state="talking", answered_at=NOON)
    asha, url = signed_in(book.supervisor), f"/campaigns/{diwali.pk}/agents/{session.pk}/stop/"
    question = asha.get(url, headers=HTMX).content.decode()
    assert "Stop Bina?" in question
    assert call.e164 in question
    assert asha.post(url, {"when": "after"})["Location"] == f"/campaigns/{diwali.pk}/"
    session.refresh_from_db()
    assert (session.stop_reason, session.stop_at_once) == ("stopped", False)
    asha.post(url, {"when": "now"})
    session.refresh_from_db()
    assert session.stop_at_once
    assert "session.stop" in {entry.action for entry in entries(book.account)}


def test_who_is_gone_already_needs_no_stopping(book: Book, diwali: Campaign) -> None:
    session = start(book, diwali)
    Session.objects.update(status="ended", ended_at=NOON)
    url = f"/campaigns/{diwali.pk}/agents/{session.pk}/stop/"
    answer = signed_in(book.supervisor).get(url)
    assert answer.status_code == 404
    assert "not connected any more" in answer.content.decode()


def test_why_a_number_was_called_is_told_with_its_history(book: Book, diwali: Campaign) -> None:
    ended(start(book, diwali), 0, "busy")
    asha, url = signed_in(book.supervisor), f"/campaigns/{diwali.pk}/why/"
    part = asha.get(url, {"number": "90000 00000"}, headers=HTMX).content.decode()
    # The day is said too, once it is not today any more.
    assert re.search(r"It was called once: at 10:30 IST( on 23 November)? by Bina, busy", part)
    assert "<html" not in part
    unknown = asha.get(url, {"number": "9111111111"})
    assert unknown.status_code == 200
    assert "is not a number of the campaign" in unknown.content.decode()
    assert asha.get(url, {"number": "tel. ?"}).status_code == 200


def test_the_report_is_downloaded_in_three_forms_and_each_is_noted(
    book: Book, diwali: Campaign
) -> None:
    ended(start(book, diwali), 0)
    asha = signed_in(book.supervisor)
    begins = {
        "calls": b"\xef\xbb\xbfcall_id,",
        "numbers": b"\xef\xbb\xbfnumber,",
        "workbook": b"PK",
    }
    for kind, first in begins.items():
        answer: Any = asha.get(f"/campaigns/{diwali.pk}/report/{kind}/")
        assert b"".join(answer.streaming_content).startswith(first)
        assert (
            f'attachment; filename="campaign-{diwali.pk}-{kind}-20'
            in (answer["Content-Disposition"])
        )
        assert answer["Cache-Control"] == "private, no-store"
    noted = [entry.after for entry in entries(book.account) if entry.action == "report.download"]
    assert [facts["format"] for facts in noted] == ["workbook.xlsx", "numbers.csv", "calls.csv"]
    assert asha.get(f"/campaigns/{diwali.pk}/report/secrets/").status_code == 404
