"""A month in virtual time: the real engine, a switch, a store, and people with a timetable."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import UUID

from autodialer.adapters.memory.store import MemoryStore
from autodialer.adapters.memory.tables import CampaignRow
from autodialer.adapters.sim.loop import run_virtual, wall_clock
from autodialer.adapters.sim.switch import SimSwitch
from autodialer.domain.campaign import CampaignStatus, PauseReason
from autodialer.domain.errors import ConflictError
from autodialer.domain.ids import CampaignId, SessionId
from autodialer.domain.money import Rate
from autodialer.domain.retry import RetryMechanism, RetryPolicy
from autodialer.domain.session import EndReason
from autodialer.domain.window import CallWindow
from autodialer.engine.config import EngineConfig
from autodialer.engine.dialer import Dialer
from autodialer.ports.store import CampaignMoved, SessionsQueued
from tests.sim.plan import MAX_TALK, PAYMENT, RETRIES, RING, SHIFTS, Shift, at, working_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.adapters.sim.switch import Seen
    from autodialer.domain.target import TargetStatus
    from tests.sim.plan import Plan

# An agent whom the system has let go presses Start again after this long.
AGAIN_S: Final = 300.0
# Hints tell the engine of everything at once; polling each second of a month would take minutes.
_CONFIG: Final = EngineConfig(
    node="north",
    holder="process",
    lease_ttl=timedelta(hours=1),
    poll=timedelta(minutes=1),
    sweep=timedelta(minutes=10),
)
_IMPATIENT_S: Final = 0.02
_LOOKS_AT_THE_MONEY_S: Final = 600.0
_RATE: Final = Rate(30, 30, 10, 10)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the carrier saw it."""

    number: str
    invited: datetime
    rang_until: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """What the tables say of one number in the end."""

    status: TargetStatus
    reason: str
    tries: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is left of a month."""

    rows: dict[str, Row]
    calls: tuple[Call, ...]
    campaign: CampaignStatus
    ended: datetime
    breaches: tuple[str, ...]
    top_ups: int
    balance: int
    held: int
    all_quiet: bool


def live_through(plan: Plan, seed: int = 0) -> Outcome:
    """Run the whole month and return what came out."""

    async def main() -> Outcome:
        return await _Month(plan, seed).go()

    return run_virtual(main())


class _Month:
    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._luck = Random(seed)  # noqa: S311  a simulation
        self._clock = wall_clock(plan.starts)
        self._begun_s = asyncio.get_running_loop().time()
        self._made: Counter[str] = Counter()
        self._store = MemoryStore()
        self._switch = SimSwitch(seed, watch=self._call_seen)
        tables = self._store.tables
        self._account = tables.add_account()
        self._campaign = CampaignRow(
            campaign_id=CampaignId(tables.new_id()),
            account=self._account,
            caller_id="+918047112233",
            agents=set(SHIFTS),
            policy=RetryPolicy(RETRIES, plan.statuses, plan.interval, RetryMechanism.EXPONENTIAL),
            window=CallWindow(plan.zone),
            starts_at=plan.starts,
            ends_at=plan.ends,
            ring_timeout=RING,
            max_talk=MAX_TALK,
        )
        tables.add_campaign(self._campaign, plan.numbers, plan.starts)
        self._top_ups = 0
        self._purse = tables.meter(self._account)
        self._purse.rates["+91"] = _RATE
        self._purse.book(PAYMENT)

    async def go(self) -> Outcome:
        """Let everybody do what is planned until the campaign is over."""
        dialer = Dialer(_CONFIG, self._store, self._switch, self._clock, new_id=self._new_id)
        async with asyncio.TaskGroup() as group:
            jobs = [
                group.create_task(dialer.run(), name="dialer"),
                group.create_task(self._pause_and_resume(), name="supervisor"),
                group.create_task(self._forbid(), name="dnd"),
                group.create_task(self._top_up(), name="accountant"),
                *(
                    group.create_task(self._work(agent, shift), name=agent)
                    for agent, shift in SHIFTS.items()
                ),
            ]
            ended = await self._until_over()
            await asyncio.sleep(AGAIN_S)
            for job in jobs:
                job.cancel()
        return self._outcome(ended)

    async def _until_over(self) -> datetime:
        while not self._campaign.is_over:
            await asyncio.sleep(60)
            if self._clock() > self._plan.ends + timedelta(hours=1):
                raise TimeoutError("The campaign does not end.")
        return self._clock()

    async def _until(self, moment: datetime) -> None:
        await asyncio.sleep(max(0.0, (moment - self._clock()).total_seconds()))

    # People ----------------------------------------------------------------------------------

    async def _work(self, agent: str, shift: Shift) -> None:
        for day in working_days():
            for begin, end in ((shift.comes, shift.lunch), (shift.back, shift.goes)):
                late = timedelta(seconds=self._luck.uniform(0, 50))
                await self._until(at(day, begin, self._plan.zone) + late)
                await self._dial_until(agent, day, at(day, end, self._plan.zone))

    async def _dial_until(self, agent: str, day: date, end: datetime) -> None:
        """Press Start whenever not connected; at the end, leave after the present call."""
        while self._clock() < end and not self._is_done(agent, day):
            session_id = SessionId(self._new_id())
            with suppress(ConflictError):
                self._store.tables.queue_session(
                    session_id, self._campaign.campaign_id, agent, self._clock()
                )
                self._store.hint(SessionsQueued())
            await asyncio.sleep(min(AGAIN_S, (end - self._clock()).total_seconds()))
        self._send_off(agent)

    def _is_done(self, agent: str, day: date) -> bool:
        allowance = self._plan.allowance(day)
        return allowance is not None and self._made[agent] >= allowance

    def _send_off(self, agent: str) -> None:
        for session in self._store.tables.open_sessions():
            if session.agent == agent:
                session.stop = (EndReason.STOPPED, False)
                self._store.hint(SessionsQueued())

    def _call_seen(self, call: Seen) -> None:
        agent = self._store.tables.sessions[call.session_id].agent
        self._made[agent] += 1
        if self._is_done(agent, self._clock().astimezone(self._plan.zone).date()):
            self._send_off(agent)
        if call.number in self._plan.cut and self._switch.invites[call.number] == 1:
            loop = asyncio.get_running_loop()
            loop.call_later(_IMPATIENT_S, self._switch.agent_hangs_up, call.session_id)

    async def _pause_and_resume(self) -> None:
        steps = zip(
            self._plan.pause, (CampaignStatus.PAUSED, CampaignStatus.IN_PROGRESS), strict=True
        )
        for moment, status in steps:
            await self._until(moment)
            if self._campaign.status is not status:
                self._move(status)

    async def _top_up(self) -> None:
        """Pay whenever the campaign stands still for want of money, and let it go on."""
        paused, resumed = self._plan.pause
        while True:
            await asyncio.sleep(_LOOKS_AT_THE_MONEY_S)
            for_money = self._campaign.reason == PauseReason.LOW_BALANCE
            if for_money and not paused <= self._clock() < resumed:
                self._purse.book(PAYMENT)
                self._top_ups += 1
                self._move(CampaignStatus.IN_PROGRESS)

    def _move(self, status: CampaignStatus) -> None:
        self._store.tables.move_campaign(self._campaign.campaign_id, status)
        self._store.hint(CampaignMoved(self._campaign.campaign_id))

    async def _forbid(self) -> None:
        for number, moment in sorted(self._plan.forbidden.items(), key=lambda item: item[1]):
            await self._until(moment)
            self._store.tables.dnd[self._account].add(number)

    def _new_id(self) -> UUID:
        return UUID(int=self._luck.getrandbits(128))

    # What is left ----------------------------------------------------------------------------

    def _outcome(self, ended: datetime) -> Outcome:
        sessions = self._store.tables.sessions.values()
        return Outcome(
            rows={t.e164: Row(t.status, t.reason, t.tries) for t in self._campaign.targets},
            calls=self._calls(),
            campaign=self._campaign.status,
            ended=ended,
            breaches=(*self._switch.breaches, *self._store.breaches),
            top_ups=self._top_ups,
            balance=self._purse.balance,
            held=self._purse.held,
            all_quiet=self._switch.is_empty
            and not any(self._store.tables.live_attempts())
            and all(session.end for session in sessions),
        )

    def _calls(self) -> tuple[Call, ...]:
        def when(loop_s: float) -> datetime:
            return self._plan.starts + timedelta(seconds=loop_s - self._begun_s)

        seen: Sequence[Seen] = tuple(self._switch.calls.values())
        return tuple(
            Call(c.number, when(c.invited_s), when(c.rang_until_s), when(c.ended_s)) for c in seen
        )
