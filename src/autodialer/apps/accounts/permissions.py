"""Who may do what: the one table that services, pages, the API and docs/reference/roles.md follow.

How far a permission reaches (`Scope`) is kept by the queries that find the object: what somebody
may not see is "not found", as if it belonged to another account.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.models import Role
from autodialer.domain.errors import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import User


class Scope(StrEnum):
    """Of which things of the account somebody may do it."""

    ALL = "all"
    OWN = "own"  # made by oneself, or oneself
    MEMBER = "member"  # of campaigns in which one is an agent


class Permission(StrEnum):
    """Something that not everybody may do."""

    LIST_CAMPAIGNS = "list_campaigns"
    VIEW_CAMPAIGN = "view_campaign"
    CREATE_CAMPAIGN = "create_campaign"
    CLONE_CAMPAIGN = "clone_campaign"
    EDIT_CAMPAIGN = "edit_campaign"
    PAUSE_CAMPAIGN = "pause_campaign"
    RESUME_CAMPAIGN = "resume_campaign"
    COMPLETE_CAMPAIGN = "complete_campaign"
    COMPLETE_RUNNING_CAMPAIGN = "complete_running_campaign"
    ARCHIVE_CAMPAIGN = "archive_campaign"
    VIEW_CALLS = "view_calls"
    DOWNLOAD_REPORT = "download_report"
    PLAY_RECORDING = "play_recording"
    DIAL = "dial"
    START_OTHER_AGENT = "start_other_agent"
    STOP_OTHER_AGENT = "stop_other_agent"
    WATCH_AGENTS = "watch_agents"
    VIEW_CALLEE = "view_callee"
    CREATE_LIST = "create_list"
    VIEW_LIST = "view_list"
    EDIT_LIST = "edit_list"
    DELETE_LIST = "delete_list"
    EXPORT_CONTACTS = "export_contacts"
    VIEW_DND = "view_dnd"
    ADD_DND = "add_dnd"
    REMOVE_DND = "remove_dnd"
    VIEW_PEOPLE = "view_people"
    EDIT_GROUPS = "edit_groups"
    MANAGE_AGENTS = "manage_agents"
    MANAGE_MANAGERS = "manage_managers"
    CHANGE_ROLES = "change_roles"
    EDIT_OWN_PROFILE = "edit_own_profile"
    VIEW_CALLER_IDS = "view_caller_ids"
    EDIT_CALLER_IDS = "edit_caller_ids"
    MANAGE_SIP_SECRETS = "manage_sip_secrets"
    MANAGE_API_KEYS = "manage_api_keys"
    VIEW_WEBHOOKS = "view_webhooks"
    EDIT_WEBHOOKS = "edit_webhooks"
    SEE_WEBHOOK_SECRETS = "see_webhook_secrets"
    REPLAY_WEBHOOKS = "replay_webhooks"
    VIEW_BALANCE = "view_balance"
    BOOK_MONEY = "book_money"
    SET_TARIFFS = "set_tariffs"
    VIEW_AUDIT_LOG = "view_audit_log"
    VIEW_SETTINGS = "view_settings"
    CHANGE_SETTINGS = "change_settings"


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom a permission is given and how far it reaches; None: not given.

    `to_do` ends the sentence "Only an admin may ...". The operator may do everything. Who is in
    `confirmed` must have proved lately who they are: an open page may be somebody else's chance.
    """

    to_do: str
    admin: Scope | None = None
    supervisor: Scope | None = None
    agent: Scope | None = None
    confirmed: frozenset[Role] = frozenset()

    def scope(self, role: Role) -> Scope | None:
        """Return how far the permission reaches for this role."""
        scopes = {
            Role.ADMIN: self.admin,
            Role.SUPERVISOR: self.supervisor,
            Role.AGENT: self.agent,
        }
        return scopes[role]


_P = Permission
_ALL, _OWN, _MEMBER = Scope.ALL, Scope.OWN, Scope.MEMBER
_ADMIN, _EVERYBODY = frozenset({Role.ADMIN}), frozenset(Role)

# Permission: what it allows, then the scope of an admin, a supervisor and an agent, and who of them
# must have proved lately who they are.
RULES: Final[Mapping[Permission, Rule]] = MappingProxyType(
    {
        _P.LIST_CAMPAIGNS: Rule("list campaigns", _ALL, _ALL, _MEMBER),
        _P.VIEW_CAMPAIGN: Rule("see a campaign and its counts", _ALL, _ALL, _MEMBER),
        _P.CREATE_CAMPAIGN: Rule("create campaigns", _ALL, _ALL),
        _P.CLONE_CAMPAIGN: Rule("clone campaigns", _ALL, _ALL),
        _P.EDIT_CAMPAIGN: Rule("edit campaigns", _ALL, _ALL),
        _P.PAUSE_CAMPAIGN: Rule("pause campaigns", _ALL, _ALL),
        _P.RESUME_CAMPAIGN: Rule("resume campaigns", _ALL, _ALL),
        _P.COMPLETE_CAMPAIGN: Rule("complete paused campaigns", _ALL, _ALL),
        _P.COMPLETE_RUNNING_CAMPAIGN: Rule("complete campaigns in progress", _ALL),
        _P.ARCHIVE_CAMPAIGN: Rule("archive campaigns", _ALL, _ALL),
        _P.VIEW_CALLS: Rule("see the calls of a campaign", _ALL, _ALL),
        _P.DOWNLOAD_REPORT: Rule("download reports", _ALL, _ALL),
        _P.PLAY_RECORDING: Rule("play or download recordings", _ALL, _ALL),
        _P.DIAL: Rule("start and stop their own dialling", _MEMBER, _MEMBER, _MEMBER),
        _P.START_OTHER_AGENT: Rule("start another agent"),
        _P.STOP_OTHER_AGENT: Rule("stop another agent", _ALL, _ALL),
        _P.WATCH_AGENTS: Rule("see which agents are connected and what they do", _ALL, _ALL),
        _P.VIEW_CALLEE: Rule("see who is being called", _ALL, _ALL, _OWN),
        _P.CREATE_LIST: Rule("make and import lists and contacts", _ALL, _ALL, _ALL),
        _P.VIEW_LIST: Rule("see lists and contacts", _ALL, _ALL, _OWN),
        _P.EDIT_LIST: Rule("change lists and contacts", _ALL, _ALL, _OWN),
        _P.DELETE_LIST: Rule("delete lists and contacts", _ALL, _ALL, _OWN),
        _P.EXPORT_CONTACTS: Rule("export contacts", _ALL, _ALL, confirmed=_ADMIN),
        _P.VIEW_DND: Rule("see the do-not-call registry", _ALL, _ALL),
        _P.ADD_DND: Rule("add to the do-not-call registry", _ALL, _ALL),
        _P.REMOVE_DND: Rule("remove from the do-not-call registry", _ALL, confirmed=_ADMIN),
        _P.VIEW_PEOPLE: Rule("see users, their devices and groups", _ALL, _ALL),
        _P.EDIT_GROUPS: Rule("make, change and delete groups", _ALL, _ALL),
        _P.MANAGE_AGENTS: Rule(
            "invite, rename, enable and disable agents, and change their devices",
            _ALL,
            _ALL,
            confirmed=_EVERYBODY,
        ),
        _P.MANAGE_MANAGERS: Rule(
            "invite, rename, enable and disable admins and supervisors, and change their devices",
            _ALL,
            confirmed=_ADMIN,
        ),
        _P.CHANGE_ROLES: Rule("change the role of a user", _ALL, confirmed=_ADMIN),
        _P.EDIT_OWN_PROFILE: Rule(
            "change their own name, password and devices", _OWN, _OWN, _OWN, confirmed=_EVERYBODY
        ),
        _P.VIEW_CALLER_IDS: Rule("see caller ids", _ALL, _ALL),
        _P.EDIT_CALLER_IDS: Rule("add, verify and withdraw caller ids", _ALL, confirmed=_ADMIN),
        _P.MANAGE_SIP_SECRETS: Rule("see and renew SIP secrets", _ALL, confirmed=_ADMIN),
        _P.MANAGE_API_KEYS: Rule("make and revoke API keys", _ALL, confirmed=_ADMIN),
        _P.VIEW_WEBHOOKS: Rule("see webhooks and what was delivered", _ALL, _ALL),
        _P.EDIT_WEBHOOKS: Rule("make and change webhooks", _ALL),
        _P.SEE_WEBHOOK_SECRETS: Rule("see and renew webhook secrets", _ALL, confirmed=_ADMIN),
        _P.REPLAY_WEBHOOKS: Rule("send webhooks again, and tests", _ALL, _ALL),
        _P.VIEW_BALANCE: Rule("see the balance, the ledger and tariffs", _ALL, _ALL),
        _P.BOOK_MONEY: Rule("choose the payment mode, and book top-ups and corrections"),
        _P.SET_TARIFFS: Rule("change tariffs"),
        _P.VIEW_AUDIT_LOG: Rule("see the audit log", _ALL),
        _P.VIEW_SETTINGS: Rule("see the settings of the account", _ALL, _ALL),
        _P.CHANGE_SETTINGS: Rule("change the settings of the account", _ALL, confirmed=_ADMIN),
    }
)


def scope_of(actor: Actor, permission: Permission) -> Scope | None:
    """Return how far the actor may go in this; None: not at all."""
    if actor.granted is not None:
        return Scope.ALL if permission in actor.granted else None
    return Scope.ALL if actor.is_operator else RULES[permission].scope(actor.role)


def may(actor: Actor, permission: Permission) -> bool:
    """Return whether the actor may do this at least to some things."""
    return scope_of(actor, permission) is not None


def require(actor: Actor, permission: Permission) -> Scope:
    """Return how far the actor may go in this. Raises NotAllowedError, naming who may."""
    scope = scope_of(actor, permission)
    if scope is None:
        raise refusal(actor, permission)
    return scope


def asks_confirmation(actor: Actor, permission: Permission) -> bool:
    """Return whether the actor must have proved lately who they are to do this in the pages."""
    return actor.role in RULES[permission].confirmed


def refusal(actor: Actor, permission: Permission) -> NotAllowedError:
    """Return the error for an actor who is not given the permission."""
    if actor.granted is not None:
        return NotAllowedError(f"This API key may not {RULES[permission].to_do}.")
    return NotAllowedError(f"Only {who_may(permission)} may {RULES[permission].to_do}.")


def require_manager_of(actor: Actor, role: Role) -> None:
    """Raise NotAllowedError unless the actor may manage users of this role."""
    require(actor, _P.MANAGE_AGENTS if role is Role.AGENT else _P.MANAGE_MANAGERS)


def require_profile(actor: Actor, user: User) -> None:
    """Raise NotAllowedError unless the actor may change this user: oneself, or as a manager."""
    if actor.user == user:
        require(actor, _P.EDIT_OWN_PROFILE)
    else:
        require_manager_of(actor, Role(user.role))


def who_may(permission: Permission) -> str:
    """Return who is given the permission, as a sentence names them."""
    named = {Role.ADMIN: "an admin", Role.SUPERVISOR: "a supervisor", Role.AGENT: "an agent"}
    given = [name for role, name in named.items() if RULES[permission].scope(role) is not None]
    return " or ".join(given) or "the operator of this installation"
