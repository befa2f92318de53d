"""The reasons of calls, targets and sessions in words, for people who read reports and pages."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from autodialer.domain.outcome import Reason
from autodialer.domain.session import EndReason

if TYPE_CHECKING:
    from collections.abc import Mapping

_R = Reason
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        _R.ANSWERED: "Talked with an agent",
        _R.ABANDONED: "Answered, but no agent was there any more",
        _R.BUSY: "Busy",
        _R.REJECTED: "Declined",
        _R.RING_TIMEOUT: "Rang, nobody answered",
        _R.UNAVAILABLE: "Switched off or out of reach",
        _R.AGENT_LEFT: "The agent hung up while it rang",
        _R.NO_RINGING: "The network never rang the phone",
        _R.NO_AUDIO: "No audio came from the network",
        _R.UNKNOWN_NUMBER: "The number does not exist",
        _R.INCOMPLETE_NUMBER: "The number is incomplete",
        _R.NETWORK_FAILURE: "The network could not place the call",
        _R.NOT_PERMITTED: "The carrier does not permit the call",
        _R.BLOCKED_CALLER_ID: "The called side rejects the caller id",
        _R.REDIRECTED: "Forwarded to another number, which is not called",
        _R.TRUNK_REFUSED: "The trunk did not accept the call",
        _R.MEDIA_SERVER_LOST: "The telephony server was restarted during the call",
        _R.NODE_LOST: "Its telephony server was lost, and the end not seen",
        _R.OUTCOME_UNKNOWN: "The end was not seen; never called twice for it",
        _R.NOT_SENT: "Never sent; does not count as a try",
        _R.INVALID_NUMBER: "The number cannot be called",
        _R.NUMBER_IS_OURS: "A caller id or an agent's phone of this account",
        _R.DO_NOT_CALL: "On the do-not-call registry",
        _R.CAMPAIGN_ENDED: "The campaign ended first",
        _R.LOW_BALANCE: "The balance did not suffice for the call",
        _R.ENDED_BEFORE_RETRY: "The campaign ended before the next try",
    }
)
# Each goes on from "Bina is not connected: at 10:30 ..."; `{agent}` is the agent's name.
ENDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        EndReason.AGENT_LEFT: "{agent} hung up",
        EndReason.STOPPED: "Stop was pressed",
        EndReason.AGENT_BUSY: "{agent}'s phone was busy",
        EndReason.AGENT_NO_ANSWER: "{agent} did not answer the phone",
        EndReason.AGENT_UNREACHABLE: "{agent}'s phone could not be reached",
        EndReason.PHONE_NOT_REGISTERED: "{agent}'s phone was not registered",
        EndReason.REMOVED_FROM_CAMPAIGN: "{agent} was taken out of the campaign",
        EndReason.CAMPAIGN_COMPLETED: "the campaign was completed",
        EndReason.NOTHING_DUE: "no number fell due while {agent} waited",
        EndReason.PAUSED: "the campaign was paused",
        EndReason.OUTSIDE_WINDOW: "the calling window was closed",
        EndReason.START_EXPIRED: "no dialer took the Start within a minute",
        EndReason.SOURCE_SLOW: "the Dial-Whom URL gave no number while {agent} waited",
        EndReason.MEDIA_SERVER_LOST: "the telephone server failed",
        EndReason.SWITCH_AWAY: "the telephone server was away",
        EndReason.NODE_DRAINED: "the telephone server is taken out of service; press Start again",
        EndReason.NODE_LOST: "the telephone server was lost; press Start again",
        EndReason.TRUNK_SILENT: "the carrier took no calls while {agent} waited",
        EndReason.TRUNK_BUSY: "the carrier took no more calls while {agent} waited",
        EndReason.RESTORED: "a backup was restored",
    }
)


def why_ended(reason: str, agent: str) -> str:
    """Return why a session of `agent` ended, as a clause; an unknown code is shown as it is."""
    return ENDS.get(reason, reason).replace("{agent}", agent)


def told_to_agent(reason: str) -> str:
    """Return why a session ended as a sentence for its own agent."""
    clause = ENDS.get(reason, reason).replace("{agent} was", "you were")
    clause = clause.replace("{agent}'s", "your").replace("{agent}", "you")
    return f"{clause[:1].upper()}{clause[1:]}."


def in_words(reason: str) -> str:
    """Return what a reason means; a code without words is shown as it is."""
    if reason.startswith("sip_"):
        return f"The network refused the call (SIP {reason.removeprefix('sip_')})"
    return WORDS.get(reason, reason)
