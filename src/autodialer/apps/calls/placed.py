"""Calls with both of their legs, as programs ask for them one by one or all of an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.db.models import Q

from autodialer.apps.billing.queries import balance, charged
from autodialer.apps.calls.details import Mark
from autodialer.apps.calls.models import Attempt, AttemptState, Session
from autodialer.apps.campaigns.models import Target
from autodialer.apps.campaigns.tells import tells_of
from autodialer.domain.campaign import CampaignKind
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from django.db.models import QuerySet

    from autodialer.apps.accounts.models import Account
    from autodialer.domain.outcome import CallStatus

MOST_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class AgentLeg:
    """The first leg: the agent's session. `end_reason` is "" while it lives."""

    phone: str
    status: str
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    end_reason: str


@dataclass(frozen=True, slots=True)
class CustomerLeg:
    """The second leg; `status` is "" while it lives. `cost` in minor units, None: not charged."""

    state: str
    status: str
    reason: str
    placed_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cost: int | None


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """A call. A single call is known by its session, before there is a second leg."""

    id: UUID
    is_single: bool
    number: str
    caller_id: str
    agent: AgentLeg
    customer: CustomerLeg | None
    recorded_call: UUID | None
    custom_field: str
    currency: str


@dataclass(frozen=True, slots=True)
class Sought:
    """Which calls are looked for; empty is all. Numbers are E.164; times of the second leg."""

    ids: Sequence[UUID] = ()
    numbers: Sequence[str] = ()
    phones: Sequence[str] = ()
    caller_id: str = ""
    statuses: Sequence[CallStatus] | None = None
    since: datetime | None = None
    until: datetime | None = None
    oldest_first: bool = False
    after: Mark | None = None
    before: Mark | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the calls; `previous` and `next` are where the neighbours start."""

    calls: list[PlacedCall]
    total: int
    previous: Mark | None
    next: Mark | None


def placed_call(account: Account, call_id: UUID) -> PlacedCall:
    """Return a call by its own id, a single one by its session. Raises NotFoundError."""
    attempt = _attempts(account).filter(pk=call_id).first()
    if attempt is not None:
        return _of_attempts(account, [attempt])[0]
    sessions = Session.objects.select_related("device", "campaign__caller_id")
    session = sessions.filter(
        account=account, pk=call_id, campaign__kind=CampaignKind.CALL.value
    ).first()
    if session is None:
        raise NotFoundError("There is no such call in this account.")
    attempt = _attempts(account).filter(session=session).first()
    return _of_attempts(account, [attempt])[0] if attempt else _of_session(account, session)


def placed_calls(account: Account, sought: Sought, *, limit: int) -> Part:
    """Return calls that have a second leg, by when it was placed."""
    found = _sought(account, sought)
    backwards = sought.before is not None
    newest_first = sought.oldest_first == backwards
    order = ("-placed_at", "-pk") if newest_first else ("placed_at", "pk")
    mark = sought.before or sought.after
    beyond = _beyond(found, mark, newest_first=newest_first)
    read = list(beyond.order_by(*order)[: limit + 1])
    rows, has_more = read[:limit], len(read) > limit
    if backwards:
        rows.reverse()
    has_previous = has_more if backwards else sought.after is not None
    has_next = backwards or has_more
    return Part(
        calls=_of_attempts(account, rows),
        total=found.count(),
        previous=_mark(rows[0]) if rows and has_previous else None,
        next=_mark(rows[-1]) if rows and has_next else None,
    )


def _attempts(account: Account) -> QuerySet[Attempt]:
    return Attempt.objects.filter(account=account).select_related(
        "session__device", "campaign", "user"
    )


def _sought(account: Account, sought: Sought) -> QuerySet[Attempt]:
    calls = _attempts(account)
    if sought.ids:
        single = Q(session__in=sought.ids, campaign__kind=CampaignKind.CALL.value)
        calls = calls.filter(Q(pk__in=sought.ids) | single)
    if sought.numbers:
        calls = calls.filter(e164__in=sought.numbers)
    if sought.phones:
        calls = calls.filter(session__device__address__in=sought.phones)
    if sought.caller_id:
        calls = calls.filter(caller_id=sought.caller_id)
    if sought.statuses is not None:
        calls = calls.filter(status__in=[status.value for status in sought.statuses])
    if sought.since is not None:
        calls = calls.filter(placed_at__gte=sought.since)
    return calls if sought.until is None else calls.filter(placed_at__lte=sought.until)


def _beyond(
    calls: QuerySet[Attempt], mark: Mark | None, *, newest_first: bool
) -> QuerySet[Attempt]:
    if mark is None:
        return calls
    side = "lt" if newest_first else "gt"
    same = Q(placed_at=mark.placed_at)
    return calls.filter(
        Q(**{f"placed_at__{side}": mark.placed_at}) | same & Q(**{f"pk__{side}": mark.call_id})
    )


def _mark(attempt: Attempt) -> Mark:
    return Mark(attempt.placed_at, attempt.pk)


def _of_attempts(account: Account, attempts: Sequence[Attempt]) -> list[PlacedCall]:
    told = tells_of(account, {attempt.campaign_id for attempt in attempts})
    costs = charged(account, [attempt.pk for attempt in attempts])
    money = balance(account)
    return [
        PlacedCall(
            id=attempt.session_id if _is_single(attempt) else attempt.pk,
            is_single=_is_single(attempt),
            number=attempt.e164,
            caller_id=attempt.caller_id,
            agent=_agent_leg(attempt.session),
            customer=_customer_leg(attempt, costs),
            recorded_call=attempt.pk if attempt.recording and attempt.answered_at else None,
            custom_field=told[attempt.campaign_id].custom_field or "",
            currency=money.currency if money else "",
        )
        for attempt in attempts
    ]


def _of_session(account: Account, session: Session) -> PlacedCall:
    """Return a single call of which there is no second leg yet, or never was one."""
    campaign = session.campaign
    return PlacedCall(
        id=session.pk,
        is_single=True,
        number=Target.objects.get(campaign=campaign).e164,
        caller_id=campaign.caller_id.e164,
        agent=_agent_leg(session),
        customer=None,
        recorded_call=None,
        custom_field=tells_of(account, [campaign.pk])[campaign.pk].custom_field or "",
        currency="",
    )


def _is_single(attempt: Attempt) -> bool:
    return attempt.campaign.kind == CampaignKind.CALL


def _agent_leg(session: Session) -> AgentLeg:
    return AgentLeg(
        phone=session.device.address if session.device else "",
        status=session.status,
        created_at=session.created_at,
        answered_at=session.ready_at,
        ended_at=session.ended_at,
        end_reason=session.end_reason,
    )


def _customer_leg(attempt: Attempt, costs: Mapping[UUID, int]) -> CustomerLeg:
    return CustomerLeg(
        state=attempt.state,
        status=attempt.status,
        reason=attempt.reason,
        placed_at=attempt.placed_at,
        answered_at=attempt.answered_at,
        ended_at=attempt.ended_at,
        cost=costs.get(attempt.pk) if attempt.state == AttemptState.ENDED else None,
    )
