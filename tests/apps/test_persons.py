"""Who asks, as every request reads it: by hand, and yet as the ORM does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.models import Account, User
from autodialer.apps.accounts.queries import person, session_data
from tests.support.book import NOON, make_book

pytestmark = pytest.mark.django_db


def test_a_person_and_their_account_are_those_of_the_orm() -> None:
    book = make_book()
    make_book("Other")
    found = person(book.agent.pk)
    assert found is not None
    with CaptureQueriesContext(connection) as asked:
        account = found.account
    assert len(asked) == 0
    pairs = (
        (found, User.objects.get(pk=book.agent.pk)),
        (account, Account.objects.get(pk=book.account.pk)),
    )
    for read, expected in pairs:
        for field in expected._meta.concrete_fields:
            assert getattr(read, field.attname) == getattr(expected, field.attname), field
    found.name = "Changed"
    found.save(update_fields=["name"])
    assert User.objects.get(pk=book.agent.pk).name == "Changed"


def test_nobody_is_found_by_an_id_that_is_not_there() -> None:
    assert person(0) is None


def test_a_session_that_has_run_out_keeps_nothing() -> None:
    Session.objects.create(session_key="k" * 32, session_data="kept", expire_date=NOON)
    assert session_data("k" * 32, NOON - timedelta(seconds=1)) == "kept"
    assert session_data("k" * 32, NOON) is None
    assert session_data("", NOON) is None
