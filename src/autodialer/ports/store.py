"""What the engine needs from the database, in our words.

Two adapters: `adapters.pg` (PostgreSQL) and `adapters.memory` (for the simulator). Both pass
`tests/contract/store.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from autodialer.domain.errors import AutodialerError
from autodialer.domain.nodes import DEFAULT_CAPACITY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from autodialer.domain.contact_details import ContactDetails
    from autodialer.domain.dial_whom import Given, NumberRequest
    from autodialer.domain.ids import AttemptId, CampaignId, SessionId
    from autodialer.domain.nodes import LostCall
    from autodialer.domain.pacing import Limits, Use
    from autodialer.domain.recovery import StoredSession
    from autodialer.domain.session import ClaimResult, EndReason, FinishCall
    from autodialer.ports.details import DetailsRequest
    from autodialer.ports.numbers import Ask
    from autodialer.ports.phones import Phone


class StoreUnavailableError(AutodialerError):
    """The database does not answer. Every method may be repeated with the same arguments."""

    code = "store_unavailable"


class NodeUnknownError(AutodialerError):
    """No such node belongs to this installation: its dialer must not run."""

    code = "node_unknown"

    def __init__(self, node: str) -> None:
        super().__init__(f"There is no node {node!r}: run `autodialer node add {node}` first.")


class LeaseLostError(AutodialerError):
    """Another process drives this node now: stop at once and place no call."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drive one node. Every write carries `epoch`, which only ever grows."""

    node_id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class LeaseHeld:
    """Another process holds the lease; it may be taken `until` has passed."""

    until: datetime


@dataclass(frozen=True, slots=True)
class OtherNode:
    """Another node that has sessions or phones: who drives it changes `until` again and again."""

    node_id: int
    epoch: int
    until: datetime | None
    # The operator says that it is off for good.
    is_removed: bool


@dataclass(frozen=True, slots=True)
class SessionOrder:
    """A session that this node has just taken: whom to call, from which number."""

    session_id: SessionId
    device_kind: str
    device_address: str
    caller_id: str
    ring_timeout: timedelta
    idle_limit: timedelta


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Somebody asked that a live session ends: `at_once`, or after the present call."""

    session_id: SessionId
    reason: EndReason
    at_once: bool


@dataclass(frozen=True, slots=True)
class NextClaim:
    """The claim that follows the end of a call; `now` is when it is asked."""

    session_id: SessionId
    attempt_id: AttemptId
    now: datetime


@dataclass(frozen=True, slots=True)
class SessionsQueued:
    """Hint: a session waits to be taken, or a stop was asked for."""


@dataclass(frozen=True, slots=True)
class CampaignMoved:
    """Hint: a campaign was paused, resumed, completed or got targets."""

    campaign_id: CampaignId


@dataclass(frozen=True, slots=True)
class RegistryGrew:
    """Hint: numbers were put on an account's do-not-call registry."""


@dataclass(frozen=True, slots=True)
class PhonesChanged:
    """Hint: an agent's phone was added, removed, or got another secret. No name: maybe several."""

    name: str | None = None


Hint: TypeAlias = SessionsQueued | CampaignMoved | RegistryGrew | PhonesChanged


class Store(Protocol):
    """The engine's view of the database.

    Each call is one transaction and idempotent: repeated with the same arguments after
    StoreUnavailableError it has the effect of one. Writes under a lost lease change nothing and
    raise LeaseLostError. Times are aware datetimes given by the caller.
    """

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
        """Take the node's lease when it is free, expired or already this holder's.

        A new holder gets a higher epoch. `capacity` is stored for the others: how many sessions
        the node takes. Raises NodeUnknownError for a node that was removed, or that does not
        exist and is not to be made.
        """
        ...

    async def renew_lease(
        self, lease: Lease, now: datetime, ttl: timedelta, use: Use | None = None
    ) -> Limits | None:
        """Keep the lease for another `ttl` from `now`, and settle what its node may call.

        `use` is what the node takes of its trunk, at this moment at least; without it nothing is
        settled. Returns its share of the trunk's limits, or None: it stays as it was, because
        another node was being served. Shares and calls of all nodes together never pass a limit
        (`domain.pacing.grant`) once all have renewed since it was set. Raises LeaseLostError.
        """
        ...

    async def release_lease(self, lease: Lease, now: datetime) -> None:
        """Let another process take the node at once. Sessions stay with the node."""
        ...

    async def switch_instance(self, lease: Lease) -> str:
        """Return the run of the switch that `remember_switch` stored last, "" at first."""
        ...

    async def remember_switch(self, lease: Lease, instance: str, sip_url: str) -> None:
        """Store which run of the switch this node drives: no leg of an older run is left.

        `sip_url` is where browsers' phones reach it, "" when they cannot.
        """
        ...

    async def note_trunk(self, lease: Lease, silent_since: datetime | None) -> None:
        """Store since when the node's trunk carries no calls; None: it carries them."""
        ...

    async def phones(self, names: Collection[str] | None = None) -> Sequence[Phone]:
        """Return the accounts of agents' phones that the switch shall know, by name.

        All of them, or those of these names.
        """
        ...

    async def note_phones(
        self,
        lease: Lease,
        registered: Collection[str],
        now: datetime,
        arrived: Collection[str] = (),
    ) -> None:
        """Store that exactly these phones are registered here, those that are new since `now`.

        One that is registered at another node stays there unless it has just `arrived` here.
        """
        ...

    async def take_sessions(
        self, lease: Lease, limit: int, now: datetime
    ) -> Sequence[SessionOrder]:
        """Take up to `limit` queued sessions, oldest first; no two nodes get the same one.

        Those whose phone is registered at another node are that one's. The others go to the nodes
        with most room (`domain.nodes.seats`), and to any once they have waited MOST_ROOM_WAIT. A
        node that is drained takes none.

        A session ends here instead, and no phone rings, when its Start is older than
        START_VALID_FOR or its campaign is over, paused, or outside its calling window for longer
        than the agent would wait.
        """
        ...

    async def mark_ready(self, lease: Lease, session_id: SessionId, at: datetime) -> None:
        """Store that the agent is connected."""
        ...

    async def claim(
        self, lease: Lease, session_id: SessionId, attempt_id: AttemptId, now: datetime
    ) -> ClaimResult:
        """Commit an attempt for the next target that may be called at `now`, or say why not.

        Checks in the same transaction: campaign in progress and inside its dates and calling
        window, agent still taking part, number not on the DND list, no live call to it in the
        account. Targets that may not be called are finished on the way. Scheduled targets come
        first in list order, then due retries, oldest due first. An attempt with this id that
        exists already is returned as it is. Who waits for a Dial-Whom URL that may be asked is
        given what to ask (`NothingNow.asks`), as by `numbers_to_ask`.
        """
        ...

    async def note_ringing(self, lease: Lease, rang: Mapping[AttemptId, datetime]) -> None:
        """Store since when customers' phones ring; no effect on those that talk or have ended."""
        ...

    async def mark_answered(self, lease: Lease, attempt_id: AttemptId, at: datetime) -> None:
        """Store that the customer answered; no effect once the attempt has ended."""
        ...

    async def finish(
        self,
        lease: Lease,
        finish: FinishCall,
        claim: NextClaim | None,
        ask: Ask | None = None,
    ) -> ClaimResult | None:
        """End an attempt and move its target once; with `claim`, claim the next in one round trip.

        `ask` may be told what a Dial-Whom URL may be asked before all of this is on the disk: its
        answer and the disk are waited for together. It may be told in vain, and several times.

        An attempt that has ended already is left as it is. A try that was surely never sent
        (reason `not_sent`) does not count. In a campaign that has been completed meanwhile a
        target cannot wait: retry becomes failed (`ended_before_retry`), scheduled becomes
        failed-no-attempt.
        """
        ...

    async def end_session(
        self, lease: Lease, session_id: SessionId, reason: EndReason, at: datetime
    ) -> None:
        """Store that a session is over. It must have no live attempt."""
        ...

    async def live_sessions(self, lease: Lease) -> Sequence[StoredSession]:
        """Return the sessions of this node that have not ended, with their live calls."""
        ...

    async def stop_orders(self, lease: Lease) -> Sequence[StopOrder]:
        """Return the live sessions of this node that somebody wants to end, and why."""
        ...

    async def other_nodes(self, lease: Lease) -> Sequence[OtherNode]:
        """Return the other nodes that have sessions or phones, with their leases."""
        ...

    async def give_up_node(
        self, lease: Lease, lost: OtherNode, now: datetime
    ) -> Sequence[SessionId]:
        """End a node's sessions (`node_lost`) and forget its phones; return those sessions.

        Its dialer is fenced. No effect if it was renewed or taken since it was seen as `lost`.
        Its calls stay live, and their numbers locked: the switch may be alive all the same.
        """
        ...

    async def lost_calls(self, lease: Lease, now: datetime) -> Sequence[LostCall]:
        """Return live calls of sessions that ended with their node, if they are over or ours.

        Over is what `domain.nodes.surely_over_at` or the removal of the node says.
        """
        ...

    async def finish_lost(self, lease: Lease, finish: FinishCall) -> None:
        """End a call that `lost_calls` returned, whichever node it was of; once."""
        ...

    async def forbidden_calls(self, lease: Lease) -> Sequence[AttemptId]:
        """Return this node's unanswered calls whose numbers are on the DND list by now."""
        ...

    async def numbers_to_ask(self, lease: Lease, now: datetime) -> Sequence[NumberRequest]:
        """Return the node's agents who need a number of a Dial-Whom URL that may be asked now.

        None while the campaign has a target to dial, is not in progress or outside its window,
        or while the URL is left alone after an answer of no use.
        """
        ...

    async def take_answer(
        self,
        lease: Lease,
        request: NumberRequest,
        answer: Given,
        now: datetime,
    ) -> None:
        """Store what a Dial-Whom URL answered, or why it is of no use.

        New numbers become targets at the end of the campaign's list; none at all exhausts the
        source; after MAX_FAILURES useless answers in a row the campaign pauses (R18).
        """
        ...

    async def claim_answered(
        self, lease: Lease, request: NumberRequest, answer: Given, claim: NextClaim
    ) -> ClaimResult:
        """Do `take_answer`, then `claim`: of new numbers in one transaction and round trip."""
        ...

    async def details_to_ask(self, attempt_id: AttemptId) -> DetailsRequest | None:
        """Return what a Get Contacts URL is asked about a call; None without such a URL."""
        ...

    async def keep_details(
        self, lease: Lease, attempt_id: AttemptId, details: ContactDetails
    ) -> None:
        """Store what is known of a call's customer, whether or not the call still lives."""
        ...

    async def advance_campaigns(self, now: datetime) -> None:
        """Start campaigns whose start has come; complete those that ended or ran out."""
        ...

    async def tell_screens(self, sessions: Collection[SessionId]) -> None:
        """Tell who shows these sessions, their calls or their campaigns that they have moved.

        A hint like those of `ports.screens`, never in the way of a call; losing it is no harm.
        """
        ...

    def hints(self) -> AsyncIterator[Hint]:
        """Yield hints as they come; may lose some: polling finds everything they would tell."""
        ...
