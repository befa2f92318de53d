"""Sending hints from a service: PostgreSQL delivers them when the transaction commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from autodialer.apps.hints import CHANNEL, SCREENS, encode, encode_changes
from autodialer.domain.ids import AccountId, CampaignId
from autodialer.ports.screens import Change, Shown
from autodialer.ports.store import CampaignMoved, PhonesChanged, RegistryGrew, SessionsQueued

if TYPE_CHECKING:
    from autodialer.ports.store import Hint


def hint_campaign(account_id: int, campaign_id: int) -> None:
    """Tell on commit that a campaign was paused, resumed, completed or got targets."""
    _tell_dialers(CampaignMoved(CampaignId(campaign_id)))
    tell_screens(account_id, Shown.CAMPAIGN, campaign_id)


def hint_sessions() -> None:
    """Tell on commit that a session waits to be taken or that a stop was asked for."""
    _tell_dialers(SessionsQueued())


def hint_registry() -> None:
    """Tell on commit that numbers were put on a do-not-call registry."""
    _tell_dialers(RegistryGrew())


def hint_phones(name: str | None = None) -> None:
    """Tell on commit that an agent's phone was added, removed, or got another secret.

    With its name no dialer reads all phones of the installation.
    """
    _tell_dialers(PhonesChanged(name))


def tell_screens(account_id: int, what: Shown, number: int | None = None) -> None:
    """Tell on commit that something which screens show has changed; without a number the account.

    Repeatable: of what is told twice in one transaction PostgreSQL delivers one.
    """
    change = Change(AccountId(account_id), what, account_id if number is None else number)
    for payload in encode_changes([change]):
        _notify(SCREENS, payload)


def _tell_dialers(hint: Hint) -> None:
    _notify(CHANNEL, encode(hint))


def _notify(channel: str, payload: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, payload])
