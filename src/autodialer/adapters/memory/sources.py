"""What customers' URLs are asked by the memory store, and what an answer of theirs changes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from autodialer.adapters.memory import claims
from autodialer.adapters.memory.tables import TargetRow
from autodialer.domain.campaign import CampaignStatus, PauseReason
from autodialer.domain.dial_whom import (
    NumberRequest,
    SourceTrouble,
    after_end,
    after_failure,
    after_numbers,
)
from autodialer.domain.ids import TargetId
from autodialer.domain.session import NothingNow, Wait
from autodialer.domain.window import may_ring
from autodialer.ports.details import DetailsRequest

if TYPE_CHECKING:
    from datetime import datetime

    from autodialer.adapters.memory.tables import CampaignRow, SessionRow, Tables
    from autodialer.domain.dial_whom import Given, SourceState
    from autodialer.domain.ids import AttemptId
    from autodialer.domain.session import ClaimResult
    from autodialer.ports.numbers import Ask
    from autodialer.ports.store import NextClaim

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def claim(tables: Tables, wanted: NextClaim, ask: Ask | None = None) -> ClaimResult:
    """Claim; who finds nothing is told what the URL may be asked at once, and `ask` before it."""
    result = claims.claim(tables, wanted.session_id, wanted.attempt_id, wanted.now)
    if not isinstance(result, NothingNow) or result.why is not Wait.SOURCE_SLOW:
        return result
    session = tables.sessions[wanted.session_id]
    if not needs_number(tables, session, wanted.now):
        return result
    asks = request(session, wanted.now)
    if ask is not None:
        ask(asks)
    return replace(result, asks=asks)


def needs_number(tables: Tables, session: SessionRow, now: datetime) -> bool:
    """Return whether the URL may be asked now for this session, which has no live call."""
    campaign = session.campaign
    return (
        campaign.source is not None
        and campaign.source.may_be_asked(now)
        and session.ready_at is not None
        and session.stop is None
        and campaign.status is CampaignStatus.IN_PROGRESS
        and now < campaign.ends_at
        and may_ring(campaign.window, now, campaign.ring_timeout)
        and all(
            claims.rests(tables, campaign, target, now) for target in claims.in_order(campaign, now)
        )
    )


def request(session: SessionRow, now: datetime) -> NumberRequest:
    """Return what is asked for a waiting agent."""
    campaign = session.campaign
    return NumberRequest(
        session_id=session.session_id,
        campaign_id=campaign.campaign_id,
        url="",
        agent=session.agent,
        caller_id=campaign.caller_id,
        asked_at=now,
        account_id=campaign.account,
        agent_address=session.agent,
        agent_email="",
        zone=str(campaign.window.zone),
        region="",
        started_at=session.queued_at,
        ready_at=session.ready_at or session.queued_at,
    )


def details_request(tables: Tables, attempt_id: AttemptId) -> DetailsRequest | None:
    """Return what a Get Contacts URL is asked about a call; None without such a URL."""
    attempt = tables.attempts[attempt_id]
    session = tables.sessions[attempt.session_id]
    if not session.campaign.get_contacts_url:
        return None
    return DetailsRequest(
        attempt_id=attempt_id,
        campaign_id=session.campaign.campaign_id,
        account_id=session.campaign.account,
        url=session.campaign.get_contacts_url,
        e164=attempt.call.e164,
        agent_address=session.agent,
    )


def take_answer(tables: Tables, asked: NumberRequest, answer: Given, now: datetime) -> None:
    """Add the numbers of an answer and judge the source by it."""
    campaign = tables.campaigns[asked.campaign_id]
    if campaign.source is None:
        return
    campaign.source = _heard(tables, campaign, campaign.source, asked, answer, now)
    if campaign.source.has_failed and campaign.status is CampaignStatus.IN_PROGRESS:
        tables.move_campaign(
            campaign.campaign_id, CampaignStatus.PAUSED, PauseReason.DIAL_WHOM_FAILED
        )


def _heard(  # noqa: PLR0917  what an answer is judged by
    tables: Tables,
    campaign: CampaignRow,
    source: SourceState,
    asked: NumberRequest,
    answer: Given,
    now: datetime,
) -> SourceState:
    if campaign.is_over or answer == ():
        return after_end(source, now)
    if isinstance(answer, SourceTrouble):
        return after_failure(source, answer, asked.asked_at, now)
    numbers = dict.fromkeys(raw for raw in answer if _E164.fullmatch(raw))
    if not numbers:
        return after_failure(source, SourceTrouble.NOTHING_TO_DIAL, asked.asked_at, now)
    known = {target.e164: target for target in campaign.targets}
    fresh = [e164 for e164 in numbers if e164 not in known]
    unfinished = sum(not known[e164].is_finished for e164 in numbers if e164 in known)
    for e164 in fresh:
        campaign.add(TargetRow(TargetId(tables.new_id()), e164))
    return after_numbers(
        source, fresh=len(fresh), unfinished=unfinished, asked_at=asked.asked_at, now=now
    )
