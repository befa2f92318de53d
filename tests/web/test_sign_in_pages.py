"""The pages of sign-in in our own looks and words."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from autodialer.apps.accounts.models import Role, User
from autodialer.apps.accounts.services import change_account, create_account
from tests.web.sign_in import NOW, browser_at, make_user, set_up_totp, sign_in
from tests.web.visit import text

NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"


@pytest.fixture
def asha(db: None) -> User:
    return make_user(create_account(name="Acme", now=NOW), "Asha", Role.SUPERVISOR)


@pytest.fixture
def browser(asha: User) -> Client:
    client = browser_at("192.0.2.7")
    sign_in(client, asha)
    return client


@pytest.mark.parametrize(
    "path", ["2fa/", "sessions/", "password/change/", "logout/", "reauthenticate/"]
)
def test_each_page_has_our_frame_and_buttons(browser: Client, path: str) -> None:
    page = text(browser.get(f"/accounts/{path}"))
    assert '<main id="main"' in page
    assert 'class="btn' in page


def test_without_a_mail_server_an_admin_gives_new_passwords(
    db: None, client: Client, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = NO_MAIL
    login = text(client.get("/accounts/login/"))
    assert "/password/reset/" not in login
    assert "An admin of your organisation" in login
    reset = text(client.get("/accounts/password/reset/"))
    assert "An admin of your organisation" in reset
    assert "<form" not in reset


def test_with_a_mail_server_the_link_is_there(db: None, client: Client) -> None:
    assert "/password/reset/" in text(client.get("/accounts/login/"))
    assert "<form" in text(client.get("/accounts/password/reset/"))


def test_who_has_to_set_a_factor_up_is_told_why_nothing_else_opens(
    browser: Client, asha: User
) -> None:
    demand = "asks admins and supervisors for a second factor"
    assert demand not in text(browser.get("/accounts/2fa/"))
    change_account(account=asha.account, require_second_factor=True, now=NOW)
    assert demand in text(browser.get("/accounts/2fa/"))
    set_up_totp(browser)
    page = text(browser.get("/accounts/2fa/"))
    assert demand not in page
    assert "10 codes are left" in page
