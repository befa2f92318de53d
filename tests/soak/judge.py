"""What a soak came to: counts of the carrier and of the database, and what must be zero."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from django.db.models import Count, F, Sum

from autodialer.apps.billing.models import Hold, LedgerEntry, Purse
from autodialer.apps.calls.models import Attempt, Session, SessionStatus
from autodialer.apps.campaigns.models import Target
from autodialer.apps.webhooks.models import Delivery, Event
from autodialer.domain.money import HoldStatus
from autodialer.domain.target import TERMINAL
from tests.soak.office import RETRIES
from tests.support.site import CALLER_ID

if TYPE_CHECKING:
    from autodialer.ops.lab.carrier import Invite
    from tests.soak.faults import World

# I8, I16: an entry or a pause counts from one second after it was acknowledged.
_GRACE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Judged:
    """`figures` tell what happened; each of `zeros` must be 0."""

    figures: Mapping[str, float]
    zeros: Mapping[str, int]


def judge(world: World) -> Judged:
    """Count. Call it when all agents have gone home and the webhooks are out."""
    office, lab = world.office, world.machine.lab
    invites, ends = lab.invites(), lab.ends()
    phones = set(office.phones.values())
    customers = [call for call in invites if call.called not in phones]
    tries = _tries()
    live = world.machine.live_channels()
    return Judged(
        figures={
            "numbers": len(office.numbers),
            "calls that the carrier saw": len(customers),
            "calls to agents that the carrier saw": len(invites) - len(customers),
            **_figures(),
        },
        zeros={
            "numbers dialled more often than allowed": _too_often(customers, tries),
            "calls without an attempt": _unasked(customers, tries),
            "two calls at once to a number": overlaps(customers, ends),
            "two calls at once to an agent": overlaps(
                (call for call in invites if call.called in phones), ends
            ),
            "calls while paused": _while_paused(customers, world.pauses),
            "calls to forbidden numbers": _forbidden(world, customers),
            "calls from another number": sum(call.caller != CALLER_ID for call in invites),
            "stuck numbers, calls and sessions": _stuck(),
            "ledger difference": _ledger_difference(),
            "holds left open": Hold.objects.filter(status=HoldStatus.OPEN.value).count(),
            "numbers missing in the counts": len(office.numbers) - Target.objects.count(),
            "channels left on the node": live["channels"],
            "bridges left on the node": live["bridges"],
            "calls left at the carrier": live["carrier"],
            "events that nobody wrote": _unwritten(),
            "webhooks lost": _lost_webhooks(world),
            "talks without a recording": _unrecorded(world),
        },
    )


def overlaps(calls: Iterable[Invite], ends: Mapping[str, float]) -> int:
    """Return how many calls began while another to the same number was not over."""
    by_number: dict[str, list[Invite]] = defaultdict(list)
    for call in calls:
        by_number[call.called].append(call)
    return sum(
        second.at < ends.get(first.call_id, float("inf"))
        for seen in by_number.values()
        for first, second in pairwise(seen)
    )


def _tries() -> Mapping[str, int]:
    """How many tries that count each number had."""
    rows = Attempt.objects.exclude(try_no=None).values_list("e164").annotate(Count("pk"))
    return dict(rows)


def _too_often(customers: Sequence[Invite], tries: Mapping[str, int]) -> int:
    seen, most = Counter(call.called for call in customers), 1 + RETRIES
    return sum(max(seen[number], tries.get(number, 0)) > most for number in {*seen, *tries})


def _unasked(customers: Sequence[Invite], tries: Mapping[str, int]) -> int:
    seen = Counter(call.called for call in customers)
    return sum(max(count - tries.get(number, 0), 0) for number, count in seen.items())


def _while_paused(customers: Sequence[Invite], pauses: Sequence[tuple[float, float]]) -> int:
    return sum(since + _GRACE_S < call.at < until for call in customers for since, until in pauses)


def _forbidden(world: World, customers: Sequence[Invite]) -> int:
    forbidden = {n: at.timestamp() for n, at in world.office.forbidden.items()}
    return sum(
        call.at > forbidden[call.called] + _GRACE_S
        for call in customers
        if call.called in forbidden
    )


def _stuck() -> int:
    final = [status.value for status in TERMINAL]
    return (
        Target.objects.exclude(status__in=final).count()
        + Attempt.objects.exclude(state="ended").count()
        + Session.objects.exclude(status=SessionStatus.ENDED.value).count()
    )


def _ledger_difference() -> int:
    """Minor units by which balances differ from entries, or what is held from open holds."""
    booked = LedgerEntry.objects.aggregate(sum=Sum("amount"))["sum"] or 0
    open_ = Hold.objects.filter(status=HoldStatus.OPEN.value)
    reserved = open_.aggregate(sum=Sum("reserved"))["sum"] or 0
    kept = Purse.objects.aggregate(balance=Sum("balance"), held=Sum("held"))
    return int(abs((kept["balance"] or 0) - booked) + abs((kept["held"] or 0) - reserved))


def _unwritten() -> int:
    """Ends of calls, and of numbers, that stand in no outbox."""
    kinds = Counter(Event.objects.values_list("kind", flat=True))
    ended = Attempt.objects.filter(state="ended").count()
    return abs(ended - kinds["call.ended"]) + abs(Target.objects.count() - kinds["number.finished"])


def _lost_webhooks(world: World) -> int:
    """Deliveries that the receiver never got, whatever the database says of them."""
    ids = Delivery.objects.values_list("event_id", flat=True)
    return sum(f"msg_{event.hex}" not in world.receiver.heard for event in ids)


def _unrecorded(world: World) -> int:
    """Answered calls without a file; a call that was cut as it was answered may have none."""
    files = {file.name for file in world.machine.paths.recordings.iterdir()}
    answered = Attempt.objects.filter(answered_at__isnull=False, estimated=False)
    return sum(name not in files for name in answered.values_list("recording", flat=True))


def _figures() -> Mapping[str, float]:
    talks = Attempt.objects.filter(answered_at__isnull=False)
    talked = talks.aggregate(sum=Sum(F("ended_at") - F("answered_at")))["sum"]
    reasons = Counter(Attempt.objects.values_list("reason", flat=True))
    return {
        "attempts": Attempt.objects.count(),
        "attempts that were never sent": Attempt.objects.filter(try_no=None).count(),
        "answered": talks.count(),
        "talk minutes": round(talked.total_seconds() / 60, 1) if talked else 0,
        "abandoned": Attempt.objects.filter(abandoned=True).count(),
        "ends that nobody saw (estimated)": Attempt.objects.filter(estimated=True).count(),
        "outcome unknown": reasons["outcome_unknown"],
        "sessions": Session.objects.count(),
        "webhooks delivered": Delivery.objects.filter(status="delivered").count(),
        **{
            f"numbers {status}": count
            for status, count in sorted(
                Counter(Target.objects.values_list("status", flat=True)).items()
            )
        },
    }
