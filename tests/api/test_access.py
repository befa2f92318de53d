"""Every operation with every scope, for one's own and for another account's things.

The operations come from the OpenAPI document, the scopes from the table: an operation that is
added is tested by being added.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pytest

from autodialer.apps.accounts.scopes import KeyScope
from tests.api.client import Caller, caller
from tests.api.document import OPERATIONS, Documented
from tests.web.world import World, make_world

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.django_db

UUIDS: Final = {"call_id", "session_id"}
# What is done with a body, a file or a version that this test does not send, or that the state of
# the thing forbids.
UNDERSTOOD: Final = {400, 409, 413, 415, 422, 428}
ENTITY_TAG: Final = re.compile(r'"[^"]*"')
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


@pytest.fixture(scope="module")
def worlds(module_db: None) -> tuple[World, World]:
    return make_world("Acme"), make_world("Bharat")


@pytest.fixture
def acme(worlds: tuple[World, World]) -> World:
    return deepcopy(worlds[0])


@pytest.fixture
def bharat(worlds: tuple[World, World]) -> World:
    return deepcopy(worlds[1])


@pytest.fixture(scope="module")
def keys(worlds: tuple[World, World]) -> Mapping[KeyScope, Caller]:
    """For each scope a key that has no other."""
    account = worlds[0].book.account
    return {scope: caller(account, [scope], scope) for scope in KeyScope}


def ids_of(world: World) -> Mapping[str, object]:
    return {**world.ids, "call_id": world.ids["attempt_id"], "number": "+919000000000"}


def nobodys(operation: Documented) -> Mapping[str, object]:
    return {name: uuid4() if name in UUIDS else 10**9 for name in operation.names}


def ask(crm: Caller, operation: Documented, ids: Mapping[str, object]) -> Any:
    answer = crm.ask(operation.method, operation.address(ids))
    if answer.streaming:
        answer.getvalue()  # it holds a file until it is read
    return answer


@each_operation
def test_without_a_key_nothing_is_answered(operation: Documented, acme: World) -> None:
    answer = ask(Caller("dlr_live_x"), operation, ids_of(acme))
    assert (answer.status_code, answer.json()["code"]) == (401, "key_unknown")


@each_operation
def test_a_key_may_what_its_scopes_give(
    operation: Documented, acme: World, keys: Mapping[KeyScope, Caller]
) -> None:
    for scope, crm in keys.items():
        answer = ask(crm, operation, ids_of(acme))
        if scope in operation.scopes:
            assert answer.status_code in operation.statuses, answer.content[:500]
            assert answer.status_code < 300 or answer.status_code in UNDERSTOOD | {403, 404}
            # What is refused for another reason than the scope has another code.
            assert answer.status_code != 403 or answer.json()["code"] == "not_allowed"
            assert ENTITY_TAG.fullmatch(answer.get("ETag", '""'))
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


@each_operation
def test_what_belongs_to_another_account_is_not_found_as_if_it_did_not_exist(
    operation: Documented, acme: World, bharat: World
) -> None:
    if not operation.names:
        pytest.skip("names nothing")
    crm = caller(acme.book.account)
    answers = [ask(crm, operation, ids) for ids in (ids_of(bharat), nobodys(operation))]
    if operation.details.get("requestBody") or 428 in operation.statuses:
        assert answers[0].status_code in UNDERSTOOD | {404}
    else:
        assert [answer.status_code for answer in answers] == [404, 404]
    foreign, absent = (answer.json() for answer in answers)
    for each in (foreign, absent):
        each.pop("instance"), each.pop("detail")
    assert foreign == absent
    assert "Bharat" not in str(answers[0].json())


@each_operation
def test_it_documents_its_refusals_and_scopes(operation: Documented, acme: World) -> None:
    assert {400, 401, 403, 406, 422, 429, 500, 503} <= operation.statuses
    assert operation.scopes, "no key may do this: it has no place in the API"
    assert operation.details["description"]
    if operation.names:
        assert 404 in operation.statuses
    if operation.method == "POST":
        names = [each["name"] for each in operation.details["parameters"]]
        assert "Idempotency-Key" in names


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation.details["operationId"] for operation in OPERATIONS]
    assert len(names) == len(set(names))
