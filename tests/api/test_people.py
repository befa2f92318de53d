"""People, their devices, and groups of agents."""

from __future__ import annotations

import pytest

from autodialer.apps.agents.models import DeviceKind, GroupMember
from autodialer.apps.agents.services import add_device, issue_phone_secret
from tests.api.client import Caller, caller, now
from tests.support.book import Book, make_book

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def crm(book: Book) -> Caller:
    return caller(book.account)


def test_people_are_listed_and_read(book: Book, crm: Caller) -> None:
    people = crm.get("/users").json()["items"]
    assert [(one["name"], one["role"]) for one in people] == [
        ("Devi", "admin"),
        ("Asha", "supervisor"),
        ("Bina", "agent"),
    ]
    assert crm.get(f"/users/{book.agent.pk}").json() == people[2]
    assert [one["name"] for one in crm.get("/users?role=agent").json()["items"]] == ["Bina"]
    assert [one["name"] for one in crm.get("/users?search=ash").json()["items"]] == ["Asha"]
    assert crm.get("/users?is_active=false").json()["items"] == []


def test_devices_are_told_without_names_and_secrets_of_accounts(book: Book, crm: Caller) -> None:
    add_device(
        account=book.account,
        user_id=book.agent.pk,
        kind=DeviceKind.PHONE,
        address="9876500000",
        is_default=False,
        now=now(),
    )
    issued = issue_phone_secret(
        account=book.account, user_id=book.agent.pk, device_id=book.device.pk, now=now()
    )
    answer = crm.get(f"/users/{book.agent.pk}/devices")
    assert [(one["kind"], one["number"]) for one in answer.json()["items"]] == [
        ("sip", None),
        ("phone", "+919876500000"),
    ]
    book.device.refresh_from_db()
    for secret in (issued.secret, issued.user, book.device.digest):
        assert secret not in answer.content.decode()


def test_a_group_is_made_changed_and_deleted(book: Book, crm: Caller) -> None:
    bina, asha = str(book.agent.pk), str(book.supervisor.pk)
    made = crm.post("/groups", {"name": "Night", "member_ids": [bina]})
    assert (made.status_code, made.json()["members"]) == (201, 1)
    address = f"/groups/{made.json()['id']}"
    read = crm.get(address)
    assert (read.json(), read["ETag"]) == (made.json(), made["ETag"])
    changed = crm.patch(address, {"member_ids": [bina, asha]}, If_Match=read["ETag"])
    assert (changed.json()["name"], changed.json()["members"]) == ("Night", 2)
    renamed = crm.patch(address, {"name": "Late"}, If_Match=changed["ETag"])
    assert (renamed.json()["name"], renamed.json()["members"]) == ("Late", 2)
    assert crm.patch(address, {"name": "Lost"}, If_Match=read["ETag"]).status_code == 412
    members = crm.get(f"{address}/members").json()["items"]
    assert sorted(one["name"] for one in members) == ["Asha", "Bina"]
    assert crm.ask("DELETE", f"{address}/members/{asha}").status_code == 204
    assert crm.ask("DELETE", f"{address}/members/{asha}").status_code == 404
    assert crm.post(f"{address}/members", {"user_ids": [asha]}).json()["members"] == 2
    assert crm.ask("DELETE", address).status_code == 204
    assert crm.get(address).status_code == 404


def test_groups_are_found_by_name_and_member(book: Book, crm: Caller) -> None:
    crm.post("/groups", {"name": "Empty"})
    assert [one["name"] for one in crm.get("/groups?search=emp").json()["items"]] == ["Empty"]
    (of_bina,) = crm.get(f"/groups?user_id={book.agent.pk}").json()["items"]
    assert (of_bina["name"], of_bina["members"]) == ("Sales", 1)


def test_a_group_that_campaigns_were_made_for_stays(book: Book, crm: Caller) -> None:
    book.campaign()
    assert crm.ask("DELETE", f"/groups/{book.group.pk}").status_code == 409
    assert crm.post("/groups", {"name": "Sales"}).status_code == 409


def test_people_and_groups_of_another_account_are_not_found(book: Book, crm: Caller) -> None:
    zenith = make_book("Zenith")
    group, user = f"/groups/{zenith.group.pk}", f"/users/{zenith.agent.pk}"
    for answer in (
        crm.get(user),
        crm.get(f"{user}/devices"),
        crm.get(group),
        crm.get(f"{group}/members"),
        crm.patch(group, {"name": "Mine"}, If_Match="*"),
        crm.ask("DELETE", group),
        crm.post(f"{group}/members", {"user_ids": [str(book.agent.pk)]}),
        crm.ask("DELETE", f"{group}/members/{zenith.agent.pk}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    theirs = str(zenith.agent.pk)
    for answer, pointer in (
        (crm.post("/groups", {"name": "X", "member_ids": [theirs]}), "/member_ids/0"),
        (crm.post(f"/groups/{book.group.pk}/members", {"user_ids": [theirs]}), "/user_ids/0"),
    ):
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
            (pointer, "not_found")
        ]
    assert crm.get(f"/groups?user_id={theirs}").json()["items"] == []
    assert GroupMember.objects.filter(group=zenith.group).count() == 1
