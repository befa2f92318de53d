"""Click-to-call by a client of today: the agent's phone rings first, then the number's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from exotel import Exotel

from autodialer.api.exotel.sids import sid_of
from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.campaigns.services import add_caller_id
from autodialer.apps.keys.services import create_key
from autodialer.ops.process import free_port
from autodialer.ops.web import WebProcess
from tests.support.site import CALLER_ID, now

if TYPE_CHECKING:
    from tests.support.site import Site

# An agent's phone rings for half a minute before it is given up.
pytestmark = pytest.mark.timeout(180)
NEVER_ANSWERS = "+919900099993"


@pytest.fixture
def client(site: Site, live_database: str) -> Iterator[Exotel]:
    add_caller_id(account=site.account, actor=OPERATOR, number=CALLER_ID, verified=True, now=now())
    made = create_key(
        account=site.account, actor=OPERATOR, name="CRM", scopes=list(KeyScope), now=now()
    )
    web = WebProcess(
        site.paths,
        live_database,
        port=free_port(),
        extra={"AUTODIALER_API_REQUESTS_PER_MINUTE": "100000"},  # the tests ask all the time
    )
    web.start()
    yield Exotel(sid_of(site.account.pk), str(made.token), baseurl=f"http://127.0.0.1:{web.port}/")
    web.stop()


def connect(site: Site, client: Exotel, phone: str, number: str) -> str:
    answer = client.call_number(phone, CALLER_ID, number, timelimit=60)
    assert answer.status_code == 200, answer.text
    sid: str = answer.json()["Call"]["Sid"]
    site.campaigns.append(site.session(UUID(sid)).campaign)  # for the oracle
    return sid


def call(client: Exotel, sid: str) -> dict[str, Any]:
    found: dict[str, Any] = client.call_details(f"{sid}").json()["Call"]
    return found


def test_the_agent_is_called_first_then_the_number_and_both_are_released(
    site: Site, client: Exotel
) -> None:
    agent, number = site.hire(), site.number("01")
    sid = connect(site, client, agent.phone, number)
    site.wait(lambda: call(client, sid)["Status"] == "in-progress" and site.talks(number))
    assert [invite.called for invite in site.invites()] == [agent.phone, number]
    site.hang_up(number)
    site.wait(lambda: call(client, sid)["Status"] == "completed")
    site.wait(site.is_quiet)
    ended = call(client, sid)
    assert (ended["From"], ended["To"], ended["PhoneNumber"]) == (agent.phone, number, CALLER_ID)
    assert ended["EndTime"] >= ended["StartTime"]
    assert ended["RecordingUrl"]
    site.wait(lambda: site.status() == "completed")


def test_a_busy_number_ends_the_call_and_is_not_tried_again(site: Site, client: Exotel) -> None:
    agent, number = site.hire(), site.number("02")
    sid = connect(site, client, agent.phone, number)
    site.wait(lambda: call(client, sid)["Status"] == "busy")
    site.wait(site.is_quiet)
    assert len(site.invites(number)) == 1


@pytest.mark.slow
def test_an_agent_who_does_not_answer_is_the_end_of_the_call(site: Site, client: Exotel) -> None:
    agent, number = site.hire(NEVER_ANSWERS), site.number("01")
    sid = connect(site, client, agent.phone, number)
    site.wait(lambda: call(client, sid)["Status"] == "ringing")
    site.wait(lambda: call(client, sid)["Status"] == "no-answer", 60)
    assert site.invites(number) == []
