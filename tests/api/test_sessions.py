"""Agents at work: who is connected, and starting and stopping one of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.calls.models import Session
from autodialer.apps.campaigns.models import Campaign, Target
from tests.api.client import Caller, caller, now
from tests.support.acts import answered_call
from tests.support.book import Book, make_book

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(book: Book) -> Campaign:
    """A campaign that is in progress at the real time, at any hour of the day."""
    made = book.campaign()
    Campaign.objects.filter(pk=made.pk).update(
        starts_at=now() - timedelta(minutes=1), ends_at=now() + timedelta(days=1)
    )
    book.account.zone = zone_at_noon()
    book.account.save(update_fields=["zone"])
    return made


def zone_at_noon() -> str:
    """The name of a zone where it is about noon now: tests run at any hour."""
    ahead = (12 - now().hour + 12) % 24 - 12
    return f"Etc/GMT{'-' if ahead >= 0 else '+'}{abs(ahead)}"


def start(book: Book, campaign: Campaign) -> dict[str, str]:
    return {"campaign_id": str(campaign.pk), "user_id": str(book.agent.pk)}


def test_an_agent_is_started_watched_and_stopped(
    book: Book, crm: Caller, campaign: Campaign
) -> None:
    who = start(book, campaign)
    begun = crm.post("/agent-sessions", who)
    assert begun.status_code == 201, begun.content
    session = begun.json()
    assert (session["agent"], session["state"], session["is_stopping"]) == (
        "Bina",
        "connecting",
        False,
    )
    again = crm.post("/agent-sessions", who)
    assert (again.status_code, again.json()["id"]) == (200, session["id"])
    assert crm.get("/agent-sessions").json()["items"] == [session]
    assert crm.get(f"/agent-sessions?campaign_id={campaign.pk}").json()["items"] == [session]
    assert crm.get("/agent-sessions?user_id=77777777").json()["items"] == []
    address = f"/agent-sessions/{session['id']}"
    assert crm.get(address).json() == session
    stopped = crm.post(f"{address}/stop", {"at_once": True})
    assert (stopped.status_code, stopped.json()["state"]) == (202, "ended")
    assert stopped.json()["why"]
    assert crm.post(f"{address}/stop", {}).status_code == 202
    assert crm.get("/agent-sessions").json()["items"] == []


def test_who_is_called_is_told_to_no_key(book: Book, crm: Caller) -> None:
    call = answered_call(book)
    Session.objects.filter(pk=call.session_id).update(status="ready", ready_at=now())
    (session,) = crm.get("/agent-sessions").json()["items"]
    number = Target.objects.get(pk=call.target_id).e164
    assert number not in str(session)
    assert set(session).isdisjoint({"number", "contact"})


def test_to_start_an_agent_takes_the_scope_for_it(book: Book, campaign: Campaign) -> None:
    others = [scope for scope in KeyScope if scope is not KeyScope.AGENTS_CONTROL]
    crm = caller(book.account, others, "weak")
    refused = crm.post("/agent-sessions", start(book, campaign))
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert "agents:control" in refused.json()["detail"]


def test_what_would_refuse_the_agent_refuses_the_key(
    book: Book, crm: Caller, campaign: Campaign
) -> None:
    outsider = {"campaign_id": str(campaign.pk), "user_id": str(book.supervisor.pk)}
    assert crm.post("/agent-sessions", outsider).status_code == 403
    crm.post(f"/campaigns/{campaign.pk}/pause")
    paused = crm.post("/agent-sessions", start(book, campaign))
    assert (paused.status_code, paused.json()["code"]) == (409, "campaign_paused")
    assert not Session.objects.exists()


def test_sessions_and_people_of_another_account_are_not_found(
    book: Book, crm: Caller, campaign: Campaign
) -> None:
    zenith = make_book("Zenith")
    theirs = str(answered_call(zenith).session_id)
    for session_id in (theirs, str(uuid4()), "1", "x"):
        assert crm.get(f"/agent-sessions/{session_id}").status_code == 404
        assert crm.post(f"/agent-sessions/{session_id}/stop", {}).status_code == 404
    assert crm.get("/agent-sessions").json()["items"] == []
    for campaign_id, user_id in (
        (campaign.pk, zenith.agent.pk),
        (zenith.campaign("Theirs").pk, book.agent.pk),
    ):
        body = {"campaign_id": str(campaign_id), "user_id": str(user_id)}
        assert crm.post("/agent-sessions", body).status_code == 404
