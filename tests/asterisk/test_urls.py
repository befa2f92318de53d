"""A campaign whose numbers and names come from another system, on real calls."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import override_settings

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.services import change_account
from autodialer.apps.calls.known import contact_name, known_contact
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.services import add_caller_id, create_campaign
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.services import add_dnd_numbers
from autodialer.ops.outbound import outbound_rules
from tests.support.site import CALLER_ID, Site, now


class Crm(ThreadingHTTPServer):
    """Gives the answers of `next` one after the other, and a name for every number."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.next: deque[tuple[int, str]] = deque()
        self.asked: list[dict[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Crm

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append({"path": parts.path, **query})
        if parts.path == "/next":
            self._say(*(self.server.next.popleft() if self.server.next else (204, "")))
        else:
            self._say(200, json.dumps({"first_name": f"Owner of {query['Number']}"}))

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def crm(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    """A CRM on this machine that the operator has opened to the dialer."""
    with Crm() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AUTODIALER_OUTBOUND_ALLOW", f"127.0.0.1:{server.server_port}")
        site.stop_dialer()
        site.start_dialer()
        yield server
        server.shutdown()


def campaign_of(site: Site, crm: Crm) -> Campaign:
    at = f"http://127.0.0.1:{crm.server_port}"
    caller = add_caller_id(
        account=site.account, actor=OPERATOR, number=CALLER_ID, verified=True, now=now()
    )
    account = change_account(account=site.account, allows_http=True, now=now())
    with override_settings(OUTBOUND=outbound_rules()):
        campaign = create_campaign(
            account=account,
            actor=site.boss,
            name="By URL",
            dial_whom_url=f"{at}/next?key=k",
            group_id=site.group.pk,
            caller_id=caller.pk,
            terms=Terms(get_contacts_url=f"{at}/who"),
            now=now(),
        )
    site.campaigns.append(campaign)
    return campaign


def test_numbers_and_names_come_from_another_system_and_the_rules_hold(
    site: Site, crm: Crm
) -> None:
    first, forbidden, third = site.number("00"), site.number("00"), site.number("02")
    add_dnd_numbers(account=site.account, numbers=[forbidden], now=now())
    crm.next += [
        (200, first),
        (500, "Traceback"),
        (200, "<html>Sign in</html>"),
        (200, json.dumps({"destination": {"numbers": [forbidden, "112", third]}})),
        (200, first),
    ]
    agent = site.hire()
    campaign = campaign_of(site, crm)
    session = site.start_agent(agent)
    site.wait(lambda: site.has_ended(session), 40.0, counting=False)
    campaign.refresh_from_db()
    assert (campaign.status, campaign.target_count) == ("completed", 3)
    assert [len(site.invites(number)) for number in (first, forbidden, third)] == [1, 0, 1]
    assert site.target(forbidden).status == "failed-dnd"
    names = [contact_name(known_contact(attempt)) for attempt in site.attempts()]
    assert names == [f"Owner of {first}", f"Owner of {third}"]
    asked = [query for query in crm.asked if query["path"] == "/next"]
    assert {query["CallFrom"] for query in asked} == {agent.phone}
    assert {(query["key"], query["Direction"]) for query in asked} == {("k", "outbound-dial")}
