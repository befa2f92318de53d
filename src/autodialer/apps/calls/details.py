"""The call details of a campaign: its calls in pages, one call in full, and its recording."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.db.models import Q

from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.billing.queries import balance, charged
from autodialer.apps.calls.known import fields_of, known_contact
from autodialer.apps.calls.models import Attempt, Node
from autodialer.apps.calls.queries import CallRow, call_row, calls_of
from autodialer.apps.calls.reasons import in_words
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.campaigns.models import Target
from autodialer.apps.rows import rows
from autodialer.apps.sending import open_in
from autodialer.domain.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from django.db.models import QuerySet

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.domain.outcome import CallStatus

SEARCH_FROM: Final = 3  # digits
PAGE_SIZE: Final = 50
# So many numbers are looked up one by one; of more, the next fifty calls are soon found by date.
FEW_TARGETS: Final = 2_000
_NATIONAL: Final = 10  # digits of a number that may be written with the 0 of a national call
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class RecordingNotReadyError(ConflictError):
    """The call still lives: its recording is being written."""

    code = "recording_not_ready"


class RecordingMissingError(NotFoundError):
    """The recording of a call is not in the folder that this machine plays from."""

    code = "recording_missing"


@dataclass(frozen=True, slots=True)
class Mark:
    """A call as a place in the order of calls; as text it stands in addresses of pages."""

    placed_at: datetime
    call_id: UUID

    def __str__(self) -> str:
        return f"{(self.placed_at - _EPOCH) // _MICROSECOND}-{self.call_id.hex}"

    @classmethod
    def parse(cls, text: str) -> Mark | None:
        """Return the mark that was written so; None for anything else."""
        at, _, call_id = text.partition("-")
        try:
            return cls(_EPOCH + int(at) * _MICROSECOND, UUID(hex=call_id))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which calls somebody looks for and in which order; `after` and `before` exclude each other.

    `number` is any part of a number, at least SEARCH_FROM digits; fewer find everything.
    """

    number: str = ""
    status: CallStatus | None = None
    oldest_first: bool = False
    after: Mark | None = None
    before: Mark | None = None

    @property
    def digits(self) -> str:
        """What is looked for in E.164 numbers; empty when that is too little."""
        found = "".join(str(int(letter)) for letter in self.number if letter.isdecimal())
        if len(found) > _NATIONAL:
            found = found.lstrip("0")
        return found if len(found) >= SEARCH_FROM else ""

    @property
    def is_newest(self) -> bool:
        """Whether a call that is placed now would be on top."""
        return not (self.oldest_first or self.after or self.before)

    @property
    def is_narrowed(self) -> bool:
        """Whether calls of the campaign are left out."""
        return bool(self.digits or self.status or self.after or self.before)


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page of calls; `previous` and `next` are where the neighbours start, None at the ends."""

    rows: list[CallRow]
    previous: Mark | None
    next: Mark | None


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call in full. `ring_s` is until the answer or the end; `cost` in minor units.

    `cost` is None while the call lives and in accounts that are not metered. `fields` is what is
    known of the customer besides the name, heading and value.
    """

    call: CallRow
    caller_id: str
    what_happened: str
    estimated: bool
    ring_s: float | None
    cost: int | None
    currency: str
    fields: Sequence[tuple[str, str]]
    node: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished recording; `file` is its name in the recordings folder."""

    call_id: UUID
    file: str
    number: str
    placed_at: datetime
    node: str


def call_page(account: Account, campaign_id: int, asked: Asked, size: int = PAGE_SIZE) -> CallPage:
    """Return the calls of a campaign that were asked for, by date; three queries at most."""
    backwards = asked.before is not None
    # Read towards the end that is asked for, one call more than is shown.
    newest_first = asked.oldest_first == backwards
    if newest_first and not (asked.status or asked.digits):
        read = _newest(account, campaign_id, asked.before or asked.after, size + 1)
    else:
        calls = _found(account, campaign_id, asked)
        calls = _beyond(calls, asked.before or asked.after, newest_first=newest_first)
        order = ("-placed_at", "-pk") if newest_first else ("placed_at", "pk")
        read = list(calls.order_by(*order).values_list("pk", flat=True)[: size + 1])
    shown, has_more = calls_of(read[:size]), len(read) > size
    if backwards:
        shown.reverse()
    has_previous = has_more if backwards else asked.after is not None
    has_next = backwards or has_more
    return CallPage(
        shown,
        previous=_mark(shown[0]) if shown and has_previous else None,
        next=_mark(shown[-1]) if shown and has_next else None,
    )


def call_detail(account: Account, actor: Actor, campaign_id: int, call_id: UUID) -> CallDetail:
    """Return one call of a campaign. Raises NotFoundError or NotAllowedError."""
    visible_campaign(account, actor, campaign_id, Permission.VIEW_CALLS)
    calls = Attempt.objects.filter(account=account, campaign=campaign_id, pk=call_id)
    attempt = calls.select_related("user", "target", "node").first()
    if attempt is None:
        raise NotFoundError("There is no such call in this campaign.")
    money = balance(account)
    rang_until = attempt.answered_at or attempt.ended_at
    return CallDetail(
        call=call_row(attempt),
        caller_id=attempt.caller_id,
        what_happened=in_words(attempt.reason),
        estimated=attempt.estimated,
        ring_s=(rang_until - attempt.placed_at).total_seconds() if rang_until else None,
        cost=charged(account, [attempt.pk]).get(attempt.pk),
        currency=money.currency if money else "",
        fields=fields_of(known_contact(attempt)),
        node=attempt.node.name,
    )


def recording(account: Account, actor: Actor, call_id: UUID) -> Recording:
    """Return the recording of a call that has ended.

    Raises NotFoundError, also when nobody answered the call, NotAllowedError, or
    RecordingNotReadyError while the call lives.
    """
    attempt = Attempt.objects.filter(account=account, pk=call_id).select_related("node").first()
    if attempt is None:
        raise NotFoundError("There is no such call.")
    visible_campaign(account, actor, attempt.campaign_id, Permission.PLAY_RECORDING)
    if attempt.ended_at is None:
        raise RecordingNotReadyError(
            "This call is not over: its recording can be played when it has ended."
        )
    if attempt.answered_at is None or not attempt.recording:
        raise NotFoundError("Nobody answered this call, so there is no recording of it.")
    return Recording(
        attempt.pk, attempt.recording, attempt.e164, attempt.placed_at, attempt.node.name
    )


def open_recording(folder: Path, found: Recording) -> BinaryIO:
    """Open the file of a recording in the folder. Raises RecordingMissingError, saying why."""
    try:
        return open_in(folder, found.file)
    except NotFoundError:
        raise RecordingMissingError(_why_missing(found.node)) from None


def recording_problem(folder: Path, detail: CallDetail) -> str:
    """Return why the recording of an answered call cannot be played here; empty: it can."""
    call = detail.call
    if not call.recording or call.ended_at is None or (folder / call.recording).is_file():
        return ""
    return _why_missing(detail.node)


def _why_missing(node: str) -> str:
    if Node.objects.count() == 1:
        return "This recording was deleted."
    return (
        f"This recording is not in the folder of recordings here. It was deleted, or the node "
        f"{node}, which made it, records into another folder: let all machines share one."
    )


def _newest(account: Account, campaign_id: int, mark: Mark | None, limit: int) -> list[UUID]:
    """Return which calls of a campaign follow the mark, as most pages and programs read them."""
    values = {
        "account_id": account.pk,
        "campaign_id": campaign_id,
        "placed_at": mark and mark.placed_at,
        "id": mark and mark.call_id,
        "limit": limit,
    }
    return [row.id for row in rows("calls", "newest_calls", values)]


def _found(account: Account, campaign_id: int, asked: Asked) -> QuerySet[Attempt]:
    calls = Attempt.objects.filter(account=account, campaign=campaign_id)
    if asked.status is not None:
        calls = calls.filter(status=asked.status.value)
    if not asked.digits:
        return calls
    targets = Target.objects.filter(campaign=campaign_id)
    # Answered by the index of numbers alone: a bare LIKE would read the whole campaign.
    few = targets.filter(e164__contains=asked.digits).order_by().values_list("e164", flat=True)
    numbers = list(few[: FEW_TARGETS + 1])
    if len(numbers) <= FEW_TARGETS:
        ids = targets.filter(e164__in=numbers).values_list("pk", flat=True)
        return calls.filter(target__in=list(ids))
    return calls.filter(e164__contains=asked.digits)


def _beyond(
    calls: QuerySet[Attempt], mark: Mark | None, *, newest_first: bool
) -> QuerySet[Attempt]:
    """Return the calls that follow the mark; the first condition is the one that the index has."""
    if mark is None:
        return calls
    at, same = mark.placed_at, Q(placed_at=mark.placed_at)
    if newest_first:
        beyond = Q(placed_at__lt=at) | same & Q(pk__lt=mark.call_id)
        return calls.filter(beyond, placed_at__lte=at)
    beyond = Q(placed_at__gt=at) | same & Q(pk__gt=mark.call_id)
    return calls.filter(beyond, placed_at__gte=at)


def _mark(row: CallRow) -> Mark:
    return Mark(row.placed_at, row.id)
