"""`ports.store.Store` over plain dicts, with faults to order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from autodialer.adapters.memory import nodes, sources, trunk
from autodialer.adapters.memory.nodes import end_hold
from autodialer.adapters.memory.tables import SessionRow, Tables
from autodialer.domain import outcome
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.errors import InvariantError
from autodialer.domain.nodes import DEFAULT_CAPACITY
from autodialer.domain.outcome import Reason
from autodialer.domain.retry import TargetMove
from autodialer.domain.session import EndReason
from autodialer.domain.target import TargetStatus
from autodialer.ports.details import DetailsRequest
from autodialer.ports.store import (
    Lease,
    LeaseHeld,
    LeaseLostError,
    NextClaim,
    OtherNode,
    SessionOrder,
    StopOrder,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from autodialer.adapters.memory.tables import NodeRow
    from autodialer.domain.contact_details import ContactDetails
    from autodialer.domain.dial_whom import Given, NumberRequest
    from autodialer.domain.ids import AttemptId, SessionId
    from autodialer.domain.nodes import LostCall
    from autodialer.domain.pacing import Limits, Use
    from autodialer.domain.recovery import StoredSession
    from autodialer.domain.session import ClaimResult, FinishCall
    from autodialer.ports.numbers import Ask
    from autodialer.ports.phones import Phone
    from autodialer.ports.store import Hint

T = TypeVar("T")


class Fault(StrEnum):
    """What goes wrong with one request."""

    NONE = "none"
    NOT_REACHED = "not_reached"  # nothing was changed
    REPLY_LOST = "reply_lost"  # committed, but the caller cannot know


@dataclass(frozen=True, slots=True)
class Weather:
    """How one request fares: its way there, its way back, and what breaks."""

    there_s: float = 0.0
    back_s: float = 0.0
    fault: Fault = Fault.NONE


def _fair(_request: str) -> Weather:
    return _FAIR


_FAIR: Final = Weather()
_NONE: Final = timedelta()


class MemoryStore:
    """Keeps everything in `tables`; `weather` is asked how each request fares.

    `breaches` says which requests a database's constraints would have refused.
    """

    def __init__(
        self, tables: Tables | None = None, weather: Callable[[str], Weather] = _fair
    ) -> None:
        self.tables = tables or Tables()
        self.weather = weather
        self.breaches: list[str] = []
        self._listeners: list[asyncio.Queue[Hint]] = []

    async def acquire_lease(
        self,
        node: str,
        holder: str,
        now: datetime,
        ttl: timedelta,
        *,
        capacity: int = DEFAULT_CAPACITY,
        make: bool = True,
    ) -> Lease | LeaseHeld:
        """See `ports.store.Store`."""

        def acquire() -> Lease | LeaseHeld:
            row = self.tables.node(node, make=make)
            return nodes.acquire(row, holder, now, ttl, capacity)

        return await self._transact("acquire_lease", acquire)

    async def renew_lease(
        self, lease: Lease, now: datetime, ttl: timedelta, use: Use | None = None
    ) -> Limits | None:
        """See `ports.store.Store`."""

        def renew() -> Limits | None:
            node = self._fenced(lease)
            trunk.note(node, now + ttl, use)
            return None if use is None else trunk.settle(self.tables, node, now)

        return await self._transact("renew_lease", renew)

    async def release_lease(self, lease: Lease, now: datetime) -> None:
        """See `ports.store.Store`."""

        def release() -> None:
            node = self._fenced(lease)
            node.holder, node.until = None, now

        await self._transact("release_lease", release)

    async def switch_instance(self, lease: Lease) -> str:
        """See `ports.store.Store`."""
        return await self._transact("switch_instance", lambda: self._fenced(lease).switch)

    async def remember_switch(self, lease: Lease, instance: str, sip_url: str) -> None:
        """See `ports.store.Store`."""
        _ = sip_url

        def remember() -> None:
            self._fenced(lease).switch = instance

        await self._transact("remember_switch", remember)

    async def note_trunk(self, lease: Lease, silent_since: datetime | None) -> None:
        """See `ports.store.Store`."""

        def note() -> None:
            self._fenced(lease).trunk_silent_since = silent_since

        await self._transact("note_trunk", note)

    async def phones(self, names: Collection[str] | None = None) -> Sequence[Phone]:
        """See `ports.store.Store`."""

        def read() -> list[Phone]:
            known = sorted(self.tables.phones, key=_name)
            return [phone for phone in known if names is None or phone.name in names]

        return await self._transact("phones", read)

    async def note_phones(
        self,
        lease: Lease,
        registered: Collection[str],
        now: datetime,
        arrived: Collection[str] = (),
    ) -> None:
        """See `ports.store.Store`."""

        def note() -> None:
            node = self._fenced(lease)
            nodes.note_phones(self.tables, node, registered, now, arrived)

        await self._transact("note_phones", note)

    async def take_sessions(
        self, lease: Lease, limit: int, now: datetime
    ) -> Sequence[SessionOrder]:
        """See `ports.store.Store`."""

        def take() -> Sequence[SessionOrder]:
            return nodes.take(self.tables, self._fenced(lease), limit, now)

        return await self._transact("take_sessions", take)

    async def mark_ready(self, lease: Lease, session_id: SessionId, at: datetime) -> None:
        """See `ports.store.Store`."""

        def mark() -> None:
            self._fenced(lease)
            session = self.tables.sessions[session_id]
            session.ready_at = session.ready_at or at

        await self._transact("mark_ready", mark)

    async def claim(
        self, lease: Lease, session_id: SessionId, attempt_id: AttemptId, now: datetime
    ) -> ClaimResult:
        """See `ports.store.Store`."""

        def claim() -> ClaimResult:
            self._fenced(lease)
            return sources.claim(self.tables, NextClaim(session_id, attempt_id, now))

        return await self._transact("claim", claim)

    async def note_ringing(self, lease: Lease, rang: Mapping[AttemptId, datetime]) -> None:
        """See `ports.store.Store`."""

        def note() -> None:
            self._fenced(lease)
            for attempt_id, at in rang.items():
                attempt = self.tables.attempts[attempt_id]
                if attempt.result is None and attempt.answered_at is None:
                    attempt.rang_at = attempt.rang_at or max(at, attempt.call.placed_at)

        await self._transact("note_ringing", note)

    async def mark_answered(self, lease: Lease, attempt_id: AttemptId, at: datetime) -> None:
        """See `ports.store.Store`."""

        def mark() -> None:
            self._fenced(lease)
            attempt = self.tables.attempts[attempt_id]
            if attempt.result is None:
                attempt.answered_at = attempt.answered_at or max(at, attempt.call.placed_at)

        await self._transact("mark_answered", mark)

    async def finish(
        self, lease: Lease, finish: FinishCall, claim: NextClaim | None, ask: Ask | None = None
    ) -> ClaimResult | None:
        """See `ports.store.Store`."""

        def end() -> ClaimResult | None:
            self._fenced(lease)
            _finish(self.tables, finish)
            return None if claim is None else sources.claim(self.tables, claim, ask)

        return await self._transact("finish", end)

    async def end_session(
        self, lease: Lease, session_id: SessionId, reason: EndReason, at: datetime
    ) -> None:
        """See `ports.store.Store`."""

        def end() -> None:
            self._fenced(lease)
            if any(row.session_id == session_id for row in self.tables.live_attempts()):
                raise InvariantError(f"session {session_id} ends with a live call")
            session = self.tables.sessions[session_id]
            session.end = session.end or reason
            session.ended_at = session.ended_at or at
            ready_at = session.ready_at
            end_hold(self.tables, session, max(at - ready_at, _NONE) if ready_at else None)

        await self._transact("end_session", end)

    async def live_sessions(self, lease: Lease) -> Sequence[StoredSession]:
        """See `ports.store.Store`."""

        def read() -> Sequence[StoredSession]:
            calls = {row.session_id: row for row in self.tables.live_attempts()}
            return [
                nodes.stored(row, calls.get(row.session_id)) for row in self._sessions_of(lease)
            ]

        return await self._transact("live_sessions", read)

    async def stop_orders(self, lease: Lease) -> Sequence[StopOrder]:
        """See `ports.store.Store`."""

        def read() -> Sequence[StopOrder]:
            is_draining = self._fenced(lease).is_draining
            orders = (_stop_order(row, is_draining) for row in self._sessions_of(lease))
            return [order for order in orders if order is not None]

        return await self._transact("stop_orders", read)

    async def other_nodes(self, lease: Lease) -> Sequence[OtherNode]:
        """See `ports.store.Store`."""
        own = lease.node_id
        return await self._transact("other_nodes", lambda: nodes.others(self.tables, own))

    async def give_up_node(
        self, lease: Lease, lost: OtherNode, now: datetime
    ) -> Sequence[SessionId]:
        """See `ports.store.Store`."""

        def give_up() -> Sequence[SessionId]:
            self._fenced(lease)
            ended = nodes.give_up(self.tables, lost, now)
            for session in ended:
                ready_at = session.ready_at
                end_hold(self.tables, session, max(now - ready_at, _NONE) if ready_at else None)
            return [session.session_id for session in ended]

        return await self._transact("give_up_node", give_up)

    async def lost_calls(self, lease: Lease, now: datetime) -> Sequence[LostCall]:
        """See `ports.store.Store`."""
        own = lease.node_id
        return await self._transact("lost_calls", lambda: nodes.lost_calls(self.tables, own, now))

    async def finish_lost(self, lease: Lease, finish: FinishCall) -> None:
        """See `ports.store.Store`."""

        def end() -> None:
            self._fenced(lease)
            if self._session_of(finish.attempt_id).end is not None:
                _finish(self.tables, finish)

        await self._transact("finish_lost", end)

    async def forbidden_calls(self, lease: Lease) -> Sequence[AttemptId]:
        """See `ports.store.Store`."""

        def read() -> Sequence[AttemptId]:
            ours = {row.session_id for row in self._sessions_of(lease)}
            return [
                row.call.attempt_id
                for row in self.tables.live_attempts()
                if row.session_id in ours
                and row.answered_at is None
                and row.call.e164 in self.tables.dnd[row.account]
            ]

        return await self._transact("forbidden_calls", read)

    async def numbers_to_ask(self, lease: Lease, now: datetime) -> Sequence[NumberRequest]:
        """See `ports.store.Store`."""

        def read() -> Sequence[NumberRequest]:
            in_a_call = {row.session_id for row in self.tables.live_attempts()}
            waiting = [s for s in self._sessions_of(lease) if s.session_id not in in_a_call]
            return [
                sources.request(s, now)
                for s in waiting
                if sources.needs_number(self.tables, s, now)
            ]

        return await self._transact("numbers_to_ask", read)

    async def take_answer(
        self,
        lease: Lease,
        request: NumberRequest,
        answer: Given,
        now: datetime,
    ) -> None:
        """See `ports.store.Store`."""

        def take() -> None:
            self._fenced(lease)
            sources.take_answer(self.tables, request, answer, now)

        await self._transact("take_answer", take)

    async def claim_answered(
        self, lease: Lease, request: NumberRequest, answer: Given, claim: NextClaim
    ) -> ClaimResult:
        """See `ports.store.Store`."""

        def take() -> ClaimResult:
            self._fenced(lease)
            sources.take_answer(self.tables, request, answer, claim.now)
            return sources.claim(self.tables, claim)

        return await self._transact("claim_answered", take)

    async def details_to_ask(self, attempt_id: AttemptId) -> DetailsRequest | None:
        """See `ports.store.Store`."""

        def read() -> DetailsRequest | None:
            return sources.details_request(self.tables, attempt_id)

        return await self._transact("details_to_ask", read)

    async def keep_details(
        self, lease: Lease, attempt_id: AttemptId, details: ContactDetails
    ) -> None:
        """See `ports.store.Store`."""

        def keep() -> None:
            self._fenced(lease)
            self.tables.attempts[attempt_id].details = details

        await self._transact("keep_details", keep)

    async def advance_campaigns(self, now: datetime) -> None:
        """See `ports.store.Store`."""
        await self._transact("advance_campaigns", lambda: _advance(self.tables, now))

    async def tell_screens(self, sessions: Collection[SessionId]) -> None:
        """See `ports.store.Store`. It never fails: nothing that the engine does depends on it."""
        self.tables.told.extend(sessions)

    async def hints(self) -> AsyncIterator[Hint]:
        """See `ports.store.Store`."""
        queue: asyncio.Queue[Hint] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    def hint(self, hint: Hint) -> None:
        """Tell everybody who listens now."""
        for queue in self._listeners:
            queue.put_nowait(hint)

    # One request -----------------------------------------------------------------------------

    async def _transact(self, request: str, work: Callable[[], T]) -> T:
        """Run `work` at one instant, between a way there and a way back that may break."""
        weather = self.weather(request)
        await asyncio.sleep(weather.there_s)
        if weather.fault is Fault.NOT_REACHED:
            raise StoreUnavailableError("The database is away (simulated).")
        try:
            result = work()
        except InvariantError as error:
            self.breaches.append(f"{request}: {error}")
            raise
        await asyncio.sleep(weather.back_s)
        if weather.fault is Fault.REPLY_LOST:
            raise StoreUnavailableError("The database went away before its reply (simulated).")
        return result

    def _fenced(self, lease: Lease) -> NodeRow:
        for node in self.tables.nodes.values():
            if (node.node_id, node.epoch) == (lease.node_id, lease.epoch):
                return node
        raise LeaseLostError("Another process drives this node now: stop this one.")

    def _session_of(self, attempt_id: AttemptId) -> SessionRow:
        return self.tables.sessions[self.tables.attempts[attempt_id].session_id]

    def _sessions_of(self, lease: Lease) -> list[SessionRow]:
        node_id, rows = self._fenced(lease).node_id, self.tables.open_sessions()
        return [row for row in rows if row.node_id == node_id and row.end is None]


def _name(phone: Phone) -> str:
    return phone.name


def _stop_order(session: SessionRow, is_draining: bool) -> StopOrder | None:
    if session.stop is not None:
        reason, at_once = session.stop
        return StopOrder(session.session_id, reason, at_once)
    if session.agent not in session.campaign.agents:
        return StopOrder(session.session_id, EndReason.REMOVED_FROM_CAMPAIGN, at_once=False)
    if session.campaign.is_over:
        return StopOrder(session.session_id, EndReason.CAMPAIGN_COMPLETED, at_once=False)
    if is_draining:
        return StopOrder(session.session_id, EndReason.NODE_DRAINED, at_once=False)
    return None


def _finish(tables: Tables, finish: FinishCall) -> None:
    attempt = tables.attempts[finish.attempt_id]
    if attempt.result is not None:
        return
    attempt.answered_at = attempt.answered_at or finish.answered_at
    # A clock that went back makes no call negative.
    ended_at = max(finish.at, attempt.call.placed_at, attempt.answered_at or finish.at)
    tables.end_attempt(attempt, finish.result, ended_at)
    attempt.estimated = finish.estimated
    if finish.result == outcome.NOT_SENT:
        attempt.target.tries -= 1
    campaign = tables.campaigns[attempt.call.campaign_id]
    move = _after_the_end(finish.move) if campaign.is_over else finish.move
    attempt.target.move(move.status, move.reason, move.due_at)
    purse = tables.purses.get(attempt.account)
    if purse is not None:
        answered = attempt.answered_at
        purse.end(finish.attempt_id, ended_at - answered if answered else None)


def _after_the_end(move: TargetMove) -> TargetMove:
    """Return the move that a campaign which is over still allows (R2)."""
    if move.status is TargetStatus.RETRY:
        return TargetMove(TargetStatus.FAILED, Reason.ENDED_BEFORE_RETRY)
    if move.status is TargetStatus.SCHEDULED:
        return TargetMove(TargetStatus.FAILED_NO_ATTEMPT, Reason.CAMPAIGN_ENDED)
    return move


def _advance(tables: Tables, now: datetime) -> None:
    for campaign in tables.campaigns.values():
        if campaign.status is CampaignStatus.CREATED and campaign.starts_at <= now:
            tables.move_campaign(campaign.campaign_id, CampaignStatus.IN_PROGRESS)
        finished = campaign.ends_at <= now or not tables.has_work_left(campaign, now)
        running = campaign.status in (CampaignStatus.IN_PROGRESS, CampaignStatus.PAUSED)
        if running and finished:
            tables.move_campaign(campaign.campaign_id, CampaignStatus.COMPLETED)
