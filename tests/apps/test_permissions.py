"""Who may do what: the table, the guards, and that no service forgets to ask."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final

import pytest
from tools.sources import python_sources

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Role, User
from autodialer.apps.accounts.permissions import (
    RULES,
    Permission,
    Scope,
    asks_confirmation,
    may,
    require,
    scope_of,
    who_may,
)
from autodialer.apps.agents.services import remove_group_members, set_group_members
from autodialer.apps.calls.models import Session
from autodialer.apps.calls.services import start_session, stop_session
from autodialer.apps.calls.start import CannotStartError
from autodialer.apps.campaigns import queries
from autodialer.apps.campaigns.access import visible_campaign, visible_campaigns
from autodialer.apps.campaigns.services import create_campaign, pause_campaign
from autodialer.domain.errors import NotAllowedError, NotFoundError
from tests.support.acts import ACTS
from tests.support.book import NOON, Book, desk_phone, make_book
from tests.support.services import needed, told_who_acts

# The matrix as the product was asked for: admin, supervisor, agent.
# a: all things, o: one's own, m: of campaigns in which one is an agent, -: not at all;
# and s: after another proof of who one is.
MATRIX: Final = """
list_campaigns              a a m
view_campaign               a a m
create_campaign             a a -
clone_campaign              a a -
edit_campaign               a a -
pause_campaign              a a -
resume_campaign             a a -
complete_campaign           a a -
complete_running_campaign   a - -
archive_campaign            a a -
view_calls                  a a -
download_report             a a -
play_recording              a a -
dial                        m m m
start_other_agent           - - -
stop_other_agent            a a -
watch_agents                a a -
view_callee                 a a o
create_list                 a a a
view_list                   a a o
edit_list                   a a o
delete_list                 a a o
export_contacts             as a -
view_dnd                    a a -
add_dnd                     a a -
remove_dnd                  as - -
view_people                 a a -
edit_groups                 a a -
manage_agents               as as -
manage_managers             as - -
change_roles                as - -
edit_own_profile            os os os
view_caller_ids             a a -
edit_caller_ids             as - -
manage_sip_secrets          as - -
manage_api_keys             as - -
view_webhooks               a a -
edit_webhooks               a - -
see_webhook_secrets         as - -
replay_webhooks             a a -
view_balance                a a -
book_money                  - - -
set_tariffs                 - - -
view_audit_log              a - -
view_settings               a a -
change_settings             as - -
"""
SCOPES: Final = {"a": Scope.ALL, "o": Scope.OWN, "m": Scope.MEMBER, "-": None}
ROLES: Final = (Role.ADMIN, Role.SUPERVISOR, Role.AGENT)
CELLS: Final = [
    (Permission(name), role, SCOPES[cell[0]], cell.endswith("s"))
    for name, *cells in map(str.split, MATRIX.strip().splitlines())
    for role, cell in zip(ROLES, cells, strict=True)
]


@pytest.mark.parametrize(("permission", "role", "scope", "confirmed"), CELLS)
def test_the_table_is_the_matrix_that_was_asked_for(
    permission: Permission, role: Role, scope: Scope | None, *, confirmed: bool
) -> None:
    actor = Actor("somebody", role)
    assert (scope is not None and asks_confirmation(actor, permission)) is confirmed
    assert scope_of(actor, permission) is scope
    assert may(actor, permission) is (scope is not None)
    if scope is None:
        with pytest.raises(NotAllowedError, match=RULES[permission].to_do):
            require(actor, permission)
    else:
        assert require(actor, permission) is scope


def test_the_matrix_and_the_table_hold_every_permission() -> None:
    assert {permission for permission, *_ in CELLS} == set(Permission) == set(RULES)


@pytest.mark.parametrize("permission", Permission)
def test_the_operator_may_do_everything(permission: Permission) -> None:
    assert require(OPERATOR, permission) is Scope.ALL


def test_a_refusal_names_who_may() -> None:
    agent = Actor("Bina", Role.AGENT)
    for permission, who in (
        (Permission.PAUSE_CAMPAIGN, "an admin or a supervisor may pause campaigns"),
        (Permission.CHANGE_SETTINGS, "an admin may change the settings"),
        (Permission.BOOK_MONEY, "the operator of this installation may choose"),
    ):
        with pytest.raises(NotAllowedError, match=who):
            require(agent, permission)


# Campaigns that an actor may see -----------------------------------------------------------------


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def test_an_agent_sees_the_campaigns_of_their_groups_and_those_they_are_picked_for(
    book: Book,
) -> None:
    of_group = book.campaign()
    picked = create_campaign(
        account=book.account,
        actor=OPERATOR,
        name="Holi",
        list_id=book.list_id,
        agent_ids=[book.agent.pk],
        caller_id=book.caller_id.pk,
        now=NOON,
    )
    of_others = create_campaign(
        account=book.account,
        actor=OPERATOR,
        name="Onam",
        list_id=book.list_id,
        agent_ids=[book.supervisor.pk],
        caller_id=book.caller_id.pk,
        now=NOON,
    )
    bina, asha = Actor.of(book.agent), Actor.of(book.supervisor)
    assert {row.id for row in queries.campaign_rows(book.account, bina)} == {of_group.pk, picked.pk}
    assert len(queries.campaign_rows(book.account, asha)) == 3
    as_agent = queries.campaign_rows(book.account, asha, as_agent=True)
    assert [row.id for row in as_agent] == [of_others.pk]
    with pytest.raises(NotFoundError):
        queries.campaign_row(book.account, of_others.pk, bina)


def test_who_left_the_group_does_not_find_the_campaign_any_more(book: Book) -> None:
    campaign, bina = book.campaign(), Actor.of(book.agent)
    assert visible_campaign(book.account, bina, campaign.pk) == campaign
    remove_group_members(
        account=book.account, group_id=book.group.pk, user_ids=[book.agent.pk], now=NOON
    )
    with pytest.raises(NotFoundError):
        visible_campaign(book.account, bina, campaign.pk)
    with pytest.raises(NotFoundError):
        pause_campaign(account=book.account, campaign_id=campaign.pk, actor=bina, now=NOON)


def test_an_agent_of_the_campaign_is_told_who_may_what_they_may_not(book: Book) -> None:
    campaign, bina = book.campaign(), Actor.of(book.agent)
    with pytest.raises(NotAllowedError, match="may see the calls"):
        visible_campaign(book.account, bina, campaign.pk, Permission.VIEW_CALLS)
    with pytest.raises(NotAllowedError):
        pause_campaign(account=book.account, campaign_id=campaign.pk, actor=bina, now=NOON)


@pytest.mark.parametrize("who", ["admin", "supervisor", "agent"])
def test_a_campaign_of_another_account_is_found_by_nobody(book: Book, who: str) -> None:
    theirs = make_book("Zenith").campaign()
    actor = Actor.of(getattr(book, who))
    for permission in (Permission.VIEW_CAMPAIGN, Permission.PAUSE_CAMPAIGN):
        with pytest.raises(NotFoundError):
            visible_campaign(book.account, actor, theirs.pk, permission)
    assert not visible_campaigns(book.account, actor).filter(pk=theirs.pk).exists()


# Start and Stop ----------------------------------------------------------------------------------


def start(book: Book, campaign_id: int, user_id: int, actor: Actor) -> Session:
    started = start_session(
        account=book.account, campaign_id=campaign_id, user_id=user_id, actor=actor, now=NOON
    )
    return Session.objects.get(pk=started.session_id)


def test_everybody_starts_themselves_and_nobody_but_the_operator_others(book: Book) -> None:
    campaign = book.campaign()
    for who in (book.admin, book.supervisor):
        with pytest.raises(NotAllowedError, match="start another agent"):
            start(book, campaign.pk, book.agent.pk, Actor.of(who))
    assert start(book, campaign.pk, book.agent.pk, Actor.of(book.agent)).user == book.agent
    assert start(book, campaign.pk, book.agent.pk, OPERATOR).user == book.agent


def test_a_supervisor_starts_as_an_agent_only_where_they_take_part(book: Book) -> None:
    campaign, asha = book.campaign(), book.supervisor
    desk_phone(book.account, asha)
    with pytest.raises(CannotStartError) as refused:
        start(book, campaign.pk, asha.pk, Actor.of(asha))
    assert refused.value.code == "not_in_campaign"
    set_group_members(account=book.account, group_id=book.group.pk, user_ids=[asha.pk], now=NOON)
    assert start(book, campaign.pk, asha.pk, Actor.of(asha)).user == asha


def test_a_campaign_of_others_is_not_there_for_an_agent_who_would_start(book: Book) -> None:
    campaign = book.campaign()
    set_group_members(
        account=book.account, group_id=book.group.pk, user_ids=[book.admin.pk], now=NOON
    )
    with pytest.raises(NotFoundError):
        start(book, campaign.pk, book.agent.pk, Actor.of(book.agent))


def test_a_supervisor_stops_an_agent_and_an_agent_only_themselves(book: Book) -> None:
    campaign = book.campaign()
    set_group_members(
        account=book.account,
        group_id=book.group.pk,
        user_ids=[book.agent.pk, book.supervisor.pk],
        now=NOON,
    )
    desk_phone(book.account, book.supervisor)
    bina, asha = Actor.of(book.agent), Actor.of(book.supervisor)
    of_asha = start(book, campaign.pk, book.supervisor.pk, asha)
    with pytest.raises(NotAllowedError, match="stop another agent"):
        stop_session(account=book.account, session_id=of_asha.pk, now=NOON, actor=bina)
    for actor in (bina, asha):
        session = start(book, campaign.pk, book.agent.pk, bina)
        stop_session(account=book.account, session_id=session.pk, now=NOON, actor=actor)
        session.refresh_from_db()
        assert session.status == "ended"


WALK: Final = [(service, role) for service in ACTS for role in ROLES]


@pytest.mark.parametrize(("service", "role"), WALK)
def test_each_service_lets_act_whom_the_table_lets(book: Book, service: str, role: Role) -> None:
    act, actor = ACTS[service], Actor.of(User.objects.get(account=book.account, role=role.value))
    if scope_of(actor, act.permission) is not None:
        act.do(book, actor)
        return
    with pytest.raises(NotAllowedError, match=who_may(act.permission)):
        act.do(book, actor)


# No service forgets to ask -----------------------------------------------------------------------

# What asks the table, directly or before it returns what may be seen.
GUARDS: Final = {
    "list_row",
    "require",
    "require_manager_of",
    "require_profile",
    "visible_campaign",
    "visible_campaigns",
    "visible_contacts",
    "visible_lists",
}
ASK_ELSEWHERE: Final = {
    "audit.record": "part of its caller's transaction, which has asked",
    "accounts.new_account": "the operator's, and once the first admin's, who has the link",
    "accounts.make_first_admin": "whoever has the link, once: there is nobody else yet",
    "campaigns.audit": "part of its caller's transaction, which has asked",
    "campaigns.note_change": "part of its caller's transaction, which has asked",
    "contacts.insert_dnd": "part of its caller's transaction, which has asked",
    "campaigns.pause_restored": "part of restoring a backup, which only the operator does",
}


def careless(app: str, module: ast.Module, told: Collection[str] = ("actor",)) -> Iterator[str]:
    """Yield the public functions so told that never come to a guard, by their calls."""
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    for name, function in functions.items():
        arguments = {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}
        if (
            arguments.issuperset(told)
            and not name.startswith("_")
            and not asks(function, functions)
        ):
            yield f"{app}.{name}"


def asks(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> bool:
    """Whether the function calls a guard, or one of its module that does."""
    rest = {name: other for name, other in functions.items() if other is not function}
    called = {
        node.func.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return bool(called & GUARDS) or any(asks(rest[name], rest) for name in called & rest.keys())


def test_every_service_that_is_told_who_acts_asks_whether_they_may() -> None:
    found = {
        name
        for source in python_sources("src/autodialer/apps")
        for name in careless(source.path.parent.name, source.tree, needed(source.path.stem))
    }
    assert found == set(ASK_ELSEWHERE)


@pytest.mark.parametrize(
    ("text", "is_careless"),
    [
        ("def f(*, actor): write()", True),
        ("def f(*, actor): _g(actor)\ndef _g(actor): f(actor)", True),
        ("def f(*, actor): require(actor, P)", False),
        ("def f(*, actor): _g(actor)\ndef _g(actor): require(actor, P)", False),
        ("def _f(*, actor): write()", False),
        ("def f(*, now): write()", False),
    ],
)
def test_a_service_that_does_not_ask_is_seen(text: str, is_careless: bool) -> None:
    assert list(careless("app", ast.parse(text))) == (["app.f"] if is_careless else [])


def anonymous(module: ast.Module, services: Collection[str]) -> Iterator[int]:
    """Yield the lines that call one of these services without saying who acts."""
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=keywords):
                named = {keyword.arg for keyword in keywords}
                # What `**values` holds cannot be seen here: the actor is named.
                if name in services and "account" in named and "actor" not in named:
                    yield node.lineno
            case _:
                continue


def test_no_page_acts_as_the_operator_by_saying_nobody() -> None:
    services = {service.partition(".")[2] for service in told_who_acts()}
    assert [
        f"{source.path}:{line}"
        for source in python_sources("src/autodialer/web", "src/autodialer/api")
        for line in anonymous(source.tree, services)
    ] == []


@pytest.mark.parametrize(
    ("call", "is_anonymous"),
    [
        ("pause_campaign(account=a, campaign_id=1, now=n)", True),
        ("services.pause_campaign(account=a, **values)", True),
        ("pause_campaign(account=a, campaign_id=1, actor=request.actor, now=n)", False),
        ("other(account=a)", False),
    ],
)
def test_a_call_that_does_not_say_who_acts_is_seen(call: str, is_anonymous: bool) -> None:
    assert bool(list(anonymous(ast.parse(call), {"pause_campaign"}))) is is_anonymous
