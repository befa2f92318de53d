"""The sample CRM and the dialer: from a campaign over the API to the last webhook."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from examples.crm.crm import Crm, CrmServer

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.services import change_account
from autodialer.apps.calls.models import Attempt
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.services import add_caller_id
from autodialer.apps.webhooks.services import add_endpoint, show_secret
from autodialer.ops.paths import Paths
from autodialer.ops.worker import WorkerProcess
from tests.api.client import caller
from tests.support.site import CALLER_ID, Site, now

if TYPE_CHECKING:
    from pytest_django import Settings

    from tests.support.stack import AsteriskPair

pytestmark = pytest.mark.timeout(180)

KEY: Final = "of-the-addresses"
# Answers and talks 1 s; hangs up at once; busy; unavailable after 1 s; talks 2 s; unknown number.
ENDINGS: Final = ("10", "00", "02", "19", "20", "05")
RESULTS: Final = Counter({"completed": 3, "busy": 1, "no-answer": 1, "failed": 1})

POPUPS: Final = Counter({"Dial": 6, "Ringing": 4, "Answered": 3, "Terminal": 6})
EVENTS: Final = Counter(
    {
        "campaign.created": 1,
        "campaign.started": 1,
        "campaign.completed": 1,
        "call.dialing": 6,
        "call.answered": 3,
        "call.ended": 6,
        "number.finished": 6,
    }
)


@pytest.fixture
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[CrmServer]:
    """The CRM on a port of its own; the operator lets the dialer connect to exactly that one."""
    with CrmServer(("127.0.0.1", 0), Crm(tmp_path / "crm.sqlite3"), KEY, []) as running:
        service = f"127.0.0.1:{running.server_port}"
        monkeypatch.setenv("AUTODIALER_OUTBOUND_ALLOW", service)
        monkeypatch.setenv("AUTODIALER_SECRET_KEY", settings.SECRET_KEY)
        services = frozenset({(IPv4Address("127.0.0.1"), running.server_port)})
        settings.OUTBOUND = replace(settings.OUTBOUND, services=services)
        serving = threading.Thread(target=running.serve_forever, args=(0.05,))
        serving.start()
        yield running
        running.shutdown()
        serving.join()


@pytest.fixture
def site(crm: CrmServer, pair: AsteriskPair, live_database: str, tmp_path: Path) -> Iterator[Site]:
    """A site whose dialer and worker may connect to the CRM. The oracle of calls is the carrier."""
    made = Site(pair, live_database, Paths.below(tmp_path))
    worker = WorkerProcess(made.paths, live_database)
    made.start_dialer()
    worker.start()
    yield made
    made.close()
    worker.stop()


def address(crm: CrmServer, path: str) -> str:
    return f"http://127.0.0.1:{crm.server_port}{path}?key={KEY}"


def subscribe(site: Site, crm: CrmServer) -> None:
    """Let the CRM be told of everything, and give it the secret that signs."""
    boss = Actor.of(site.admin)
    asked: dict[str, Any] = {"account": site.account, "actor": boss, "now": now()}
    endpoint = add_endpoint(**asked, url=address(crm, "/webhooks"))
    crm.secrets.append(show_secret(**asked, endpoint_id=endpoint.pk))


def test_a_crm_gives_the_numbers_shows_the_customer_and_takes_every_result(
    site: Site, crm: CrmServer
) -> None:
    site.account = change_account(account=site.account, allows_http=True, now=now())
    agents = [site.hire(), site.hire()]
    caller_id = add_caller_id(
        account=site.account, actor=site.boss, number=CALLER_ID, verified=True, now=now()
    )
    subscribe(site, crm)
    numbers = [site.number(ending) for ending in ENDINGS]
    for place, number in enumerate(numbers):
        crm.crm.add(number, f"Customer {place}", f"A-{place}")

    made = caller(site.account).post(
        "/campaigns",
        {
            "name": "From the CRM",
            "dial_whom_url": address(crm, "/next"),
            "group_id": str(site.group.pk),
            "caller_id": str(caller_id.pk),
            "popup_url": address(crm, "/popup"),
            "call_completed_url": address(crm, "/result"),
            "get_contacts_url": address(crm, "/contact"),
        },
    )
    assert made.status_code == 201, made.content
    campaign = Campaign.objects.get(pk=int(made.json()["id"]))
    for agent in agents:
        start_session(
            account=site.account, campaign_id=campaign.pk, user_id=agent.user.pk, now=now()
        )

    site.wait(lambda: Campaign.objects.get(pk=campaign.pk).status == "completed", 90)
    site.wait(lambda: len(results(crm)) == len(numbers), 30)

    # What the carrier saw is what the CRM was told.
    called = Counter(call.called for call in site.invites())
    assert {number: called[number] for number in numbers} == dict.fromkeys(numbers, 1)
    assert Counter(status for _, status in results(crm)) == RESULTS
    assert {number for number, _ in results(crm)} == set(numbers)
    site.wait(lambda: kinds(crm) == EVENTS, 20)
    site.wait(lambda: popups(crm) == POPUPS, 20)
    # The agent saw what the CRM knows of whom it gave.
    for call in Attempt.objects.all():
        assert call.contact is not None
        assert call.contact["fields"] == {"order_id": f"A-{numbers.index(call.e164)}"}


def kinds(crm: CrmServer) -> Counter[object]:
    return Counter(kind for (kind,) in crm.crm.rows("SELECT type FROM event"))


def results(crm: CrmServer) -> list[tuple[object, ...]]:
    return crm.crm.rows("SELECT number, status FROM result")


def popups(crm: CrmServer) -> Counter[object]:
    return Counter(state for (state,) in crm.crm.rows("SELECT state FROM popup"))
