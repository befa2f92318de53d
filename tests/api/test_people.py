"""People, their devices, and groups of agents."""

from __future__ import annotations

import pytest

from autodialer.apps.agents.models import DeviceKind, GroupMember
from autodialer.apps.agents.services import add_device, issue_phone_secret
from tests.api.client import Caller, now
from tests.support.book import Book, make_book

pytestmark = pytest.mark.django_db


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


def test_an_agent_is_made_renamed_disabled_and_enabled(book: Book, crm: Caller) -> None:
    made = crm.post("/users", {"name": "Esha", "email": "esha@x.example", "phone": "9876500000"})
    assert (made.status_code, made.json()["role"]) == (201, "agent")
    address = f"/users/{made.json()['id']}"
    assert made["Location"] == f"/api/v1{address}"
    (phone,) = crm.get(f"{address}/devices").json()["items"]
    assert (phone["kind"], phone["number"]) == ("phone", "+919876500000")
    assert crm.post(f"{address}/rename", {"name": "Eshita"}).json()["name"] == "Eshita"
    assert crm.post(f"{address}/disable").json()["is_active"] is False
    assert crm.post(f"{address}/enable").json()["is_active"] is True
    again = crm.post("/users", {"name": "Esha", "email": "ESHA@x.example"})
    assert again.status_code == 409
    refused = crm.post("/users", {"name": "E", "email": "nonsense", "role": "admin"})
    assert ("/role", "read_only") in [
        (one["pointer"], one["code"]) for one in refused.json()["errors"]
    ]


def test_phones_are_added_chosen_and_removed(book: Book, crm: Caller) -> None:
    devices = f"/users/{book.agent.pk}/devices"
    made = crm.post(devices, {"kind": "phone", "number": "98765 00000"})
    assert (made.status_code, made.json()["is_default"]) == (201, True)
    address = f"{devices}/{made.json()['id']}"
    assert crm.get(address).json() == made.json()
    chosen = crm.post(f"{devices}/{book.device.pk}/default").json()["items"]
    assert [one["is_default"] for one in chosen] == [True, False]
    assert crm.ask("DELETE", address).status_code == 204
    assert crm.get(address).status_code == 404
    bad = crm.post(devices, {"kind": "phone", "number": "112"})
    assert [one["code"] for one in bad.json()["errors"]] == ["number_emergency"]


def test_no_key_changes_admins_and_supervisors(book: Book, crm: Caller) -> None:
    for user in (book.admin, book.supervisor):
        address = f"/users/{user.pk}"
        for answer in (
            crm.post(f"{address}/rename", {"name": "X"}),
            crm.post(f"{address}/disable"),
            crm.post(f"{address}/devices", {"kind": "browser"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
