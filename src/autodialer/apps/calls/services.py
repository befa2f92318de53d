"""Writes to sessions by people: Start and Stop.

What follows a Start is written by the dialer, with the statements in `sql`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import transaction

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import User
from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.queries import device as device_of
from autodialer.apps.billing.services import (
    LowBalanceError,
    NoTariffError,
    hold_agent_leg,
    void_hold,
)
from autodialer.apps.calls.models import Session, SessionStatus
from autodialer.apps.calls.start import CannotStartError, check_start
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.events import hint_sessions
from autodialer.domain.errors import NotFoundError
from autodialer.domain.session import EndReason

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.agents.models import AgentDevice


@dataclass(frozen=True, slots=True)
class Started:
    """The agent's live session; `is_new` is False when it was there already (R17)."""

    session_id: UUID
    is_new: bool


@transaction.atomic(durable=True)
def start_session(
    *,
    account: Account,
    campaign_id: int,
    user_id: int,
    now: datetime,
    device_id: int | None = None,
    actor: Actor = OPERATOR,
) -> Started:
    """Queue a session: a dialer calls the agent first, then the list. Repeatable (R17).

    Everybody starts themselves. Raises CannotStartError with the reason, NotAllowedError, or
    NotFoundError.
    """
    campaign = visible_campaign(
        account, actor, campaign_id, _own_or(Permission.START_OTHER_AGENT, actor, user_id)
    )
    user = _locked_user(account, user_id)
    live = Session.objects.filter(user=user).exclude(status=SessionStatus.ENDED.value).first()
    if live is not None:
        if live.campaign_id != campaign.pk:
            raise CannotStartError(
                "already_connected",
                f"{user.name} is connected in another campaign: stop there first.",
            )
        return Started(live.pk, is_new=False)
    check_start(account, campaign, user, now)
    device = _device(account, user, device_id)
    session = Session.objects.create(
        id=uuid4(),
        account=account,
        campaign=campaign,
        user=user,
        device=device,
        created_at=now,
    )
    if device.kind == DeviceKind.PHONE:
        _hold_agent_leg(account, session, device, now)
    hint_sessions()
    return Started(session.pk, is_new=True)


@transaction.atomic(durable=True)
def stop_session(
    *,
    account: Account,
    session_id: UUID,
    now: datetime,
    at_once: bool = False,
    actor: Actor = OPERATOR,
) -> None:
    """Ask that a session ends: after the present call, or `at_once`, cutting it. Repeatable.

    One that no dialer has taken ends here. Raises NotFoundError, or NotAllowedError for an agent
    who would stop another one.
    """
    sessions = Session.objects.filter(account=account, pk=session_id)
    locked = sessions.select_for_update(no_key=True).first()
    if locked is None:
        raise NotFoundError("There is no such session: see `autodialer session list`.")
    require(actor, _own_or(Permission.STOP_OTHER_AGENT, actor, locked.user_id))
    if locked.status == SessionStatus.ENDED:
        return
    if locked.status == SessionStatus.QUEUED:
        sessions.update(
            status=SessionStatus.ENDED.value, end_reason=EndReason.STOPPED.value, ended_at=now
        )
        void_hold(leg=session_id, now=now)
        return
    sessions.update(
        stop_reason=EndReason.STOPPED.value, stop_at_once=at_once or locked.stop_at_once
    )
    hint_sessions()


def _own_or(of_others: Permission, actor: Actor, user_id: int) -> Permission:
    """Return what it needs to start or stop this user."""
    own = actor.user is not None and actor.user.pk == user_id
    return Permission.DIAL if own else of_others


def _locked_user(account: Account, user_id: int) -> User:
    """Return the user, locked until commit: of two Starts at once the second finds the first."""
    users = User.objects.select_for_update(no_key=True)
    user = users.filter(account=account, pk=user_id).first()
    if user is None:
        raise NotFoundError(f"There is no user {user_id}: see `autodialer user list`.")
    return user


def _hold_agent_leg(account: Account, session: Session, device: AgentDevice, now: datetime) -> None:
    """Reserve the agent's leg for the longest wait before a first call, which reserves on."""
    try:
        hold_agent_leg(
            account=account,
            session_id=session.pk,
            e164=device.address,
            longest=timedelta(seconds=session.campaign.idle_limit_s),
            now=now,
        )
    except (LowBalanceError, NoTariffError) as error:
        raise CannotStartError(error.code, str(error)) from error


def _device(account: Account, user: User, device_id: int | None) -> AgentDevice:
    device = device_of(account, user.pk, device_id)
    if device is None:
        raise CannotStartError(
            "no_device", f"{user.name} has no phone to be called on: add a device first."
        )
    return device
