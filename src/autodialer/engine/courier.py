"""Delivers what waits in the outbox: many addresses at once, none in the way of another.

Each address has a lane of its own. It begins with one request at a time, gets more with each
delivery, and falls back to one when it hangs or fails: it holds nothing but itself up. What is in
hand is leased from the store: after a crash somebody else sends it again, with the same id.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.domain.ids import AccountId
from autodialer.domain.webhooks import (
    DEADLINE,
    Answered,
    DeliveryStatus,
    Trouble,
    Unanswered,
    Verdict,
    asked_to_wait,
    is_too_late,
    judge,
    refused,
    retry_after,
)
from autodialer.ports.failpoints import Failpoint, never
from autodialer.ports.http import HttpFailedError, HttpFailure, HttpRequest
from autodialer.ports.outbox import Tried
from autodialer.ports.store import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from autodialer.domain.parcels import Parcel, Stationery
    from autodialer.domain.webhooks import Reply
    from autodialer.ports.failpoints import Killer
    from autodialer.ports.http import Http, HttpReply
    from autodialer.ports.outbox import Outbox

log = structlog.get_logger()

# Long enough for a batch that is slow, so short that a crash delays little.
LEASE: Final = timedelta(minutes=1)
# What is told late by no hint: retries, and what others gave back.
POLL_S: Final = 1.0
# Between two looks, however many hints come, and between two notes, so that many share one.
_PAUSE_S: Final = 0.02
_NOTES_PAUSE_S: Final = 0.1
_STORE_PAUSE_S: Final = 1.0
# Requests under way: of one address, to one host and for one account (the client's limits), in all.
LANE_AT_ONCE: Final = 5
HOST_AT_ONCE: Final = 20
ACCOUNT_AT_ONCE: Final = 50
ALL_AT_ONCE: Final = 200
_FIRST_BATCH: Final = 5
_LARGEST_BATCH: Final = 100
_LONGEST_ANSWER: Final = 64 * 1024
_NOT_SENT_PAUSE: Final = timedelta(seconds=1)


@dataclass(slots=True)
class _Lane:
    """What is in hand for one address, and how it does."""

    waiting: deque[tuple[Parcel, datetime]] = field(default_factory=deque)
    sending: int = 0
    # How much is taken at a time: more and more while it goes well and more is there.
    batch: int = _FIRST_BATCH
    at_once: int = 1
    is_failing: bool = False
    paused_until: datetime | None = None
    is_dry: bool = False

    @property
    def is_idle(self) -> bool:
        return not (self.waiting or self.sending or self.paused_until)

    def room(self, now: datetime) -> int:
        """Return how many more it can take."""
        if self.paused_until is not None:
            if now < self.paused_until:
                return 0
            self.paused_until = None
        most = 1 if self.is_failing else self.batch
        return max(0, most - len(self.waiting) - self.sending)

    def take(self, parcels: Sequence[Parcel], until: datetime, room: int) -> None:
        """Put into hand what a look has brought, for which there was so much room."""
        if parcels:
            # What happened last is not held up by what waits.
            newest = max(parcels, key=lambda parcel: parcel.notice.at)
            self.waiting.extend((each, until) for each in parcels if each is not newest)
            self.waiting.appendleft((newest, until))
        self.is_dry = len(parcels) < room
        if room and not self.is_dry:
            self.batch = min(2 * self.batch, _LARGEST_BATCH)

    def judged(self, is_delivered: bool) -> None:
        """Note how a try went."""
        self.is_failing = not is_delivered
        self.at_once = min(self.at_once + 1, LANE_AT_ONCE) if is_delivered else 1
        if self.is_failing:
            self.batch = _FIRST_BATCH

    def wants_more(self) -> bool:
        """Return whether it will soon have nothing in hand, and more may be there."""
        return not self.is_dry and len(self.waiting) < self.batch // 2


def _unmetered(_tried: Tried) -> None:
    pass


class Courier:
    """One for each worker process; several share the outbox."""

    def __init__(
        self,
        outbox: Outbox,
        http: Http,
        stationery: Stationery,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
        *,
        meter: Callable[[Tried], None] = _unmetered,
        kill: Killer = never,
    ) -> None:
        """`spread` gives random numbers from 0 to 1, for the jitter; `meter` hears of each try."""
        self._outbox, self._http, self._stationery = outbox, http, stationery
        self._clock, self._spread, self._kill = clock, spread, kill
        self._meter = meter
        self._lanes: dict[str, _Lane] = {}
        self._sending = 0
        self._tried: list[Tried] = []
        self._unwanted: list[int] = []
        self._look, self._write, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._is_stopping = False

    def stop(self) -> None:
        """Take nothing more; `run` returns when what is under way has ended."""
        self._is_stopping = True
        self._look.set()

    async def run(self) -> None:
        """Deliver until stopped, also across outages of the store."""
        async with asyncio.TaskGroup() as sends, asyncio.TaskGroup() as loops:
            listening = loops.create_task(self._listen(), name="hints")
            writing = loops.create_task(self._keep_writing(), name="results")
            await self._keep_taking(sends)
            self._hand_back(lane for lane in self._lanes.values())
            while self._sending:
                self._idle.clear()
                await self._idle.wait()
            listening.cancel()
            writing.cancel()
        with suppress(StoreUnavailableError):  # Else the leases end by themselves.
            await self._write_all()

    # Taking ----------------------------------------------------------------------------------

    async def _keep_taking(self, sends: asyncio.TaskGroup) -> None:
        while not self._is_stopping:
            self._look.clear()
            try:
                await self._take(sends)
            except StoreUnavailableError as error:
                log.warning("outbox_unavailable", error=str(error))
                await asyncio.sleep(_STORE_PAUSE_S)
            await asyncio.sleep(_PAUSE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._look.wait()

    async def _take(self, sends: asyncio.TaskGroup) -> None:
        now = self._clock()
        until = now + LEASE
        rooms = {key: lane.room(now) for key, lane in self._lanes.items()}
        taken: dict[str, list[Parcel]] = {key: [] for key in rooms}
        for parcel in await self._outbox.take(rooms, _FIRST_BATCH, now, until):
            taken.setdefault(parcel.lane, []).append(parcel)
        for key, parcels in taken.items():
            lane = self._lanes.setdefault(key, _Lane())
            lane.take(parcels, until, rooms.get(key, _FIRST_BATCH))
            if lane.is_idle:
                del self._lanes[key]
        self._start(list(self._lanes.values()), sends)

    async def _listen(self) -> None:
        while True:
            async for _ in self._outbox.hints():
                self._look.set()
            await asyncio.sleep(_STORE_PAUSE_S)

    # Sending ---------------------------------------------------------------------------------

    def _start(self, lanes: Iterable[_Lane], sends: asyncio.TaskGroup) -> None:
        for lane in lanes:
            while lane.waiting and lane.sending < lane.at_once and self._sending < ALL_AT_ONCE:
                parcel, until = lane.waiting.popleft()
                if self._clock() > until - DEADLINE:  # Somebody else may take it soon.
                    self._unwanted.append(parcel.id)
                    continue
                lane.sending += 1
                self._sending += 1
                sends.create_task(self._send(lane, parcel, sends), name=f"send {parcel.id}")

    async def _send(self, lane: _Lane, parcel: Parcel, sends: asyncio.TaskGroup) -> None:
        was_full = self._sending >= ALL_AT_ONCE
        try:
            tried = await self._try(parcel, lane)
        finally:
            lane.sending -= 1
            self._sending -= 1
            self._idle.set()
        self._tried.append(tried)
        self._meter(tried)
        _tell(tried)
        self._write.set()
        if lane.is_failing or lane.paused_until:
            self._hand_back([lane])
        self._start(list(self._lanes.values()) if was_full else [lane], sends)
        if lane.wants_more():
            self._look.set()

    async def _try(self, parcel: Parcel, lane: _Lane) -> Tried:
        now, began = self._clock(), asyncio.get_running_loop().time()
        if trouble := _trouble(parcel, now):
            return Tried(parcel, refused(trouble), now, 0, is_try=False)
        try:
            reply = await self._fetch(parcel, now)
        except Exception:
            # One address must not end the deliveries to all, whatever was overlooked in it.
            log.exception("delivery_failed", delivery=parcel.id)
            reply = Unanswered(HttpFailure.BAD_ANSWER)
        self._kill(Failpoint.WEBHOOK_SENT)
        ended = self._clock()
        took_ms = int((asyncio.get_running_loop().time() - began) * 1_000)
        if reply == Unanswered(HttpFailure.BUSY):  # Its host is held up by others.
            later = Verdict(DeliveryStatus.PENDING, HttpFailure.BUSY, ended + _NOT_SENT_PAUSE)
            return Tried(parcel, later, ended, took_ms, is_try=False)
        verdict = judge(parcel.purpose, parcel.tries, reply, ended, self._spread())
        lane.judged(verdict.status is DeliveryStatus.DELIVERED)
        if wait := asked_to_wait(reply):
            lane.paused_until = ended + wait
        return Tried(parcel, verdict, ended, took_ms)

    async def _fetch(self, parcel: Parcel, now: datetime) -> Reply:
        letter = self._stationery.letter(parcel, now)
        request = HttpRequest(
            account_id=AccountId(parcel.account_id),
            method=letter.method,
            url=letter.url,
            deadline=DEADLINE,
            longest_body=_LONGEST_ANSWER,
            headers=tuple(letter.headers.items()),
            body=letter.body or None,
            plain_http=parcel.plain_http,
        )
        try:
            return _answered(await self._http.fetch(request), now)
        except HttpFailedError as error:
            return Unanswered(error.kind)

    def _hand_back(self, lanes: Iterable[_Lane]) -> None:
        for lane in lanes:
            self._unwanted += [parcel.id for parcel, _ in lane.waiting]
            lane.waiting.clear()
        self._write.set()

    # Writing ---------------------------------------------------------------------------------

    async def _keep_writing(self) -> None:
        while True:
            await self._write.wait()
            self._write.clear()
            try:
                await self._write_all()
            except StoreUnavailableError as error:
                log.warning("outbox_unavailable", error=str(error))
                await asyncio.sleep(_STORE_PAUSE_S)
                self._write.set()
            await asyncio.sleep(_NOTES_PAUSE_S)

    async def _write_all(self) -> None:
        # What comes in meanwhile waits for the next note.
        for _ in range(0, len(self._tried), _LARGEST_BATCH):
            tried = self._tried[:_LARGEST_BATCH]
            await self._outbox.note(tried)
            del self._tried[: len(tried)]
        if unwanted := self._unwanted[:]:
            await self._outbox.give_back(unwanted)
            del self._unwanted[: len(unwanted)]


def _tell(tried: Tried) -> None:
    """Log one try; never its address, whose path and query may hold secrets of the other side."""
    if not tried.is_try and tried.verdict.status is DeliveryStatus.PENDING:
        return  # Put off, because its host is busy with others.
    parcel, notice = tried.parcel, tried.parcel.notice
    log.info(
        "delivery_tried",
        attempt=str(notice.call.id) if notice.call else None,
        delivery=parcel.id,
        event_id=str(notice.id),
        kind=notice.kind.value,
        purpose=parcel.purpose.value,
        status=tried.verdict.status.value,
        outcome=str(tried.verdict.outcome),
        tries=parcel.tries + tried.is_try,
        took_ms=tried.took_ms,
    )


def _trouble(parcel: Parcel, now: datetime) -> Trouble | None:
    if not parcel.url:
        return Trouble.ENDPOINT_DELETED
    if parcel.is_disabled:
        return Trouble.ENDPOINT_DISABLED
    return Trouble.TOO_LATE if is_too_late(parcel.purpose, parcel.notice.at, now) else None


def _answered(reply: HttpReply, now: datetime) -> Answered:
    return Answered(reply.status, retry_after(reply.header("retry-after"), now))
