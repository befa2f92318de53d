"""API keys: how they are written, made, rotated, revoked, and when they stop working."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pytest

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.permissions import Permission, may
from autodialer.apps.accounts.scopes import GRANTS, KeyScope, permissions_of
from autodialer.apps.accounts.services import change_role, create_user, set_user_active
from autodialer.apps.audit.queries import entries
from autodialer.apps.keys.models import ApiKey
from autodialer.apps.keys.queries import KeyRefusedError, bearer_of, key_rows
from autodialer.apps.keys.services import (
    NOTED_EACH,
    NewKey,
    TooManyKeysError,
    create_key,
    note_use,
    revoke_key,
)
from autodialer.apps.keys.token import new_token, parse_token, token_of_parts
from autodialer.domain.errors import InvalidInputError, NotFoundError
from tests.support.book import NOON, Book, make_book

LATER: Final = NOON + timedelta(days=1)
# What no key may do, whatever its scopes: these are for people, or for the operator.
NOT_FOR_KEYS: Final = {
    Permission.COMPLETE_RUNNING_CAMPAIGN,
    Permission.DIAL,
    Permission.VIEW_CALLEE,
    Permission.REMOVE_DND,
    Permission.MANAGE_MANAGERS,
    Permission.CHANGE_ROLES,
    Permission.EDIT_OWN_PROFILE,
    Permission.EDIT_CALLER_IDS,
    Permission.MANAGE_SIP_SECRETS,
    Permission.MANAGE_API_KEYS,
    Permission.SEE_WEBHOOK_SECRETS,
    Permission.BOOK_MONEY,
    Permission.SET_TARIFFS,
    Permission.VIEW_AUDIT_LOG,
    Permission.VIEW_SETTINGS,
    Permission.CHANGE_SETTINGS,
}


def test_a_key_is_read_as_it_was_written() -> None:
    token = new_token()
    text = str(token)
    assert text.startswith("dlr_live_")
    assert len(text) == len("dlr_live_") + 8 + 1 + 32 + 6
    assert parse_token(text) == token
    assert token_of_parts(token.public_id, text.rpartition("_")[2]) == token


def test_a_key_with_one_other_character_is_none() -> None:
    text = str(new_token())
    for at in range(len("dlr_live_"), len(text)):
        other = "x" if text[at] != "x" else "y"
        assert parse_token(text[:at] + other + text[at + 1 :]) is None
    assert parse_token(text + "0") is None
    assert parse_token("") is None


def test_the_secret_is_in_no_log() -> None:
    token = new_token()
    assert token.secret not in repr(token)
    assert token.secret not in repr(NewKey(1, token))


def test_no_scope_gives_what_is_for_people() -> None:
    given = permissions_of(KeyScope)
    assert set(Permission) - given == NOT_FOR_KEYS


@pytest.mark.parametrize("scope", KeyScope)
def test_a_scope_gives_what_the_table_says_and_no_more(scope: KeyScope) -> None:
    actor = Actor("key", Role.ADMIN, granted=permissions_of([scope]))
    for permission in Permission:
        assert may(actor, permission) is (permission in GRANTS[scope].permissions)


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def made(book: Book, name: str = "CRM", expires_at: datetime | None = None) -> NewKey:
    return create_key(
        account=book.account,
        actor=Actor.of(book.admin),
        name=name,
        scopes=["campaigns:read"],
        now=NOON,
        expires_at=expires_at,
    )


def why_refused(key: NewKey, now: datetime = NOON) -> str:
    with pytest.raises(KeyRefusedError) as refused:
        bearer_of(key.token, now)
    return refused.value.code


def test_a_key_acts_for_its_account_under_its_name(book: Book) -> None:
    bearer = bearer_of(made(book).token, NOON)
    assert bearer.account == book.account
    assert bearer.actor.name == "API key CRM"
    assert bearer.actor.user is None


def test_the_database_does_not_hold_the_secret(book: Book) -> None:
    token = made(book).token
    stored = repr(ApiKey.objects.values().get())
    assert token.secret not in stored
    assert token.secret not in repr(entries(book.account))


def test_a_key_of_that_id_with_another_secret_is_unknown(book: Book) -> None:
    token, other = made(book).token, new_token()
    wrong = type(token)(token.public_id, other.secret)
    assert why_refused(NewKey(0, wrong)) == why_refused(NewKey(0, other)) == "key_unknown"


def test_a_revoked_key_does_not_work_and_stays_revoked(book: Book) -> None:
    key = made(book)
    for _ in range(2):
        revoke_key(account=book.account, actor=OPERATOR, key_id=key.id, now=NOON)
    assert why_refused(key) == "key_revoked"
    acts = [entry.action for entry in entries(book.account, subject_kind="api_key")]
    assert acts == ["api_key.revoke", "api_key.create"]


def test_a_key_works_until_it_expires(book: Book) -> None:
    key = made(book, expires_at=LATER)
    bearer_of(key.token, LATER - timedelta(microseconds=1))
    assert why_refused(key, LATER) == "key_expired"


@pytest.mark.parametrize("change", ["disabled", "demoted"])
def test_a_key_stops_with_its_maker(change: str, book: Book) -> None:
    key = made(book)
    create_user(account=book.account, email="f@x.example", name="Farid", role=Role.ADMIN, now=NOON)
    if change == "disabled":
        set_user_active(account=book.account, user_id=book.admin.pk, active=False, now=NOON)
    else:
        change_role(account=book.account, user_id=book.admin.pk, role=Role.SUPERVISOR, now=NOON)
    assert why_refused(key) == "key_maker_gone"


def test_two_live_keys_may_have_one_name_and_no_third(book: Book) -> None:
    old, new = made(book), made(book, "crm")
    with pytest.raises(TooManyKeysError):
        made(book, "CRM")
    bearer_of(old.token, NOON)
    revoke_key(account=book.account, actor=OPERATOR, key_id=old.id, now=NOON)
    bearer_of(new.token, NOON)
    made(book, "CRM")


def test_use_is_noted_once_a_minute(book: Book) -> None:
    key = made(book)
    for after in (timedelta(0), NOTED_EACH / 2, NOTED_EACH):
        seen = bearer_of(key.token, NOON).last_used_at
        note_use(key_id=key.id, last_used_at=seen, now=NOON + after)
        (row,) = key_rows(book.account, NOON)
        assert row.last_used_at == (NOON if after < NOTED_EACH else NOON + NOTED_EACH)


def test_another_account_has_no_such_key(book: Book) -> None:
    bharat = make_book("Bharat")
    with pytest.raises(NotFoundError):
        revoke_key(account=bharat.account, actor=OPERATOR, key_id=made(book).id, now=NOON)
    assert key_rows(bharat.account, NOON) == []


@pytest.mark.parametrize(
    ("scopes", "expires_at", "code"),
    [
        ([], None, "scopes_missing"),
        (["campaigns:read", "everything"], None, "scope_unknown"),
        (["campaigns:read"], NOON, "expiry_out_of_range"),
        (["campaigns:read"], NOON + timedelta(days=4_000), "expiry_out_of_range"),
        (["campaigns:read"], LATER.replace(tzinfo=None), "offset_required"),
    ],
)
def test_a_key_for_nothing_or_of_the_past_is_not_made(
    scopes: list[str], expires_at: datetime | None, code: str, book: Book
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        create_key(
            account=book.account,
            actor=OPERATOR,
            name="CRM",
            scopes=scopes,
            now=NOON,
            expires_at=expires_at,
        )
    assert refused.value.code == code
