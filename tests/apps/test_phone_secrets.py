"""The secrets of agents' SIP accounts: for whom they are, and what of them is kept."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from django.db import IntegrityError, transaction

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.agents import queries
from autodialer.apps.agents.models import AgentDevice, DeviceKind
from autodialer.apps.agents.services import PhoneAccount, add_device, issue_phone_secret
from autodialer.apps.audit.models import AuditEntry
from autodialer.domain.errors import ConflictError, NotAllowedError, NotFoundError
from tests.support.book import NOON, Book, desk_phone, make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def issue(book: Book, device: AgentDevice, actor: Actor = OPERATOR) -> PhoneAccount:
    return issue_phone_secret(
        account=book.account, user_id=device.user_id, device_id=device.pk, now=NOON, actor=actor
    )


def browser_of(book: Book) -> AgentDevice:
    return add_device(
        account=book.account, user_id=book.agent.pk, kind=DeviceKind.BROWSER, now=NOON
    )


def test_a_secret_is_long_new_each_time_and_stored_as_its_digest_only(book: Book) -> None:
    first, second = issue(book, book.device), issue(book, book.device)
    assert re.fullmatch(r"[\w-]{32}", second.secret, re.ASCII)
    assert first.secret != second.secret
    assert first.user == second.user == book.device.address
    book.device.refresh_from_db()
    text = f"{second.user}:{second.realm}:{second.secret}"
    assert book.device.digest == hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    assert second.secret not in repr(second)


def test_the_audit_log_tells_who_renewed_it_but_not_what_it_is(book: Book) -> None:
    issued = issue(book, book.device, Actor.of(book.admin))
    entry = AuditEntry.objects.get(action="device.new_secret")
    assert entry.who == book.admin.name
    told = json.dumps([entry.before, entry.after])
    book.device.refresh_from_db()
    assert issued.secret not in told
    assert book.device.digest not in told


def test_the_secret_of_a_browser_is_for_its_owner_alone(book: Book) -> None:
    browser = browser_of(book)
    assert issue(book, browser, Actor.of(book.agent)).user == browser.address
    for other in (book.supervisor, book.admin):
        with pytest.raises(NotAllowedError, match="signed in there"):
            issue(book, browser, Actor.of(other))


def test_the_secret_of_a_desk_phone_is_for_an_admin(book: Book) -> None:
    for other in (book.agent, book.supervisor):
        with pytest.raises(NotAllowedError):
            issue(book, book.device, Actor.of(other))
    assert issue(book, book.device, Actor.of(book.admin)).secret


def test_a_telephone_has_no_secret_and_a_foreign_phone_is_not_found(book: Book) -> None:
    telephone = add_device(
        account=book.account,
        user_id=book.agent.pk,
        kind=DeviceKind.PHONE,
        address="9876543210",
        now=NOON,
    )
    with pytest.raises(ConflictError):
        issue(book, telephone)
    foreign = make_book("Zenith")
    with pytest.raises(NotFoundError):
        issue_phone_secret(
            account=foreign.account,
            user_id=foreign.agent.pk,
            device_id=book.device.pk,
            now=NOON,
        )


def test_two_phones_never_share_a_name(book: Book) -> None:
    names = {desk_phone(book.account, book.admin).address for _ in range(3)}
    assert len(names) == 3
    with pytest.raises(IntegrityError, match="device_account_is_once"), transaction.atomic():
        AgentDevice.objects.filter(user=book.admin).update(address=book.device.address)


def test_a_name_that_dialling_could_misread_is_refused_by_the_database(book: Book) -> None:
    for name in ("bina", "a/b", book.device.address.upper(), book.device.address + "&PJSIP/x"):
        with pytest.raises(IntegrityError, match="our_name"), transaction.atomic():
            AgentDevice.objects.filter(pk=book.device.pk).update(address=name)


def test_what_is_wrong_with_a_phone_is_said_to_its_owner(book: Book) -> None:
    def problem() -> str:
        found = queries.device(book.account, book.agent.pk)
        assert found is not None
        return queries.device_problem(found)

    assert problem() == ""
    AgentDevice.objects.update(registered_at=None)
    assert "ask an admin" in problem()
    issue(book, book.device)
    assert "switched on" in problem()
    browser_of(book)
    assert "microphone" in problem()
