"""What an agent's screen shows: one's own state, who is being called, and whether Start works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.db.models import BooleanField, ExpressionWrapper, Max, OuterRef, Prefetch, Q, Subquery

from autodialer.apps.agents.models import AgentDevice
from autodialer.apps.agents.queries import device as device_of
from autodialer.apps.calls.known import contact_name, fields_of, known_contact
from autodialer.apps.calls.models import Attempt, AttemptState, Session, SessionStatus
from autodialer.apps.calls.queries import AgentRow, agent_row, call_row, ended_row
from autodialer.apps.calls.start import CannotStartError, check_device, check_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.models import Account, User
    from autodialer.apps.calls.queries import CallRow
    from autodialer.apps.campaigns.models import Campaign

EARLIER_CALLS: Final = 3


@dataclass(frozen=True, slots=True)
class Callee:
    """Who is being called now: what the list and Get Contacts know, and earlier calls."""

    call: CallRow
    fields: Sequence[tuple[str, str]]
    earlier: Sequence[CallRow]
    popup_url: str


@dataclass(frozen=True, slots=True)
class Console:
    """An agent's screen for one campaign.

    `mine` is the live session of the agent, in whatever campaign, else the last one that ended in
    this one. `silent_since` is since when the carrier takes no calls; `is_trunk_full` says that
    calls wait because it takes no more at once. `refusal` says why Start is disabled; None when it
    works. `key` differs when the screen must be drawn anew.
    """

    mine: AgentRow | None
    callee: Callee | None
    last: CallRow | None
    refusal: CannotStartError | None
    key: str
    silent_since: datetime | None = None
    is_trunk_full: bool = False

    @property
    def is_live(self) -> bool:
        return self.mine is not None and not self.mine.why

    @property
    def can_start(self) -> bool:
        return not self.is_live and self.refusal is None


def console(account: Account, campaign: Campaign, user: User, now: datetime) -> Console:
    """Return the agent's screen. The number of queries does not depend on anything."""
    # Before all else: read last it would stand for a change that the rest does not show yet, and
    # the screen would stay as it is.
    key = state_keys(account, [user.pk])[user.pk]
    session = _session(user, campaign)
    mine = None
    if session is not None:
        is_over = session.status == SessionStatus.ENDED
        mine = ended_row(session) if is_over else agent_row(session)
    node = session.node if session is not None else None
    live = session.live_calls[0] if session is not None and session.live_calls else None  # type: ignore[attr-defined]
    return Console(
        mine=mine,
        callee=_callee(account, live) if live is not None else None,
        last=_last_call(session),
        refusal=_refusal(account, campaign, user, now),
        key=key,
        silent_since=node.trunk_silent_since if node else None,
        is_trunk_full=node is not None and node.trunk_waiting > 0,
    )


def state_keys(account: Account, user_ids: Iterable[int]) -> dict[int, str]:
    """Return for agents a text that differs whenever their screen must be drawn anew."""
    ids = list(user_ids)
    calls = Attempt.objects.filter(session=OuterRef("pk")).order_by("-placed_at")
    is_full = ExpressionWrapper(Q(node__trunk_waiting__gt=0), BooleanField())
    is_told = ExpressionWrapper(Q(contact__isnull=False), BooleanField())
    sessions = (
        Session.objects.filter(account=account, user__in=ids)
        .order_by("user", "-created_at")
        .distinct("user")
        .annotate(is_full=is_full)
        .values_list(
            "user",
            "pk",
            "status",
            "stop_reason",
            "node__trunk_silent_since",
            "is_full",
            Subquery(calls.values("pk")[:1]),
            Subquery(calls.values("state")[:1]),
            # What Get Contacts says comes while the call lives.
            Subquery(calls.annotate(is_told=is_told).values("is_told")[:1]),
        )
    )
    steps = {user_id: rest for user_id, *rest in sessions}
    phones = AgentDevice.objects.filter(user__account=account, user__in=ids, is_default=True)
    registered = dict(phones.values_list("user", "registered_at"))
    return {
        user_id: " ".join(map(str, (registered.get(user_id), *steps.get(user_id, ()))))
        for user_id in ids
    }


def live_session(account: Account, user: User) -> Session | None:
    """Return the session of a user that has not ended, in whatever campaign."""
    sessions = Session.objects.filter(account=account, user=user)
    return sessions.exclude(status=SessionStatus.ENDED.value).first()


def _session(user: User, campaign: Campaign) -> Session | None:
    """Return the live session of the user, else the last one in this campaign."""
    calls = Attempt.objects.exclude(state=AttemptState.ENDED.value).select_related("target", "user")
    sessions = (
        Session.objects.filter(user=user)
        .select_related("user", "node")
        .prefetch_related(Prefetch("attempts", calls, to_attr="live_calls"))
        .annotate(last_end=Max("attempts__ended_at"))
    )
    live = sessions.exclude(status=SessionStatus.ENDED.value).first()
    return live or sessions.filter(campaign=campaign).order_by("-created_at").first()


def _last_call(session: Session | None) -> CallRow | None:
    ended = Attempt.objects.filter(session=session, state=AttemptState.ENDED.value)
    last = ended.select_related("user", "target").order_by("-ended_at").first()
    return None if last is None else call_row(last)


def _callee(account: Account, call: Attempt) -> Callee:
    before = Attempt.objects.filter(account=account, e164=call.e164, placed_at__lt=call.placed_at)
    earlier = before.select_related("user", "target").order_by("-placed_at")[:EARLIER_CALLS]
    campaign = call.campaign
    return Callee(
        call=call_row(call),
        fields=fields_of(known_contact(call)),
        earlier=[call_row(one) for one in earlier],
        popup_url=popup_link(campaign.popup_url, call),
    )


def popup_link(url: str, call: Attempt) -> str:
    """Return the customer's own address with the call in its query; what it has stays as it is.

    Returns "" for an address that a browser would run instead of opening it.
    """
    if not url.lower().startswith(("https://", "http://")):
        return ""
    values = {
        "CallSid": call.pk.hex,
        "From": call.e164,
        "CallFrom": call.caller_id,
        "CallTo": call.e164,
        "Direction": "outbound-dial",
        "Name": contact_name(known_contact(call)),
    }
    base, sharp, place = url.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{urlencode(values)}{sharp}{place}"


def _refusal(
    account: Account, campaign: Campaign, user: User, now: datetime
) -> CannotStartError | None:
    try:
        check_start(account, campaign, user, now)
        check_device(user, device_of(account, user.pk))
    except CannotStartError as error:
        return error
    return None
