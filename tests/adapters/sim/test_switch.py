from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from autodialer.adapters.sim.switch import Fate, SimSwitch
from autodialer.domain.ids import SessionId
from autodialer.domain.session import (
    AgentAnswered,
    AgentGone,
    CustomerAnswered,
    CustomerGone,
    EndReason,
)
from autodialer.ports.telephony import (
    AgentDial,
    CallRefusedError,
    SwitchDown,
    SwitchUnavailableError,
    SwitchUp,
)
from tests.contract.telephony import Heard, Line, TelephonyContract, a_call, agent_dial

if TYPE_CHECKING:
    from autodialer.domain.ids import AttemptId
    from autodialer.domain.session import Call

ENDINGS = {
    Line.ANSWERS: "01",
    Line.BUSY: "02",
    Line.RINGS: "03",
    Line.REJECTS: "04",
    Line.UNKNOWN: "05",
    Line.FAILS: "06",
    Line.SILENT: "07",
    Line.UNAVAILABLE: "09",
}


def _loop_time() -> datetime:
    return datetime.fromtimestamp(asyncio.get_running_loop().time(), UTC)


class SimWorld:
    """The network that the simulated switch calls into."""

    def __init__(self, switch: SimSwitch) -> None:
        self._switch, self._numbers = switch, count(100_000)

    def number(self, line: Line) -> str:
        return f"+9198{next(self._numbers)}{ENDINGS[line]}"

    async def customer_hangs_up(self, call: Call) -> None:
        self._switch.customer_hangs_up(call.attempt_id)

    async def agent_hangs_up(self, dial: AgentDial) -> None:
        self._switch.agent_hangs_up(dial.session_id)

    async def hear_each_other(self, session_id: SessionId, attempt_id: AttemptId) -> bool:
        return self._switch.in_conversation(session_id) == {attempt_id}

    async def is_empty(self) -> bool:
        return self._switch.is_empty


class TestSimSwitch(TelephonyContract):
    @pytest.fixture
    def switch(self) -> SimSwitch:
        return SimSwitch(seed=7, clock=_loop_time)

    @pytest.fixture
    def world(self, switch: SimSwitch) -> SimWorld:
        return SimWorld(switch)

    async def test_a_dropped_connection_loses_reports_but_no_call(
        self, switch: SimSwitch, world: SimWorld, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        call = a_call(world.number(Line.ANSWERS))
        await switch.place_call(dial.session_id, call)
        switch.drop_connection(5.0)
        with pytest.raises(SwitchUnavailableError):
            await switch.legs()
        await heard.until(lambda: heard.reports[-1] == SwitchUp("run-1"))
        assert SwitchDown(dead=False) in heard.reports
        assert CustomerAnswered(call.attempt_id) not in heard.of_customer(call.attempt_id)
        assert call.attempt_id in (await switch.legs()).customers

    async def test_after_a_restart_no_leg_lives_and_nobody_was_told(
        self, switch: SimSwitch, world: SimWorld, heard: Heard
    ) -> None:
        dial, call = await self._talking(switch, world, heard)
        switch.restart(5.0)
        await heard.until(lambda: heard.reports[-1] == SwitchUp("run-2"))
        assert SwitchDown(dead=True) in heard.reports
        assert not (await switch.legs()).agents
        assert not any(isinstance(e, CustomerGone) for e in heard.of_customer(call.attempt_id))
        assert len(heard.of_agent(dial.session_id)) == 1

    @pytest.mark.parametrize(
        ("fate", "outcome"),
        [
            (Fate.REFUSED, (CallRefusedError, 0)),
            (Fate.NOT_REACHED, (SwitchUnavailableError, 0)),
            (Fate.REPLY_LOST, (SwitchUnavailableError, 1)),
        ],
    )
    async def test_the_carrier_sees_what_was_carried_out_whatever_the_caller_heard(
        self, switch: SimSwitch, heard: Heard, fate: Fate, outcome: tuple[type[Exception], int]
    ) -> None:
        assert heard.reports
        call = a_call("+919812345603")
        switch.fate = lambda request: fate if request == "place_call" else Fate.DONE
        with pytest.raises(outcome[0]):
            await switch.place_call(SessionId(uuid4()), call)
        assert switch.invites[call.e164] == outcome[1]

    async def test_a_customer_who_hears_nobody_is_told_apart(
        self, switch: SimSwitch, world: SimWorld, heard: Heard
    ) -> None:
        dial, talking = await self._talking(switch, world, heard)
        alone = a_call(world.number(Line.ANSWERS))
        await switch.place_call(SessionId(uuid4()), alone)
        await heard.customer(alone.attempt_id, CustomerAnswered)
        assert switch.live_customers == {talking.attempt_id, alone.attempt_id}
        assert switch.silent_customers == {alone.attempt_id}
        switch.agent_hangs_up(dial.session_id)
        assert switch.silent_customers == {talking.attempt_id, alone.attempt_id}

    @pytest.mark.parametrize(
        ("address", "event"),
        [
            ("+919900000007", AgentAnswered()),
            ("+919900099992", AgentGone(EndReason.AGENT_BUSY)),
            ("+919900099993", AgentGone(EndReason.AGENT_NO_ANSWER)),
        ],
    )
    async def test_agents_have_numbers_of_their_own(
        self, switch: SimSwitch, heard: Heard, address: str, event: AgentAnswered | AgentGone
    ) -> None:
        dial = agent_dial(address, ring_timeout_s=5)
        await switch.call_agent(dial)
        assert await heard.agent(dial.session_id, type(event)) == event

    async def test_a_talk_is_cut_at_its_limit(
        self, switch: SimSwitch, world: SimWorld, heard: Heard
    ) -> None:
        assert heard.reports
        call = replace(a_call(world.number(Line.ANSWERS)), max_talk=timedelta(seconds=5))
        await switch.place_call(SessionId(uuid4()), call)
        gone = await heard.customer(call.attempt_id, CustomerGone)
        assert not gone.end.by_far_end
        assert CustomerAnswered(call.attempt_id) in heard.of_customer(call.attempt_id)

    async def test_reports_may_be_lost_and_doubled(
        self, switch: SimSwitch, world: SimWorld, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        switch.mail = lambda report: () if "Ringing" in repr(report) else (0.0, 0.5)
        call = a_call(world.number(Line.ANSWERS))
        await switch.place_call(dial.session_id, call)
        answered = CustomerAnswered(call.attempt_id)
        await heard.until(lambda: heard.of_customer(call.attempt_id) == [answered, answered])

    async def test_a_second_call_to_a_number_is_noted(
        self, switch: SimSwitch, world: SimWorld, heard: Heard
    ) -> None:
        dial = await self._nailed(switch, world, heard)
        first = a_call(world.number(Line.RINGS))
        await switch.place_call(dial.session_id, first)
        assert switch.breaches == []
        await switch.place_call(dial.session_id, a_call(first.e164))
        assert switch.breaches == [
            f"two live calls to {first.e164}",
            f"two live customers in session {dial.session_id}",
        ]
