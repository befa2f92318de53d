"""Signing in with a real browser: the first admin, and a passkey in place of a password."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.first_admin import make_setup_link
from autodialer.apps.accounts.models import Account
from tests.browser.site import PHONE, Visitor, faults, scrolls_sideways
from tests.support.book import NOON
from tests.web.sign_in import PASSWORD, noted

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What a laptop with a fingerprint reader is to a page.
READER: Final = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
ANSWERS: Final = {
    "account_name": "Acme",
    "admin_name": "Devi",
    "email": "devi@acme.example",
    "password": PASSWORD,
    "password_again": PASSWORD,
}


def give_reader(window: Visitor) -> None:
    """Plug a fingerprint reader in, which always feels the right finger."""
    tools = window.context.new_cdp_session(window.page)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": READER})


def by_name(window: Visitor) -> None:
    """Use the name of this machine: browsers allow passkeys at no address of numbers."""
    window.base = window.base.replace("127.0.0.1", "localhost")


def check(page: Page) -> None:
    assert faults(page) == []
    assert not scrolls_sideways(page)


def become_the_first_admin(window: Visitor) -> None:
    page = window.go(f"/setup/{make_setup_link(NOON)}/")
    assert page.url.endswith("/setup/")
    check(page)
    for name, value in ANSWERS.items():
        page.fill(f"#id_{name}", value)
    page.click("text=Make it and sign in")
    page.wait_for_url(f"{window.base}/")


def add_passkey(window: Visitor) -> None:
    page = window.go("/accounts/2fa/webauthn/add/")
    check(page)
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    check(page)
    page.fill("#id_name", "Laptop")
    page.check("#id_passwordless")
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url("**/recovery-codes/**")
    check(page)


def test_the_first_admin_comes_in_by_the_link_and_then_by_a_passkey(
    visit: Callable[..., Visitor],
) -> None:
    window = visit(size=PHONE)
    by_name(window)
    give_reader(window)
    become_the_first_admin(window)
    add_passkey(window)
    for path in ("/accounts/2fa/", "/accounts/2fa/webauthn/", "/accounts/sessions/"):
        check(window.go(path))
    window.context.clear_cookies()
    page = window.go("/accounts/login/")
    check(page)
    page.click("#passkey_login")
    page.wait_for_url(f"{window.base}/")
    newest = noted(Account.objects.get(), "sign_in")[0]
    assert newest.after == {"with": "passkey or security key"}
    assert newest.from_address == "127.0.0.1"


def test_a_passkey_that_is_not_there_is_explained_in_the_page(
    visit: Callable[..., Visitor],
) -> None:
    window = visit()
    by_name(window)
    give_reader(window)
    page = window.go("/accounts/login/")
    page.click("#passkey_login")
    page.wait_for_selector("[data-passkey-trouble] .alert-danger")
    assert "Try again" in page.inner_text("[data-passkey-trouble]")
    check(page)
