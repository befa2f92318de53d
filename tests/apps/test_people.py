"""Users, groups, devices and the account's settings: who may change what, and when it counts."""

from __future__ import annotations

import re
from datetime import time, timedelta
from uuid import UUID

import pytest
from django.db import connection

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Account, Role, User
from autodialer.apps.accounts.services import (
    LastAdminError,
    change_account,
    change_role,
    create_user,
    rename_user,
    set_user_active,
)
from autodialer.apps.agents import queries
from autodialer.apps.agents.models import AgentDevice, DeviceKind, Group
from autodialer.apps.agents.services import (
    DeviceInUseError,
    add_device,
    add_group_members,
    create_group,
    delete_group,
    remove_device,
    remove_group_members,
    rename_group,
    set_default_device,
    set_group_members,
)
from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.calls.models import Node, Session
from autodialer.apps.calls.services import start_session
from autodialer.apps.calls.start import CannotStartError
from autodialer.apps.contacts.numbers import NumberError
from autodialer.apps.contacts.services import add_dnd_numbers, delete_list
from autodialer.apps.statements import statement
from autodialer.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from tests.apps.test_campaigns import race
from tests.support.book import NOON, Book, desk_phone, make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def join(book: Book, name: str, role: Role, actor: Actor = OPERATOR) -> User:
    return create_user(
        account=book.account,
        email=f"{name.lower()}@new.example",
        name=name,
        role=role,
        now=NOON,
        actor=actor,
    )


@pytest.mark.parametrize("role", Role)
def test_an_admin_invites_anybody_a_supervisor_agents_an_agent_nobody(
    book: Book, role: Role
) -> None:
    assert join(book, "A", role, Actor.of(book.admin)).role == role
    if role is Role.AGENT:
        assert join(book, "B", role, Actor.of(book.supervisor)).role == role
    else:
        with pytest.raises(NotAllowedError):
            join(book, "B", role, Actor.of(book.supervisor))
    with pytest.raises(NotAllowedError):
        join(book, "C", role, Actor.of(book.agent))


def test_an_invited_user_has_no_password_that_works(book: Book) -> None:
    user = join(book, "Esha", Role.AGENT)
    assert not user.has_usable_password()
    assert not user.check_password("")


def test_a_supervisor_manages_agents_only(book: Book) -> None:
    asha = Actor.of(book.supervisor)
    set_user_active(account=book.account, now=NOON, user_id=book.agent.pk, active=False, actor=asha)
    for who in (book.admin, book.supervisor):
        with pytest.raises(NotAllowedError):
            set_user_active(
                account=book.account, now=NOON, user_id=who.pk, active=False, actor=asha
            )
        with pytest.raises(NotAllowedError):
            change_role(account=book.account, now=NOON, user_id=who.pk, role=Role.AGENT, actor=asha)
    with pytest.raises(NotAllowedError):
        change_role(
            account=book.account, now=NOON, user_id=book.agent.pk, role=Role.SUPERVISOR, actor=asha
        )
    with pytest.raises(NotAllowedError):
        rename_user(account=book.account, now=NOON, user_id=book.admin.pk, name="X", actor=asha)
    renamed = rename_user(
        account=book.account, now=NOON, user_id=book.supervisor.pk, name="A", actor=asha
    )
    assert renamed.name == "A"


def test_the_last_admin_can_be_neither_disabled_nor_demoted(book: Book) -> None:
    devi = Actor.of(book.admin)
    with pytest.raises(LastAdminError):
        set_user_active(
            account=book.account, now=NOON, user_id=book.admin.pk, active=False, actor=devi
        )
    second = join(book, "Esha", Role.ADMIN)
    set_user_active(account=book.account, now=NOON, user_id=second.pk, active=False, actor=devi)
    with pytest.raises(LastAdminError):
        change_role(
            account=book.account, now=NOON, user_id=book.admin.pk, role=Role.AGENT, actor=devi
        )
    set_user_active(account=book.account, now=NOON, user_id=second.pk, active=True, actor=devi)
    change_role(account=book.account, now=NOON, user_id=book.admin.pk, role=Role.AGENT, actor=devi)


def test_of_two_admins_who_leave_at_once_one_stays(live_database: str) -> None:
    book = make_book()
    second = join(book, "Esha", Role.ADMIN)

    def leave(who: User) -> None:
        set_user_active(
            account=book.account, now=NOON, user_id=who.pk, active=False, actor=Actor.of(who)
        )

    ends = race(lambda: leave(book.admin), lambda: leave(second))
    assert ends == ["done", "last_admin"]
    assert User.objects.filter(role=Role.ADMIN, is_active=True).count() == 1


def test_people_of_another_account_are_not_found(book: Book) -> None:
    theirs = make_book("Zenith")
    for act in (
        lambda: set_user_active(
            account=book.account, now=NOON, user_id=theirs.agent.pk, active=False
        ),
        lambda: change_role(
            account=book.account, now=NOON, user_id=theirs.agent.pk, role=Role.ADMIN
        ),
        lambda: add_group_members(
            account=book.account, now=NOON, group_id=book.group.pk, user_ids=[theirs.agent.pk]
        ),
        lambda: rename_group(account=book.account, now=NOON, group_id=theirs.group.pk, name="Ours"),
        lambda: delete_group(account=book.account, now=NOON, group_id=theirs.group.pk),
        lambda: remove_device(
            now=NOON, account=book.account, user_id=book.agent.pk, device_id=theirs.device.pk
        ),
    ):
        with pytest.raises(NotFoundError):
            act()


def test_agents_change_no_group(book: Book) -> None:
    bina = Actor.of(book.agent)
    with pytest.raises(NotAllowedError):
        create_group(account=book.account, name="Mine", now=NOON, actor=bina)
    with pytest.raises(NotAllowedError):
        remove_group_members(
            account=book.account,
            now=NOON,
            group_id=book.group.pk,
            user_ids=[book.agent.pk],
            actor=bina,
        )


def test_a_group_is_renamed_and_deleted_unless_a_campaign_was_made_for_it(book: Book) -> None:
    spare = create_group(account=book.account, name="Spare", now=NOON)
    with pytest.raises(ConflictError):
        rename_group(account=book.account, now=NOON, group_id=spare.pk, name="Sales")
    rename_group(account=book.account, now=NOON, group_id=spare.pk, name="Reserve")
    delete_group(account=book.account, now=NOON, group_id=spare.pk)
    book.campaign()
    with pytest.raises(ConflictError) as refused:
        delete_group(account=book.account, now=NOON, group_id=book.group.pk)
    assert "'Diwali'" in str(refused.value)
    assert [row.name for row in queries.group_rows(book.account)] == ["Sales"]


def test_two_who_set_the_members_at_once_leave_one_of_the_two_sets(live_database: str) -> None:
    book = make_book()
    sets = [[book.admin.pk, book.agent.pk], [book.supervisor.pk]]

    def put(ids: list[int]) -> None:
        set_group_members(account=book.account, now=NOON, group_id=book.group.pk, user_ids=ids)

    race(*[lambda ids=ids: put(ids) for ids in sets])
    members = Group.objects.get(pk=book.group.pk).members.values_list("pk", flat=True)
    assert sorted(members) in [sorted(ids) for ids in sets]


def driven_session(book: Book) -> UUID:
    """A session that a node drives."""
    started = start_session(
        account=book.account, campaign_id=book.campaign().pk, user_id=book.agent.pk, now=NOON
    )
    node = Node.objects.create(name="node", created_at=NOON)
    Session.objects.filter(pk=started.session_id).update(node=node, status="ready")
    return started.session_id


def stop_orders() -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement("calls", "stop_orders"), {"node_id": Node.objects.get().pk})
        return list(cursor.fetchall())


def test_who_is_removed_or_disabled_in_talk_is_released_after_the_call(book: Book) -> None:
    session_id = driven_session(book)
    assert stop_orders() == []
    remove_group_members(
        account=book.account, now=NOON, group_id=book.group.pk, user_ids=[book.agent.pk]
    )
    after_the_call = [(session_id, "removed_from_campaign", False)]
    assert stop_orders() == after_the_call
    add_group_members(
        account=book.account, now=NOON, group_id=book.group.pk, user_ids=[book.agent.pk]
    )
    assert stop_orders() == []
    set_user_active(account=book.account, now=NOON, user_id=book.agent.pk, active=False)
    assert stop_orders() == after_the_call


def test_a_newcomer_may_start_at_once(book: Book) -> None:
    campaign = book.campaign()
    esha = join(book, "Esha", Role.AGENT)
    desk_phone(book.account, esha)

    def start() -> None:
        start_session(account=book.account, campaign_id=campaign.pk, user_id=esha.pk, now=NOON)

    with pytest.raises(CannotStartError):
        start()
    add_group_members(account=book.account, now=NOON, group_id=book.group.pk, user_ids=[esha.pk])
    start()


def test_a_user_has_several_devices_and_one_default(book: Book) -> None:
    account, user_id = book.account, book.agent.pk
    phone = add_device(
        account=account, user_id=user_id, kind=DeviceKind.PHONE, address="98765 43210", now=NOON
    )
    browser = add_device(
        account=account, user_id=user_id, kind=DeviceKind.BROWSER, now=NOON, is_default=False
    )
    assert phone.address == "+919876543210"
    assert re.fullmatch("a[0-9a-f]{20}", browser.address)
    with pytest.raises(ConflictError):
        add_device(
            account=account, user_id=user_id, kind=DeviceKind.PHONE, address="09876543210", now=NOON
        )
    set_default_device(now=NOON, account=account, user_id=user_id, device_id=browser.pk)
    remove_device(now=NOON, account=account, user_id=user_id, device_id=browser.pk)
    rows = queries.device_rows(account, user_id)
    assert [(row.kind, row.is_default) for row in rows] == [("sip", True), ("phone", False)]


def test_one_phone_rings_for_one_agent_of_the_account(book: Book) -> None:
    theirs = make_book("Zenith")

    def add(whose: Book, user: User, number: str = "98765 43210") -> AgentDevice:
        return add_device(
            account=whose.account,
            user_id=user.pk,
            kind=DeviceKind.PHONE,
            address=number,
            now=NOON,
        )

    add(book, book.agent)
    with pytest.raises(DeviceInUseError, match="is the device of Bina: remove it there"):
        add(book, book.supervisor, "+919876543210")
    with pytest.raises(DeviceInUseError, match="Bina has this device already"):
        add(book, book.agent, "09876543210")
    # Who works for two accounts is called by both.
    assert add(theirs, theirs.agent).address == "+919876543210"


def test_of_two_agents_who_add_one_phone_at_once_one_has_it(live_database: str) -> None:
    book = make_book()

    def add(user: User) -> None:
        add_device(
            account=book.account,
            user_id=user.pk,
            kind=DeviceKind.PHONE,
            address="9876543210",
            now=NOON,
        )

    ends = race(lambda: add(book.agent), lambda: add(book.supervisor))
    assert ends == ["device_in_use", "done"]
    assert AgentDevice.objects.filter(kind="phone").count() == 1


def test_the_first_device_is_the_default_one_whatever_is_asked(book: Book) -> None:
    made = add_device(
        account=book.account,
        user_id=book.supervisor.pk,
        kind=DeviceKind.SIP,
        is_default=False,
        now=NOON,
    )
    assert made.is_default


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (DeviceKind.PHONE, "112"),
        (DeviceKind.PHONE, "911"),
        (DeviceKind.PHONE, "+1 900 555 0123"),
        (DeviceKind.PHONE, "1800 123 4567"),
        (DeviceKind.PHONE, "9876543210&PJSIP/900"),
        (DeviceKind.PHONE, "9876543210\0"),
        (DeviceKind.SIP, "900@trunk"),
        (DeviceKind.BROWSER, "bina"),
    ],
)
def test_what_must_not_be_dialled_is_no_device(book: Book, kind: DeviceKind, address: str) -> None:
    with pytest.raises((NumberError, InvalidInputError)):
        add_device(
            account=book.account, user_id=book.agent.pk, kind=kind, address=address, now=NOON
        )
    assert AgentDevice.objects.filter(user=book.agent).count() == 1


def test_agents_change_their_own_devices_only(book: Book) -> None:
    bina = Actor.of(book.agent)
    add_device(
        account=book.account, user_id=book.agent.pk, kind=DeviceKind.BROWSER, now=NOON, actor=bina
    )
    with pytest.raises(NotAllowedError):
        add_device(
            account=book.account,
            user_id=book.supervisor.pk,
            kind=DeviceKind.BROWSER,
            now=NOON,
            actor=bina,
        )


def test_the_gap_between_two_calls_to_a_number_is_up_to_an_hour_and_is_audited(book: Book) -> None:
    devi = Actor.of(book.admin)
    assert book.account.redial_gap_s == 60
    for wrong in (timedelta(seconds=-1), timedelta(seconds=3601)):
        with pytest.raises(InvalidInputError, match="0 to 3,600 seconds"):
            change_account(account=book.account, now=NOON, redial_gap=wrong, actor=devi)
    hour = timedelta(hours=1)
    change_account(account=book.account, now=NOON, redial_gap=hour, actor=devi)
    assert Account.objects.get(pk=book.account.pk).redial_gap_s == 3600
    entry = AuditEntry.objects.filter(action="account.change").latest("pk")
    assert (entry.before["redial_gap_s"], entry.after["redial_gap_s"]) == (60, 3600)


def test_the_window_of_an_account_is_narrowed_never_widened(book: Book) -> None:
    devi = Actor.of(book.admin)
    change_account(
        account=book.account,
        now=NOON,
        window_opens=time(10),
        window_closes=time(20),
        zone="Asia/Dubai",
        region="AE",
        actor=devi,
    )
    for wrong in (
        {"window_opens": time(8, 59)},
        {"window_closes": time(21, 1)},
        {"window_opens": time(20)},
        {"zone": "Mars/Base"},
        {"zone": "../../etc/passwd"},
        {"region": "XX"},
    ):
        with pytest.raises(InvalidInputError):
            change_account(account=book.account, now=NOON, actor=devi, **wrong)
    with pytest.raises(NotAllowedError):
        change_account(
            account=book.account, now=NOON, zone="Asia/Kolkata", actor=Actor.of(book.supervisor)
        )
    kept = Account.objects.get(pk=book.account.pk)
    assert (kept.zone, kept.region) == ("Asia/Dubai", "AE")
    assert (kept.window_opens, kept.window_closes) == (time(10), time(20))


def test_each_privileged_act_is_noted_once_with_what_it_changed(book: Book) -> None:
    before = AuditEntry.objects.count()
    asha = Actor.of(book.supervisor)
    set_user_active(account=book.account, user_id=book.agent.pk, active=False, now=NOON, actor=asha)
    set_group_members(
        account=book.account, group_id=book.group.pk, user_ids=[], now=NOON, actor=asha
    )
    add_dnd_numbers(account=book.account, numbers=["9876543210"], now=NOON, actor=asha)
    delete_list(account=book.account, list_id=book.list_id, now=NOON, actor=asha)
    noted = AuditEntry.objects.order_by("pk")[before:]
    assert [(entry.action, entry.who, entry.before, entry.after) for entry in noted] == [
        ("user.disable", "Asha", {"is_active": True}, {"is_active": False}),
        ("group.change_members", "Asha", {"members": [book.agent.pk]}, {"members": []}),
        ("dnd.add", "Asha", {}, {"count": 1, "numbers": ["+919876543210"]}),
        ("list.delete", "Asha", {"name": "Leads", "contacts": 3}, {}),
    ]
    with pytest.raises(NotAllowedError):
        change_account(account=book.account, zone="UTC", now=NOON, actor=asha)
    assert AuditEntry.objects.count() == before + 4


def test_an_import_is_noted_with_the_hash_of_its_file(book: Book) -> None:
    entry = AuditEntry.objects.get(action="list.import")
    assert (entry.after["name"], entry.after["contacts"]) == ("Leads", 3)
    assert len(entry.after["sha256"]) == 64
