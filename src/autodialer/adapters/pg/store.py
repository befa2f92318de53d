"""The store on PostgreSQL: `ports.store` over the statements of `apps/*/sql`.

Fencing: each writing statement locks the node's row FOR KEY SHARE and writes nothing unless the
row still has the lease's epoch. A takeover locks it FOR UPDATE, which waits for those statements
and keeps new ones out until the epoch has grown. Renewing updates the row and waits for nobody
(docs/adr/0006-hot-path-sql.md).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from autodialer.adapters.pg import screens, sources, trunk
from autodialer.adapters.pg.claims import Claim
from autodialer.adapters.pg.database import Database, Row, Step, step
from autodialer.adapters.pg.fence import fence, require_lease
from autodialer.adapters.pg.positions import FROM_THE_START, Positions
from autodialer.adapters.pg.rows import (
    call_of,
    details_request_of,
    ending_of,
    order_of,
    stop_of,
    stored_of,
)
from autodialer.apps import hints
from autodialer.apps.calls.nothing import Exhausted
from autodialer.apps.statements import statement
from autodialer.domain.campaign import START_VALID_FOR
from autodialer.domain.dial_whom import LATEST_ANSWER
from autodialer.domain.errors import InvariantError
from autodialer.domain.ids import AttemptId, SessionId
from autodialer.domain.nodes import (
    DEFAULT_CAPACITY,
    MOST_ROOM_WAIT,
    SURELY_OVER_MARGIN,
    LostCall,
)
from autodialer.domain.pacing import SECOND
from autodialer.domain.session import Claimed, EndReason, FinishCall, NoMore, NothingNow, Wait
from autodialer.domain.target import TargetStatus
from autodialer.ports.failpoints import Failpoint, never
from autodialer.ports.phones import Phone
from autodialer.ports.store import (
    CampaignMoved,
    Hint,
    Lease,
    LeaseHeld,
    NodeUnknownError,
    OtherNode,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from datetime import timedelta
    from types import TracebackType

    from autodialer.domain.contact_details import ContactDetails
    from autodialer.domain.dial_whom import Given, NumberRequest
    from autodialer.domain.ids import CampaignId
    from autodialer.domain.pacing import Limits, Use
    from autodialer.domain.recovery import StoredSession
    from autodialer.domain.session import ClaimResult
    from autodialer.ports.details import DetailsRequest
    from autodialer.ports.failpoints import Killer
    from autodialer.ports.meters import PoolUse
    from autodialer.ports.numbers import Ask
    from autodialer.ports.store import NextClaim, SessionOrder, StopOrder

log = structlog.get_logger()

# Losing this many races for a number in a row: the agent looks again at the next poll.
_RACES: Final = 5
_LISTEN_AGAIN_S: Final = 1.0
_SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
# Each connection defines these for itself (docs/adr/0007-functions-of-a-connection.md).
FUNCTIONS: Final = (
    ("billing", "define_quote"),
    ("billing", "define_settle"),
    ("calls", "define_fence"),
    ("calls", "define_grant"),
    ("calls", "define_settle_trunk"),
    ("calls", "define_finish"),
    ("calls", "define_claim"),
)


class PgStore:
    """`ports.store.Store` on PostgreSQL. Open it as an asynchronous context manager."""

    def __init__(self, url: str, kill: Killer = never) -> None:
        """`kill` is for tests of recovery."""
        self._kill = kill
        self._database = Database(url, [statement(*each) for each in FUNCTIONS], _rehearsal())
        self._positions = Positions()
        # Handed out and perhaps still ringing: not handed out again.
        self._ringing: set[SessionId] = set()
        # Those who were seen to wait for a number of a Dial-Whom URL.
        self._by_url: set[SessionId] = set()

    async def __aenter__(self) -> Self:
        await self._database.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._database.close()

    @property
    def pool_use(self) -> PoolUse:
        """How its pool of connections stands."""
        return self._database.use

    # The lease -------------------------------------------------------------------------------

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
        asked = {"node": node, "holder": holder, "capacity": capacity}
        *_, locked, taken = await self._database.run(
            *([step("calls", "make_node", node=node, now=now)] if make else []),
            step("calls", "lock_node", node=node),
            step("calls", "take_lease", **asked, now=now, until=now + ttl, second=SECOND),
        )
        if not locked:
            raise NodeUnknownError(node)
        if not taken:
            return LeaseHeld(locked[0]["lease_until"])
        return Lease(taken[0]["node_id"], taken[0]["epoch"])

    async def renew_lease(
        self, lease: Lease, now: datetime, ttl: timedelta, use: Use | None = None
    ) -> Limits | None:
        return trunk.share_of(await self._fenced(trunk.renewal(lease, now, now + ttl, use)))

    async def release_lease(self, lease: Lease, now: datetime) -> None:
        await self._database.run(step("calls", "release_lease", **fence(lease), now=now))

    async def switch_instance(self, lease: Lease) -> str:
        row = await self._fenced(step("calls", "switch_instance", **fence(lease)))
        return str(row["switch_instance"])

    async def remember_switch(self, lease: Lease, instance: str, sip_url: str) -> None:
        remembered = {"instance": instance, "sip_url": sip_url}
        await self._fenced(step("calls", "remember_switch", **fence(lease), **remembered))

    async def note_trunk(self, lease: Lease, silent_since: datetime | None) -> None:
        await self._fenced(step("calls", "note_trunk", **fence(lease), silent_since=silent_since))

    # Agents' phones --------------------------------------------------------------------------

    async def phones(self, names: Collection[str] | None = None) -> Sequence[Phone]:
        some = None if names is None else step("calls", "phones_named", names=list(names))
        (rows,) = await self._database.run(some or step("calls", "phones"))
        return [Phone(**row) for row in rows]

    async def note_phones(
        self,
        lease: Lease,
        registered: Collection[str],
        now: datetime,
        arrived: Collection[str] = (),
    ) -> None:
        names = {"registered": list(registered), "arrived": list(arrived)}
        row = await self._fenced(step("calls", "note_phones", **fence(lease), **names, now=now))
        await screens.tell_of_agents(self._database, row["owners"])

    # Sessions --------------------------------------------------------------------------------

    async def take_sessions(
        self,
        lease: Lease,
        limit: int,
        now: datetime,
    ) -> Sequence[SessionOrder]:
        taken, rows = await self._database.run(
            step(
                "calls",
                "take_sessions",
                **fence(lease),
                limit=limit,
                now=now,
                oldest=now - START_VALID_FOR,
                anywhere=now - MOST_ROOM_WAIT,
            ),
            step("calls", "new_sessions", node_id=lease.node_id, known=list(self._ringing)),
        )
        require_lease(taken)
        if taken[0]["refused"]:
            await self.tell_screens(taken[0]["refused"])
        orders = [order_of(row) for row in rows]
        self._ringing.update(order.session_id for order in orders)
        return orders

    async def mark_ready(self, lease: Lease, session_id: SessionId, at: datetime) -> None:
        await self._fenced(
            step("calls", "mark_ready", **fence(lease), session_id=session_id, at=at)
        )
        self._ringing.discard(session_id)

    async def end_session(
        self, lease: Lease, session_id: SessionId, reason: EndReason, at: datetime
    ) -> None:
        row = await self._fenced(
            step(
                "calls", "end_session", **fence(lease), session_id=session_id, reason=reason, at=at
            )
        )
        if row["busy"]:
            raise InvariantError(f"Session {session_id} has a live call and cannot end.")
        self._ringing.discard(session_id)
        self._positions.session_ended(session_id)
        self._by_url.discard(session_id)

    async def live_sessions(self, lease: Lease) -> Sequence[StoredSession]:
        (rows,) = await self._database.run(step("calls", "live_sessions", node_id=lease.node_id))
        sessions = [stored_of(row) for row in rows]
        self._ringing.update(s.session_id for s in sessions if s.ready_at is None)
        return sessions

    async def stop_orders(self, lease: Lease) -> Sequence[StopOrder]:
        (rows,) = await self._database.run(step("calls", "stop_orders", node_id=lease.node_id))
        return [stop_of(row) for row in rows]

    # Other nodes -----------------------------------------------------------------------------

    async def other_nodes(self, lease: Lease) -> Sequence[OtherNode]:
        (rows,) = await self._database.run(step("calls", "other_nodes", node_id=lease.node_id))
        return [OtherNode(**row) for row in rows]

    async def give_up_node(
        self, lease: Lease, lost: OtherNode, now: datetime
    ) -> Sequence[SessionId]:
        seen = {"lost_id": lost.node_id, "lost_epoch": lost.epoch, "lost_until": lost.until}
        _, rows = await self._database.run(
            step("calls", "lock_lost_node", **seen),
            step("calls", "give_up_node", **fence(lease), **seen, now=now),
        )
        require_lease(rows)
        return [SessionId(each) for each in rows[0]["sessions"]]

    async def lost_calls(self, lease: Lease, now: datetime) -> Sequence[LostCall]:
        asked = {"node_id": lease.node_id, "now": now, "margin": SURELY_OVER_MARGIN}
        (rows,) = await self._database.run(step("calls", "lost_calls", **asked))
        return [LostCall(call_of(row), row["lost_at"], row["is_ours"]) for row in rows]

    async def finish_lost(self, lease: Lease, finish: FinishCall) -> None:
        ended = {**fence(lease), **ending_of(finish)}
        await self._fenced(step("calls", "finish_lost", **ended))

    # Calls -----------------------------------------------------------------------------------

    async def claim(
        self, lease: Lease, session_id: SessionId, attempt_id: AttemptId, now: datetime
    ) -> ClaimResult:
        claim = Claim(lease, session_id, attempt_id, now)
        return await self._claim(claim, self._positions.after(session_id, now))

    async def forbidden_calls(self, lease: Lease) -> Sequence[AttemptId]:
        (rows,) = await self._database.run(step("calls", "forbidden_calls", node_id=lease.node_id))
        return [AttemptId(row["attempt_id"]) for row in rows]

    async def note_ringing(self, lease: Lease, rang: Mapping[AttemptId, datetime]) -> None:
        news = {"attempt_ids": list(rang), "ats": list(rang.values())}
        await self._fenced(step("calls", "note_ringing", **fence(lease), **news))

    async def mark_answered(self, lease: Lease, attempt_id: AttemptId, at: datetime) -> None:
        await self._fenced(
            step("calls", "mark_answered", **fence(lease), attempt_id=attempt_id, at=at)
        )

    async def finish(
        self,
        lease: Lease,
        finish: FinishCall,
        claim: NextClaim | None,
        ask: Ask | None = None,
    ) -> ClaimResult | None:
        if finish.move.status is TargetStatus.SCHEDULED:
            self._positions.target_returned()
        if claim is None:
            await self._fenced(step("calls", "finish", **fence(lease), **ending_of(finish)))
            return None
        wanted = Claim.following(lease, claim)
        if wanted.session_id in self._by_url:
            both = wanted.finishing(finish, FROM_THE_START)
            # Without a list there is mostly nothing to claim: the reasons come along.
            heard = wanted.telling(ask) if ask else None
            rows, *why = await self._database.run(both, *wanted.reasons(), heard=heard)
            require_lease(rows)
            return await self._follow(wanted, rows[0], FROM_THE_START, why)
        after = self._positions.after(wanted.session_id, wanted.now)
        row = await self._fenced(wanted.finishing(finish, after))
        return await self._follow(wanted, row, after)

    async def _claim(self, claim: Claim, after: int) -> ClaimResult:
        ((row,),) = await self._database.run(claim.statement(after))
        return await self._follow(claim, row, after)

    async def _follow(
        self, claim: Claim, row: Row, after: int, why: Sequence[Sequence[Row]] = ()
    ) -> ClaimResult:
        """Turn the answer of a claim into a result: look further where it found no call.

        `why` are the claim's reasons, if they are known.
        """
        races = 0
        while races < _RACES:
            if row["placed"]:
                return self._claimed(claim, row)
            if row["do_not_call"]:
                await self._refuse(claim, row)
            elif row["refusal"]:
                await self._pause_for_money(claim, row)
                races += 1
            elif row["target_id"]:
                races += 1
            elif after > FROM_THE_START:
                after = FROM_THE_START
            else:
                return await self._nothing(claim, why)
            why = ()
            ((row,),) = await self._database.run(claim.statement(after))
        return NothingNow(Wait.NUMBERS_BUSY)

    def _claimed(self, claim: Claim, row: Row) -> Claimed:
        call = call_of(row)
        self._positions.claimed(claim.session_id, call.campaign_id, row["seq"])
        return Claimed(call)

    async def _refuse(self, claim: Claim, row: Row) -> None:
        await self._fenced(
            step(
                "campaigns",
                "refuse_do_not_call",
                **fence(claim.lease),
                campaign_id=row["campaign_id"],
                target_id=row["target_id"],
                from_seq=row["seq"],
                now=claim.now,
            )
        )

    async def _pause_for_money(self, claim: Claim, row: Row) -> None:
        """Pause the campaign of a call that cannot be paid for, unless it can by now (R6)."""
        told = await self._fenced(
            step(
                "campaigns",
                "pause_for_money",
                **fence(claim.lease),
                campaign_id=row["campaign_id"],
                target_id=row["target_id"],
                reason=row["refusal"],
                wanted=row["wanted"],
                now=claim.now,
            )
        )
        if told["paused"]:
            log.warning("campaign_paused", campaign_id=row["campaign_id"], reason=row["refusal"])
            await self._tell_moved(row["campaign_id"])

    async def _nothing(self, claim: Claim, why: Sequence[Sequence[Row]] = ()) -> ClaimResult:
        """Say why there is no target, or return the call that a repeated claim asks for."""
        facts, calls, waiting = why or await self._database.run(*claim.reasons())
        require_lease(facts)
        if facts[0]["source_is_open"]:
            self._by_url.add(claim.session_id)
        if calls:
            call = call_of(calls[0])
            if call.attempt_id != claim.attempt_id:
                raise InvariantError(f"Session {claim.session_id} has a live call already.")
            return Claimed(call)
        answer = claim.why_nothing(facts, waiting)
        if not isinstance(answer, Exhausted):
            return answer
        await self._complete_one(claim.now, facts[0]["campaign_id"])
        return NoMore(EndReason.CAMPAIGN_COMPLETED)

    # Dial-Whom -------------------------------------------------------------------------------

    async def numbers_to_ask(self, lease: Lease, now: datetime) -> Sequence[NumberRequest]:
        return await sources.numbers_to_ask(self._database, lease, now)

    async def take_answer(
        self,
        lease: Lease,
        request: NumberRequest,
        answer: Given,
        now: datetime,
    ) -> None:
        await self._take(sources.Asked(lease, request, now), answer)

    async def claim_answered(
        self, lease: Lease, request: NumberRequest, answer: Given, claim: NextClaim
    ) -> ClaimResult:
        wanted, after = Claim.following(lease, claim), FROM_THE_START
        asked = sources.Asked(lease, request, claim.now)
        row = await self._take(asked, answer, wanted.statement(after))
        if row is None:
            return await self._claim(wanted, after)
        return await self._follow(wanted, row, after)

    async def _take(
        self, asked: sources.Asked, answer: Given, claiming: Step | None = None
    ) -> Row | None:
        taken = await sources.take_answer(self._database, asked, answer, claiming)
        if taken.is_paused:
            log.warning("campaign_paused", campaign_id=asked.request.campaign_id)
            await self._tell_moved(asked.request.campaign_id)
        return taken.claimed

    async def details_to_ask(self, attempt_id: AttemptId) -> DetailsRequest | None:
        asked = step("calls", "details_to_ask", attempt_id=attempt_id)
        (rows,) = await self._database.run(asked)
        return details_request_of(rows[0]) if rows else None

    async def keep_details(
        self, lease: Lease, attempt_id: AttemptId, details: ContactDetails
    ) -> None:
        known = Jsonb(details.known())
        await self._fenced(
            step("calls", "keep_details", **fence(lease), attempt_id=attempt_id, contact=known)
        )

    # Campaigns -------------------------------------------------------------------------------

    async def advance_campaigns(self, now: datetime) -> None:
        (started,) = await self._database.run(step("campaigns", "start_campaigns", now=now))
        unverified = step(
            "campaigns", "pause_unverified", now=now, actor="schedule", caller_id=None
        )
        (paused,) = await self._database.run(unverified)
        for row in (*started, *paused):
            await self._tell_moved(row["campaign_id"])
        while await self._complete_one(now, None):
            pass

    async def _complete_one(self, now: datetime, campaign_id: CampaignId | None) -> bool:
        """Complete a campaign whose time has come (this one, or any); return whether one was."""
        asked = {"now": now, "campaign_id": campaign_id, "latest_answer": LATEST_ANSWER}
        first = step("campaigns", "complete_one", **asked)
        async with self._database.bulk() as connection:
            row = await (await connection.execute(first.query, first.values)).fetchone()
            if row is None:
                return False
            self._kill(Failpoint.COMPLETING)
            rest = step("campaigns", "close_leftovers", now=now, campaign_id=row["campaign_id"])
            await connection.execute(rest.query, rest.values)
        await self._tell_moved(row["campaign_id"])
        return True

    # Hints -----------------------------------------------------------------------------------

    async def hints(self) -> AsyncIterator[Hint]:
        while True:
            async for payload in self._database.listen(hints.CHANNEL):
                hint = hints.decode(payload)
                if hint is not None:
                    yield hint
            await asyncio.sleep(_LISTEN_AGAIN_S)

    async def tell_screens(self, sessions: Collection[SessionId]) -> None:
        await screens.tell_of_sessions(self._database, sessions)

    async def _tell_moved(self, campaign_id: CampaignId) -> None:
        payload = hints.encode(CampaignMoved(campaign_id))
        await self._database.run(step("calls", "notify", payload=payload))
        await screens.tell_of_campaign(self._database, campaign_id)

    async def _fenced(self, asked: Step) -> Row:
        """Run one fenced statement and return its row. Raises LeaseLostError."""
        (rows,) = await self._database.run(asked)
        require_lease(rows)
        return rows[0]


def _rehearsal() -> list[Step]:
    """Return the statements of the hot path, for a node that does not exist: they do nothing."""
    nobody = Lease(node_id=-1, epoch=-1)
    answer = step("calls", "mark_answered", **fence(nobody), attempt_id=UUID(int=0), at=_SOME_TIME)
    return [step("calls", "rehearse"), answer]
