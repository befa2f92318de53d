"""What pages and commands read of sessions and calls; the account comes first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.db.models import Case, Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, When
from django.db.models.functions import Coalesce, Greatest, Now

from autodialer.apps import keyset
from autodialer.apps.calls.known import contact_name, known_contact
from autodialer.apps.calls.models import Attempt, AttemptState, Node, Session, SessionStatus
from autodialer.apps.calls.reasons import why_ended
from autodialer.apps.rows import rows
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.keyset import Place
    from autodialer.domain.outcome import CallStatus


SESSION_ORDER: Final = ("user_id",)


class AgentState(StrEnum):
    """What an agent does, in the words of the screens; all but `ended` are connected."""

    CONNECTING = "connecting"
    WAITING = "waiting"
    DIALING = "dialing"
    TALKING = "talking"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class AgentRow:
    """A session: who, what, since when, and with whom.

    `why` is a sentence and `end_reason` its code; both are empty while the session lives.
    """

    session_id: UUID
    campaign_id: int
    user_id: int
    agent: str
    state: AgentState
    since: datetime
    number: str
    contact: str
    stopping: bool
    end_reason: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call as the call details show it. `talk_s` is None unless it was answered and ended."""

    id: UUID
    number: str
    caller_id: str
    contact: str
    agent: str
    try_no: int | None
    state: str
    status: str
    reason: str
    abandoned: bool
    placed_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    talk_s: float | None
    recording: str


def agent_rows(account: Account, campaign_id: int | None = None) -> list[AgentRow]:
    """Return the live sessions of a campaign, or of the whole account, by agent."""
    sessions = _live_sessions(account)
    if campaign_id is not None:
        sessions = sessions.filter(campaign=campaign_id)
    return [agent_row(session) for session in sessions]


def agents_of(account: Account, ids: Iterable[int]) -> Mapping[int, list[AgentRow]]:
    """Return the live sessions of each of these campaigns, by agent; two queries."""
    found: dict[int, list[AgentRow]] = {campaign_id: [] for campaign_id in ids}
    for session in _live_sessions(account).filter(campaign__in=list(found)):
        found[session.campaign_id].append(agent_row(session))
    return found


def engaged(account: Account, ids: Iterable[int]) -> Mapping[int, UUID | None]:
    """Return which of these users are connected, each with the call that lives now, if any."""
    live = Attempt.objects.filter(session=OuterRef("pk")).exclude(state=AttemptState.ENDED.value)
    sessions = Session.objects.filter(account=account, user__in=list(ids)).exclude(
        status=SessionStatus.ENDED.value
    )
    return dict(sessions.values_list("user_id", Subquery(live.values("pk")[:1])))


def sessions_part(
    account: Account,
    *,
    campaign_id: int | None = None,
    user_id: int | None = None,
    after: Place | None = None,
    limit: int,
) -> list[AgentRow]:
    """Return live sessions by the id of the agent, of whom each has one at most; after a place."""
    found = _live_sessions(account)
    if campaign_id is not None:
        found = found.filter(campaign=campaign_id)
    if user_id is not None:
        found = found.filter(user=user_id)
    return [agent_row(one) for one in keyset.part(found, SESSION_ORDER, after, limit)]


def session_row(account: Account, session_id: UUID) -> AgentRow:
    """Return a session, live or ended. Raises NotFoundError."""
    live = _live_sessions(account).filter(pk=session_id).first()
    if live is not None:
        return agent_row(live)
    ended = Session.objects.filter(account=account, pk=session_id).select_related("user").first()
    if ended is None:
        raise no_such_session()
    return ended_row(ended)


def no_such_session() -> NotFoundError:
    """Return the error for a session that is not there."""
    return NotFoundError("There is no such session: see `autodialer session list`.")


def _live_sessions(account: Account) -> QuerySet[Session]:
    """Return the live sessions as `agent_row` takes them."""
    live_calls = Attempt.objects.exclude(state=AttemptState.ENDED.value).select_related("target")
    calls = Attempt.objects.filter(session=OuterRef("pk"))
    last_end = calls.order_by().values("session").annotate(at=Max("ended_at")).values("at")
    is_in_call = Exists(calls.exclude(state=AttemptState.ENDED.value))
    return (
        Session.objects.filter(account=account)
        .exclude(status=SessionStatus.ENDED.value)
        .select_related("user")
        .prefetch_related(Prefetch("attempts", live_calls, to_attr="live_calls"))
        # Asked for those who wait alone: it reads all calls of their session.
        .annotate(last_end=Case(When(is_in_call, then=None), default=Subquery(last_end)))
        .order_by("user__name", "pk")
    )


def ended_rows(account: Account, since: datetime, campaign_id: int | None = None) -> list[AgentRow]:
    """Return the sessions of a campaign, or of the whole account, that ended; the last first."""
    ended = Session.objects.filter(account=account, ended_at__gte=since).select_related("user")
    if campaign_id is not None:
        ended = ended.filter(campaign=campaign_id)
    return [ended_row(session) for session in ended.order_by("-ended_at", "-pk")]


def call_rows(
    account: Account,
    campaign_id: int,
    *,
    status: CallStatus | None = None,
    number: str = "",
    limit: int = 100,
) -> list[CallRow]:
    """Return calls of a campaign, newest first; `number` is a part of the number to look for."""
    attempts = Attempt.objects.filter(account=account, campaign=campaign_id)
    if status is not None:
        attempts = attempts.filter(status=status.value)
    if digits := "".join(filter(str.isdigit, number)):
        attempts = attempts.filter(e164__contains=digits)
    found = attempts.order_by("-placed_at", "-pk").values_list("pk", flat=True)
    return calls_of(found[:limit])


def calls_of(ids: Iterable[UUID]) -> list[CallRow]:
    """Return these calls in this order; one query, and no models: it is asked for often."""
    wanted = list(ids)
    found = {row.id: CallRow(*row) for row in rows("calls", "call_rows", {"ids": wanted})}
    return [found[call_id] for call_id in wanted if call_id in found]


def call_row(attempt: Attempt) -> CallRow:
    """Return a call whose user and target are loaded as the row that is shown."""
    return CallRow(
        id=attempt.pk,
        number=attempt.e164,
        caller_id=attempt.caller_id,
        contact=contact_name(known_contact(attempt)),
        agent=attempt.user.name,
        try_no=attempt.try_no,
        state=attempt.state,
        status=attempt.status,
        reason=attempt.reason,
        abandoned=attempt.abandoned,
        placed_at=attempt.placed_at,
        answered_at=attempt.answered_at,
        ended_at=attempt.ended_at,
        talk_s=_talk_s(attempt),
        # The file of a call that nobody answered was never made.
        recording=attempt.recording if attempt.answered_at else "",
    )


def _talk_s(attempt: Attempt) -> float | None:
    if attempt.answered_at is None or attempt.ended_at is None:
        return None
    return (attempt.ended_at - attempt.answered_at).total_seconds()


def agent_row(session: Session) -> AgentRow:
    """Return a live session that was loaded as `_live_sessions` loads it."""
    live: list[Attempt] = session.live_calls  # type: ignore[attr-defined]  # prefetched above
    call = live[0] if live else None
    state, since = _state(session, call)
    return AgentRow(
        session_id=session.pk,
        campaign_id=session.campaign_id,
        user_id=session.user_id,
        agent=session.user.name,
        state=state,
        since=since,
        number=call.e164 if call else "",
        contact=contact_name(known_contact(call)) if call else "",
        stopping=session.stop_reason != "",
    )


def ended_row(session: Session) -> AgentRow:
    """Return a session that ended, with its user loaded."""
    return AgentRow(
        session_id=session.pk,
        campaign_id=session.campaign_id,
        user_id=session.user_id,
        agent=session.user.name,
        state=AgentState.ENDED,
        since=session.ended_at or session.created_at,
        number="",
        contact="",
        stopping=False,
        end_reason=session.end_reason,
        why=why_ended(session.end_reason, session.user.name),
    )


def _state(session: Session, call: Attempt | None) -> tuple[AgentState, datetime]:
    if session.ready_at is None:
        return AgentState.CONNECTING, session.created_at
    if call is None:
        last_end: datetime | None = session.last_end  # type: ignore[attr-defined]  # annotated
        return AgentState.WAITING, max(session.ready_at, last_end or session.ready_at)
    if call.answered_at is None:
        return AgentState.DIALING, call.placed_at
    return AgentState.TALKING, call.answered_at


def call_count(account: Account, campaign_id: int) -> int:
    """Return how many calls a campaign has made, also those that are live."""
    return Attempt.objects.filter(account=account, campaign=campaign_id).count()


def phone_socket(user_id: int | None = None) -> str:
    """Return the URL of the WebSocket at which a browser's phone shall register, "" if none runs.

    That of the node with the user's session, else of the living one with most room. It is an
    address for the web process to pass on, never for a browser.
    """
    theirs = _live_at_node().filter(user=user_id)
    taken = _live_at_node().order_by().values("node").annotate(number=Count("pk")).values("number")
    nodes = Node.objects.exclude(sip_url="").filter(removed_at=None)
    ordered = nodes.annotate(
        is_theirs=Exists(theirs),
        takes_sessions=Case(When(_TAKES_SESSIONS, then=1), default=0),
        load=Coalesce(Subquery(taken), 0) * 1.0 / Greatest(F("capacity"), 1),
    ).order_by("-is_theirs", "-takes_sessions", "load", "-lease_until", "pk")
    return ordered.values_list("sip_url", flat=True).first() or ""


def phone_should_move(url: str, user_id: int) -> bool:
    """Return whether a phone that is registered at `url` shall go to another node.

    When its node takes no sessions any more, another one does, and no session of the user is here.
    """
    usable = Node.objects.exclude(sip_url="").filter(_TAKES_SESSIONS)
    if usable.filter(sip_url=url).exists() or not usable.exists():
        return False
    here = Session.objects.filter(user=user_id, node__sip_url=url)
    return not here.exclude(status=SessionStatus.ENDED.value).exists()


_TAKES_SESSIONS: Final = Q(lease_until__gt=Now(), draining_since=None, removed_at=None)


def _live_at_node() -> QuerySet[Session]:
    here = Session.objects.filter(node=OuterRef("pk"))
    return here.exclude(status=SessionStatus.ENDED.value)
