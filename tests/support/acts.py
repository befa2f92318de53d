"""How to do once each act that somebody is told to have done: the services with an `actor`.

Each prepares what it needs as the operator, then acts as `actor` with one call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from autodialer.apps.accounts import services as accounts
from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Role, User
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.agents import services as agents
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.billing import services as billing
from autodialer.apps.calls import services as calls
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.campaigns import services as campaigns
from autodialer.apps.campaigns.models import Target
from autodialer.apps.campaigns.queries import plan_of
from autodialer.apps.campaigns.tells import Tells
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts import services as contacts
from autodialer.apps.contacts.batch import NewContact
from autodialer.apps.contacts.export import export_list
from autodialer.apps.contacts.person import Person
from autodialer.apps.exports import services as exports
from autodialer.apps.exports.models import Export
from autodialer.apps.imports import services as imports
from autodialer.apps.keys import services as keys
from autodialer.apps.webhooks import services as webhooks
from autodialer.apps.webhooks.models import Endpoint
from autodialer.domain.exports import Takeaway
from autodialer.domain.money import PaymentMode, Rate
from tests.support.book import NOON, Book, csv_of, desk_phone
from tests.support.outbox import endpoint

LATER: Final = Terms(starts_at=NOON + timedelta(hours=1))
_P = Permission


@dataclass(frozen=True, slots=True)
class Act:
    """What it needs, what the audit log calls it, and how it is done."""

    permission: Permission
    action: str
    do: Callable[[Book, Actor], object]


def _steer(verb: str) -> Callable[[Book, Actor], object]:
    def act(book: Book, actor: Actor) -> object:
        service = getattr(campaigns, f"{verb}_campaign")
        campaign_id = book.campaign(terms=LATER if verb in {"archive"} else None).pk
        if verb in {"resume", "complete"}:
            campaigns.pause_campaign(
                account=book.account, campaign_id=campaign_id, actor=OPERATOR, now=NOON
            )
        return service(account=book.account, campaign_id=campaign_id, actor=actor, now=NOON)

    return act


def _edit_campaign(book: Book, actor: Actor) -> object:
    campaign = book.campaign(terms=LATER)
    return campaigns.edit_campaign(
        account=book.account,
        campaign_id=campaign.pk,
        actor=actor,
        plan=plan_of(campaign),
        now=NOON,
    )


def _create_campaign(book: Book, actor: Actor) -> object:
    return campaigns.create_campaign(
        account=book.account,
        actor=actor,
        name="Onam",
        list_id=book.list_id,
        group_id=book.group.pk,
        caller_id=book.caller_id.pk,
        now=NOON,
    )


def _own_list(book: Book, actor: Actor) -> int:
    return contacts.create_list(account=book.account, name="Own", now=NOON, actor=actor).pk


def _own_contact(book: Book, actor: Actor) -> int:
    return contacts.create_contact(
        account=book.account, number="9876543210", now=NOON, actor=actor
    ).pk


def _add_to_list(book: Book, actor: Actor) -> object:
    return contacts.add_to_list(
        account=book.account,
        list_id=_own_list(book, actor),
        contact_ids=[_own_contact(book, actor)],
        now=NOON,
        actor=actor,
    )


def _remove_from_list(book: Book, actor: Actor) -> object:
    return contacts.remove_from_list(
        account=book.account,
        list_id=_own_list(book, actor),
        contact_ids=[],
        now=NOON,
        actor=actor,
    )


def _remove_dnd(book: Book, actor: Actor) -> object:
    contacts.add_dnd_numbers(account=book.account, numbers=["9876543210"], now=NOON)
    return contacts.remove_dnd_numbers(
        account=book.account, numbers=["9876543210"], now=NOON, actor=actor
    )


def _queue_import(book: Book, actor: Actor) -> object:
    made = imports.queue_import(
        account=book.account,
        actor=actor,
        name="More",
        file_name="more.csv",
        data=csv_of(2),
        now=NOON,
    )
    imports.run_import(import_id=made, clock=lambda: NOON)
    return made


def _device(change: str) -> Callable[[Book, Actor], object]:
    def act(book: Book, actor: Actor) -> object:
        service = getattr(agents, change)
        return service(
            account=book.account,
            user_id=book.agent.pk,
            device_id=book.device.pk,
            now=NOON,
            actor=actor,
        )

    return act


def _members(change: str) -> Callable[[Book, Actor], object]:
    def act(book: Book, actor: Actor) -> object:
        service = getattr(agents, f"{change}_group_members")
        return service(
            account=book.account,
            group_id=book.group.pk,
            user_ids=[book.supervisor.pk],
            now=NOON,
            actor=actor,
        )

    return act


def _ask_export(book: Book, actor: Actor) -> int:
    return exports.ask_export(
        account=book.account, what=Takeaway.LIST, subject_id=book.list_id, actor=actor, now=NOON
    )


def _take_export(book: Book, actor: Actor) -> object:
    asked = _ask_export(book, OPERATOR)
    Export.objects.filter(pk=asked).update(file="w.xlsx", size=1, finished_at=NOON)
    return exports.take_export(account=book.account, export_id=asked, actor=actor, now=NOON)


def _spare(book: Book, role: Role) -> User:
    """Somebody else of that role, who is an agent of the group."""
    made = accounts.create_user(
        account=book.account, email="esha@x.example", name="Esha", role=role, now=NOON
    )
    desk_phone(book.account, made)
    agents.add_group_members(
        account=book.account, group_id=book.group.pk, user_ids=[made.pk], now=NOON
    )
    return made


def _move_phone(book: Book, actor: Actor) -> object:
    user = actor.user or book.agent
    made = agents.add_device(
        account=book.account,
        user_id=user.pk,
        kind=DeviceKind.PHONE,
        address="9812345678",
        now=NOON,
    )
    return agents.move_phone(
        account=book.account,
        user_id=user.pk,
        device_id=made.pk,
        number="9812345679",
        now=NOON,
        actor=actor,
    )


def _connect(book: Book, actor: Actor) -> object:
    other = book.admin if actor.user == book.agent else book.agent
    device = book.device if other == book.agent else desk_phone(book.account, other)
    return calls.connect_call(
        account=book.account,
        phone=device.address,
        number="9876543210",
        caller_id=book.caller_id.pk,
        now=NOON,
        actor=actor,
    )


def _start(book: Book, actor: Actor) -> UUID:
    return calls.start_session(
        account=book.account,
        campaign_id=book.campaign().pk,
        user_id=_spare(book, Role.AGENT).pk,
        now=NOON,
        actor=actor,
    ).session_id


def _stop(book: Book, actor: Actor) -> object:
    session_id = _start(book, OPERATOR)
    return calls.stop_session(account=book.account, session_id=session_id, now=NOON, actor=actor)


def answered_call(book: Book) -> Attempt:
    """A call of a spare agent that was answered, recorded and has ended."""
    session = Session.objects.get(pk=_start(book, OPERATOR))
    target = Target.objects.filter(campaign=session.campaign).order_by("seq")[0]
    node, _ = Node.objects.get_or_create(name="node", defaults={"created_at": NOON})
    call_id = uuid4()
    return Attempt.objects.create(
        id=call_id,
        account=book.account,
        campaign=session.campaign,
        target=target,
        session=session,
        user=session.user,
        node=node,
        e164=target.e164,
        caller_id=book.caller_id.e164,
        try_no=1,
        state="ended",
        status="completed",
        placed_at=NOON,
        answered_at=NOON,
        ended_at=NOON + timedelta(seconds=9),
        recording=f"{call_id}.wav",
    )


def _spare_group(book: Book) -> int:
    return agents.create_group(account=book.account, name="Spare", now=NOON).pk


def _metered(book: Book) -> None:
    billing.set_payment_mode(
        account=book.account, mode=PaymentMode.PREPAID, actor=OPERATOR, now=NOON
    )


def _book_money(name: str) -> Callable[[Book, Actor], object]:
    def act(book: Book, actor: Actor) -> object:
        _metered(book)
        service = getattr(billing, name)
        return service(account=book.account, amount=100, reference="1", actor=actor, now=NOON)

    return act


def _remove_tariff(book: Book, actor: Actor) -> object:
    rates = {"+91": Rate(60, 1, 60, 1)}
    billing.set_tariffs(account=book.account, rates=rates, actor=OPERATOR, now=NOON)
    return billing.remove_tariff(account=book.account, prefix="+91", actor=actor, now=NOON)


def _endpoint(name: str) -> Callable[[Book, Actor], object]:
    def act(book: Book, actor: Actor) -> object:
        service, made = getattr(webhooks, name), endpoint(book)
        if name == "enable_endpoint":
            Endpoint.objects.update(disabled_reason="gone", disabled_at=NOON)
        return service(account=book.account, actor=actor, endpoint_id=made.pk, now=NOON)

    return act


def _replay_delivery(book: Book, actor: Actor) -> object:
    sent = webhooks.send_test(
        account=book.account, actor=OPERATOR, endpoint_id=endpoint(book).pk, now=NOON
    )
    return webhooks.replay_delivery(
        account=book.account, actor=actor, delivery_id=sent.pk, now=NOON
    )


def _create_key(book: Book, actor: Actor) -> keys.NewKey:
    return keys.create_key(
        account=book.account, actor=actor, name="CRM", scopes=["campaigns:read"], now=NOON
    )


def _revoke_key(book: Book, actor: Actor) -> object:
    made = _create_key(book, OPERATOR)
    return keys.revoke_key(account=book.account, actor=actor, key_id=made.id, now=NOON)


ACTS: Final[dict[str, Act]] = {
    "accounts.change_account": Act(
        _P.CHANGE_SETTINGS,
        "account.change",
        lambda b, a: accounts.change_account(account=b.account, zone="UTC", now=NOON, actor=a),
    ),
    "accounts.create_user": Act(
        _P.MANAGE_AGENTS,
        "user.create",
        lambda b, a: accounts.create_user(
            account=b.account, email="e@x.example", name="E", role=Role.AGENT, now=NOON, actor=a
        ),
    ),
    "accounts.rename_user": Act(
        _P.MANAGE_MANAGERS,
        "user.rename",
        lambda b, a: accounts.rename_user(
            account=b.account, user_id=_spare(b, Role.SUPERVISOR).pk, name="New", now=NOON, actor=a
        ),
    ),
    "accounts.set_password": Act(
        _P.MANAGE_AGENTS,
        "user.set_password",
        lambda b, a: accounts.set_password(
            account=b.account,
            user_id=_spare(b, Role.AGENT).pk,
            password="correct horse battery",
            now=NOON,
            actor=a,
        ),
    ),
    "accounts.set_user_active": Act(
        _P.MANAGE_AGENTS,
        "user.disable",
        lambda b, a: accounts.set_user_active(
            account=b.account, user_id=b.agent.pk, active=False, now=NOON, actor=a
        ),
    ),
    "accounts.change_role": Act(
        _P.CHANGE_ROLES,
        "user.change_role",
        lambda b, a: accounts.change_role(
            account=b.account, user_id=b.agent.pk, role=Role.SUPERVISOR, now=NOON, actor=a
        ),
    ),
    "agents.create_group": Act(
        _P.EDIT_GROUPS,
        "group.create",
        lambda b, a: agents.create_group(account=b.account, name="New", now=NOON, actor=a),
    ),
    "agents.edit_group": Act(
        _P.EDIT_GROUPS,
        "group.edit",
        lambda b, a: agents.edit_group(
            account=b.account, group_id=b.group.pk, name="New", user_ids=[], now=NOON, actor=a
        ),
    ),
    "agents.rename_group": Act(
        _P.EDIT_GROUPS,
        "group.rename",
        lambda b, a: agents.rename_group(
            account=b.account, group_id=b.group.pk, name="New", now=NOON, actor=a
        ),
    ),
    "agents.delete_group": Act(
        _P.EDIT_GROUPS,
        "group.delete",
        lambda b, a: agents.delete_group(
            account=b.account, group_id=_spare_group(b), now=NOON, actor=a
        ),
    ),
    "agents.add_group_members": Act(_P.EDIT_GROUPS, "group.change_members", _members("add")),
    "agents.remove_group_members": Act(_P.EDIT_GROUPS, "group.change_members", _members("remove")),
    "agents.set_group_members": Act(_P.EDIT_GROUPS, "group.change_members", _members("set")),
    "agents.add_device": Act(
        _P.EDIT_OWN_PROFILE,
        "device.add",
        lambda b, a: agents.add_device(
            account=b.account,
            user_id=(a.user or b.agent).pk,
            kind=DeviceKind.BROWSER,
            now=NOON,
            actor=a,
        ),
    ),
    "agents.set_default_device": Act(
        _P.EDIT_OWN_PROFILE, "device.default", _device("set_default_device")
    ),
    "agents.move_phone": Act(_P.EDIT_OWN_PROFILE, "device.move", _move_phone),
    "agents.remove_device": Act(_P.EDIT_OWN_PROFILE, "device.remove", _device("remove_device")),
    "agents.issue_phone_secret": Act(
        _P.MANAGE_SIP_SECRETS, "device.new_secret", _device("issue_phone_secret")
    ),
    "contacts.create_list": Act(_P.CREATE_LIST, "list.create", _own_list),
    "contacts.rename_list": Act(
        _P.EDIT_LIST,
        "list.rename",
        lambda b, a: contacts.rename_list(
            account=b.account, list_id=_own_list(b, a), name="New", now=NOON, actor=a
        ),
    ),
    "contacts.delete_list": Act(
        _P.DELETE_LIST,
        "list.delete",
        lambda b, a: contacts.delete_list(
            account=b.account, list_id=_own_list(b, a), now=NOON, actor=a
        ),
    ),
    "contacts.export_list": Act(
        _P.EXPORT_CONTACTS,
        "list.export",
        lambda b, a: export_list(b.account, a, b.list_id, NOON),
    ),
    "contacts.add_to_list": Act(_P.EDIT_LIST, "list.add", _add_to_list),
    "contacts.remove_from_list": Act(_P.EDIT_LIST, "list.remove", _remove_from_list),
    "contacts.create_contact": Act(_P.CREATE_LIST, "contact.create", _own_contact),
    "contacts.add_contacts": Act(
        _P.CREATE_LIST,
        "contact.add",
        lambda b, a: contacts.add_contacts(
            account=b.account, contacts=[NewContact("9876543210")], now=NOON, actor=a
        ),
    ),
    "contacts.edit_contact": Act(
        _P.EDIT_LIST,
        "contact.edit",
        lambda b, a: contacts.edit_contact(
            account=b.account,
            contact_id=_own_contact(b, a),
            person=Person(company="Acme"),
            now=NOON,
            actor=a,
        ),
    ),
    "contacts.delete_contacts": Act(
        _P.DELETE_LIST,
        "contact.delete",
        lambda b, a: contacts.delete_contacts(
            account=b.account, contact_ids=[_own_contact(b, a)], now=NOON, actor=a
        ),
    ),
    "contacts.add_dnd_numbers": Act(
        _P.ADD_DND,
        "dnd.add",
        lambda b, a: contacts.add_dnd_numbers(
            account=b.account, numbers=["9876543210"], now=NOON, actor=a
        ),
    ),
    "contacts.add_dnd_lines": Act(
        _P.ADD_DND,
        "dnd.add",
        lambda b, a: contacts.add_dnd_lines(
            account=b.account, text="9876543210", now=NOON, actor=a
        ),
    ),
    "contacts.remove_dnd_numbers": Act(_P.REMOVE_DND, "dnd.remove", _remove_dnd),
    "imports.queue_import": Act(_P.CREATE_LIST, "list.import", _queue_import),
    "imports.import_dnd": Act(
        _P.ADD_DND,
        "dnd.add",
        lambda b, a: imports.import_dnd(account=b.account, data=csv_of(2), now=NOON, actor=a),
    ),
    "campaigns.add_caller_id": Act(
        _P.EDIT_CALLER_IDS,
        "caller_id.add",
        lambda b, a: campaigns.add_caller_id(
            account=b.account, actor=a, number="08045678902", now=NOON
        ),
    ),
    "campaigns.unverify_caller_id": Act(
        _P.EDIT_CALLER_IDS,
        "caller_id.unverify",
        lambda b, a: campaigns.unverify_caller_id(
            account=b.account, actor=a, caller_id=b.caller_id.pk, now=NOON
        ),
    ),
    "campaigns.create_campaign": Act(_P.CREATE_CAMPAIGN, "campaign.create", _create_campaign),
    "campaigns.change_tells": Act(
        _P.EDIT_CAMPAIGN,
        "campaign.callbacks",
        lambda b, a: campaigns.change_tells(
            account=b.account,
            campaign_id=b.campaign().pk,
            actor=a,
            tells=Tells(call_url="https://crm.example/calls"),
            now=NOON,
        ),
    ),
    "campaigns.clone_campaign": Act(_P.CLONE_CAMPAIGN, "campaign.clone", _steer("clone")),
    "campaigns.edit_campaign": Act(_P.EDIT_CAMPAIGN, "campaign.edit", _edit_campaign),
    "campaigns.pause_campaign": Act(_P.PAUSE_CAMPAIGN, "campaign.pause", _steer("pause")),
    "campaigns.resume_campaign": Act(_P.RESUME_CAMPAIGN, "campaign.resume", _steer("resume")),
    "campaigns.complete_campaign": Act(
        _P.COMPLETE_CAMPAIGN, "campaign.complete", _steer("complete")
    ),
    "campaigns.archive_campaign": Act(_P.ARCHIVE_CAMPAIGN, "campaign.archive", _steer("archive")),
    **{
        f"webhooks.{name}": Act(permission, f"webhook.{action}", _endpoint(name))
        for name, permission, action in (
            ("change_endpoint", _P.EDIT_WEBHOOKS, "change"),
            ("enable_endpoint", _P.EDIT_WEBHOOKS, "enable"),
            ("disable_endpoint", _P.EDIT_WEBHOOKS, "disable"),
            ("delete_endpoint", _P.EDIT_WEBHOOKS, "delete"),
            ("rotate_secret", _P.SEE_WEBHOOK_SECRETS, "rotate_secret"),
            ("show_secret", _P.SEE_WEBHOOK_SECRETS, "show_secret"),
            ("send_test", _P.REPLAY_WEBHOOKS, "test"),
        )
    },
    "webhooks.add_endpoint": Act(
        _P.EDIT_WEBHOOKS,
        "webhook.add",
        lambda b, a: webhooks.add_endpoint(
            account=b.account, actor=a, url="https://crm.example.com/in", now=NOON
        ),
    ),
    "webhooks.show_url_secret": Act(
        _P.SEE_WEBHOOK_SECRETS,
        "webhook.show_url_secret",
        lambda b, a: webhooks.show_url_secret(account=b.account, actor=a, now=NOON),
    ),
    "webhooks.replay_delivery": Act(_P.REPLAY_WEBHOOKS, "webhook.replay", _replay_delivery),
    "webhooks.replay_failed": Act(
        _P.REPLAY_WEBHOOKS,
        "webhook.replay",
        lambda b, a: webhooks.replay_failed(
            account=b.account, actor=a, endpoint_id=endpoint(b).pk, since=NOON, now=NOON
        ),
    ),
    "calls.start_session": Act(_P.START_OTHER_AGENT, "session.start", _start),
    "calls.connect_call": Act(_P.START_OTHER_AGENT, "session.start", _connect),
    "calls.stop_session": Act(_P.STOP_OTHER_AGENT, "session.stop", _stop),
    "calls.download_report": Act(
        _P.DOWNLOAD_REPORT,
        "report.download",
        lambda b, a: calls.download_report(
            account=b.account, campaign_id=b.campaign().pk, form="csv", actor=a, now=NOON
        ),
    ),
    "exports.ask_export": Act(_P.EXPORT_CONTACTS, "export.ask", _ask_export),
    "exports.take_export": Act(_P.EXPORT_CONTACTS, "list.export", _take_export),
    "calls.play_recording": Act(
        _P.PLAY_RECORDING,
        "recording.play",
        lambda b, a: calls.play_recording(
            account=b.account, call_id=answered_call(b).pk, actor=a, now=NOON
        ),
    ),
    "billing.set_payment_mode": Act(
        _P.BOOK_MONEY,
        "balance.mode",
        lambda b, a: billing.set_payment_mode(
            account=b.account, mode=PaymentMode.POSTPAID, actor=a, now=NOON
        ),
    ),
    "billing.top_up": Act(_P.BOOK_MONEY, "balance.top-up", _book_money("top_up")),
    "billing.adjust": Act(_P.BOOK_MONEY, "balance.adjustment", _book_money("adjust")),
    "billing.set_tariffs": Act(
        _P.SET_TARIFFS,
        "tariff.set",
        lambda b, a: billing.set_tariffs(
            account=b.account, rates={"+91": Rate(60, 1, 60, 1)}, actor=a, now=NOON
        ),
    ),
    "billing.remove_tariff": Act(_P.SET_TARIFFS, "tariff.remove", _remove_tariff),
    "keys.create_key": Act(_P.MANAGE_API_KEYS, "api_key.create", _create_key),
    "keys.revoke_key": Act(_P.MANAGE_API_KEYS, "api_key.revoke", _revoke_key),
}
