"""What an API key may be made for: each scope is a fixed set of permissions.

Some things no key may do, whatever its scopes: end a campaign that still calls, dial for oneself,
manage admins, supervisors, keys and settings, see secrets, book money.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.permissions import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class KeyScope(StrEnum):
    """The scopes of API keys, as they are written."""

    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    CONTACTS_EXPORT = "contacts:export"
    REPORTS_READ = "reports:read"
    RECORDINGS_READ = "recordings:read"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    AGENTS_MANAGE = "agents:manage"
    AGENTS_CONTROL = "agents:control"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ACCOUNT_READ = "account:read"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a scope is for, and the permissions that it gives, each for the whole account."""

    purpose: str
    permissions: frozenset[Permission]


_S = KeyScope
_P = Permission
_SEE_CAMPAIGNS: Final = frozenset({_P.LIST_CAMPAIGNS, _P.VIEW_CAMPAIGN, _P.VIEW_CALLS})
_SEE_CONTACTS: Final = frozenset({_P.VIEW_LIST, _P.VIEW_DND})
_SEE_AGENTS: Final = frozenset({_P.VIEW_PEOPLE, _P.WATCH_AGENTS})

GRANTS: Final[Mapping[KeyScope, Grant]] = MappingProxyType(
    {
        _S.CAMPAIGNS_READ: Grant("see campaigns, their counts and calls", _SEE_CAMPAIGNS),
        _S.CAMPAIGNS_WRITE: Grant(
            "make and steer campaigns, and see them",
            _SEE_CAMPAIGNS
            | {
                _P.CREATE_CAMPAIGN,
                _P.CLONE_CAMPAIGN,
                _P.EDIT_CAMPAIGN,
                _P.PAUSE_CAMPAIGN,
                _P.RESUME_CAMPAIGN,
                _P.COMPLETE_CAMPAIGN,
                _P.ARCHIVE_CAMPAIGN,
            },
        ),
        _S.CONTACTS_READ: Grant("see lists, contacts and the do-not-call registry", _SEE_CONTACTS),
        _S.CONTACTS_WRITE: Grant(
            "make, import, change and delete lists and contacts, and add to do-not-call",
            _SEE_CONTACTS | {_P.CREATE_LIST, _P.EDIT_LIST, _P.DELETE_LIST, _P.ADD_DND},
        ),
        _S.CONTACTS_EXPORT: Grant(
            "download lists and contacts", _SEE_CONTACTS | {_P.EXPORT_CONTACTS}
        ),
        _S.REPORTS_READ: Grant("download reports", _SEE_CAMPAIGNS | {_P.DOWNLOAD_REPORT}),
        _S.RECORDINGS_READ: Grant(
            "play and download recordings", _SEE_CAMPAIGNS | {_P.PLAY_RECORDING}
        ),
        _S.AGENTS_READ: Grant("see users, groups and devices, and what agents do", _SEE_AGENTS),
        _S.AGENTS_WRITE: Grant("make, change and delete groups", _SEE_AGENTS | {_P.EDIT_GROUPS}),
        # Apart, because it can move an agent's phone to another number.
        _S.AGENTS_MANAGE: Grant(
            "make and change agents and their devices", _SEE_AGENTS | {_P.MANAGE_AGENTS}
        ),
        _S.AGENTS_CONTROL: Grant(
            "start and stop agents",
            _SEE_AGENTS
            | {_P.LIST_CAMPAIGNS, _P.VIEW_CAMPAIGN, _P.START_OTHER_AGENT, _P.STOP_OTHER_AGENT},
        ),
        _S.WEBHOOKS_READ: Grant(
            "see webhooks and what was delivered", frozenset({_P.VIEW_WEBHOOKS})
        ),
        _S.WEBHOOKS_WRITE: Grant(
            "make, change and replay webhooks, without their secrets",
            frozenset({_P.VIEW_WEBHOOKS, _P.EDIT_WEBHOOKS, _P.REPLAY_WEBHOOKS}),
        ),
        _S.ACCOUNT_READ: Grant(
            "see the balance, the ledger, tariffs and caller ids",
            frozenset({_P.VIEW_BALANCE, _P.VIEW_CALLER_IDS}),
        ),
    }
)


def permissions_of(scopes: Iterable[str]) -> frozenset[Permission]:
    """Return all that these scopes give together; a scope that is no more gives nothing."""
    return _together(tuple(scopes))


@lru_cache(maxsize=1_000)  # asked at each request
def _together(scopes: tuple[str, ...]) -> frozenset[Permission]:
    known = (GRANTS[KeyScope(scope)] for scope in scopes if scope in set(KeyScope))
    return frozenset().union(*(grant.permissions for grant in known))


def scopes_with(permission: Permission) -> list[KeyScope]:
    """Return the scopes that give the permission, the narrowest one first."""
    found = [scope for scope, grant in GRANTS.items() if permission in grant.permissions]
    return sorted(found, key=lambda scope: len(GRANTS[scope].permissions))
