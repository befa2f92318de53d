"""Which target is next: the rules of the claim, as `apps/calls/sql/define_claim.sql` has them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from autodialer.adapters.memory.tables import AttemptRow, CampaignRow, SessionRow
from autodialer.domain.campaign import CampaignStatus, PauseReason
from autodialer.domain.errors import InvariantError
from autodialer.domain.outcome import Reason
from autodialer.domain.session import Call, Claimed, EndReason, NoMore, NothingNow, Wait
from autodialer.domain.target import LIVE, TargetStatus
from autodialer.domain.window import may_ring, next_opening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from autodialer.adapters.memory.tables import Tables, TargetRow
    from autodialer.domain.dial_whom import SourceState
    from autodialer.domain.ids import AttemptId, SessionId
    from autodialer.domain.session import ClaimResult


def claim(
    tables: Tables, session_id: SessionId, attempt_id: AttemptId, now: datetime
) -> ClaimResult:
    """Insert an attempt for the next target that may be called at `now`, or say why not."""
    known = tables.attempts.get(attempt_id)
    if known is not None:
        return Claimed(known.call)
    session = tables.sessions.get(session_id)
    if session is None or session.end is not None:
        return NoMore(EndReason.AGENT_LEFT)
    if any(row.session_id == session_id for row in tables.live_attempts()):
        raise InvariantError(f"session {session_id} claimed a second live call")
    refusal = _why_not(tables, session, now)
    if refusal is not None:
        return refusal
    target = _pick(tables, session.campaign, now)
    if target is None:
        return _why_none(tables, session.campaign, now)
    if not _hold(tables, session, target, attempt_id, now):
        return NothingNow(Wait.PAUSED)
    return Claimed(_attempt(tables, session, target, attempt_id, now))


def _why_not(tables: Tables, session: SessionRow, now: datetime) -> NoMore | NothingNow | None:
    campaign = session.campaign
    if campaign.is_over or now >= campaign.ends_at or not tables.has_work_left(campaign, now):
        return NoMore(EndReason.CAMPAIGN_COMPLETED)
    if session.agent not in campaign.agents:
        return NoMore(EndReason.REMOVED_FROM_CAMPAIGN)
    if campaign.status is CampaignStatus.PAUSED:
        return NothingNow(Wait.PAUSED)
    if campaign.status is CampaignStatus.CREATED:
        return NothingNow(Wait.NOT_STARTED, campaign.starts_at)
    if not may_ring(campaign.window, now, campaign.ring_timeout):
        opening = next_opening(campaign.window, now, campaign.ring_timeout)
        return NothingNow(Wait.OUTSIDE_WINDOW, opening)
    return None


def _pick(tables: Tables, campaign: CampaignRow, now: datetime) -> TargetRow | None:
    """Return the first target that may be called; finish those on the DND list on the way."""
    in_a_call = {row.call.e164 for row in tables.live_attempts() if row.account == campaign.account}
    for target in in_order(campaign, now):
        if target.e164 in tables.dnd[campaign.account]:
            target.move(TargetStatus.FAILED_DND, Reason.DO_NOT_CALL)
        elif target.e164 not in in_a_call and not rests(tables, campaign, target, now):
            return target
    return None


def rests(tables: Tables, campaign: CampaignRow, target: TargetRow, now: datetime) -> bool:
    """Whether the number was called a moment ago, by whichever campaign of the account."""
    until = tables.rests_until(campaign.account, target.e164)
    return until is not None and now < until


def in_order(campaign: CampaignRow, now: datetime) -> Iterator[TargetRow]:
    """Yield what may be called now, busy numbers too: the list in order, then what is due."""
    targets = campaign.open_targets()
    yield from (target for target in targets if target.status is TargetStatus.SCHEDULED)
    due = [(t.due_at, t) for t in targets if t.due_at is not None and t.due_at <= now]
    yield from (target for _, target in sorted(due, key=lambda pair: pair[0]))


def _why_none(tables: Tables, campaign: CampaignRow, now: datetime) -> NoMore | NothingNow:
    waiting = list(in_order(campaign, now))
    ends = (tables.rests_until(campaign.account, target.e164) for target in waiting)
    rest_ends_at = min((at for at in ends if at is not None and at > now), default=None)
    has_source = campaign.source is not None and campaign.source.is_open
    if waiting and rest_ends_at is None:
        return NothingNow(Wait.NUMBERS_BUSY)
    if waiting and not has_source:
        return NothingNow(Wait.RECENTLY_CALLED, rest_ends_at)
    if campaign.source is not None and campaign.source.is_open:
        return _until_asked(campaign.source, now)
    dues = [target.due_at for target in campaign.open_targets() if target.due_at is not None]
    return NothingNow(Wait.RETRY_LATER, min(dues)) if dues else _of_the_last(tables, campaign, now)


def _of_the_last(tables: Tables, campaign: CampaignRow, now: datetime) -> NoMore | NothingNow:
    if any(target.status in LIVE for target in campaign.open_targets()):
        return NothingNow(Wait.NUMBERS_BUSY)
    late = tables.late_numbers_until(campaign, now)
    if late is not None:
        return NothingNow(Wait.SOURCE_SLOW, late)
    return NoMore(EndReason.CAMPAIGN_COMPLETED)


def _until_asked(source: SourceState, now: datetime) -> NothingNow:
    at = source.not_before
    return NothingNow(Wait.SOURCE_SLOW, at if at is not None and at > now else None)


def _hold(
    tables: Tables, session: SessionRow, target: TargetRow, attempt_id: AttemptId, now: datetime
) -> bool:
    """Reserve what the call may cost; if that cannot be, pause the campaign (R6)."""
    campaign, purse = session.campaign, tables.purses.get(session.campaign.account)
    if purse is None:
        return True
    rate = purse.price(target.e164)
    if rate is None:
        tables.move_campaign(campaign.campaign_id, CampaignStatus.PAUSED, PauseReason.NO_TARIFF)
        return False
    connected = max(now - session.ready_at, timedelta()) if session.ready_at else timedelta()
    rest = campaign.ring_timeout + campaign.max_talk + campaign.idle_limit
    more = purse.missing(session.session_id, connected + rest)
    if not purse.covers(rate.cost(campaign.max_talk) + more):
        target.move(TargetStatus.FAILED_BALANCE, Reason.LOW_BALANCE)
        tables.move_campaign(campaign.campaign_id, CampaignStatus.PAUSED, PauseReason.LOW_BALANCE)
        return False
    purse.hold(attempt_id, rate, campaign.max_talk)
    purse.extend(session.session_id, more)
    return True


def _attempt(
    tables: Tables, session: SessionRow, target: TargetRow, attempt_id: AttemptId, now: datetime
) -> Call:
    campaign = session.campaign
    first = target.status is TargetStatus.SCHEDULED
    target.move(TargetStatus.IN_PROGRESS if first else TargetStatus.RETRYING, "")
    target.tries += 1
    call = Call(
        attempt_id=attempt_id,
        target_id=target.target_id,
        campaign_id=campaign.campaign_id,
        e164=target.e164,
        caller_id=campaign.caller_id,
        tries=target.tries,
        policy=campaign.policy,
        ring_timeout=campaign.ring_timeout,
        max_talk=campaign.max_talk,
        placed_at=now,
        asks_details=bool(campaign.get_contacts_url),
        tells_ringing=bool(campaign.popup_url),
    )
    tables.add_attempt(AttemptRow(call, session.session_id, campaign.account, target))
    return call
