"""Every address as everybody: who is not allowed to, and whose the thing is, decides.

The addresses, methods and permissions come from the table of routes itself, the roles from the
table of permissions: a page that is added is tested by being added.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.permissions import (
    RULES,
    Permission,
    Scope,
    asks_confirmation,
    may,
)
from autodialer.web.routes import Open, Route
from autodialer.web.urls import ROUTES
from tests.support.visit import signed_in
from tests.web.world import World, make_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.apps.accounts.models import User

PARAMETER: Final = re.compile(r"<(?:(\w+):)?(\w+)>")
# What an address names that is nobody's: a word from a fixed list, not an id.
WORDS: Final = {
    "token": "not-the-token",
    "verb": "pause",
    "kind": "calls",
    "form": "csv",
    "format": "csv",
}
PEOPLE: Final = ("asha", "devi", "bina", "esha")
OUTSIDERS: Final = {"esha"}
OK: Final = {200, 302, 204, 206}
# The request is understood and the person may: what it lacks, or the state, is in the way.
UNDERSTOOD: Final = OK | {409, 422}

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def worlds(module_db: None) -> tuple[World, World]:
    return make_world("Acme"), make_world("Bharat")


@pytest.fixture
def acme(worlds: tuple[World, World]) -> World:
    return deepcopy(worlds[0])


@pytest.fixture
def bharat(worlds: tuple[World, World]) -> World:
    return deepcopy(worlds[1])


def by_name(route: Route) -> str:
    return route.name


each_route = pytest.mark.parametrize("route", ROUTES, ids=by_name)
each_person = pytest.mark.parametrize("who", PEOPLE)


def parameters(route: Route) -> list[tuple[str, str]]:
    return [(kind or "str", name) for kind, name in PARAMETER.findall(route.path)]


def address(route: Route, ids: Mapping[str, object]) -> str:
    values = {name: WORDS.get(name, ids.get(name)) for _, name in parameters(route)}
    assert None not in values.values(), f"tests/web/world.py makes no {values} for {route.path}"
    return reverse(route.name, kwargs=values)


def unknown(route: Route) -> dict[str, object]:
    return {name: uuid4() if kind == "uuid" else 10**9 for kind, name in parameters(route)}


def names_a_thing(route: Route) -> bool:
    return any(name not in WORDS for _, name in parameters(route))


def ask(user: User, route: Route, url: str) -> Any:
    return signed_in(user).generic(route.methods[0], url)


def scope(route: Route, world: World, who: str) -> Scope | None:
    if isinstance(route.who, Permission):
        return RULES[route.who].scope(Role(world.person(who).role))
    return Scope.ALL


@each_route
def test_who_is_not_signed_in_sees_the_sign_in_page_only(route: Route, acme: World) -> None:
    answer = Client().generic(route.methods[0], address(route, acme.ids))
    if route.who is Open.ANYBODY:
        assert answer.status_code in UNDERSTOOD | {404}
    else:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


@each_person
@each_route
def test_who_may_not_is_told_who_may(route: Route, who: str, acme: World) -> None:
    answer = ask(acme.person(who), route, address(route, acme.ids))
    if scope(route, acme, who) is None:
        assert answer.status_code == 403
        assert "may" in answer.content.decode()
    elif who not in OUTSIDERS:
        assert answer.status_code in UNDERSTOOD | {404}, answer.content[:500]


@each_person
@each_route
def test_what_belongs_to_another_account_is_not_found_as_if_it_did_not_exist(
    route: Route, who: str, acme: World, bharat: World
) -> None:
    if not names_a_thing(route) or scope(route, acme, who) is None:
        pytest.skip("names nothing, or is refused before anything is looked up")
    foreign = ask(acme.person(who), route, address(route, bharat.ids))
    nobodys = ask(acme.person(who), route, address(route, unknown(route)))
    assert (foreign.status_code, nobodys.status_code) == (404, 404)
    assert "Bharat" not in foreign.content.decode()


@each_person
@each_route
def test_only_what_must_be_confirmed_asks_who_one_is(route: Route, who: str, acme: World) -> None:
    person = acme.person(who)
    person.password = "stands for one that can be asked for"
    person.save(update_fields=["password"])
    for method in route.methods:
        answer = signed_in(person, proved=False).generic(method, address(route, acme.ids))
        needed, is_form = route.needs(method), route.is_form(method)
        must = (
            not is_form
            and isinstance(needed, Permission)
            and may(Actor.of(person), needed)
            and asks_confirmation(Actor.of(person), needed)
        )
        asked = answer.headers.get("Location", "").startswith("/accounts/reauthenticate/")
        assert asked is must, method


@each_route
def test_an_agent_finds_nothing_of_campaigns_of_others(route: Route, acme: World) -> None:
    if scope(route, acme, "esha") is not Scope.MEMBER or "campaign_id" not in route.path:
        pytest.skip("reaches further, or names no campaign")
    assert ask(acme.outsider, route, address(route, acme.ids)).status_code == 404


@each_route
def test_a_method_that_an_address_does_not_have_is_refused(route: Route, acme: World) -> None:
    client = signed_in(acme.book.admin)
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - set(route.methods):
        answer = client.generic(method, address(route, acme.ids))
        assert answer.status_code == 405, method
        assert answer["Allow"] == ", ".join(route.methods)


@each_route
def test_a_form_of_another_site_changes_nothing(route: Route, acme: World) -> None:
    if "POST" not in route.methods:
        pytest.skip("reads only")
    client = Client(enforce_csrf_checks=True)
    client.force_login(acme.book.admin)
    assert client.post(address(route, acme.ids)).status_code == 403


def test_every_name_and_address_is_there_once() -> None:
    for values in ([route.name for route in ROUTES], [route.path for route in ROUTES]):
        assert len(values) == len(set(values))
