"""The connection between dialer and Asterisk: lost, refused, taken, half open."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from autodialer.adapters.ari.switch import AriSwitch
from autodialer.domain.ids import AttemptId, SessionId
from autodialer.domain.recovery import LegState
from autodialer.domain.session import AgentAnswered, CustomerAnswered, CustomerGone
from autodialer.ports.telephony import (
    AgentDial,
    CallRefusedError,
    SwitchDown,
    SwitchUnavailableError,
    SwitchUp,
)
from tests.adapters.ari.conftest import ari_config
from tests.contract.telephony import Heard, Line, a_call, agent_dial, eventually
from tests.support import stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.adapters.ari.world import AsteriskWorld
    from tests.support.stack import AsteriskPair

pytestmark = pytest.mark.asterisk


@asynccontextmanager
async def listening(switch: AriSwitch) -> AsyncIterator[Heard]:
    """A dialer process, as far as the switch can tell: connected until the block ends."""
    heard = Heard()
    task = asyncio.get_running_loop().create_task(heard.listen(switch))
    try:
        await heard.until(lambda: bool(ups(heard)))
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def ups(heard: Heard) -> list[SwitchUp]:
    return [report for report in heard.reports if isinstance(report, SwitchUp)]


def downs(heard: Heard) -> list[SwitchDown]:
    return [report for report in heard.reports if isinstance(report, SwitchDown)]


@pytest.fixture
def own_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskPair]:
    """A pair for a test that stops or kills it."""
    with stack.asterisk_pair(tmp_path_factory.mktemp("own")) as running:
        yield running


def is_stopped(pid: int) -> bool:
    """Whether no thread of the process runs any more: some do for a moment after the signal."""
    stats = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats)


async def test_a_switch_that_was_never_reached_is_unavailable(switch: AriSwitch) -> None:
    with pytest.raises(SwitchUnavailableError):
        await switch.legs()


async def test_a_customer_who_answers_while_the_dialer_is_away_is_kept_for_the_next_one(
    pair: AsteriskPair, world: AsteriskWorld, switch: AriSwitch
) -> None:
    call = a_call(world.number(Line.ANSWERS))
    async with listening(switch):
        await switch.place_call(SessionId(uuid4()), call)
    await eventually(lambda: world.channel_is(call, "Up"), "the customer answered")
    successor = AriSwitch(ari_config(pair), Random(8))  # noqa: S311  jitter
    async with listening(successor) as heard:
        await heard.customer(call.attempt_id, CustomerAnswered)
        assert (await successor.legs()).customers == {call.attempt_id: LegState.UP}
        await successor.hang_up_customer(call.attempt_id)
        await eventually(world.is_empty, "nothing is left")


async def test_an_answered_customer_who_cannot_be_connected_yet_is_not_up(
    world: AsteriskWorld, switch: AriSwitch
) -> None:
    call = a_call(world.number(Line.ANSWERS))
    async with listening(switch):
        await switch.place_call(SessionId(uuid4()), call)
    await eventually(lambda: world.channel_is(call, "Up"), "the customer answered")
    channels = await world.get("channels")
    assert channels[0]["dialplan"]["app_name"] != "Stasis"
    async with listening(switch):
        await switch.hang_up_customer(call.attempt_id)
        await eventually(world.is_empty, "nothing is left")


async def test_a_second_dialer_takes_the_application_and_the_first_says_so(
    pair: AsteriskPair, switch: AriSwitch
) -> None:
    other = AriSwitch(ari_config(pair), Random(8))  # noqa: S311  jitter
    async with listening(switch) as first, listening(other) as second:
        await first.until(lambda: downs(first) == [SwitchDown(dead=False)])
        with pytest.raises(SwitchUnavailableError):
            await switch.legs()
        await second.until(lambda: bool(downs(second)))
        # The first came back, which is what ended the second; it says so a moment later.
        await first.until(lambda: len(ups(first)) == 2)


async def test_a_killed_switch_fails_what_waits_is_told_dead_and_comes_back_as_another(
    own_pair: AsteriskPair,
) -> None:
    switch = AriSwitch(ari_config(own_pair), Random(7))  # noqa: S311  jitter
    async with listening(switch) as heard:
        own_pair.node.kill()
        with pytest.raises(SwitchUnavailableError):
            await switch.legs()
        await heard.until(lambda: SwitchDown(dead=True) in heard.reports)
        assert downs(heard) == [SwitchDown(dead=False), SwitchDown(dead=True)]
        await asyncio.to_thread(own_pair.node.start)
        await heard.until(lambda: len(ups(heard)) == 2)
        first, second = ups(heard)
        assert first.instance != second.instance
        assert len(downs(heard)) == 2


@pytest.mark.slow
async def test_a_frozen_switch_is_noticed_within_sixteen_seconds_though_nobody_asks_it(
    own_pair: AsteriskPair,
) -> None:
    loop, pid = asyncio.get_running_loop(), own_pair.node.pid
    assert pid is not None
    switch = AriSwitch(ari_config(own_pair), Random(7))  # noqa: S311  jitter
    async with listening(switch) as heard:
        os.kill(pid, signal.SIGSTOP)
        try:
            await eventually(lambda: asyncio.to_thread(is_stopped, pid), "none of its threads runs")
            frozen = loop.time()
            await heard.until(lambda: bool(downs(heard)))
            assert loop.time() - frozen < 16
        finally:
            os.kill(pid, signal.SIGCONT)
        await heard.until(lambda: len(ups(heard)) == 2)
        first, second = ups(heard)
        assert first.instance == second.instance


async def test_a_leg_that_ended_in_the_gap_is_not_told_again_and_the_others_still_are(
    world: AsteriskWorld, switch: AriSwitch
) -> None:
    gone, stays = a_call(world.number(Line.ANSWERS)), a_call(world.number(Line.ANSWERS))
    async with listening(switch) as before:
        for call in (gone, stays):
            await switch.place_call(SessionId(uuid4()), call)
            await before.customer(call.attempt_id, CustomerAnswered)
    await world.customer_hangs_up(gone)
    await eventually(lambda: world.is_gone(gone), "Asterisk knows that the customer hung up")
    async with listening(switch) as after:
        assert set((await switch.legs()).customers) == {stays.attempt_id}
        await world.customer_hangs_up(stays)
        await after.customer(stays.attempt_id, CustomerGone)
        assert after.of_customer(gone.attempt_id) == []
        assert CustomerAnswered(stays.attempt_id) not in after.of_customer(stays.attempt_id)


async def test_a_device_that_is_not_registered_is_refused(switch: AriSwitch) -> None:
    async with listening(switch):
        dial = AgentDial(SessionId(uuid4()), "sip", "nobody", "+918047112233", 5)
        with pytest.raises(CallRefusedError):
            await switch.call_agent(dial)


@pytest.mark.parametrize("address", ["", "asha@elsewhere", "asha/x", "asha,bina", "a b", "ä"])
async def test_a_device_that_is_no_sip_user_is_refused(switch: AriSwitch, address: str) -> None:
    async with listening(switch):
        with pytest.raises(CallRefusedError, match="not a SIP user"):
            await switch.call_agent(
                AgentDial(SessionId(uuid4()), "sip", address, "+918047112233", 5)
            )


async def test_the_agent_hears_ringing_until_the_customer_is_gone(
    world: AsteriskWorld, switch: AriSwitch
) -> None:
    dial = agent_dial(world.agent_phone())
    async with listening(switch) as heard:
        await switch.call_agent(dial)
        await heard.agent(dial.session_id, AgentAnswered)
        await switch.nail_agent(dial.session_id)
        call = a_call(world.number(Line.RINGS), ring_timeout_s=1)
        await switch.place_call(dial.session_id, call)
        await heard.customer(call.attempt_id, CustomerGone)
        # The ring tone pauses for 2 s: wait until it would be heard again.
        await asyncio.sleep(2.8)
        await switch.release_agent(dial.session_id)
        await eventually(world.is_empty, "nothing is left")
    await eventually(lambda: world.phone_is_down(dial.address), "the phone hung up")
    assert world.ringing_heard(dial.address, 0.0, 1.0) > 1000
    assert world.ringing_heard(dial.address, 2.9, 3.6) < 200


async def test_an_attempt_id_is_free_again_only_after_its_leg_is_gone(
    world: AsteriskWorld, switch: AriSwitch
) -> None:
    call = a_call(world.number(Line.RINGS))
    async with listening(switch) as heard:
        await switch.place_call(SessionId(uuid4()), call)
        with pytest.raises(CallRefusedError):
            await switch.place_call(SessionId(uuid4()), call)
        await switch.hang_up_customer(AttemptId(call.attempt_id))
        await heard.customer(call.attempt_id, CustomerGone)
        await eventually(world.is_empty, "nothing is left")
