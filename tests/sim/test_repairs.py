"""What no report tells is found by looking: one fault each, in an otherwise calm run."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from autodialer.adapters.sim.loop import run_virtual
from autodialer.adapters.sim.switch import Fate
from autodialer.domain.ids import AttemptId, SessionId
from autodialer.domain.outcome import FORBIDDEN, OUTCOME_UNKNOWN, TALKED, Reason
from autodialer.domain.session import EndReason
from autodialer.engine.config import EngineConfig
from autodialer.ops.simulation.odds import Odds
from autodialer.ops.simulation.run import POLL, SILENCE_LIMIT, Run
from autodialer.ports.store import RegistryGrew
from autodialer.ports.telephony import SwitchUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from autodialer.domain.session import Call, ClaimResult
    from autodialer.ports.store import Lease


async def _until(holds: Callable[[], object], deadline_s: float = 120.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not holds():  # noqa: ASYNC110  the switch and the tables have no event to wait for
            await asyncio.sleep(0.1)


async def _talking(run: Run) -> SessionId:
    """Let one agent talk to the first customer, who stays on the line."""
    campaign = run.campaigns[0]
    campaign.targets[0].e164 = "+919800000001"
    session_id = SessionId(run.new_id())
    run.store.tables.queue_session(session_id, campaign.campaign_id, "asha", run.clock())
    await _until(lambda: any(row.answered_at for row in run.store.tables.live_attempts()))
    return session_id


async def _first_call_to(run: Run, e164: str) -> None:
    campaign = run.campaigns[0]
    campaign.targets[0].e164 = e164
    session_id = SessionId(run.new_id())
    run.store.tables.queue_session(session_id, campaign.campaign_id, "asha", run.clock())
    await _until(lambda: any(run.store.tables.attempts))


async def _with_dialer(
    run: Run, story: Callable[[Run], Awaitable[None]], poll: timedelta = POLL
) -> None:
    async with asyncio.TaskGroup() as group:
        dialer = group.create_task(run.dialer(poll).run(), name="dialer")
        await story(run)
        dialer.cancel()


def test_a_hint_releases_a_forbidden_number_at_once() -> None:
    async def story(run: Run) -> None:
        await _first_call_to(run, "+919800000003")
        (attempt,) = run.store.tables.attempts.values()
        await asyncio.sleep(0.1)
        run.store.tables.dnd[run.account].add(attempt.call.e164)
        run.store.hint(RegistryGrew())
        await _until(lambda: attempt.result is not None, 0.2)
        assert attempt.result == FORBIDDEN
        assert attempt.call.attempt_id not in run.switch.live_customers

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story, poll=timedelta(minutes=1))

    run_virtual(main())


def test_a_connect_that_failed_is_repeated_before_any_sweep() -> None:
    async def story(run: Run) -> None:
        run.switch.fate = lambda what: Fate.NOT_REACHED if what == "connect" else Fate.DONE
        session_id = await _talking(run)
        await asyncio.sleep(5.0)  # Other tries fail, too.
        assert not run.switch.in_conversation(session_id)
        run.switch.fate = lambda what: Fate.NOT_REACHED if what == "legs" else Fate.DONE
        await _until(lambda: run.switch.in_conversation(session_id), 2.0)

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_a_bridge_that_failed_is_there_when_the_customer_is() -> None:
    async def story(run: Run) -> None:
        run.switch.fate = lambda what: Fate.NOT_REACHED if what == "nail_agent" else Fate.DONE
        session_id = await _talking(run)
        run.switch.fate = lambda what: Fate.NOT_REACHED if what == "legs" else Fate.DONE
        await _until(lambda: run.switch.in_conversation(session_id), 2.0)

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_a_number_whose_hang_up_failed_is_not_free_for_another_campaign() -> None:
    """The row that locks a number says nothing of the phone, which rings on."""

    async def story(run: Run) -> None:
        run.store.tables.redial_gaps[run.account] = timedelta()
        await _first_call_to(run, "+919800000003")
        (first,) = run.store.tables.attempts.values()
        await _until(lambda: first.call.attempt_id in run.switch.live_customers)
        run.switch.fate = lambda what: Fate.NOT_REACHED if "hang_up" in what else Fate.DONE
        run.store.tables.sessions[first.session_id].stop = (EndReason.STOPPED, True)
        other = run.campaigns[1]
        other.targets[0].e164 = first.call.e164
        another = SessionId(run.new_id())
        run.store.tables.queue_session(another, other.campaign_id, "chitra", run.clock())
        await asyncio.sleep(5.0)
        assert not run.switch.breaches
        assert first.result is None
        run.switch.fate = lambda _what: Fate.DONE
        await _until(lambda: run.store.tables.sessions[first.session_id].end is not None, 2.0)
        assert first.call.attempt_id not in run.switch.live_customers

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_a_switch_that_dies_keeps_nobody_waiting_for_a_hang_up() -> None:
    async def story(run: Run) -> None:
        await _first_call_to(run, "+919800000003")
        (attempt,) = run.store.tables.attempts.values()
        session = run.store.tables.sessions[attempt.session_id]
        run.switch.fate = lambda what: Fate.NOT_REACHED if "hang_up" in what else Fate.DONE
        session.stop = (EndReason.STOPPED, True)
        await asyncio.sleep(3.0)
        assert session.end is None
        run.switch.restart(60.0)
        await _until(lambda: session.end is not None, 2.0)

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_a_lost_hang_up_is_found_although_the_session_is_told_to_leave_each_second() -> None:
    async def story(run: Run) -> None:
        session_id = await _talking(run)
        session = run.store.tables.sessions[session_id]
        session.stop = (EndReason.REMOVED_FROM_CAMPAIGN, False)
        run.switch.mail = lambda _report: ()
        for attempt_id in run.switch.live_customers:
            run.switch.customer_hangs_up(attempt_id)
        await _until(lambda: session.end is not None, SILENCE_LIMIT.total_seconds())

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_when_the_switch_has_died_its_calls_end_at_once_and_the_agents_know_why() -> None:
    async def story(run: Run) -> None:
        session = run.store.tables.sessions[await _talking(run)]
        (talk,) = run.store.tables.live_attempts()
        run.switch.restart(5.0)
        await _until(lambda: session.end is not None, 1.0)  # Before another switch is there.
        assert session.end is EndReason.MEDIA_SERVER_LOST
        assert (talk.result, talk.estimated) == (TALKED, True)

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_after_a_cut_connection_a_hang_up_of_meanwhile_is_found_at_once() -> None:
    async def story(run: Run) -> None:
        session_id = await _talking(run)
        (talk,) = run.store.tables.live_attempts()
        run.switch.drop_connection(1.0)
        run.switch.customer_hangs_up(talk.call.attempt_id)
        await asyncio.sleep(1.0)
        await _until(lambda: talk.result is not None, 0.5)  # A sweep may take 15 s.
        assert run.store.tables.sessions[session_id].end is None

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_a_clock_set_back_does_not_let_the_lease_of_a_dead_dialer_last_for_an_hour() -> None:
    async def main() -> None:
        run = Run(1, Odds())
        dead = asyncio.get_running_loop().create_task(run.dialer().run())
        await _talking(run)
        dead.cancel()
        run.crashes, run.clock_is_off = 1, timedelta(hours=-1)
        (talk,) = run.store.tables.live_attempts()
        run.switch.customer_hangs_up(talk.call.attempt_id)

        async def story(run: Run) -> None:
            await _until(lambda: talk.result is not None, 15.0)
            assert talk.ended_at is not None
            assert talk.answered_at is not None
            assert talk.ended_at >= talk.answered_at

        await _with_dialer(run, story)

    run_virtual(main())


def test_a_call_of_another_process_s_claim_is_never_placed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    another = AttemptId(UUID(int=1))

    async def story(run: Run) -> None:
        claim = run.store.claim

        async def answer_with_another(
            lease: Lease, session_id: SessionId, _asked: AttemptId, now: datetime
        ) -> ClaimResult:
            return await claim(lease, session_id, another, now)

        monkeypatch.setattr(run.store, "claim", answer_with_another)
        await _first_call_to(run, "+919800000001")
        attempt = run.store.tables.attempts[another]
        # That process may have sent it: whoever looks must find it spent, not send it again.
        await _until(lambda: attempt.result is not None, SILENCE_LIMIT.total_seconds())
        assert attempt.result == OUTCOME_UNKNOWN
        assert another not in run.switch.calls

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_a_call_that_the_switch_makes_late_is_found_and_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A switch that stood still makes the calls that nobody waits for any more when it goes on."""
    late_s, calls = EngineConfig("any", "any").sweep_patience.total_seconds() - 0.5, 12

    async def story(run: Run) -> None:
        campaign, place_call = run.campaigns[0], run.switch.place_call
        for at, target in enumerate(campaign.targets):
            # Of a silent phone no report tells; between them some ring, or the trunk seems dead.
            target.e164 = f"+91980000{at:02}{'07' if at % 2 else '10'}"
        made: set[asyncio.Task[None]] = set()

        async def make(session_id: SessionId, call: Call) -> None:
            await asyncio.sleep(late_s)
            await place_call(session_id, call)

        async def time_out(session_id: SessionId, call: Call) -> None:
            made.add(asyncio.get_running_loop().create_task(make(session_id, call)))
            raise SwitchUnavailableError("No answer in time (simulated).")

        monkeypatch.setattr(run.switch, "place_call", time_out)
        session_id = SessionId(run.new_id())
        run.store.tables.queue_session(session_id, campaign.campaign_id, "asha", run.clock())
        tries = run.store.tables.attempts
        await _until(lambda: sum(row.result is not None for row in tries.values()) >= calls, 600)
        reasons = {row.result.reason for row in tries.values() if row.result}
        assert reasons == {Reason.ANSWERED, Reason.NO_RINGING}

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())


def test_a_phone_that_never_rang_is_told_apart_also_when_sweeps_saw_its_call() -> None:
    async def story(run: Run) -> None:
        run.campaigns[0].ring_timeout = timedelta(seconds=30)
        await _first_call_to(run, "+919800000007")
        (attempt,) = run.store.tables.attempts.values()
        await _until(lambda: attempt.result is not None)
        assert attempt.result is not None
        assert attempt.result.reason == Reason.NO_RINGING

    async def main() -> None:
        await _with_dialer(Run(1, Odds()), story)

    run_virtual(main())
