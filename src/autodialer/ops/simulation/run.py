"""Two campaigns in virtual time: the engine, a switch, a store, people, chance and faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from math import inf
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from autodialer.adapters.memory.store import Fault, MemoryStore, Weather
from autodialer.adapters.memory.tables import CampaignRow
from autodialer.adapters.sim.loop import wall_clock
from autodialer.adapters.sim.switch import Fate, SimSwitch
from autodialer.domain.campaign import CampaignStatus, PauseReason
from autodialer.domain.errors import ConflictError, IllegalTransitionError
from autodialer.domain.ids import CampaignId, SessionId
from autodialer.domain.money import HoldStatus, Rate, charge
from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.outcome import CallStatus
from autodialer.domain.retry import RetryPolicy
from autodialer.domain.session import EndReason
from autodialer.domain.target import LIVE, TERMINAL
from autodialer.domain.window import CallWindow, may_ring
from autodialer.engine.config import EngineConfig
from autodialer.engine.dialer import Dialer
from autodialer.ops.simulation.odds import Odds
from autodialer.ops.simulation.world import SMALL, World
from autodialer.ports.store import CampaignMoved, RegistryGrew

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodialer.adapters.memory.tables import AttemptRow, TargetRow
    from autodialer.adapters.sim.switch import Seen
    from autodialer.domain.ids import AttemptId
    from autodialer.ports.failpoints import Failpoint
    from autodialer.ports.telephony import SwitchReport

START: Final = datetime(2026, 11, 23, 6, tzinfo=UTC)
# Many customers stay on the line: in them silence and lost hang-ups show.
BEHAVIOURS: Final = "00111123456789"
MAX_TALK: Final = timedelta(seconds=60)
RING: Final = timedelta(seconds=12)
# I4: a target may stay live this long, and what is older than a crash this long after it.
LIVE_LIMIT: Final = MAX_TALK + RING + timedelta(seconds=60)
# Nobody hears silence for longer in one undisturbed stretch: a lease to wait for (10 s), then
# sweeps (each 10 s, of sessions that stood still for 5 s), one of which may fail.
SILENCE_LIMIT: Final = timedelta(seconds=40)
# A dialer that was killed has a successor: its lease, then the comparison with the switch.
RECOVERY: Final = timedelta(seconds=15)
# I8: a claim whose answer was this late is not dialled; a request more is on its way.
STALE_CLAIM_S: Final = 2.1
# F-41: how long a phone may still ring after its number was put on the registry.
FORBIDDEN_RING_S: Final = 1.0
PATIENCE: Final = timedelta(hours=2)
# It is 11:30 at the start: a clock that goes back by an hour shows a closed window.
WINDOW: Final = CallWindow(ZoneInfo("Asia/Kolkata"), opens=time(11))
CLOCK_STEP: Final = timedelta(hours=1)
# I18: a report and a statement are on their way.
SAME_TIME: Final = timedelta(seconds=1)
POLL: Final = timedelta(seconds=1)
RETRIES: Final = 2
# Per number, enough for some of the calls: the balance runs out several times in a run.
PAYMENT: Final = 100
RATE: Final = Rate(30, 30, 10, 10)


class ProcessDied(BaseException):
    """What a failpoint raises: no code of the engine may catch it."""


def _died_at_a_seam(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_died_at_a_seam(part) for part in error.exceptions)
    return isinstance(error, ProcessDied)


@dataclass
class Run:
    """One seeded run. `broken` collects what an invariant says, with the virtual time."""

    seed: int
    odds: Odds
    world: World = SMALL
    broken: list[str] = field(default_factory=list)
    crashes: int = 0
    payments: int = 0
    # What went wrong on purpose, by kind.
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.luck = Random(self.seed)  # noqa: S311  a simulation
        self.calm = False
        self.outage_until = START
        self.disturbed_until = START
        self.store = MemoryStore(weather=self._weather)
        self.switch = SimSwitch(
            self.seed,
            fate=self._fate,
            mail=self._mail,
            watch=self._invited,
            clock=self.clock,
        )
        # Faults and the oracle go by time itself, everybody else by a clock that may be set.
        self.steady = wall_clock(START)
        self.clock_is_off = timedelta()
        self.clock_was_set_at = START
        self.numbers = tuple(
            f"+9198{place:06}{self.luck.randrange(7)}{self.luck.choice(BEHAVIOURS)}"
            for place in range(self.world.size)
        )
        self.astray: dict[AttemptId, datetime] = {}
        self.live_since: dict[AttemptId, datetime] = {}
        self.invited_s: list[float] = []
        self.store.tables.trunks[FIRST_TRUNK] = self.odds.limits
        self.account = self.store.tables.add_account()
        if self.seed % 2:
            # No rest between two calls to a number: only the present call keeps others off it.
            self.store.tables.redial_gaps[self.account] = timedelta()
        self.store.tables.dnd[self.account].add(self.numbers[3])
        # When a number was put on the registry, in loop time.
        self.forbidden = {self.numbers[3]: 0.0}
        self.purse = self.store.tables.meter(self.account)
        self.purse.rates["+91"] = RATE
        self.payment = PAYMENT * self.world.size
        self.purse.book(self.payment)
        lists = (self.numbers, self.numbers[: self.world.shared])
        self.campaigns = [
            self._campaign(set(agents), numbers)
            for agents, numbers in zip(self.world.crews, lists, strict=True)
        ]

    def _campaign(self, agents: set[str], numbers: Sequence[str]) -> CampaignRow:
        tables = self.store.tables
        every = frozenset({CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED})
        row = CampaignRow(
            campaign_id=CampaignId(tables.new_id()),
            account=self.account,
            caller_id="+918047112233",
            agents=agents,
            policy=RetryPolicy(RETRIES, every, timedelta(minutes=1)),
            window=WINDOW,
            starts_at=START,
            ends_at=START + timedelta(days=1),
            ring_timeout=RING,
            max_talk=MAX_TALK,
        )
        tables.add_campaign(row, numbers, START)
        return row

    # Chance ----------------------------------------------------------------------------------

    def _weather(self, _request: str) -> Weather:
        there, back = self.luck.uniform(0, 0.01), self.luck.uniform(0, 0.01)
        if self.steady() < self.outage_until:
            return Weather(there, back, Fault.NOT_REACHED)
        if not self.calm and self.luck.random() < self.odds.store:
            self.faults["store request"] += 1
            return Weather(there, back, self.luck.choice((Fault.NOT_REACHED, Fault.REPLY_LOST)))
        return Weather(there, back)

    def _fate(self, _request: str) -> Fate:
        if self.calm or self.luck.random() >= self.odds.switch:
            return Fate.DONE
        self.faults["switch request"] += 1
        return self.luck.choice((Fate.REFUSED, Fate.NOT_REACHED, Fate.REPLY_LOST))

    def _mail(self, _report: SwitchReport) -> Sequence[float]:
        if self.calm:
            return (0.0,)
        if self.luck.random() < self.odds.lost:
            self.faults["report lost"] += 1
            return ()
        delay = 0.0
        if self.luck.random() < self.odds.late:
            self.faults["report late"] += 1
            delay = self.luck.uniform(0, 2)
        if self.luck.random() < self.odds.doubled:
            self.faults["report doubled"] += 1
            return (delay, self.luck.uniform(0, 30))
        return (delay,)

    def _soon(self, mean_s: float) -> float:
        return self.luck.expovariate(1 / mean_s)

    # The run ---------------------------------------------------------------------------------

    async def go(self) -> None:
        """Dial the whole campaign with all that happens around it, then look at what is left."""
        async with asyncio.TaskGroup() as group:
            jobs = [
                group.create_task(job, name=name)
                for name, job in (
                    ("engine", self._engines()),
                    ("watch", self._watch()),
                    *(
                        (agent, self._agent(agent, campaign))
                        for campaign in self.campaigns
                        for agent in sorted(campaign.agents)
                    ),
                    ("supervisor", self._supervisor()),
                    ("cashier", self._cashier()),
                    ("drops", self._now_and_then(self.odds.drop_every_s, self._drop)),
                    ("restarts", self._now_and_then(self.odds.restart_every_s, self._restart)),
                    ("outages", self._now_and_then(self.odds.outage_every_s, self._outage)),
                    ("clock", self._now_and_then(self.odds.clock_every_s, self._set_the_clock)),
                    ("forbids", self._now_and_then(self.odds.forbid_every_s, self._forbid)),
                )
            ]
            await self._until_completed()
            await asyncio.sleep(LIVE_LIMIT.total_seconds())
            for job in jobs:
                job.cancel()
        self._check_the_end()

    async def _engines(self) -> None:
        """Run a dialer; kill it now and then; the next one has the same store and switch."""
        while True:
            dialer = asyncio.get_running_loop().create_task(self.dialer().run(), name="dialer")
            try:
                await self._wait_for_crash(dialer)
            finally:
                dialer.cancel()
                await asyncio.wait([dialer])
            self.crashes += 1
            self.faults["dialer killed"] += 1
            await asyncio.sleep(self._disturb(20))

    async def _wait_for_crash(self, dialer: asyncio.Task[None]) -> None:
        often = self.odds.crash_every_s and not self.calm
        lifetime = self._soon(self.odds.crash_every_s) if often else None
        await asyncio.wait([dialer], timeout=lifetime)
        if dialer.done() and not _died_at_a_seam(dialer.exception()):
            dialer.result()
            self._break("the dialer stopped by itself")

    def dialer(self, poll: timedelta = POLL) -> Dialer:
        """Return the next process of this node."""
        config = EngineConfig(node="north", holder=f"process-{self.crashes}", poll=poll)
        return Dialer(
            config, self.store, self.switch, self.clock, new_id=self.new_id, kill=self._kill
        )

    def _kill(self, point: Failpoint) -> None:
        if not self.calm and self.luck.random() < self.odds.seam / self.world.pace:
            raise ProcessDied(point)

    def new_id(self) -> UUID:
        """Return an id that comes from the seed."""
        return UUID(int=self.luck.getrandbits(128))

    async def _agent(self, agent: str, campaign: CampaignRow) -> None:
        """Press Start again and again until the campaign is over; sometimes leave."""
        tables = self.store.tables
        while not campaign.is_over:
            session_id = SessionId(self.new_id())
            with suppress(ConflictError):
                tables.queue_session(session_id, campaign.campaign_id, agent, self.clock())
                if self.purse.covers(RATE.cost(campaign.idle_limit)):
                    self.purse.hold(session_id, RATE, campaign.idle_limit)
            await asyncio.sleep(self.luck.uniform(2, 40))
            match self.luck.randrange(6):
                case 0 if not self.calm:
                    self.switch.agent_hangs_up(session_id)
                case 1 if not self.calm and session_id in tables.sessions:
                    at_once = bool(self.luck.getrandbits(1))
                    tables.sessions[session_id].stop = (EndReason.STOPPED, at_once)
                case _:
                    pass

    async def _supervisor(self) -> None:
        """Pause and resume now and then."""
        while not self.calm:
            await asyncio.sleep(self.luck.uniform(20, 200))
            campaign = self.luck.choice(self.campaigns)
            with suppress(IllegalTransitionError):
                self._move(campaign, CampaignStatus.PAUSED)
                await asyncio.sleep(self.luck.uniform(1, 30))
                self._move(campaign, CampaignStatus.IN_PROGRESS)

    async def _cashier(self) -> None:
        """Pay and resume when a campaign has paused for money."""
        while True:
            await asyncio.sleep(self.luck.uniform(1, 20))
            for campaign in self.campaigns:
                if campaign.reason == PauseReason.LOW_BALANCE:
                    self.payments += 1
                    self.purse.book(self.payment)
                    with suppress(IllegalTransitionError):
                        self._move(campaign, CampaignStatus.IN_PROGRESS)

    def _move(self, campaign: CampaignRow, status: CampaignStatus) -> None:
        self.store.tables.move_campaign(campaign.campaign_id, status)
        self.store.hint(CampaignMoved(campaign.campaign_id))

    async def _until_completed(self) -> None:
        while not all(campaign.is_over for campaign in self.campaigns):
            await asyncio.sleep(1)
            # Faults do not go on for ever: afterwards everything must come to its end.
            self.calm = self.steady() > START + timedelta(minutes=15)
            if self.calm:
                self.clock_is_off = timedelta()
            if self.steady() > START + PATIENCE:
                self._break("the campaign is stuck")
                return

    async def _now_and_then(self, mean_s: float, fault: Callable[[], None]) -> None:
        while mean_s and not self.calm:
            await asyncio.sleep(self._soon(mean_s))
            fault()

    def _drop(self) -> None:
        self.faults["connection cut"] += 1
        self.switch.drop_connection(self._disturb(20))

    def _restart(self) -> None:
        self.faults["switch restarted"] += 1
        self.switch.restart(self._disturb(20))

    def _outage(self) -> None:
        self.faults["store outage"] += 1
        self.outage_until = self.steady() + timedelta(seconds=self._disturb(30))

    def clock(self) -> datetime:
        """Return what the clock on the wall shows, which may be set at any moment."""
        return self.steady() + self.clock_is_off

    def _set_the_clock(self) -> None:
        """Set the wall clock forward or back by an hour, or put it right."""
        self.faults["clock set"] += 1
        others = {timedelta(), CLOCK_STEP, -CLOCK_STEP} - {self.clock_is_off}
        self.clock_is_off = self.luck.choice(sorted(others))
        self.clock_was_set_at = self.steady()

    def _forbid(self) -> None:
        """Put a number on the registry, of a phone that rings if one does; hints may be lost."""
        self.faults["number forbidden"] += 1
        live = self.store.tables.live_attempts()
        ringing = [row.call.e164 for row in live if row.answered_at is None]
        number, loop = self.luck.choice(ringing or self.numbers), asyncio.get_running_loop()
        self.store.tables.dnd[self.account].add(number)
        self.forbidden.setdefault(number, loop.time())
        if self.luck.getrandbits(1):
            self.store.hint(RegistryGrew())
        loop.call_later(FORBIDDEN_RING_S, self._check_the_ring, number)

    def _disturb(self, longest_s: float) -> float:
        """Return for how many seconds a fault lasts that begins now."""
        seconds = self.luck.uniform(0.1, longest_s)
        end = self.steady() + timedelta(seconds=seconds)
        self.disturbed_until = max(self.disturbed_until, end)
        return seconds

    # The oracle ------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            self._check_the_tables()
            self._check_the_money()
            self._check_the_lines()
            await asyncio.sleep(self.world.look_s)

    def _break(self, what: str) -> None:
        self.broken.append(f"{self.steady() - START}: {what}")

    def _check_the_tables(self) -> None:
        """I2, I3 in the tables; I4: nothing stays live too long; I5: the counts add up."""
        live = list(self.store.tables.live_attempts())
        for what, seen in (
            ("I2 number", Counter(row.call.e164 for row in live)),
            ("I3 session", Counter(str(row.session_id) for row in live)),
        ):
            self.broken += [f"{what} {key} has {n} live calls" for key, n in seen.items() if n > 1]
        now, since = self.steady(), self.live_since
        self.live_since = {row.call.attempt_id: since.get(row.call.attempt_id, now) for row in live}
        for row in live:
            if now - self.live_since[row.call.attempt_id] > LIVE_LIMIT + timedelta(seconds=90):
                self._break(f"I4 attempt to {row.call.e164} is stuck")
        targets = [target for campaign in self.campaigns for target in campaign.targets]
        in_a_call = sum(target.status in LIVE for target in targets)
        if in_a_call != len(live) or len(targets) != self.world.targets:
            self._break(f"I5 {in_a_call} live targets, {len(live)} live attempts")

    def _check_the_money(self) -> None:
        """I6: the sums hold, what is held is covered, and a hold lives as long as its leg."""
        purse, tables = self.purse, self.store.tables
        held = {leg: h for leg, h in purse.holds.items() if h.status is HoldStatus.OPEN}
        if purse.held != sum(hold.reserved or 0 for hold in held.values()):
            self._break("I6 what is held is not the sum of the open holds")
        if purse.balance != sum(purse.entries) or purse.held > purse.balance:
            self._break(f"I6 balance {purse.balance}, held {purse.held}")
        live: set[UUID] = {row.call.attempt_id for row in tables.live_attempts()}
        live |= {key for key, row in tables.sessions.items() if row.end is None}
        if held.keys() - live or (live & purse.holds.keys()) - held.keys():
            self._break("I6 a hold ended without its leg, or outlived it")

    def _check_the_charges(self) -> None:
        """I6 at the end: each attempt had one hold, charged by its talk alone."""
        self._check_the_money()
        for attempt_id, row in self.store.tables.attempts.items():
            hold = self.purse.holds[attempt_id]
            talk = None
            if row.answered_at and row.ended_at:
                talk = max(row.ended_at - row.answered_at, timedelta())
            if hold.charged != charge(hold.rate, talk, hold.reserved):
                self._break(f"I6 {row.call.e164}: {hold.charged} charged for {talk}")
        charged = sum(hold.charged for hold in self.purse.holds.values())
        if self.purse.balance != (1 + self.payments) * self.payment - charged:
            self._break("I6 money has appeared or vanished")

    def _check_the_lines(self) -> None:
        """I11: no customer hears silence or has a leg without a live attempt for long."""
        known = {row.call.attempt_id for row in self.store.tables.live_attempts()}
        astray = self.switch.silent_customers | (self.switch.live_customers - known)
        now = self.steady()
        self.astray = {attempt_id: self.astray.get(attempt_id, now) for attempt_id in astray}
        for attempt_id, since in self.astray.items():
            if now - max(since, self.disturbed_until) > SILENCE_LIMIT:
                self._break(f"I11 the customer of {attempt_id} is astray since {since - START}")

    def _check_the_ring(self, number: str) -> None:
        """F-41: while nothing else is broken, the phone of a forbidden number rings no more."""
        now = asyncio.get_running_loop().time()
        requests_fail = not self.calm and (self.odds.store or self.odds.switch)
        if requests_fail or self.steady() < self.disturbed_until + RECOVERY:
            return
        if any(s.number == number and s.rang_until_s > now for s in self.switch.calls.values()):
            self._break(f"F-41 {number} rings on although it is forbidden")

    def _invited(self, seen: Seen) -> None:
        """I7: by the clock on the wall, unless it was set between the claim and the call."""
        campaign = self.store.tables.sessions[seen.session_id].campaign
        just_set = self.steady() - self.clock_was_set_at < timedelta(seconds=STALE_CLAIM_S)
        if not just_set and not may_ring(campaign.window, self.clock(), RING):
            self._break(f"I7 {seen.number} was called while the window is closed")
        self._count_at_the_carrier(seen)

    def _count_at_the_carrier(self, seen: Seen) -> None:
        """I22: the trunk has limits, and the carrier counts as it likes."""
        most, lines = self.odds.limits.calls_per_second, self.odds.limits.calls_at_once
        self.invited_s = [*(at for at in self.invited_s if at > seen.invited_s - 1), seen.invited_s]
        if most is not None and len(self.invited_s) > most:
            self._break(f"I22 {len(self.invited_s)} new calls in a second")
        if lines is not None and len(self.switch.live_customers) > lines:
            self._break(f"I22 {len(self.switch.live_customers)} calls at once")

    def _check_the_durations(self) -> None:
        """I18: nothing ends before it began; where nothing is lost, talks are as long as seen."""
        untold = replace(self.odds, clock_every_s=0.0) != Odds()
        for attempt_id, row in self.store.tables.attempts.items():
            times = [row.call.placed_at, *filter(None, (row.answered_at, row.ended_at))]
            if times != sorted(times):
                self._break(f"I18 {row.call.e164}: {times}")
            if row.answered_at and row.ended_at and not untold:
                seen = self.switch.calls[attempt_id]
                talk = timedelta(seconds=seen.ended_s - seen.rang_until_s)
                if abs(row.ended_at - row.answered_at - talk) > SAME_TIME:
                    self._break(f"I18 {row.call.e164}: {talk} became {times}")

    def _check_the_end(self) -> None:
        """Look at what the carrier saw (I1, I2, I3, I8) and at what is left (I4, I12)."""
        self.broken += self.switch.breaches + self.store.breaches
        self._check_the_charges()
        self._check_the_durations()
        attempts = self.store.tables.attempts
        for campaign in self.campaigns:
            for target in campaign.targets:
                tries = [row for row in attempts.values() if row.target is target]
                self._check_target(target, tries)
        if unknown := set(self.switch.calls) - set(attempts):
            self._break(f"I1 calls without an attempt: {unknown}")
        for seen in self.switch.calls.values():
            if seen.invited_s > self.forbidden.get(seen.number, inf) + STALE_CLAIM_S:
                self._break(f"I8 {seen.number} was called although it is on the DND list")
        if not self.switch.is_empty:
            self._break("I12 legs are left on the switch")
        sessions = self.store.tables.sessions.values()
        if open_ := [row.agent for row in sessions if row.end is None]:
            self._break(f"I4 sessions are left open: {open_}")

    def _check_target(self, target: TargetRow, tries: Sequence[AttemptRow]) -> None:
        sent = sum(row.call.attempt_id in self.switch.calls for row in tries)
        if not sent <= target.tries <= 1 + RETRIES:
            self._break(f"I1 {target.e164}: {sent} calls in {target.tries} tries")
        if target.status not in TERMINAL:
            self._break(f"I4 {target.e164} is left {target.status}")
        if any(row.result is None for row in tries):
            self._break(f"I4 an attempt to {target.e164} is left live")
