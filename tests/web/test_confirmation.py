"""What would hurt most in the wrong hands asks who one is, and is done after the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from autodialer.apps.accounts.models import Role, User
from autodialer.apps.accounts.services import set_password
from tests.support.book import Book, make_book
from tests.support.visit import signed_in
from tests.web.sign_in import NOW, PASSWORD, code_of, set_up_totp, sign_in
from tests.web.visit import HTMX

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db
ASKS = "/accounts/reauthenticate/"


@pytest.fixture
def book() -> Book:
    made = make_book()
    set_password(account=made.account, user_id=made.admin.pk, password=PASSWORD, now=NOW)
    made.admin.refresh_from_db()
    return made


def promote(client: Client, user: User, **headers: str) -> Any:
    return client.post(f"/people/{user.pk}/role/", {"role": "supervisor"}, headers=headers)


def role_of(user: User) -> Role:
    return Role(User.objects.get(pk=user.pk).role)


def test_a_role_is_changed_after_the_password_was_given_once_more(book: Book) -> None:
    devi = signed_in(book.admin, proved=False)
    asked = promote(devi, book.agent)["Location"]
    assert asked.startswith(ASKS)
    assert role_of(book.agent) is Role.AGENT
    assert "password" in devi.get(asked).content.decode()
    done = devi.post(asked, {"password": PASSWORD})
    assert done["Location"] == f"/people/{book.agent.pk}/"
    assert role_of(book.agent) is Role.SUPERVISOR


def test_a_wrong_password_changes_nothing(book: Book) -> None:
    devi = signed_in(book.admin, proved=False)
    asked = promote(devi, book.agent)["Location"]
    assert devi.post(asked, {"password": "not the password"}).status_code == 200
    assert role_of(book.agent) is Role.AGENT


def test_a_second_factor_proves_it_too(book: Book) -> None:
    devi = Client()
    sign_in(devi, book.admin)
    secret = set_up_totp(devi)
    later = signed_in(book.admin, proved=False)
    asked = promote(later, book.agent)["Location"]
    other = asked.replace(ASKS, "/accounts/2fa/reauthenticate/")
    assert other.partition("?")[0] in later.get(asked).content.decode()
    assert later.post(other, {"code": code_of(secret, 1)}).status_code == 302
    assert role_of(book.agent) is Role.SUPERVISOR


def test_signing_in_is_a_proof_that_lasts_some_minutes(book: Book, settings: Settings) -> None:
    devi = Client()
    sign_in(devi, book.admin)
    assert promote(devi, book.agent)["Location"] == f"/people/{book.agent.pk}/"
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    assert promote(devi, book.agent)["Location"].startswith(ASKS)


def test_htmx_opens_the_question_as_a_page_of_its_own(book: Book) -> None:
    devi = signed_in(book.admin, proved=False)
    answer = promote(devi, book.agent, **HTMX)
    assert answer.status_code == 200
    assert answer["HX-Redirect"].startswith(ASKS)


def test_who_may_not_is_told_so_and_not_asked_for_a_password(book: Book) -> None:
    assert promote(signed_in(book.supervisor, proved=False), book.agent).status_code == 403
