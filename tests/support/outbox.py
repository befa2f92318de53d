"""Webhook endpoints and calls for tests, on Django's connection."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign, Target, TargetChange
from autodialer.apps.webhooks.models import Delivery, Endpoint
from tests.support.book import NOON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from tests.support.book import Book

URL = "https://crm.example.com/in"


async def until(holds: Callable[[], bool | Awaitable[bool]], deadline_s: float = 30.0) -> None:
    """Wait for a condition. Raises TimeoutError after the deadline."""
    async with asyncio.timeout(deadline_s):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


def endpoint(book: Book, *, url: str = URL, kinds: Iterable[str] = ()) -> Endpoint:
    """An endpoint as `add_endpoint` makes it, also with an address that it would refuse."""
    return Endpoint.objects.create(
        account=book.account,
        url=url,
        kinds=list(kinds),
        salt=uuid4().hex,
        created_at=NOON,
        changed_at=NOON,
    )


def connected(book: Book, campaign: Campaign) -> Session:
    """A session of the agent on the campaign."""
    started = start_session(
        account=book.account,
        campaign_id=campaign.pk,
        user_id=book.agent.pk,
        now=NOON,
        actor=OPERATOR,
    )
    return Session.objects.get(pk=started.session_id)


def dial(session: Session, at: datetime = NOON) -> Attempt:
    """A call of the session to the next number that has none."""
    target = Target.objects.filter(campaign=session.campaign, attempts=None).order_by("seq")[0]
    node, _ = Node.objects.get_or_create(name="node", defaults={"created_at": NOON})
    return Attempt.objects.create(
        id=uuid4(),
        account=session.account,
        campaign=session.campaign,
        target=target,
        session=session,
        user=session.user,
        node=node,
        e164=target.e164,
        caller_id="+918045678901",
        try_no=1,
        placed_at=at,
    )


def ring(call: Attempt, after_s: int = 2) -> None:
    """The customer's phone rings."""
    rang_at = call.placed_at + timedelta(seconds=after_s)
    Attempt.objects.filter(pk=call.pk).update(rang_at=rang_at)


def answer(call: Attempt, after_s: int = 5) -> None:
    """The customer answers."""
    answered_at = call.placed_at + timedelta(seconds=after_s)
    Attempt.objects.filter(pk=call.pk).update(state="talking", answered_at=answered_at)


def end(call: Attempt, status: str, reason: str, *, sent: bool = True) -> None:
    """The call ends 30 s after it was placed, and its number with it."""
    at = call.placed_at + timedelta(seconds=30)
    changes = {} if sent else {"try_no": None}
    Attempt.objects.filter(pk=call.pk).update(
        state="ended", status=status, reason=reason, ended_at=at, **changes
    )
    new = "completed" if status == "completed" else "failed"
    Target.objects.filter(pk=call.target_id).update(status=new, reason=reason, tries=1)
    TargetChange.objects.create(
        target_id=call.target_id, old="in-progress", new=new, reason=reason, at=at
    )


def told() -> list[tuple[str, str]]:
    """Every delivery: purpose and kind, in the order in which they were written."""
    found = Delivery.objects.select_related("event").order_by("pk")
    return [(each.purpose, each.event.kind) for each in found]
