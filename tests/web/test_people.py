"""Co-workers, their devices, and groups."""

from __future__ import annotations

import re
from hashlib import md5

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.models import User
from autodialer.apps.agents.models import AgentDevice, Group, GroupMember
from tests.support.book import Book, make_book
from tests.support.visit import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    return make_book()


def test_a_new_agent_gets_a_password_that_is_shown_once_and_works(book: Book) -> None:
    asha = signed_in(book.supervisor)
    given = {"name": "Gita", "email": "Gita@acme.example", "role": "agent", "phone": "09876543210"}
    page = asha.post("/people/new/", given).content.decode()
    password = re.search(r"<code[^>]*>([^<]+)</code>", page)
    assert password is not None
    assert password[1] not in asha.get("/people/").content.decode()
    assert Client().login(email="gita@acme.example", password=password[1])
    assert AgentDevice.objects.get(user__name="Gita").address == "+919876543210"


def test_an_agent_without_a_telephone_is_called_in_the_browser(book: Book) -> None:
    given = {"name": "Gita", "email": "gita@acme.example", "role": "agent", "phone": ""}
    signed_in(book.supervisor).post("/people/new/", given)
    device = AgentDevice.objects.get(user__name="Gita")
    assert device.kind == "browser"
    page = signed_in(book.supervisor).get("/people/").content.decode()
    assert "Browser" in page
    assert device.address not in page  # the name of an account, which nobody types


def test_a_refused_invitation_leaves_nobody_behind(book: Book) -> None:
    given = {"name": "Gita", "email": "gita@acme.example", "role": "agent", "phone": "112"}
    answer = signed_in(book.supervisor).post("/people/new/", given)
    assert answer.status_code == 422
    assert "phone" in answer.context["form"].errors
    assert not User.objects.filter(name="Gita").exists()


def test_a_supervisor_is_offered_agents_only_and_makes_no_admin(book: Book) -> None:
    asha = signed_in(book.supervisor)
    assert 'value="admin"' not in asha.get("/people/new/").content.decode()
    given = {"name": "Gita", "email": "gita@acme.example", "role": "admin"}
    assert asha.post("/people/new/", given).status_code == 422


def test_a_group_is_made_and_its_members_chosen(book: Book) -> None:
    asha = signed_in(book.supervisor)
    given = {"name": "Night", "members": [book.agent.pk, book.supervisor.pk]}
    answer = asha.post("/groups/new/", given, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == "/people/"
    night = Group.objects.get(name="Night")
    asha.post(f"/groups/{night.pk}/", {"name": "Late", "members": [book.agent.pk]})
    assert list(night.members.all()) == [book.agent]
    assert "Late" in asha.get("/people/").content.decode()


def test_a_group_of_a_campaign_stays(book: Book) -> None:
    book.campaign()
    answer = signed_in(book.supervisor).post(f"/groups/{book.group.pk}/delete/")
    assert answer.status_code == 409
    assert "remove its members instead" in answer.content.decode()


def test_nobody_of_another_account_can_be_put_into_a_group(book: Book) -> None:
    stranger = make_book("Bharat").agent
    asha = signed_in(book.supervisor)
    asha.post(f"/groups/{book.group.pk}/", {"name": "Sales", "members": [stranger.pk]})
    assert not GroupMember.objects.filter(user=stranger, group=book.group).exists()


def test_a_desk_phone_gets_a_secret_that_is_shown_once_to_an_admin(book: Book) -> None:
    devi = signed_in(book.admin)
    person = f"/people/{book.agent.pk}/"
    devi.post(f"{person}devices/", {"kind": "sip", "address": ""})
    phone = AgentDevice.objects.latest("pk")
    secret = f"{person}devices/{phone.pk}/secret/"
    assert secret in devi.get(person).content.decode()
    assert secret not in signed_in(book.supervisor).get(person).content.decode()
    assert "Make a new secret" in devi.get(secret).content.decode()
    phone.refresh_from_db()
    assert phone.digest == ""  # only looked at
    shown = re.findall(r"<code[^>]*>([^<]+)</code>", devi.post(secret).content.decode())
    phone.refresh_from_db()
    assert shown[0] == phone.address
    assert phone.digest == md5(f"{shown[0]}:{shown[2]}:{shown[1]}".encode()).hexdigest()  # noqa: S324
    devi.post(f"{person}devices/", {"kind": "phone", "address": "09876543211"})
    telephone = AgentDevice.objects.latest("pk").pk
    assert devi.get(f"{person}devices/{telephone}/secret/").status_code == 404


def test_agents_change_their_own_devices_and_nobody_elses(book: Book) -> None:
    bina = signed_in(book.agent)
    bina.post(f"/people/{book.agent.pk}/devices/", {"kind": "phone", "address": "09876543211"})
    page = bina.get("/profile/").content.decode()
    assert "+919876543211" in page
    others = f"/people/{book.supervisor.pk}/devices/"
    assert bina.post(others, {"kind": "browser", "address": ""}).status_code == 403
    removed = AgentDevice.objects.get(address="+919876543211").pk
    bina.post(f"/people/{book.agent.pk}/devices/{removed}/remove/")
    assert not AgentDevice.objects.filter(pk=removed).exists()


def test_a_person_is_kept_out_after_a_question_and_let_in_again(book: Book) -> None:
    asha, url = signed_in(book.supervisor), f"/people/{book.agent.pk}/active/"
    assert "Keep Bina out?" in asha.get(url).content.decode()
    asha.post(url, {"active": "no"})
    assert not User.objects.get(pk=book.agent.pk).is_active
    asha.post(url, {"active": "yes"})
    assert User.objects.get(pk=book.agent.pk).is_active
    assert asha.get(f"/people/{book.admin.pk}/active/").status_code == 403


def test_a_new_password_is_shown_once_and_ends_the_old_one(book: Book) -> None:
    page = signed_in(book.supervisor).post(f"/people/{book.agent.pk}/password/").content.decode()
    password = re.search(r"<code[^>]*>([^<]+)</code>", page)
    assert password is not None
    assert Client().login(email=book.agent.email, password=password[1])
    others = f"/people/{book.admin.pk}/password/"
    assert signed_in(book.supervisor).post(others).status_code == 403


def test_the_page_asks_no_more_when_there_are_more_people(book: Book) -> None:
    asha = signed_in(book.supervisor)
    asha.get("/people/")
    few = _queries(asha)
    for number in range(20):
        given = {"name": f"P{number}", "email": f"p{number}@acme.example", "role": "agent"}
        asha.post("/people/new/", given)
    assert _queries(asha) == few


def _queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as asked:
        client.get("/people/")
    return len(asked)
