"""The first admin: a link that works once, for whoever started the program."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from autodialer.apps.accounts.first_admin import make_setup_link
from autodialer.apps.accounts.models import Account, Role, SetupLink, User
from autodialer.apps.accounts.services import create_account, create_user, set_password
from autodialer.apps.audit.queries import entries
from autodialer.ops.cli.machine import tell_setup_link
from tests.web.sign_in import NOW, PASSWORD, browser_at, is_in
from tests.web.visit import text

ANSWERS: Final = {
    "account_name": "Acme",
    "zone": "Asia/Kolkata",
    "region": "in",
    "admin_name": "Devi",
    "email": "Devi@acme.test",
    "password": PASSWORD,
    "password_again": PASSWORD,
}
DIGITS: Final = "731964285031"
HOME: Final = "192.0.2.7"


@pytest.fixture
def browser() -> Client:
    return browser_at(HOME)


def a_link() -> str:
    token = make_setup_link(NOW)
    assert token is not None
    return f"/setup/{token}/"


def sentence(answer: Any) -> str:
    """What the middle of a page says, without the id of its request."""
    middle = text(answer).partition("<main")[2].partition("</main>")[0]
    return middle.replace(answer["X-Request-ID"], "")


@pytest.mark.django_db
def test_the_link_makes_an_account_and_its_admin_who_is_in_at_once(browser: Client) -> None:
    assert browser.get(a_link(), follow=True).status_code == 200
    assert browser.post("/setup/", ANSWERS)["Location"] == "/"
    assert is_in(browser)
    account, devi = Account.objects.get(), User.objects.get()
    assert (account.name, account.zone, account.region) == ("Acme", "Asia/Kolkata", "IN")
    assert (devi.email, devi.role, devi.account) == ("devi@acme.test", Role.ADMIN, account)
    done = [(entry.who, entry.action, entry.from_address) for entry in reversed(entries(account))]
    assert done == [
        ("operator", "account.create", HOME),
        ("operator", "user.create", HOME),
        ("Devi", "user.sign_in", HOME),
    ]


@pytest.mark.django_db
def test_the_start_of_everything_prints_the_link_until_somebody_can_sign_in(
    browser: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODIALER_PUBLIC_URL", "https://dialer.example.org/")
    tell_setup_link(8000)
    link = capsys.readouterr().err.split()[-1]
    assert link.startswith("https://dialer.example.org/setup/")
    browser.get(urlsplit(link).path)
    assert browser.post("/setup/", ANSWERS).status_code == 302
    capsys.readouterr()  # the log of these requests
    tell_setup_link(8000)
    assert capsys.readouterr().err == ""


@pytest.mark.django_db
def test_a_used_link_a_wrong_one_and_an_earlier_one_are_the_same_nothing(browser: Client) -> None:
    earlier, link = a_link(), a_link()
    for unusable in (earlier, "/setup/wrong/"):
        assert browser.get(unusable).status_code == 404
        assert browser.get("/setup/").status_code == 404
    browser.get(link)
    browser.post("/setup/", ANSWERS)
    stranger = browser_at(HOME)
    answers = [stranger.get(path) for path in (link, earlier, "/setup/wrong/", "/setup/")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({sentence(answer) for answer in answers}) == 1
    assert stranger.post("/setup/", ANSWERS).status_code == 404
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_the_link_ends_when_somebody_else_can_sign_in(browser: Client) -> None:
    link, account = a_link(), create_account(name="Acme", now=NOW)
    browser.get(link)
    bina = create_user(
        account=account, email="bina@acme.test", name="Bina", role=Role.AGENT, now=NOW
    )
    assert browser.get("/setup/").status_code == 200
    set_password(account=account, user_id=bina.pk, password=PASSWORD, now=NOW)
    assert browser.get("/setup/").status_code == 404
    assert browser.post("/setup/", ANSWERS).status_code == 404
    assert make_setup_link(NOW) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"password": DIGITS, "password_again": DIGITS}, "entirely numeric"),
        ({"password_again": "something else"}, "differ"),
        ({"region": "XX"}, "is no country"),
        ({"email": "devi"}, "valid email"),
        ({"admin_name": ""}, "required"),
    ],
)
def test_what_cannot_be_used_is_explained_and_leaves_nothing_but_the_link(
    browser: Client, changes: dict[str, str], told: str
) -> None:
    browser.get(a_link())
    refused = browser.post("/setup/", {**ANSWERS, **changes})
    assert refused.status_code == 422
    assert told in text(refused)
    assert 'value="Acme"' in text(refused)
    assert PASSWORD not in text(refused)
    assert not Account.objects.exists()
    assert browser.post("/setup/", ANSWERS).status_code == 302


@pytest.mark.django_db
def test_the_secret_is_kept_nowhere(
    browser: Client, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    link = a_link()
    token = link.split("/")[2]
    with caplog.at_level(logging.DEBUG):
        opened = browser.get(link)
        browser.post("/setup/", {**ANSWERS, "password": "short"})
        browser.post("/setup/", ANSWERS)
    assert token not in opened["Location"]
    assert opened.cookies["setup"]["httponly"]
    assert token not in "".join(capsys.readouterr())
    requests = [record for record in caplog.records if record.name.startswith("django.request")]
    assert requests
    assert not [record for record in requests if token in record.getMessage()]
    assert not SetupLink.objects.exists()


@pytest.mark.usefixtures("live_database")
def test_of_two_who_use_the_link_at_once_one_comes_in(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    link = a_link()
    browsers = [browser_at(HOME), browser_at("192.0.2.8")]
    for browser in browsers:
        browser.get(link)

    def use(number: int) -> int:
        given = {**ANSWERS, "account_name": f"Acme {number}", "email": f"{number}@acme.test"}
        try:
            return browsers[number].post("/setup/", given).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(use, range(2))) == [302, 404]
    assert (Account.objects.count(), User.objects.count()) == (1, 1)
