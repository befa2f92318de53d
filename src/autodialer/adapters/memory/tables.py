"""The rows that the store keeps, and what people do to them around the engine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Final

from autodialer.adapters.memory.purses import PurseRow
from autodialer.domain.campaign import DEFAULT_IDLE_LIMIT, DEFAULT_RING_TIMEOUT, CampaignStatus
from autodialer.domain.campaign import check_move as check_campaign_move
from autodialer.domain.dial_whom import LATEST_ANSWER
from autodialer.domain.errors import ConflictError, InvariantError
from autodialer.domain.ids import AccountId, CampaignId, SessionId, TargetId
from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.outcome import Reason
from autodialer.domain.pacing import NO_USE
from autodialer.domain.retry import REDIAL_GAP
from autodialer.domain.target import TERMINAL, TRANSITIONS, TargetStatus
from autodialer.ports.store import NodeUnknownError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from autodialer.domain.contact_details import ContactDetails
    from autodialer.domain.dial_whom import SourceState
    from autodialer.domain.ids import AttemptId
    from autodialer.domain.outcome import CallResult
    from autodialer.domain.pacing import Limits, Use
    from autodialer.domain.retry import RetryPolicy
    from autodialer.domain.session import Call, EndReason
    from autodialer.domain.window import CallWindow
    from autodialer.ports.phones import Phone

DEFAULT_MAX_TALK: Final = timedelta(hours=1)


@dataclass(slots=True)
class NodeRow:
    """A node and who drives it; `holder` is None when nobody does."""

    node_id: int
    holder: str | None = None
    epoch: int = 0
    until: datetime | None = None
    switch: str = ""
    trunk: str = FIRST_TRUNK
    trunk_silent_since: datetime | None = None
    use: Use = NO_USE
    capacity: int = 0
    is_draining: bool = False
    is_removed: bool = False


@dataclass(slots=True)
class CampaignRow:
    """A campaign with the settings that the engine asks for."""

    campaign_id: CampaignId
    account: AccountId
    caller_id: str
    agents: set[str]
    policy: RetryPolicy
    window: CallWindow
    starts_at: datetime
    ends_at: datetime
    ring_timeout: timedelta = DEFAULT_RING_TIMEOUT
    idle_limit: timedelta = DEFAULT_IDLE_LIMIT
    max_talk: timedelta = DEFAULT_MAX_TALK
    status: CampaignStatus = CampaignStatus.CREATED
    reason: str = ""
    # Set exactly for a campaign by Dial-Whom URL.
    source: SourceState | None = None
    get_contacts_url: str = ""
    popup_url: str = ""
    targets: list[TargetRow] = field(default_factory=list)
    _open: list[TargetRow] = field(default_factory=list)

    def load(self, targets: Iterable[TargetRow]) -> None:
        """Take the campaign's copy of its list."""
        self.targets = list(targets)
        self._open = list(self.targets)

    def add(self, target: TargetRow) -> None:
        """Take one number more, at the end."""
        self.targets.append(target)
        self._open.append(target)

    def open_targets(self) -> list[TargetRow]:
        """Return the targets that are not finished, in the order of the list."""
        # None opens again: long campaigns are fast because each finished one is passed once.
        self._open = [target for target in self._open if not target.is_finished]
        return self._open

    @property
    def has_work_left(self) -> bool:
        """Whether a target is still to be called or is in a call, or may yet come."""
        return self.may_get_numbers or any(not target.is_finished for target in self._open)

    @property
    def may_get_numbers(self) -> bool:
        """Whether its Dial-Whom URL may still give numbers."""
        return self.source is not None and self.source.is_open

    @property
    def is_over(self) -> bool:
        """Whether no call may be started in it any more."""
        return self.status in (CampaignStatus.COMPLETED, CampaignStatus.ARCHIVED)


@dataclass(slots=True)
class TargetRow:
    """One number of one campaign; its place in the campaign's list is its order."""

    target_id: TargetId
    e164: str
    status: TargetStatus = TargetStatus.SCHEDULED
    reason: str = ""
    tries: int = 0
    due_at: datetime | None = None
    is_finished: bool = False

    def move(self, status: TargetStatus, reason: str, due_at: datetime | None = None) -> None:
        """Change the status. Raises InvariantError for a move that is not in the table."""
        if status not in TRANSITIONS[self.status]:
            raise InvariantError(f"target {self.target_id}: {self.status} became {status}")
        self.status, self.reason, self.due_at = status, reason, due_at
        self.is_finished = status in TERMINAL


@dataclass(slots=True)
class AttemptRow:
    """One try; `result` is None while it lives."""

    call: Call
    session_id: SessionId
    account: AccountId
    target: TargetRow
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    result: CallResult | None = None
    ended_at: datetime | None = None
    estimated: bool = False
    details: ContactDetails | None = None

    def present_call(self) -> Call:
        """Return the call as far as it has come."""
        return replace(self.call, answered_at=self.answered_at)


@dataclass(slots=True)
class SessionRow:
    """One span of an agent being connected; `end` is None while it lives."""

    session_id: SessionId
    campaign: CampaignRow
    agent: str
    queued_at: datetime
    is_by_trunk: bool = False
    node_id: int | None = None
    ready_at: datetime | None = None
    stop: tuple[EndReason, bool] | None = None
    end: EndReason | None = None
    ended_at: datetime | None = None


class Tables:
    """All rows, and the deeds of supervisors and agents. Each deed is one transaction."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeRow] = {}
        # Those that have limits, by name.
        self.trunks: dict[str, Limits] = {}
        self.campaigns: dict[CampaignId, CampaignRow] = {}
        self.sessions: dict[SessionId, SessionRow] = {}
        self._open_sessions: list[SessionRow] = []
        self.attempts: dict[AttemptId, AttemptRow] = {}
        self._live: dict[AttemptId, AttemptRow] = {}
        self.dnd: dict[AccountId, set[str]] = {}
        self.purses: dict[AccountId, PurseRow] = {}
        self.redial_gaps: dict[AccountId, timedelta] = {}
        self._last_calls: dict[tuple[AccountId, str], datetime] = {}
        # The sessions of which the screens were told, oldest first.
        self.told: list[SessionId] = []
        self.phones: list[Phone] = []
        # The agents who are called by telephone.
        self.telephones: set[str] = set()
        # Which node each phone is registered at, and since when.
        self.registered: dict[str, tuple[int, datetime]] = {}
        self._ids = count(1)

    def new_id(self) -> int:
        """Return a number that no row has."""
        return next(self._ids)

    def node(self, name: str, *, make: bool) -> NodeRow:
        """Return a node by name. Raises NodeUnknownError."""
        if make and name not in self.nodes:
            self.nodes[name] = NodeRow(self.new_id())
        node = self.nodes.get(name)
        if node is None or node.is_removed:
            raise NodeUnknownError(name)
        return node

    def add_account(self) -> AccountId:
        """Make an account with an empty DND list."""
        account = AccountId(self.new_id())
        self.dnd[account] = set()
        return account

    def late_numbers_until(self, campaign: CampaignRow, now: datetime) -> datetime | None:
        """Return until when a number may come that was asked for before its source ended, if any.

        The only agent has asked no more than what was answered.
        """
        if campaign.source is None or campaign.source.exhausted_at is None:
            return None
        latest = campaign.source.exhausted_at + LATEST_ANSWER
        earliest = campaign.source.exhausted_at - LATEST_ANSWER
        sessions = [each for each in self.sessions.values() if each.campaign is campaign]
        asked = sum(each.ended_at is None or each.ended_at > earliest for each in sessions)
        return latest if now < latest and asked > 1 else None

    def has_work_left(self, campaign: CampaignRow, now: datetime) -> bool:
        """Return whether a target is still to be called or is in a call, or may yet come."""
        return campaign.has_work_left or self.late_numbers_until(campaign, now) is not None

    def add_campaign(self, campaign: CampaignRow, numbers: Iterable[str], now: datetime) -> None:
        """Add a campaign whose targets are `numbers`, in order; it runs when it may start now."""
        campaign.load(TargetRow(TargetId(self.new_id()), e164) for e164 in numbers)
        if campaign.starts_at <= now:
            campaign.status = CampaignStatus.IN_PROGRESS
        self.campaigns[campaign.campaign_id] = campaign

    def move_campaign(
        self, campaign_id: CampaignId, status: CampaignStatus, reason: str = ""
    ) -> None:
        """Pause, resume or complete. Raises IllegalTransitionError."""
        campaign = self.campaigns[campaign_id]
        check_campaign_move(campaign.status, status)
        campaign.status, campaign.reason = status, reason
        if status is CampaignStatus.COMPLETED:
            _end_remaining(campaign)

    def queue_session(
        self, session_id: SessionId, campaign_id: CampaignId, agent: str, now: datetime
    ) -> None:
        """Queue an agent's session. Raises ConflictError while another one lives."""
        campaign = self.campaigns[campaign_id]
        for row in self.open_sessions():
            if (row.campaign.account, row.agent) == (campaign.account, agent):
                raise ConflictError(f"{agent} is connected already.")
        session = SessionRow(session_id, campaign, agent, now, agent in self.telephones)
        self.sessions[session_id] = session
        self._open_sessions.append(session)

    def open_sessions(self) -> list[SessionRow]:
        """Return the sessions that have not ended, in the order in which they were queued."""
        self._open_sessions = [session for session in self._open_sessions if session.end is None]
        return self._open_sessions

    def meter(self, account: AccountId) -> PurseRow:
        """Return the account's purse; made empty, and prepaid, the first time."""
        return self.purses.setdefault(account, PurseRow())

    def add_attempt(self, attempt: AttemptRow) -> None:
        """Insert an attempt that begins now."""
        attempt_id = attempt.call.attempt_id
        self.attempts[attempt_id] = self._live[attempt_id] = attempt

    def end_attempt(self, attempt: AttemptRow, result: CallResult, at: datetime) -> None:
        """Give a live attempt its outcome."""
        attempt.result, attempt.ended_at = result, at
        del self._live[attempt.call.attempt_id]
        if result.reason != Reason.NOT_SENT:
            number = (attempt.account, attempt.call.e164)
            self._last_calls[number] = max(at, self._last_calls.get(number, at))

    def rests_until(self, account: AccountId, e164: str) -> datetime | None:
        """Return when a number that was called before may be called again."""
        ended_at = self._last_calls.get((account, e164))
        return ended_at and ended_at + self.redial_gaps.get(account, REDIAL_GAP)

    def live_attempts(self) -> Iterable[AttemptRow]:
        """Return the attempts that have not ended."""
        return self._live.values()


def _end_remaining(campaign: CampaignRow) -> None:
    """Give what remains at a campaign's end its last status (R2); live calls go on."""
    for target in campaign.targets:
        if target.status is TargetStatus.SCHEDULED:
            target.move(TargetStatus.FAILED_NO_ATTEMPT, Reason.CAMPAIGN_ENDED)
        elif target.status is TargetStatus.RETRY:
            target.move(TargetStatus.FAILED, Reason.ENDED_BEFORE_RETRY)
