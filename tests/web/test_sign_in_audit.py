"""What the audit log says of signing in: one line for each act, and where it came from."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import create_account, set_user_active
from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.audit.queries import entries
from tests.web.sign_in import NOW, PASSWORD, browser_at, make_user, noted, set_up_totp, sign_in

HOME = "192.0.2.7"
PROXY = "10.0.0.1"
NEW = "another battery staple"


@pytest.fixture
def account(db: None) -> Account:
    return create_account(name="Acme", now=NOW)


@pytest.fixture
def asha(account: Account) -> User:
    return make_user(account, "Asha", Role.SUPERVISOR)


@pytest.fixture
def browser() -> Client:
    return browser_at(HOME)


def acts(account: Account) -> list[str]:
    """What was done since the people were made, oldest first."""
    made = {"account.create", "user.create"}
    return [entry.action for entry in reversed(entries(account)) if entry.action not in made]


def test_coming_and_going_leave_one_line_each(
    browser: Client, account: Account, asha: User
) -> None:
    sign_in(browser, asha)
    browser.post("/accounts/logout/")
    browser.post("/accounts/logout/")  # nobody is in
    assert acts(account) == ["user.sign_in", "user.sign_out"]
    came = noted(account, "sign_in")[0]
    assert (came.who, came.from_address, came.after) == ("Asha", HOME, {"with": "password"})
    assert came.request_id


def test_a_wrong_password_is_noted_with_the_user_it_was_for(
    browser: Client, account: Account, asha: User
) -> None:
    browser.post("/accounts/login/", {"login": asha.email.upper(), "password": "wrong"})
    (entry,) = noted(account, "sign_in_failed")
    assert (entry.subject_kind, entry.subject_id) == ("user", str(asha.pk))
    assert (entry.who, entry.from_address) == ("not signed in", HOME)
    assert "wrong" not in entry.after.values()
    assert acts(account) == ["user.sign_in_failed"]


def test_an_address_that_is_nobodys_is_neither_noted_nor_repeated_in_the_log(
    browser: Client, account: Account, asha: User, capsys: pytest.CaptureFixture[str]
) -> None:
    browser.post("/accounts/login/", {"login": "my-password@acme.test", "password": "wrong"})
    assert acts(account) == []
    told = "".join(capsys.readouterr())
    assert "sign_in_failed" in told
    assert "my-password" not in told


def test_who_is_kept_out_is_noted_when_trying(
    browser: Client, account: Account, asha: User
) -> None:
    set_user_active(account=account, user_id=asha.pk, active=False, now=NOW)
    assert sign_in(browser, asha)["Location"] == "/accounts/inactive/"
    assert acts(account) == ["user.disable", "user.sign_in_failed"]


def test_second_factors_are_noted_when_added_used_wrongly_and_removed(
    browser: Client,
    account: Account,
    asha: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sign_in(browser, asha)
    with django_capture_on_commit_callbacks(execute=True):
        set_up_totp(browser)
    added = {entry.after["factor"] for entry in noted(account, "add_second_factor")}
    assert added == {"authenticator app", "recovery codes"}
    with django_capture_on_commit_callbacks(execute=True):
        browser.post("/accounts/2fa/recovery-codes/generate/")
    assert len(noted(account, "renew_recovery_codes")) == 1
    other = browser_at(HOME)
    sign_in(other, asha)
    other.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert [entry.after for entry in noted(account, "sign_in_failed")] == [
        {"wrong": "authenticator app"}
    ]
    browser.post("/accounts/2fa/totp/deactivate/")
    removed = {entry.after["factor"] for entry in noted(account, "remove_second_factor")}
    assert removed == added


def test_a_password_that_one_changes_oneself_is_noted_once_and_ends_the_other_sessions(
    browser: Client, account: Account, asha: User
) -> None:
    other = browser_at("192.0.2.8")
    for client in (browser, other):
        sign_in(client, asha)
    given = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    browser.post("/accounts/password/change/", given)
    assert browser.get("/profile/").status_code == 200
    assert other.get("/profile/").status_code == 302
    (entry,) = noted(account, "set_password")
    assert (entry.who, entry.from_address) == ("Asha", HOME)
    assert acts(account) == ["user.sign_in", "user.sign_in", "user.set_password"]
    assert NEW not in str(AuditEntry.objects.values_list())


def test_a_password_that_a_mailed_link_resets_is_noted_once(
    browser: Client, account: Account, asha: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    browser.post("/accounts/password/reset/", {"email": asha.email})
    path = next(word for word in str(mail.outbox[0].body).split() if "/key/" in word)
    form = browser.get(path)["Location"]
    assert browser.post(form, {"password1": NEW, "password2": NEW}).status_code == 302
    (entry,) = noted(account, "set_password")
    assert (entry.who, entry.from_address) == ("Asha", HOME)
    assert sign_in(browser, asha, NEW).status_code == 302


def test_a_session_that_one_ends_is_out_at_its_next_click_and_noted(
    browser: Client, account: Account, asha: User
) -> None:
    other = browser_at("192.0.2.8", HTTP_USER_AGENT="Forgotten browser")
    for client in (other, browser):
        sign_in(client, asha)
    page = browser.get("/accounts/sessions/").content.decode()
    assert "192.0.2.8" in page
    assert "Forgotten browser" in page
    browser.post("/accounts/sessions/")
    assert other.get("/profile/").status_code == 302
    assert browser.get("/profile/").status_code == 200
    (entry,) = noted(account, "end_session")
    assert entry.after == {"session_from": "192.0.2.8", "browser": "Forgotten browser"}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "believed"),
    [
        (0, HOME, PROXY),  # written by the browser itself
        (1, HOME, HOME),
        (1, f"203.0.113.9, {HOME}", HOME),  # the browser's own line comes first
        (2, f"203.0.113.9, {HOME}, 10.0.0.2", HOME),
        (2, HOME, PROXY),  # not the way through both proxies
        (1, "nonsense", PROXY),
        (1, "fe80::1%eth0", "fe80::1"),
    ],
)
def test_only_what_our_proxies_add_says_where_somebody_is(
    asha: User,
    settings: Settings,
    proxies: int,
    forwarded: str,
    believed: str,
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    forged = {"X-Forwarded-User": "devi", "Remote-User": "devi", "X-Real-IP": "203.0.113.9"}
    browser = Client(REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": forwarded, **forged})
    assert browser.get("/profile/").status_code == 302
    sign_in(browser, asha)
    assert noted(asha.account, "sign_in")[0].from_address == believed
    assert believed in browser.get("/accounts/sessions/").content.decode()


def test_the_page_of_the_audit_log_says_from_where(browser: Client, account: Account) -> None:
    sign_in(browser, make_user(account, "Devi", Role.ADMIN))
    page = browser.get("/audit/").content.decode()
    assert f"from {HOME}" in " ".join(page.split())
    assert "user.sign_in" in page
