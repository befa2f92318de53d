"""Why a number was or was not called, and why an agent's phone is quiet: one sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Exists, OuterRef

from autodialer.apps.accounts.queries import users_by_id
from autodialer.apps.calls.models import Attempt, AttemptState, Session, SessionStatus
from autodialer.apps.calls.nothing import Exhausted, why_nothing
from autodialer.apps.calls.reasons import why_ended
from autodialer.apps.calls.start import CannotStartError, check_start, clock_text
from autodialer.apps.campaigns.models import Target
from autodialer.apps.campaigns.queries import campaign as campaign_of
from autodialer.apps.contacts.numbers import parse_caller_id
from autodialer.apps.rows import rows
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.dial_whom import LATEST_ANSWER
from autodialer.domain.errors import NotFoundError
from autodialer.domain.outcome import Reason
from autodialer.domain.session import NoMore, NothingNow, Wait
from autodialer.domain.target import LIVE, TargetStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.models import Campaign

_S = TargetStatus

_WAITS: Final[Mapping[Wait, str]] = MappingProxyType(
    {
        Wait.RETRY_LATER: "the next number is a retry that is not due yet",
        Wait.NUMBERS_BUSY: "the numbers that are left are in other calls",
        Wait.RECENTLY_CALLED: "the numbers that are left were called a moment ago and rest",
        Wait.PAUSED: "the campaign is paused",
        Wait.OUTSIDE_WINDOW: "the calling window is closed",
        Wait.NOT_STARTED: "the campaign has not started",
        Wait.NOT_READY: "the telephone server is away",
        Wait.SOURCE_SLOW: "the Dial-Whom URL has not given a number yet",
        Wait.TRUNK_SILENT: "the carrier takes no calls",
        Wait.TRUNK_BUSY: "the carrier takes no more calls at this moment",
    }
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sentence for people; `status` is the number's or the agent's, for programs."""

    subject: str
    status: str
    sentence: str


def why_number(account: Account, campaign_id: int, number: str, now: datetime) -> Explanation:
    """Say why a number of a campaign was or was not called. Raises NumberError, NotFoundError."""
    campaign = campaign_of(account, campaign_id)
    e164 = parse_caller_id(number, account.region)
    target = Target.objects.filter(campaign=campaign, e164=e164).first()
    if target is None:
        raise NotFoundError(f"{e164} is not a number of the campaign {campaign.name!r}.")
    calls = Attempt.objects.filter(target=target).select_related("user").order_by("placed_at")
    parts = [_calls(account, list(calls), now), _standing(account, campaign, target, now)]
    return Explanation(e164, target.status, " ".join(filter(None, parts)))


def why_agent(account: Account, user_id: int, now: datetime) -> Explanation:
    """Say what an agent's phone does, or why it is quiet and when that may end.

    Raises NotFoundError.
    """
    (user,) = users_by_id(account, [user_id])
    sessions = Session.objects.filter(user=user).select_related("campaign", "node", "user")
    last = sessions.order_by("-created_at").first()
    if last is None:
        return Explanation(user.name, "never", f"{user.name} has never pressed Start.")
    if last.status == SessionStatus.ENDED:
        return Explanation(user.name, last.status, _after(account, last, now))
    return Explanation(user.name, last.status, _during(account, last, now))


def why_idle(account: Account, campaign_id: int, now: datetime) -> str:
    """Say why agents of a campaign who wait get no number; empty when none waits.

    One reason for all of them: it is the campaign's.
    """
    waiting = Session.objects.filter(account=account, campaign=campaign_id, stop_reason="")
    live = waiting.filter(status=SessionStatus.READY.value).select_related("user", "node")
    busy = Attempt.objects.filter(session=OuterRef("pk")).exclude(state=AttemptState.ENDED.value)
    first = live.exclude(Exists(busy)).order_by("ready_at").first()
    return "" if first is None else _nothing(account, first, now)


# A number ------------------------------------------------------------------------------------


def _calls(account: Account, calls: Sequence[Attempt], now: datetime) -> str:
    if not calls:
        return "It was not called."
    told = "; ".join(_call(account, call, now) for call in calls)
    times = "once" if len(calls) == 1 else f"{len(calls)} times"
    return f"It was called {times}: {told}."


def _call(account: Account, call: Attempt, now: datetime) -> str:
    at = clock_text(account, call.placed_at, now)
    if call.state != AttemptState.ENDED:
        return f"at {at} by {call.user.name}, still {call.state}"
    reason = call.reason.replace("_", " ")
    result = call.status if reason in {"", call.status} else f"{call.status} ({reason})"
    return f"at {at} by {call.user.name}, {result}"


def _standing(  # noqa: PLR0911  a table of sentences
    account: Account, campaign: Campaign, target: Target, now: datetime
) -> str:
    status = TargetStatus(target.status)
    at = clock_text(account, target.changed_at, now)
    match status:
        case _S.SCHEDULED:
            parts = (_place(target), _rest(account, target, now))
            return " ".join(filter(None, (*parts, _why_waiting(account, campaign, now))))
        case _S.RETRY:
            due = clock_text(account, target.due_at or now, now)
            parts = (f"It is due again at {due}.", _rest(account, target, now))
            return " ".join(filter(None, (*parts, _why_waiting(account, campaign, now))))
        case _S.FAILED_DND:
            if target.attempts.filter(reason=Reason.DO_NOT_CALL).exists():
                return f"It was put on the do-not-call list while it rang, at {at}."
            return f"It was on the do-not-call list when its turn came at {at}."
        case _S.FAILED_BALANCE:
            return f"The balance did not suffice when its turn came at {at}."
        case _S.FAILED_NO_ATTEMPT:
            return f"The campaign ended at {at}, before its turn came."
        case _S.FAILED if target.reason == "ended_before_retry":
            return f"The campaign ended at {at}, before its retry."
        case _ if status in LIVE:
            return ""
        case _:
            return f"It is {status} since {at}."


def _place(target: Target) -> str:
    before = Target.objects.filter(
        campaign=target.campaign_id, status=_S.SCHEDULED.value, seq__lt=target.seq
    ).count()
    return f"Scheduled numbers before it: {before:,}." if before else "It is the next one."


def _rest(account: Account, target: Target, now: datetime) -> str:
    gap = timedelta(seconds=account.redial_gap_s)
    last = (
        Attempt.objects.filter(account=account, e164=target.e164, ended_at__gt=now - gap)
        .filter(state=AttemptState.ENDED.value, try_no__isnull=False)
        .select_related("campaign")
        .order_by("-ended_at")
        .first()
    )
    if last is None or last.ended_at is None:
        return ""
    ended, until = (clock_text(account, at, now) for at in (last.ended_at, last.ended_at + gap))
    return f"Campaign {last.campaign.name!r} called it until {ended}: it rests until {until}."


def _why_waiting(account: Account, campaign: Campaign, now: datetime) -> str:
    match CampaignStatus(campaign.status):
        case CampaignStatus.CREATED:
            return f"The campaign starts at {clock_text(account, campaign.starts_at, now)}."
        case CampaignStatus.PAUSED:
            return f"The campaign is paused ({campaign.reason.replace('_', ' ')})."
        case _:
            live = Session.objects.filter(campaign=campaign).exclude(
                status=SessionStatus.ENDED.value
            )
            return "" if live.exists() else "No agent is connected."


# An agent ------------------------------------------------------------------------------------


def _after(account: Account, last: Session, now: datetime) -> str:
    ended = clock_text(account, last.ended_at or now, now)
    why = why_ended(last.end_reason, last.user.name)
    said = f"{last.user.name} is not connected: at {ended} {why}."
    try:
        check_start(account, last.campaign, last.user, now)
    except CannotStartError as refusal:
        return f"{said} {refusal}"
    return f"{said} Start is possible now."


def _during(account: Account, live: Session, now: datetime) -> str:
    name = live.user.name
    if live.ready_at is None:
        since = clock_text(account, live.created_at, now)
        if live.node and live.node.trunk_waiting:
            return f"{name} waits since {since}: {_WAITS[Wait.TRUNK_BUSY]}."
        return f"{name}'s phone is being called since {since}."
    calls = Attempt.objects.filter(session=live).exclude(state=AttemptState.ENDED.value)
    call = calls.first()
    if call is not None:
        since = clock_text(account, call.answered_at or call.placed_at, now)
        return f"{name} is {call.state} with {call.e164} since {since}."
    return f"{name} waits: {_nothing(account, live, now)}."


def _nothing(account: Account, live: Session, now: datetime) -> str:
    row = _facts(live, now)
    if live.stop_reason:
        return "the session is being ended"
    silent_since = live.node.trunk_silent_since if live.node else None
    match why_nothing(row, now):
        # Numbers that could be called are held back.
        case NothingNow(Wait.NUMBERS_BUSY) if silent_since is not None:
            return f"{_WAITS[Wait.TRUNK_SILENT]} since {clock_text(account, silent_since, now)}"
        case NothingNow(Wait.NUMBERS_BUSY) if live.node and live.node.trunk_waiting:
            return _WAITS[Wait.TRUNK_BUSY]
        case NothingNow(why, next_at):
            until = f" until {clock_text(account, next_at, now)}" if next_at else ""
            return f"{_WAITS[why]}{until}"
        case NoMore(reason):
            return why_ended(reason, live.user.name)
        case Exhausted():
            return "no numbers are left"


def _facts(live: Session, now: datetime) -> Mapping[str, Any]:
    node = live.node
    values: dict[str, Any] = {
        "session_id": live.pk,
        "node_id": node.pk if node else None,
        "epoch": node.epoch if node else None,
        "now": now,
        "latest_answer": LATEST_ANSWER,
    }
    (row,) = rows("calls", "nothing_to_claim", values)
    found: dict[str, Any] = row._asdict()
    return found
