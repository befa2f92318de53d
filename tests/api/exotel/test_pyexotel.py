"""The client `pyexotel`, unchanged; it speaks TLS only and swallows what it cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyexotel import Exotel

from autodialer.api.exotel.sids import sid_of
from autodialer.apps.accounts.models import User
from autodialer.apps.agents.models import AgentDevice, DeviceKind
from autodialer.apps.agents.services import add_device
from tests.api.exotel.conftest import Office, real_now
from tests.api.exotel.tls import behind_tls, write_certificate


@pytest.fixture
def client(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exotel]:
    certificate = tmp_path / "localhost.pem"
    write_certificate(certificate, real_now())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with behind_tls(office.port, certificate) as port:
        here = f"localhost:{port}"
        yield Exotel("any", office.key, office.sid, domain=here, ccm_domain=here)


def test_pyexotel_connects_an_agent_and_a_number(client: Exotel, office: Office) -> None:
    add_device(
        account=office.book.account,
        user_id=office.book.agent.pk,
        kind=DeviceKind.PHONE,
        address="9812345678",
        now=real_now(),
    )
    made = client.call("+919812345678", "+919876543210", office.book.caller_id.e164)
    assert made["Call"]["Status"] == "queued"
    assert client.get_call_info(made["Call"]["Sid"])["Call"]["To"] == "+919876543210"
    assert client.connect_flow("+919876543210", office.book.caller_id.e164, "7") is None


def test_pyexotel_makes_changes_and_deletes_a_user(client: Exotel, office: Office) -> None:
    email = f"gita@{office.book.account.name.lower()}.example"
    made = client.create_user("Gita", "Rao", email, "+919812345670")["response"]["data"]
    assert (made["first_name"], made["last_name"], made["role"]) == ("Gita", "Rao", "user")
    assert [(one["type"], one["contact_uri"]) for one in made["devices"]] == [
        ("tel", "+919812345670")
    ]

    changed = client.update_user(made["id"], {"last_name": "Iyer"})["response"]["data"]
    assert changed["last_name"] == "Iyer"
    assert client.get_user_details(made["id"])["response"]["data"] == changed
    listed = client.get_all_users()
    assert {one["data"]["id"] for one in listed["response"]} >= {made["id"]}
    assert listed["metadata"]["total"] == 4

    assert client.delete_user(made["id"])["response"]["status"] == "success"
    assert client.get_user_details(made["id"]) is None
    assert not User.objects.get(email=email).is_active


def test_pyexotel_chooses_on_which_device_a_user_is_called(client: Exotel, office: Office) -> None:
    agent, desk = office.book.agent, office.book.device
    phone = add_device(
        account=office.book.account,
        user_id=agent.pk,
        kind=DeviceKind.PHONE,
        address="9812345678",
        is_default=False,
        now=real_now(),
    )

    def switch(device: AgentDevice, *, on: bool, number: str = "") -> dict[str, tuple[bool, str]]:
        answer = client.set_user_status(sid_of(agent.pk), sid_of(device.pk), on, number)
        devices = answer["response"]["data"]["devices"]
        return {one["id"]: (one["available"], one["contact_uri"]) for one in devices}

    on, off = (True, "+919812345678"), (False, "+919812345678")
    assert switch(phone, on=True)[sid_of(phone.pk)] == on
    assert switch(phone, on=False)[sid_of(phone.pk)] == off
    moved = switch(phone, on=True, number="+919812345679")
    assert moved[sid_of(phone.pk)] == (True, "+919812345679")
    assert moved[sid_of(desk.pk)] == (False, f"sip:{desk.address}")


def test_pyexotel_reads_campaigns_and_their_calls(client: Exotel, office: Office) -> None:
    campaign = office.book.campaign()
    sid = sid_of(campaign.pk)
    assert client.get_all_campaigns(status="InProgress")["response"][0]["data"]["id"] == sid
    assert client.get_all_campaigns()["response"] == []
    assert client.get_campaign_info(sid)["response"][0]["data"]["name"] == "Diwali"
    assert client.get_campaign_call_info(sid)["metadata"]["limit"] == 20
