"""Guessing passwords: how often, and what can be learnt from the answers."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from pytest_django import Settings

from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.domain.errors import InvalidInputError
from tests.web.sign_in import NOW, browser_at, is_in, make_user, sign_in
from tests.web.visit import text

TRIES = 5
TOO_MANY = "Too many failed login attempts. Try again later."


class CountedHasher(PBKDF2PasswordHasher):
    """Counts how often a password is hashed, which is nearly all that a sign-in costs."""

    iterations = 1
    hashed = 0

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        type(self).hashed += 1
        return super().encode(password, salt, iterations)


@pytest.fixture
def account(db: None, settings: Settings) -> Account:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountedHasher"]
    return create_account(name="Acme", now=NOW)


@pytest.fixture
def asha(account: Account) -> User:
    return make_user(account, "Asha", Role.SUPERVISOR)


def test_after_five_wrong_passwords_the_right_one_does_not_help_there_and_then(
    account: Account, asha: User
) -> None:
    bina, guesser = make_user(account, "Bina", Role.AGENT), browser_at("192.0.2.66")
    for _ in range(TRIES):
        assert TOO_MANY not in text(sign_in(guesser, asha, "wrong"))
    answer = sign_in(guesser, asha)
    assert answer.status_code == 200
    assert TOO_MANY in text(answer)
    assert sign_in(browser_at("192.0.2.7"), asha).status_code == 302
    assert sign_in(guesser, bina).status_code == 302


def test_a_forged_address_does_not_give_more_tries(asha: User) -> None:
    for number in range(TRIES):
        guesser = browser_at("192.0.2.66", headers={"X-Forwarded-For": f"203.0.113.{number}"})
        sign_in(guesser, asha, "wrong")
    last = browser_at("192.0.2.66", headers={"X-Forwarded-For": "203.0.113.99"})
    assert TOO_MANY in text(sign_in(last, asha))
    assert not is_in(last)


def test_too_many_requests_from_one_address_get_a_plain_page(
    asha: User, settings: Settings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    guesser = browser_at("192.0.2.66")
    sign_in(guesser, asha, "wrong")
    answer = sign_in(guesser, asha)
    assert answer.status_code == 429
    assert "Wait a minute" in text(answer)


@pytest.mark.parametrize("who", ["asha@acme.test", "esha@acme.test", "nobody@acme.test"])
def test_wrong_passwords_and_unknown_addresses_cost_the_same_work(
    account: Account, asha: User, who: str
) -> None:
    # Has no password.
    create_user(account=account, email="esha@acme.test", name="Esha", role=Role.AGENT, now=NOW)
    CountedHasher.hashed = 0
    browser_at("192.0.2.7").post("/accounts/login/", {"login": who, "password": "wrong"})
    assert CountedHasher.hashed == 1


@pytest.mark.parametrize("password", ["731964285031", "password1234", "asha@acme.test", "short"])
def test_passwords_that_are_easily_guessed_are_refused(
    account: Account, asha: User, password: str
) -> None:
    with pytest.raises(InvalidInputError):
        create_user(
            account=account,
            email="asha@acme.test",
            name="Asha",
            role=Role.AGENT,
            password=password,
            now=NOW,
        )
