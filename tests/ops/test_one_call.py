"""The story of one call, told by its id over the logs of pages, dialer and worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account
from autodialer.apps.calls.models import Attempt
from autodialer.apps.campaigns.services import create_campaign
from autodialer.apps.webhooks.models import Endpoint
from autodialer.ops.demo.data import zone_of_an_office_at_work
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.paths import Paths
from autodialer.ops.process import Child, free_port, wait_until
from autodialer.ops.web import WebProcess
from autodialer.ops.worker import WorkerProcess
from tests.api.client import caller, now
from tests.support.book import Book, make_book
from tests.support.outbox import endpoint
from tests.support.watch import Told, ask

pytestmark = pytest.mark.timeout(180)

# Three processes start at once, and may do so on a busy machine.
STORY_S: Final = 60.0
SECRET_QUERY: Final = "token=of-somebody-else"


@pytest.fixture
def book(live_database: str) -> Book:
    """A list of one customer, who answers and puts down at once, and a CRM that is away."""
    book = make_book(rows=1)
    zone = zone_of_an_office_at_work(now())
    Account.objects.update(zone=zone, allows_http=True)
    endpoint(book, url=f"http://127.0.0.1:{free_port()}/hook?{SECRET_QUERY}")
    return book


@pytest.fixture
def children(book: Book, live_database: str, tmp_path: Path) -> Iterator[dict[str, Child]]:
    paths, url = Paths.below(tmp_path / "var"), live_database
    crm = endpoint_port()
    running: dict[str, Child] = {
        "web": WebProcess(paths, url, port=free_port()),
        "dialer": DialerProcess(paths, url, None),
        "worker": WorkerProcess(paths, url, {"AUTODIALER_OUTBOUND_ALLOW": f"127.0.0.1:{crm}"}),
    }
    for child in running.values():
        child.start()
    yield running
    for child in running.values():
        child.stop()


def endpoint_port() -> int:
    return int(Endpoint.objects.get().url.split(":")[2].split("/")[0])


def lines(child: Child) -> list[dict[str, Any]]:
    return [json.loads(line) for line in child.log.read_text().splitlines()]


def about(child: Child, attempt: str) -> list[dict[str, Any]]:
    return [line for line in lines(child) if line.get("attempt") == attempt]


def test_one_id_tells_the_story_of_a_call_over_all_logs(
    book: Book, children: dict[str, Child]
) -> None:
    campaign = create_campaign(
        account=book.account,
        actor=OPERATOR,
        name="Diwali",
        list_id=book.list_id,
        group_id=book.group.pk,
        caller_id=book.caller_id.pk,
        now=now(),
    )
    web = children["web"]
    assert isinstance(web, WebProcess)
    key = caller(book.account).key

    def request(method: str, path: str, body: object = None) -> Told:
        headers = {"Authorization": f"Bearer {key}"}
        return ask(web.port, f"/api/v1/{path}", method=method, headers=headers, body=body)

    start = {"campaign_id": str(campaign.pk), "user_id": str(book.agent.pk)}
    started = request("POST", "agent-sessions", start)
    assert started.status == 201, started.body
    wait(lambda: Attempt.objects.filter(ended_at__isnull=False).exists())
    call = Attempt.objects.get()
    attempt, session = str(call.pk), str(call.session_id)
    assert request("GET", f"campaigns/{campaign.pk}/calls/{attempt}").status == 200
    worker = children["worker"]
    wait(lambda: any(line["kind"] == "call.ended" for line in about(worker, attempt)))
    wait(lambda: bool(about(web, attempt)))

    of_dialer = about(children["dialer"], attempt)
    moves = [(line["old"], line["new"]) for line in of_dialer if line["event"] == "session_moved"]
    assert moves[:2] == [("claiming", "dialing"), ("dialing", "talking")]
    (ended,) = (line for line in of_dialer if line["event"] == "call_ended")
    assert (ended["status"], ended["reason"], ended["node"]) == ("completed", "answered", "main")
    assert {line["session"] for line in of_dialer} == {session}
    told = [line for line in about(worker, attempt) if line["kind"] == "call.ended"]
    assert told[0]["outcome"] == "connect_failed"
    (read,) = about(web, attempt)
    assert (read["event"], read["route"]) == (
        "request",
        "api/v1/campaigns/<campaign_id>/calls/<call_id>",
    )
    # Who started it stands under its session, with the id that the answer carried.
    (queued,) = (line for line in lines(web) if line["event"] == "session_queued")
    assert queued["session"] == session
    assert queued["request"] == started.headers["x-request-id"]
    _nothing_secret_stands_there(children, key, call)


def _nothing_secret_stands_there(children: dict[str, Child], key: str, call: Attempt) -> None:
    for name, child in children.items():
        log = child.log.read_text()
        assert {line["process"] for line in lines(child)} == {name}
        for secret in (key, SECRET_QUERY, call.target.e164, call.target.e164[1:]):
            assert secret not in log, name


def wait(condition: Callable[[], bool]) -> None:
    wait_until(condition, STORY_S, "the story")
