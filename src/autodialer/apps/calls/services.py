"""Writes to sessions by people, Start and Stop, and what people take away of calls.

What follows a Start is written by the dialer, with the statements in `sql`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import structlog
from django.db import transaction

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import User
from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.queries import device as device_of
from autodialer.apps.agents.queries import device_at
from autodialer.apps.audit.queries import did
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.billing.services import (
    LowBalanceError,
    NoTariffError,
    hold_agent_leg,
    void_hold,
)
from autodialer.apps.calls.models import Attempt, Session, SessionStatus
from autodialer.apps.calls.queries import no_such_session
from autodialer.apps.calls.start import (
    CannotStartError,
    DoNotCallError,
    NotAnAgentError,
    check_device,
    check_rested,
    check_start,
)
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.campaigns.single import QUICK, new_single_call
from autodialer.apps.campaigns.tells import NOBODY_IS_TOLD
from autodialer.apps.contacts.batch import callable_number
from autodialer.apps.contacts.queries import is_forbidden
from autodialer.apps.events import hint_sessions, tell_screens
from autodialer.domain.errors import NotFoundError
from autodialer.domain.session import EndReason
from autodialer.ports.screens import Shown

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.agents.models import AgentDevice
    from autodialer.apps.campaigns.models import Campaign
    from autodialer.apps.campaigns.tells import Tells
    from autodialer.apps.campaigns.terms import Terms

log = structlog.get_logger()

# Pieces of one recording that are asked for in this time belong to one play.
PLAY_LASTS: Final = timedelta(minutes=10)


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
            raise _connected_already(user)
        return Started(live.pk, is_new=False)
    check_start(account, campaign, user, now)
    device = check_device(user, device_of(account, user.pk, device_id))
    return Started(_queue(campaign, user, device, actor, now).pk, is_new=True)


@transaction.atomic(durable=True)
def connect_call(
    *,
    account: Account,
    phone: str,
    number: str,
    caller_id: int,
    now: datetime,
    terms: Terms = QUICK,
    tells: Tells = NOBODY_IS_TOLD,
    actor: Actor = OPERATOR,
) -> UUID:
    """Queue one call: the agent whose phone this is first, then the number; return the session.

    `phone` is a telephone number or the name of a SIP account. Every rule of campaigns holds.
    Raises NotAnAgentError, NumberError, DoNotCallError, CannotStartError with the reason,
    InvalidInputError, NotFoundError, or NotAllowedError.
    """
    device = device_at(account, phone)
    if device is None:
        raise NotAnAgentError(
            "phone", f"{phone[:40]!r} is no phone of an agent of this account: add it as a device."
        )
    user = _locked_user(account, device.user_id)
    require(actor, _own_or(Permission.START_OTHER_AGENT, actor, user.pk))
    e164 = callable_number(account, number)
    if is_forbidden(account, e164):
        raise DoNotCallError(f"{e164} is on the do-not-call registry: it is not called.")
    if Session.objects.filter(user=user).exclude(status=SessionStatus.ENDED.value).exists():
        raise _connected_already(user)
    campaign = new_single_call(
        account=account,
        actor=actor,
        agent=user,
        e164=e164,
        caller_id=caller_id,
        terms=terms,
        tells=tells,
        now=now,
    )
    check_start(account, campaign, user, now)
    check_rested(account, e164, now)
    return _queue(campaign, user, check_device(user, device), actor, now).pk


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
        raise no_such_session()
    require(actor, _own_or(Permission.STOP_OTHER_AGENT, actor, locked.user_id))
    if locked.status == SessionStatus.ENDED:
        return
    _note_of_others(locked, actor, "stop", now)
    call = Attempt.objects.filter(session=locked, ended_at=None).first()
    attempt = str(call.pk) if call else None
    log.info("stop_asked", session=str(session_id), attempt=attempt, at_once=at_once)
    _tell_screens(locked)
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


@transaction.atomic(durable=True)
def download_report(
    *, account: Account, campaign_id: int, form: str, actor: Actor, now: datetime
) -> Campaign:
    """Note that somebody takes the report of a campaign away; return the campaign to write it of.

    Raises NotFoundError or NotAllowedError.
    """
    campaign = visible_campaign(account, actor, campaign_id, Permission.DOWNLOAD_REPORT)
    record(
        account=account,
        actor=actor,
        action="report.download",
        subject=Subject("campaign", campaign.pk),
        after={"format": form},
        now=now,
    )
    return campaign


@transaction.atomic(durable=True)
def play_recording(
    *, account: Account, call_id: UUID, actor: Actor, now: datetime, is_saved: bool = False
) -> str:
    """Note that somebody listens to a call, or saves it; return the file's name in its folder.

    A player that asks for it in pieces plays once: it is noted again after PLAY_LASTS. Raises
    NotFoundError, also when the call has no recording, or NotAllowedError.
    """
    call = Attempt.objects.filter(account=account, pk=call_id).first()
    if call is None:
        raise NotFoundError("There is no such call.")
    visible_campaign(account, actor, call.campaign_id, Permission.PLAY_RECORDING)
    if not call.recording or call.answered_at is None:
        raise NotFoundError("This call has no recording: nobody answered it.")
    action = "recording.download" if is_saved else "recording.play"
    if not did(account, actor, action, ("call", str(call.pk)), since=now - PLAY_LASTS):
        subject = Subject("call", call.pk)
        record(account=account, actor=actor, action=action, subject=subject, now=now)
    return call.recording


def _queue(
    campaign: Campaign, user: User, device: AgentDevice, actor: Actor, now: datetime
) -> Session:
    session = Session.objects.create(
        id=uuid4(),
        account=campaign.account,
        campaign=campaign,
        user=user,
        device=device,
        created_at=now,
    )
    if device.kind == DeviceKind.PHONE:
        _hold_agent_leg(campaign.account, session, device, now)
    _note_of_others(session, actor, "start", now)
    log.info("session_queued", session=str(session.pk))
    hint_sessions()
    _tell_screens(session)
    return session


def _connected_already(user: User) -> CannotStartError:
    return CannotStartError(
        "already_connected", f"{user.name} is connected in another campaign: stop there first."
    )


def _own_or(of_others: Permission, actor: Actor, user_id: int) -> Permission:
    """Return what it needs to start or stop this user."""
    return Permission.DIAL if _is(actor, user_id) else of_others


def _is(actor: Actor, user_id: int) -> bool:
    return actor.user is not None and actor.user.pk == user_id


def _note_of_others(session: Session, actor: Actor, verb: str, now: datetime) -> None:
    """Note that somebody started or stopped another one; one's own stand in the sessions."""
    if _is(actor, session.user_id):
        return
    record(
        account=session.account,
        actor=actor,
        action=f"session.{verb}",
        subject=Subject("session", session.pk),
        after={"agent": session.user_id, "campaign": session.campaign_id},
        now=now,
    )


def _tell_screens(session: Session) -> None:
    tell_screens(session.account_id, Shown.AGENT, session.user_id)
    tell_screens(session.account_id, Shown.CAMPAIGN, session.campaign_id)


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
