"""The words of a session: its phases, state, events and commands (rules: `domain.step`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from autodialer.domain.dial_whom import NumberRequest
    from autodialer.domain.ids import AttemptId, CampaignId, SessionId, TargetId
    from autodialer.domain.outcome import CallResult, LegEnd
    from autodialer.domain.retry import RetryPolicy, TargetMove


class Phase(StrEnum):
    """Where a session stands."""

    CALLING_AGENT = "calling-agent"
    # The agent is not called yet: the trunk takes no more calls.
    HELD_BACK = "held-back"
    CLAIMING = "claiming"
    WAITING = "waiting"
    DIALING = "dialing"
    TALKING = "talking"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a session ended; the page and the command line turn it into a sentence."""

    AGENT_LEFT = "agent_left"
    STOPPED = "stopped"
    AGENT_BUSY = "agent_busy"
    AGENT_NO_ANSWER = "agent_no_answer"
    AGENT_UNREACHABLE = "agent_unreachable"
    PHONE_NOT_REGISTERED = "phone_not_registered"
    REMOVED_FROM_CAMPAIGN = "removed_from_campaign"
    CAMPAIGN_COMPLETED = "campaign_completed"
    NOTHING_DUE = "nothing_due"
    PAUSED = "paused"
    OUTSIDE_WINDOW = "outside_window"
    START_EXPIRED = "start_expired"
    SOURCE_SLOW = "source_slow"
    MEDIA_SERVER_LOST = "media_server_lost"
    SWITCH_AWAY = "switch_away"
    NODE_DRAINED = "node_drained"
    NODE_LOST = "node_lost"
    TRUNK_SILENT = "trunk_silent"
    TRUNK_BUSY = "trunk_busy"
    RESTORED = "restored"


class Wait(StrEnum):
    """Why there is nothing to dial at this moment."""

    RETRY_LATER = "retry_later"
    NUMBERS_BUSY = "numbers_busy"
    RECENTLY_CALLED = "recently_called"
    PAUSED = "paused"
    OUTSIDE_WINDOW = "outside_window"
    NOT_STARTED = "not_started"
    NOT_READY = "not_ready"
    SOURCE_SLOW = "source_slow"
    TRUNK_SILENT = "trunk_silent"
    TRUNK_BUSY = "trunk_busy"


@dataclass(frozen=True, slots=True)
class Call:
    """One try to reach a target: the attempt that is committed and what it needs.

    `tries` counts this one. `caller_id` and `e164` are E.164 with "+". The session ends a
    talk after `max_talk`. `asks_details`: the campaign has a Get Contacts URL; `tells_ringing`:
    it has a popup URL, which is told when the phone rings.
    """

    attempt_id: AttemptId
    target_id: TargetId
    campaign_id: CampaignId
    e164: str
    caller_id: str
    tries: int
    policy: RetryPolicy
    ring_timeout: timedelta
    max_talk: timedelta
    placed_at: datetime
    rang: bool = False
    answered_at: datetime | None = None
    asks_details: bool = False
    tells_ringing: bool = False

    def as_shown_after(self, step: timedelta) -> Call:
        """Return the same moments as a clock shows them that was set forward by `step`."""
        return replace(
            self,
            placed_at=self.placed_at + step,
            answered_at=self.answered_at and self.answered_at + step,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """The state of one session. `call` is set exactly in `dialing` and `talking`."""

    session_id: SessionId
    phase: Phase
    idle_limit: timedelta
    call: Call | None = None
    waiting_since: datetime | None = None
    waiting_for: Wait | None = None
    leaving: EndReason | None = None

    def as_shown_after(self, step: timedelta) -> Session:
        """Return the same moments as a clock shows them that was set forward by `step`."""
        return replace(
            self,
            call=self.call and self.call.as_shown_after(step),
            waiting_since=self.waiting_since and self.waiting_since + step,
        )


@dataclass(frozen=True, slots=True)
class Talk:
    """When a customer was on the line, as the switch kept it: the witness when nobody listened."""

    answered_at: datetime
    ended_at: datetime


# Events: what happened, in the past tense -------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentAnswered:
    """The agent picked up."""


@dataclass(frozen=True, slots=True)
class AgentHeldBack:
    """The agent was not called: the trunk takes no more calls at this moment."""


@dataclass(frozen=True, slots=True)
class AgentGone:
    """The agent's leg is no more (never answered, hung up, lost)."""

    reason: EndReason = EndReason.AGENT_LEFT


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The agent pressed Stop: like hanging up the phone."""

    reason: EndReason = EndReason.STOPPED


@dataclass(frozen=True, slots=True)
class LeaveAsked:
    """Release the agent after the present call (removed from the group, campaign completed)."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class CustomerRinging:
    """The customer's phone rings."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class CustomerAnswered:
    """The customer picked up."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class CustomerAbandoned:
    """The customer picked up while no agent was there any more (seen when taking over)."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class CustomerGone:
    """The customer's leg ended as `end` tells."""

    attempt_id: AttemptId
    end: LegEnd


@dataclass(frozen=True, slots=True)
class CallRefused:
    """Our own switch refused to place the call: no leg exists."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class OutcomeLost:
    """The leg is gone or was perhaps never made, and nobody saw how it ended.

    `talk` is what the switch kept of it, None when it kept nothing.
    """

    attempt_id: AttemptId
    talk: Talk | None = None


@dataclass(frozen=True, slots=True)
class CallNotSent:
    """The shell decided before sending that this call must not go out (lease too old)."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class NumberForbidden:
    """The number of a call was put on the do-not-call registry after its claim."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class MediaServerLost:
    """The switch died with all its legs; `talk` is what it kept of the present call."""

    talk: Talk | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The store committed an attempt for this session."""

    call: Call


@dataclass(frozen=True, slots=True)
class NothingNow:
    """Nothing may be dialled at this moment; `next_at` is when something may, if known.

    `asks` is what a Dial-Whom URL may be asked at once: no part of the reason, so not compared.
    """

    why: Wait
    next_at: datetime | None = None
    asks: NumberRequest | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NoMore:
    """This session gets no further target, ever."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class Woken:
    """A timer fired or a hint came: look again."""


# Events of one call name its attempt.
CallEvent: TypeAlias = (
    CustomerRinging
    | CustomerAnswered
    | CustomerAbandoned
    | CustomerGone
    | CallRefused
    | OutcomeLost
    | CallNotSent
    | NumberForbidden
)
AgentEvent: TypeAlias = AgentAnswered | AgentGone | MediaServerLost
SwitchEvent: TypeAlias = CallEvent | AgentEvent
ClaimResult: TypeAlias = Claimed | NothingNow | NoMore
Event: TypeAlias = SwitchEvent | ClaimResult | AgentHeldBack | StopAsked | LeaveAsked | Woken


# Commands: what the shell must do, in the imperative -----------------------------------------


@dataclass(frozen=True, slots=True)
class CallAgent:
    """Ring the agent's device."""


@dataclass(frozen=True, slots=True)
class NailAgent:
    """Make the session's bridge and put the agent in it."""


@dataclass(frozen=True, slots=True)
class MarkReady:
    """Store that the agent is connected since `at`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """Ask the store for the next target; its answer is the next event."""


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """Ring the customer; the agent hears ringing."""

    call: Call


@dataclass(frozen=True, slots=True)
class Connect:
    """Put the customer into the agent's bridge."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class MarkAnswered:
    """Store that the customer answered at `at`; may fail, FinishCall says it again."""

    attempt_id: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class FinishCall:
    """Store the outcome and move the target, once; with `then_claim`, claim the next one too.

    `estimated` says that nobody saw the end: `at` is what the switch kept, or else when we
    noticed, and never later than a talk may last. `answered_at` repeats what MarkAnswered may
    have failed to store.
    """

    attempt_id: AttemptId
    result: CallResult
    move: TargetMove
    at: datetime
    then_claim: bool
    estimated: bool = False
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HangUpCustomer:
    """End the customer's leg; one that is gone is fine."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class ReleaseAgent:
    """End the agent's leg and its bridge; what is gone is fine."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """Store that the session is over."""

    reason: EndReason
    at: datetime


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send `Woken` at this time; replaces an earlier wish."""

    at: datetime


Command: TypeAlias = (
    CallAgent
    | NailAgent
    | MarkReady
    | Claim
    | PlaceCall
    | Connect
    | MarkAnswered
    | FinishCall
    | HangUpCustomer
    | ReleaseAgent
    | EndSession
    | WakeAt
)
