"""The clients that people use today, unchanged, with another base address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import exotel
import exotelpy.exceptions
import pytest
from exotelpy import Exotel, Retry, Schedule

from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device
from autodialer.apps.calls.models import Session
from autodialer.apps.campaigns.models import Campaign
from tests.api.exotel.conftest import Office, real_now

pytestmark = [pytest.mark.filterwarnings("ignore:The 'warn' method:DeprecationWarning")]
NUMBERS = ["+919876543210", "+919876543211"]


@pytest.fixture
def client(office: Office) -> Exotel:
    return Exotel(office.sid, "any", office.key, baseurl=office.url)


def campaign_of(client: Exotel, office: Office, name: str = "Onam", **more: object) -> str:
    made = client.create_campaign(
        caller_id=office.book.caller_id.e164,
        app_id=str(office.book.group.pk),
        from_=more.pop("from_", NUMBERS),
        name=name,
        **more,
    )
    sid: str = made["response"][0]["data"]["id"]
    return sid


# exotelpy ----------------------------------------------------------------------------------------


def test_exotelpy_makes_a_list_of_numbers_and_reads_it(client: Exotel) -> None:
    made = client.create_list("Onam", numbers=NUMBERS)
    assert made["metadata"] == {"total": 2, "success": 2, "failed": 0}
    (list_sid,) = {item["data"]["list_id"] for item in made["response"]}
    contacts = [item["data"]["sid"] for item in made["response"]]

    read = client.get_list_contacts(list_sid, limit=1, offset=1)
    assert read["metadata"] == {"total": 2, "count": 1, "offset": 1, "limit": 1}
    assert read["response"][0]["data"]["number"] == NUMBERS[1]
    assert client.get_list_details(list_sid)["response"][0]["data"]["name"] == "Onam"
    assert client.get_contact_details(contacts[0])["response"][0]["data"]["number"] == NUMBERS[0]

    found = client.get_bulk_lists(offset=0, limit=5, name="ona", sort_by="name:asc")
    assert [item["data"]["sid"] for item in found["response"]] == [list_sid]

    assert client.delete_contacts(contacts)[1]["response"][0]["status"] == "success"
    assert client.delete_list(list_sid)["http_code"] == 200
    with pytest.raises(exotelpy.exceptions.NotFound, match="There is no list"):
        client.get_list_details(list_sid)


def test_exotelpy_sees_that_a_list_has_a_name_already(client: Exotel) -> None:
    client.create_list("Onam")
    with pytest.raises(exotelpy.exceptions.UniqueViolationError, match="already"):
        client.create_list("Onam")


def test_exotelpy_may_bring_a_known_number_again(client: Exotel) -> None:
    first = client.create_list("Onam", numbers=NUMBERS)
    second = client.create_list("Holi", numbers=NUMBERS)
    assert [item["data"]["sid"] for item in first["response"]] == [
        item["data"]["sid"] for item in second["response"]
    ]


def test_exotelpy_makes_a_campaign_whose_flow_is_a_group(client: Exotel, office: Office) -> None:
    start = datetime(2030, 1, 1, 10, tzinfo=UTC)
    made = client.create_campaign(
        caller_id=office.book.caller_id.e164,
        app_id=str(office.book.group.pk),
        from_=NUMBERS,
        name="Onam",
        schedule=Schedule(start, start + timedelta(days=2)),
        retry=Retry(2, 15, ["busy", "no-answer"], "Exponential"),
        call_status_callback="https://crm.example/calls",
        status_callback="https://crm.example/campaigns?key=1",
    )
    assert (made["method"], made["http_code"]) == ("POST", 200)
    data = made["response"][0]["data"]
    assert (data["status"], data["campaign_type"], data["account_sid"]) == (
        "Created",
        "dialer",
        office.sid,
    )
    assert data["retries"] == {
        "number_of_retries": 2,
        "interval_mins": 15,
        "mechanism": "Exponential",
        "on_status": ["busy", "no-answer"],
    }
    assert datetime.fromisoformat(data["schedule"]["send_at"]) == start
    assert data["call_status_callback"] == "https://crm.example/calls"
    assert (data["stats"]["created"], data["stats"]["scheduled"]) == (2, 2)
    campaign = Campaign.objects.get(account=office.book.account, name="Onam")
    assert (campaign.group, campaign.target_count) == (office.book.group, 2)


def test_exotelpy_makes_a_campaign_of_a_list_and_reads_it(client: Exotel, office: Office) -> None:
    made = client.create_campaign_with_list(
        NUMBERS, "Leads of May", office.book.caller_id.e164, str(office.book.group.pk)
    )
    sid = made["response"][0]["data"]["id"]
    details = client.get_campaign_details(sid)["response"][0]["data"]
    assert details["name"].startswith(office.sid)
    assert details["status"] == "InProgress"
    assert details["date_started"] is not None
    calls = client.get_campaign_call_details(
        sid, offset=0, limit=5, status="completed, no-answer", sort_by="date_created:desc"
    )
    assert (calls["metadata"]["total"], calls["response"]) == (0, [])


def test_exotelpy_reverts_its_list_when_the_campaign_is_refused(client: Exotel) -> None:
    with pytest.raises(exotelpy.exceptions.ValidationError, match="no caller id"):
        client.create_campaign_with_list(NUMBERS, "Leads of May", "+918045670000", "1")
    assert client.get_bulk_lists(name="Leads of May")["response"] == []


def test_exotelpy_lists_campaigns_by_status_and_name(client: Exotel, office: Office) -> None:
    later = Schedule(real_now() + timedelta(hours=1), real_now() + timedelta(hours=2))
    running, waiting = (
        campaign_of(client, office, "Onam"),
        campaign_of(client, office, "Diwali", schedule=later),
    )
    listed = client.get_bulk_campaign_details(
        offset=0, limit=10, status="Created,in-progress", sort_by="name:asc"
    )
    assert [item["data"]["id"] for item in listed["response"]] == [waiting, running]
    named = client.get_bulk_campaign_details(name="ona", status="in_progress, Completed")
    assert [item["data"]["id"] for item in named["response"]] == [running]
    assert client.get_bulk_campaign_details(status="Failed")["response"] == []


def test_exotelpy_deletes_a_campaign_that_has_not_started(client: Exotel, office: Office) -> None:
    later = Schedule(real_now() + timedelta(hours=1), real_now() + timedelta(hours=2))
    waiting = campaign_of(client, office, schedule=later)
    assert client.delete_campaign(waiting)["response"][0]["data"]["status"] == "Archived"
    running = campaign_of(client, office, "Holi")
    refused = client.delete_campaign(running)
    assert refused["response"][0]["code"] == 409


def test_exotelpy_reads_the_numbers_to_call_from(client: Exotel, office: Office) -> None:
    (own,) = client.get_all_exophones()["incoming_phone_numbers"]
    assert own["friendly_name"] == office.book.caller_id.e164
    assert client.get_exophone_details(own["sid"])["phone_number"] == own["phone_number"]
    with pytest.raises(exotelpy.exceptions.NotFound, match="no phone number"):
        client.get_exophone_details("f" * 32)


def test_exotelpy_reads_each_refusal_as_its_exception(client: Exotel, office: Office) -> None:
    with pytest.raises(exotelpy.exceptions.ValidationError, match="There is no group '99'"):
        client.create_campaign(office.book.caller_id.e164, "99", from_=NUMBERS)
    with pytest.raises(exotelpy.exceptions.ValidationError, match=r"from\[1\]"):
        campaign_of(client, office, from_=[NUMBERS[0], "+91987654321"])
    with pytest.raises(exotelpy.exceptions.NotFound, match="There is no campaign"):
        client.get_campaign_details("f" * 32)
    stranger = Exotel(office.sid, "any", f"{office.key}x", baseurl=office.url)
    with pytest.raises(exotelpy.exceptions.AuthenticationFailed, match="no such API key"):
        stranger.get_bulk_campaign_details()
    foreign = Exotel("f" * 32, "any", office.key, baseurl=office.url)
    with pytest.raises(exotelpy.exceptions.NotFound, match="no account"):
        foreign.get_bulk_campaign_details()


# exotel ------------------------------------------------------------------------------------------


def test_exotel_connects_an_agent_and_a_number_and_reads_the_call(office: Office) -> None:
    client = exotel.Exotel(office.sid, office.key, baseurl=f"{office.url}/")
    phone = add_device(
        account=office.book.account,
        user_id=office.book.agent.pk,
        kind=DeviceKind.PHONE,
        address="9812345678",
        now=real_now(),
    )
    answer = client.call_number(
        "09812345678",
        office.book.caller_id.e164,
        "09876543210",
        custom_data="order 7",
        status_callback="https://crm.example/calls",
    )
    assert answer.status_code == 200, answer.text
    call = answer.json()["Call"]
    assert (call["Status"], call["From"], call["To"]) == (
        "queued",
        phone.address,
        "+919876543210",
    )
    assert (call["CustomField"], call["Direction"]) == ("order 7", "outbound-api")
    session = Session.objects.get(pk=call["Sid"])
    assert (session.user, session.campaign.max_talk_s) == (office.book.agent, 14_400)
    assert client.call_details(call["Sid"]).json()["Call"]["Sid"] == call["Sid"]

    again = client.call_number("09812345678", office.book.caller_id.e164, "09876543211")
    assert again.status_code == 409
    assert "is connected" in again.json()["RestException"]["Message"]


def test_exotel_is_told_that_there_are_no_flows_and_no_messages(office: Office) -> None:
    client = exotel.Exotel(office.sid, office.key, baseurl=f"{office.url}/")
    flow = client.call_flow("09812345678", office.book.caller_id.e164, "7")
    assert flow.json()["RestException"]["Status"] == flow.status_code == 400
    for answer in (client.sms("1", "2", "hello"), client.sms_details("f" * 32)):
        assert answer.json()["RestException"]["Status"] == answer.status_code == 404
