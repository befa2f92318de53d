"""A second factor: setting it up, being asked for it, and what is open before that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from autodialer.api.door import PREFIXES
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import change_account, create_account
from tests.web.sign_in import NOW, browser_at, code_of, is_in, make_user, set_up_totp, sign_in

SETUP: Final = "/accounts/2fa/"
# What somebody may open who still has to set a second factor up.
OPEN: Final = {
    "account_logout",
    "account_reauthenticate",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_download_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_index",
    "mfa_list_webauthn",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "mfa_view_recovery_codes",
}


@pytest.fixture
def account(db: None) -> Account:
    return create_account(name="Acme", now=NOW)


@pytest.fixture
def asha(account: Account) -> User:
    return make_user(account, "Asha", Role.SUPERVISOR)


@pytest.fixture
def browser() -> Client:
    return browser_at("192.0.2.7")


def plain_pages(resolver: URLResolver | None = None, above: str = "") -> Iterator[str]:
    """Yield the name of every page whose address names nothing; the API is for keys."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from plain_pages(pattern, address)
        elif pattern.name and "<" not in address and not f"/{address}".startswith(PREFIXES):
            yield pattern.name


def test_an_authenticator_app_is_asked_for_at_the_next_sign_in(browser: Client, asha: User) -> None:
    sign_in(browser, asha)
    secret = set_up_totp(browser)
    browser.post("/accounts/logout/")
    assert sign_in(browser, asha)["Location"] == "/accounts/2fa/authenticate/"
    assert not is_in(browser)
    wrong = browser.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert wrong.context["form"].errors
    assert not is_in(browser)
    # The next code: one that was used counts no more.
    browser.post("/accounts/2fa/authenticate/", {"code": code_of(secret, 1)})
    assert is_in(browser)


def test_a_recovery_code_lets_in_once(browser: Client, asha: User) -> None:
    sign_in(browser, asha)
    set_up_totp(browser)
    codes = browser.get("/accounts/2fa/recovery-codes/download/").content.decode().split()
    assert len(codes) == 10
    for is_good in (True, False):
        browser.post("/accounts/logout/")
        sign_in(browser, asha)
        browser.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert is_in(browser) == is_good


def test_who_lacks_a_demanded_second_factor_reaches_nothing_but_its_set_up(
    browser: Client, account: Account, asha: User
) -> None:
    sign_in(browser, asha)
    change_account(account=account, require_second_factor=True, now=NOW)
    names = set(plain_pages())
    assert names > OPEN
    reached = {
        name for name in names if browser.get(reverse(name)).headers.get("Location") != SETUP
    }
    # What asks for a factor that one lacks leads back by itself.
    assert reached | {"mfa_reauthenticate", "mfa_reauthenticate_webauthn"} == OPEN
    part = browser.get("/", headers={"HX-Request": "true"})
    assert part["HX-Redirect"] == SETUP


def test_setting_it_up_opens_the_rest_and_removing_it_closes_it_again(
    browser: Client, account: Account, asha: User
) -> None:
    change_account(account=account, require_second_factor=True, now=NOW)
    sign_in(browser, asha)
    assert not is_in(browser)
    set_up_totp(browser)
    assert is_in(browser)
    browser.post("/accounts/2fa/totp/deactivate/")
    assert browser.get("/profile/")["Location"] == SETUP


def test_an_agent_is_not_asked_for_a_second_factor(browser: Client, account: Account) -> None:
    change_account(account=account, require_second_factor=True, now=NOW)
    sign_in(browser, make_user(account, "Bina", Role.AGENT))
    assert is_in(browser)


@pytest.mark.parametrize(
    "page", ["email", "confirm-email", "confirm-email/MQ:x", "login/code/confirm"]
)
def test_nobody_gives_oneself_another_address(browser: Client, asha: User, page: str) -> None:
    sign_in(browser, asha)
    assert browser.get(f"/accounts/{page}/").status_code == 404
    given = {"action_add": "", "email": "other@acme.test"}
    assert browser.post(f"/accounts/{page}/", given).status_code == 404
