"""The page of API keys: made once, shown once, revoked for ever."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from autodialer.apps.keys.models import ApiKey
from tests.api.client import Caller
from tests.support.book import Book, make_book
from tests.support.visit import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def admin(book: Book) -> Client:
    return signed_in(book.admin)


def make(admin: Client, **fields: Any) -> Any:
    return admin.post("/keys/", {"name": "CRM", "scopes": ["campaigns:read"], **fields})


def key_in(answer: Any) -> str:
    found = re.search(r"dlr_live_\w{47}", answer.content.decode())
    assert found, answer.content.decode()[:500]
    return found[0]


def test_a_key_is_shown_once_and_works(admin: Client) -> None:
    answer = make(admin)
    key = key_in(answer)
    assert "no-store" in answer["Cache-Control"]
    assert Caller(key).get("/campaigns").status_code == 200
    assert key not in admin.get("/keys/").content.decode()


def test_a_key_without_scope_is_not_made(admin: Client) -> None:
    assert make(admin, scopes=[]).status_code == 422
    assert not ApiKey.objects.exists()


def test_a_revoked_key_stops_at_once(admin: Client) -> None:
    key = key_in(make(admin))
    path = f"/keys/{ApiKey.objects.get().pk}/revoke/"
    assert "Revoke this key?" in admin.get(path).content.decode()
    assert admin.post(path).status_code == 302
    assert Caller(key).get("/campaigns").status_code == 401


def test_a_third_key_of_one_name_is_refused_beside_the_name(admin: Client) -> None:
    make(admin)
    make(admin)
    answer = make(admin, name="crm")
    assert "two live keys" in answer.content.decode()
    assert ApiKey.objects.count() == 2
