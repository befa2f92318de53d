"""Signing in, and what is in front of every page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import create_account, create_user

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture
def account(db: None) -> Account:
    return create_account(name="Acme", now=NOW)


@pytest.fixture
def asha(account: Account) -> User:
    return create_user(
        account=account,
        email="asha@acme.test",
        name="Asha",
        role=Role.SUPERVISOR,
        password=PASSWORD,
        now=NOW,
    )


def test_the_right_password_opens_the_campaigns(client: Client, asha: User) -> None:
    answer = client.post("/accounts/login/", {"login": asha.email, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    page = client.get("/")
    assert page.status_code == 200
    assert "Asha" in page.content.decode()


def test_wrong_passwords_and_unknown_addresses_get_the_same_sentence(
    client: Client, asha: User
) -> None:
    wrong = client.post("/accounts/login/", {"login": asha.email, "password": "no"})
    unknown = client.post("/accounts/login/", {"login": "x@acme.test", "password": "no"})
    assert wrong.status_code == unknown.status_code == 200
    errors = [answer.context["form"].errors for answer in (wrong, unknown)]
    assert errors[0] == errors[1] != {}


def test_nobody_signs_up(client: Client, account: Account) -> None:
    assert "sign up" in client.get("/accounts/signup/").content.decode().lower()
    client.post("/accounts/signup/", {"email": "new@acme.test", "password1": PASSWORD})
    assert not User.objects.exists()


def test_who_is_not_signed_in_is_sent_to_the_sign_in_page(client: Client, account: Account) -> None:
    assert client.get("/")["Location"] == "/accounts/login/?next=/"
    part = client.get("/", headers={"HX-Request": "true"})
    assert part["HX-Redirect"] == "/accounts/login/?next=/"


def test_a_disabled_user_is_out_at_the_next_click(client: Client, asha: User) -> None:
    client.force_login(asha)
    assert client.get("/").status_code == 200
    User.objects.filter(pk=asha.pk).update(is_active=False)
    assert client.get("/").status_code == 302


def test_a_supervisor_without_a_demanded_second_factor_is_sent_to_set_it_up(
    client: Client, asha: User
) -> None:
    Account.objects.update(require_second_factor=True)
    client.force_login(asha)
    assert client.get("/")["Location"] == "/accounts/2fa/"
    assert client.get("/accounts/2fa/").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["2fa/", "sessions/", "password/change/", "logout/", "reauthenticate/"],
)
def test_what_belongs_to_signing_in_is_there(client: Client, asha: User, path: str) -> None:
    client.post("/accounts/login/", {"login": asha.email, "password": PASSWORD})
    page = client.get(f"/accounts/{path}")
    assert page.status_code == 200
    assert 'class="btn' in page.content.decode()


def test_setting_up_a_second_factor_asks_for_the_password_again(client: Client, asha: User) -> None:
    client.post("/accounts/login/", {"login": asha.email, "password": PASSWORD})
    setup = "/accounts/2fa/totp/activate/"
    asked = client.get(setup)["Location"]
    assert asked.startswith("/accounts/reauthenticate/")
    client.post(asked, {"password": PASSWORD})
    assert client.get(setup).status_code == 200


def test_nothing_inline_and_nothing_foreign_may_run(client: Client, asha: User) -> None:
    client.force_login(asha)
    page = client.get("/")
    policy = page["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy.split("; ")
    assert page["X-Frame-Options"] == "DENY"
    assert page["X-Content-Type-Options"] == "nosniff"


def test_each_reply_names_its_request_and_ignores_a_name_from_outside(
    client: Client, asha: User
) -> None:
    client.force_login(asha)
    first = client.get("/", headers={"X-Request-ID": "mine"})["X-Request-ID"]
    assert first != "mine"
    assert first != client.get("/")["X-Request-ID"]
