"""What every switch must do, in the words of the port; run against each adapter.

Subclass `TelephonyContract` and give the fixtures `switch` and `world`. Deadlines are those of the
running event loop, so an adapter with virtual time runs the same tests at once.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from uuid import uuid4

import pytest

from autodialer.domain.ids import AttemptId, CampaignId, SessionId, TargetId
from autodialer.domain.outcome import CallStatus, Reason, classify_unanswered
from autodialer.domain.recovery import LegState
from autodialer.domain.retry import RetryPolicy
from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    Call,
    CustomerAnswered,
    CustomerGone,
    CustomerRinging,
    EndReason,
)
from autodialer.ports.telephony import (
    AgentDial,
    CallRefusedError,
    CallReport,
    SessionReport,
    SwitchUp,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from autodialer.domain.session import SwitchEvent
    from autodialer.ports.telephony import SwitchReport, Telephony

CALLER_ID: Final = "+918047112233"
DEADLINE_S: Final = 30.0
TALK_S: Final = 2.0

E = TypeVar("E")


class Line(StrEnum):
    """How the phone behind a number behaves."""

    ANSWERS = "answers"  # rings shortly, answers and stays on the line
    BUSY = "busy"  # 486
    REJECTS = "rejects"  # 603
    UNKNOWN = "unknown"  # 404
    UNAVAILABLE = "unavailable"  # 480 from the network
    FAILS = "fails"  # 503
    RINGS = "rings"  # rings for ever
    SILENT = "silent"  # no ringing, no answer, no refusal


class World(Protocol):
    """The telephone network around the switch, as a test sees it."""

    def number(self, line: Line) -> str:
        """Return an E.164 number, never given before, whose phone behaves like `line`."""
        ...

    async def customer_hangs_up(self, call: Call) -> None:
        """Let the answered customer of this call put down the phone."""
        ...

    async def agent_hangs_up(self, dial: AgentDial) -> None:
        """Let the answered agent put down the phone."""
        ...

    async def hear_each_other(self, session_id: SessionId, attempt_id: AttemptId) -> bool:
        """Say whether exactly these two are in one conversation."""
        ...

    async def is_empty(self) -> bool:
        """Say whether the switch has no leg and no conversation of ours left."""
        ...


@dataclass
class Heard:
    """Every report so far, in order."""

    reports: list[SwitchReport] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self, switch: Telephony) -> None:
        async for report in switch.reports():
            async with self.changed:
                self.reports.append(report)
                self.changed.notify_all()

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until `seen()` holds; fails after the deadline with what came instead."""
        try:
            async with asyncio.timeout(DEADLINE_S), self.changed:
                await self.changed.wait_for(seen)
        except TimeoutError:
            pytest.fail(f"not reported in {DEADLINE_S} s; reported: {self.reports}")

    async def agent(self, session_id: SessionId, kind: type[E]) -> E:
        """Wait for the first event of this kind about the agent's leg."""
        await self.until(lambda: any(isinstance(e, kind) for e in self.of_agent(session_id)))
        return next(e for e in self.of_agent(session_id) if isinstance(e, kind))

    async def customer(self, attempt_id: AttemptId, kind: type[E]) -> E:
        """Wait for the first event of this kind about the customer's leg."""
        await self.until(lambda: any(isinstance(e, kind) for e in self.of_customer(attempt_id)))
        return next(e for e in self.of_customer(attempt_id) if isinstance(e, kind))

    def of_agent(self, session_id: SessionId) -> list[SwitchEvent]:
        return [
            report.event
            for report in self.reports
            if isinstance(report, SessionReport) and report.session_id == session_id
        ]

    def of_customer(self, attempt_id: AttemptId) -> list[SwitchEvent]:
        return [
            report.event
            for report in self.reports
            if isinstance(report, CallReport)
            and getattr(report.event, "attempt_id", None) == attempt_id
        ]


def agent_dial(address: str, ring_timeout_s: int = 20) -> AgentDial:
    return AgentDial(SessionId(uuid4()), "phone", address, CALLER_ID, ring_timeout_s)


def a_call(e164: str, ring_timeout_s: int = 20) -> Call:
    return Call(
        attempt_id=AttemptId(uuid4()),
        target_id=TargetId(1),
        campaign_id=CampaignId(1),
        e164=e164,
        caller_id=CALLER_ID,
        tries=1,
        policy=RetryPolicy(),
        ring_timeout=timedelta(seconds=ring_timeout_s),
        max_talk=timedelta(hours=1),
        placed_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
    )


async def eventually(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until `holds()`; fails with `what` after the deadline."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await holds():  # noqa: ASYNC110  the other side has no event to wait for
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not true within {DEADLINE_S} s: {what}")


class TelephonyContract:
    """The promises of `ports.telephony.Telephony`."""

    @pytest.fixture
    def switch(self) -> Telephony:
        """The adapter under test, not connected yet."""
        raise NotImplementedError

    @pytest.fixture
    def world(self) -> World:
        """The network that `switch` calls into."""
        raise NotImplementedError

    @pytest.fixture
    async def heard(self, switch: Telephony, world: World) -> AsyncIterator[Heard]:
        """What a connected `switch` reports; ends every leg afterwards and checks that."""
        heard = Heard()
        task = asyncio.get_running_loop().create_task(heard.listen(switch))
        try:
            await heard.until(lambda: bool(heard.reports))
            yield heard
            await self._clear(switch, heard)
            await eventually(world.is_empty, "nothing is left on the switch")
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _clear(self, switch: Telephony, heard: Heard) -> None:
        legs = await switch.legs()
        for attempt_id in legs.customers:
            await switch.hang_up_customer(attempt_id)
        # Also of agents who left by themselves: the conversation is the session's.
        reported = {r.session_id for r in heard.reports if isinstance(r, SessionReport)}
        for session_id in reported | set(legs.agents):
            await switch.release_agent(session_id)

    async def _nailed(self, switch: Telephony, world: World, heard: Heard) -> AgentDial:
        dial = agent_dial(world.number(Line.ANSWERS))
        await switch.call_agent(dial)
        await heard.agent(dial.session_id, AgentAnswered)
        await switch.nail_agent(dial.session_id)
        return dial

    async def _talking(
        self, switch: Telephony, world: World, heard: Heard
    ) -> tuple[AgentDial, Call]:
        dial = await self._nailed(switch, world, heard)
        call = a_call(world.number(Line.ANSWERS))
        await switch.place_call(dial.session_id, call)
        await heard.customer(call.attempt_id, CustomerAnswered)
        await switch.connect(dial.session_id, call.attempt_id)
        return dial, call

    # The connection ------------------------------------------------------------------------

    async def test_the_first_report_says_which_run_of_the_switch_it_is(self, heard: Heard) -> None:
        first = heard.reports[0]
        assert isinstance(first, SwitchUp)
        assert first.instance

    # The agent's leg -----------------------------------------------------------------------

    async def test_an_agent_who_answers_is_reported_once_and_is_up(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        assert heard.of_agent(dial.session_id) == [AgentAnswered()]
        assert (await switch.legs()).agents == {dial.session_id: LegState.UP}

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (Line.BUSY, EndReason.AGENT_BUSY),
            (Line.UNKNOWN, EndReason.AGENT_UNREACHABLE),
            (Line.FAILS, EndReason.AGENT_UNREACHABLE),
            (Line.UNAVAILABLE, EndReason.AGENT_NO_ANSWER),
            (Line.RINGS, EndReason.AGENT_NO_ANSWER),
        ],
    )
    async def test_an_agent_who_cannot_be_reached_is_reported_with_the_reason(
        self, switch: Telephony, world: World, heard: Heard, line: Line, reason: EndReason
    ) -> None:
        dial = agent_dial(world.number(line), ring_timeout_s=2)
        await switch.call_agent(dial)
        await heard.agent(dial.session_id, AgentGone)
        assert heard.of_agent(dial.session_id) == [AgentGone(reason)]

    async def test_an_agent_who_hangs_up_has_left(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        await world.agent_hangs_up(dial)
        gone = await heard.agent(dial.session_id, AgentGone)
        assert gone == AgentGone(EndReason.AGENT_LEFT)

    async def test_a_session_is_never_rung_twice(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        with pytest.raises(CallRefusedError):
            await switch.call_agent(dial)
        assert (await switch.legs()).agents == {dial.session_id: LegState.UP}

    async def test_nailing_an_agent_again_changes_nothing(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial, call = await self._talking(switch, world, heard)
        await switch.nail_agent(dial.session_id)
        assert await world.hear_each_other(dial.session_id, call.attempt_id)

    # The customer's leg: answered -----------------------------------------------------------

    async def test_a_customer_who_answers_rings_first_then_talks_to_the_agent(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial, call = await self._talking(switch, world, heard)
        assert heard.of_customer(call.attempt_id) == [
            CustomerRinging(call.attempt_id),
            CustomerAnswered(call.attempt_id),
        ]
        assert await world.hear_each_other(dial.session_id, call.attempt_id)

    async def test_connecting_twice_changes_nothing(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial, call = await self._talking(switch, world, heard)
        await switch.connect(dial.session_id, call.attempt_id)
        assert await world.hear_each_other(dial.session_id, call.attempt_id)

    async def test_a_customer_who_hangs_up_is_reported_once_and_the_agent_stays(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial, call = await self._talking(switch, world, heard)
        await world.customer_hangs_up(call)
        await heard.customer(call.attempt_id, CustomerGone)
        await eventually(lambda: _only_agent(switch, dial), "only the agent is left")
        ends = [e for e in heard.of_customer(call.attempt_id) if isinstance(e, CustomerGone)]
        assert len(ends) == 1
        assert AgentGone() not in heard.of_agent(dial.session_id)

    async def test_the_next_customer_reaches_the_same_agent(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial, first = await self._talking(switch, world, heard)
        await world.customer_hangs_up(first)
        await heard.customer(first.attempt_id, CustomerGone)
        second = a_call(world.number(Line.ANSWERS))
        await switch.place_call(dial.session_id, second)
        await heard.customer(second.attempt_id, CustomerAnswered)
        await switch.connect(dial.session_id, second.attempt_id)
        await eventually(
            lambda: world.hear_each_other(dial.session_id, second.attempt_id),
            "they hear each other",
        )

    async def test_two_sessions_do_not_hear_each_other(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial, call = await self._talking(switch, world, heard)
        other_dial, other_call = await self._talking(switch, world, heard)
        assert await world.hear_each_other(dial.session_id, call.attempt_id)
        assert await world.hear_each_other(other_dial.session_id, other_call.attempt_id)
        assert not await world.hear_each_other(dial.session_id, other_call.attempt_id)

    # The customer's leg: never answered ------------------------------------------------------

    @pytest.mark.parametrize(
        ("line", "outcome"),
        [
            (Line.BUSY, (CallStatus.BUSY, Reason.BUSY)),
            (Line.REJECTS, (CallStatus.BUSY, Reason.REJECTED)),
            (Line.UNKNOWN, (CallStatus.FAILED, Reason.UNKNOWN_NUMBER)),
            (Line.FAILS, (CallStatus.FAILED, Reason.NETWORK_FAILURE)),
            (Line.UNAVAILABLE, (CallStatus.NO_ANSWER, Reason.UNAVAILABLE)),
            (Line.RINGS, (CallStatus.NO_ANSWER, Reason.RING_TIMEOUT)),
            (Line.SILENT, (CallStatus.FAILED, Reason.NO_RINGING)),
        ],
    )
    async def test_an_unanswered_call_is_told_apart_by_how_it_ended(
        self,
        switch: Telephony,
        world: World,
        heard: Heard,
        line: Line,
        outcome: tuple[CallStatus, Reason],
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        call = a_call(world.number(line), ring_timeout_s=2)
        await switch.place_call(dial.session_id, call)
        gone = await heard.customer(call.attempt_id, CustomerGone)
        result = classify_unanswered(gone.end)
        assert (result.status, result.reason) == outcome
        assert CustomerAnswered(call.attempt_id) not in heard.of_customer(call.attempt_id)

    async def test_a_ringing_call_that_we_hang_up_was_not_ended_by_the_far_end(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        call = a_call(world.number(Line.RINGS))
        await switch.place_call(dial.session_id, call)
        await heard.customer(call.attempt_id, CustomerRinging)
        await switch.hang_up_customer(call.attempt_id)
        gone = await heard.customer(call.attempt_id, CustomerGone)
        assert gone.end.rang
        assert not gone.end.by_far_end

    # Refusals: no phone may ring twice -------------------------------------------------------

    async def test_an_attempt_that_lives_is_refused(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        call = a_call(world.number(Line.RINGS))
        await switch.place_call(dial.session_id, call)
        with pytest.raises(CallRefusedError):
            await switch.place_call(dial.session_id, call)
        assert set((await switch.legs()).customers) == {call.attempt_id}

    async def test_a_leg_rings_only_when_the_network_said_so(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        one = await self._nailed(switch, world, heard)
        other = await self._nailed(switch, world, heard)
        silent, rings = a_call(world.number(Line.SILENT)), a_call(world.number(Line.RINGS))
        await switch.place_call(one.session_id, silent)
        await switch.place_call(other.session_id, rings)
        await heard.customer(rings.attempt_id, CustomerRinging)
        assert (await switch.legs()).customers == {
            silent.attempt_id: LegState.CALLING,
            rings.attempt_id: LegState.RINGING,
        }

    async def test_of_eight_requests_at_once_for_one_attempt_exactly_one_is_accepted(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        call = a_call(world.number(Line.RINGS))
        answers = await asyncio.gather(
            *(switch.place_call(dial.session_id, call) for _ in range(8)), return_exceptions=True
        )
        assert [answer for answer in answers if answer is None] == [None]
        assert sum(isinstance(answer, CallRefusedError) for answer in answers) == 7

    @pytest.mark.parametrize(
        "e164", ["", "+", "91804711", "+91/80@x", "+9180,47", "+0804711223344"]
    )
    async def test_a_number_that_is_not_e164_is_refused(
        self, switch: Telephony, heard: Heard, e164: str
    ) -> None:
        assert heard.reports
        with pytest.raises(CallRefusedError):
            await switch.place_call(SessionId(uuid4()), a_call(e164))
        assert (await switch.legs()).customers == {}

    # What is gone is success ------------------------------------------------------------------

    async def test_what_is_gone_may_be_ended_and_connected_again(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial, call = await self._talking(switch, world, heard)
        await world.customer_hangs_up(call)
        await heard.customer(call.attempt_id, CustomerGone)
        await switch.connect(dial.session_id, call.attempt_id)
        await switch.hang_up_customer(call.attempt_id)
        await switch.hang_up_customer(call.attempt_id)
        await switch.release_agent(dial.session_id)
        await heard.agent(dial.session_id, AgentGone)
        await switch.release_agent(dial.session_id)
        # A switch may report a leg gone a moment before it forgets it.
        await eventually(lambda: _no_legs(switch), "no leg is left")

    async def test_what_never_was_may_be_ended(self, switch: Telephony, heard: Heard) -> None:
        assert heard.reports
        await switch.hang_up_customer(AttemptId(uuid4()))
        await switch.release_agent(SessionId(uuid4()))
        assert await _no_legs(switch)

    async def test_after_the_release_of_the_agent_nothing_is_left(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial, call = await self._talking(switch, world, heard)
        await switch.hang_up_customer(call.attempt_id)
        await switch.release_agent(dial.session_id)
        await heard.customer(call.attempt_id, CustomerGone)
        await heard.agent(dial.session_id, AgentGone)
        await eventually(world.is_empty, "no leg and no conversation is left")

    # Taking stock -----------------------------------------------------------------------------

    async def test_of_an_answered_call_that_is_over_the_switch_keeps_how_long_it_was(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        _, call = await self._talking(switch, world, heard)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(TALK_S)
        await world.customer_hangs_up(call)
        await heard.customer(call.attempt_id, CustomerGone)
        talked_s = loop.time() - began
        kept = await switch.kept(call.attempt_id)
        assert kept is not None
        assert abs((kept.ended_at - kept.answered_at).total_seconds() - talked_s) < 1

    async def test_of_a_call_that_nobody_answered_the_switch_keeps_nothing(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        call = a_call(world.number(Line.BUSY))
        await switch.place_call(dial.session_id, call)
        await heard.customer(call.attempt_id, CustomerGone)
        assert await switch.kept(call.attempt_id) is None

    async def test_legs_are_exactly_ours_with_their_state(
        self, switch: Telephony, world: World, heard: Heard
    ) -> None:
        assert await _no_legs(switch)
        dial, talking = await self._talking(switch, world, heard)
        other = await self._nailed(switch, world, heard)
        ringing = a_call(world.number(Line.RINGS))
        await switch.place_call(other.session_id, ringing)
        await heard.customer(ringing.attempt_id, CustomerRinging)
        legs = await switch.legs()
        assert legs.agents == {dial.session_id: LegState.UP, other.session_id: LegState.UP}
        assert legs.customers == {
            talking.attempt_id: LegState.UP,
            ringing.attempt_id: LegState.RINGING,
        }


async def _no_legs(switch: Telephony) -> bool:
    legs = await switch.legs()
    return not legs.agents and not legs.customers


async def _only_agent(switch: Telephony, dial: AgentDial) -> bool:
    legs = await switch.legs()
    return not legs.customers and set(legs.agents) == {dial.session_id}
