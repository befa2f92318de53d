"""Ids inside forms: those of another account are as if they did not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from autodialer.apps.agents.models import Group
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.contacts.models import ListMember
from tests.web.visit import signed_in, text
from tests.web.world import World, make_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.test import Client

NOBODYS: Final = 10**9


@pytest.fixture
def acme(db: None) -> World:
    return make_world("Acme")


@pytest.fixture
def bharat(acme: World) -> World:
    return make_world("Bharat")


@pytest.fixture
def browser(acme: World) -> Client:
    return signed_in(acme.book.admin)


def plan(world: World) -> dict[str, Any]:
    """What a form of a new campaign sends."""
    return {
        "name": "Holi",
        "dial_numbers": "list",
        "list": world.ids["list_id"],
        "participants": "group",
        "group": world.ids["group_id"],
        "caller_id": world.ids["caller_id"],
        "retries": "0",
        "retry_interval_min": "30",
        "retry_mechanism": "linear",
        "ring_timeout_s": "30",
        "idle_limit_s": "120",
        "max_talk_s": "3600",
    }


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("list", "list_id"),
        ("group", "group_id"),
        ("caller_id", "caller_id"),
        ("agents", "user_id"),
    ],
)
def test_a_campaign_takes_nothing_of_another_account(
    field: str, named: str, acme: World, bharat: World, browser: Client
) -> None:
    said = plan(acme)
    if field == "agents":
        said["participants"] = "agents"
    before = Campaign.objects.count()
    for given in (bharat.ids[named], NOBODYS):
        answer = browser.post(reverse("campaign_new"), {**said, field: given})
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
        assert "Bharat" not in text(answer)
    assert Campaign.objects.count() == before
    own = {**said, field: acme.ids[named]}
    assert browser.post(reverse("campaign_new"), own).status_code == 302


def test_the_preview_of_another_accounts_list_is_not_found(bharat: World, browser: Client) -> None:
    for url in ("campaign_preview", "contact_new", "import_new"):
        asked = f"{reverse(url)}?list={bharat.ids['list_id']}"
        assert browser.get(asked).status_code == 404, url


def test_a_group_takes_no_people_of_another_account(
    acme: World, bharat: World, browser: Client
) -> None:
    said = {"name": "Night", "members": [bharat.ids["user_id"]]}
    assert browser.post(reverse("group_new"), said).status_code == 422
    url = reverse("group", args=[acme.ids["group_id"]])
    assert browser.post(url, said).status_code == 422
    assert set(Group.objects.values_list("name", flat=True)) == {"Sales"}


@pytest.mark.parametrize("name", ["list_add", "list_remove", "contacts_delete"])
def test_a_contact_of_another_account_is_neither_added_nor_taken_nor_deleted(
    name: str, acme: World, bharat: World, browser: Client
) -> None:
    url = reverse(name, args=[acme.ids["list_id"]] if name.startswith("list") else [])
    said: list[Mapping[str, object]] = [
        {"contact": bharat.ids["contact_id"]},
        {"contact": NOBODYS},
    ]
    answers = [browser.post(url, one) for one in said]
    assert len({answer.status_code for answer in answers}) == 1
    assert "Bharat" not in text(answers[0])
    assert [len(members(world)) for world in (acme, bharat)] == [3, 3]


def members(world: World) -> list[ListMember]:
    return list(ListMember.objects.filter(contact_list=world.book.list_id))


def test_a_file_joins_no_list_of_another_account(bharat: World, browser: Client) -> None:
    file = SimpleUploadedFile("leads.csv", b"number\r\n9812345678\r\n")
    said = {"file": file, "region": "IN", "list": bharat.ids["list_id"]}
    answer = browser.post(reverse("import_new"), said)
    assert answer.status_code == 422
    assert "list" in answer.context["form"].errors


@pytest.mark.parametrize("name", ["device_default", "device_remove", "device_secret"])
def test_a_device_of_another_account_is_nobodys(
    name: str, acme: World, bharat: World, browser: Client
) -> None:
    url = reverse(name, args=[acme.ids["user_id"], bharat.ids["device_id"]])
    assert browser.post(url).status_code == 404


def test_an_agent_of_another_account_is_not_stopped(
    acme: World, bharat: World, browser: Client
) -> None:
    args = [acme.ids["campaign_id"], bharat.ids["session_id"]]
    assert browser.post(reverse("campaign_stop_agent", args=args)).status_code == 404


def test_a_call_of_another_account_is_in_no_campaign(
    acme: World, bharat: World, browser: Client
) -> None:
    args = [acme.ids["campaign_id"], bharat.ids["attempt_id"]]
    assert browser.get(reverse("campaign_call", args=args)).status_code == 404
