"""An agent dials what a URL gives, whatever the URL does, on the whole engine in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from autodialer.adapters.memory.store import Weather
from autodialer.adapters.sim.loop import run_virtual
from autodialer.adapters.sim.numbers import Answer, ScriptedNumbers
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.dial_whom import LATEST_ANSWER, SourceState
from autodialer.domain.ids import SessionId
from autodialer.domain.retry import RetryPolicy
from autodialer.domain.session import EndReason
from autodialer.engine.asker import ANSWER_TIMEOUT_S, MOST_AT_ONCE
from autodialer.engine.config import EngineConfig
from autodialer.engine.dialer import Dialer
from autodialer.ops.simulation.odds import Odds
from autodialer.ops.simulation.run import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.domain.dial_whom import NumberRequest

# A URL that was asked before the end of a session has answered by then.
_LATE_S: Final = 5
ONE, TWO, THREE = "+919800000102", "+919800000202", "+919800000302"


class Faulty(ScriptedNumbers):
    """An adapter with a fault of ours, which one answer finds."""

    async def ask(self, request: NumberRequest) -> str:
        text = await super().ask(request)
        if text == "fault":
            raise ZeroDivisionError
        return text


class Counted(Run):
    """Counts what the store is asked; the answers to one kind of request take their time."""

    def __init__(self, slow: str) -> None:
        super().__init__(1, Odds())
        self.requests: Counter[str] = Counter()
        fare = self.store.weather

        def count(request: str) -> Weather:
            self.requests[request] += 1
            return Weather(back_s=0.5) if request == slow else fare(request)

        self.store.weather = count


def dial(
    script: Sequence[Answer | str | None],
    *,
    stop_at_s: float | None = None,
    slow: str = "",
    others: int = 0,
) -> tuple[Counted, ScriptedNumbers, SessionId]:
    """Let one agent, and others, work on a campaign by URL until the one's session ends."""

    async def main() -> tuple[Counted, ScriptedNumbers, SessionId]:
        run, numbers = Counted(slow), Faulty(script)
        campaign = run.campaigns[0]
        campaign.load([])
        campaign.source = SourceState()
        campaign.policy = RetryPolicy()
        campaign.idle_limit = timedelta(minutes=10)
        dialer = Dialer(
            EngineConfig(node="north", holder="one"),
            run.store,
            run.switch,
            run.clock,
            new_id=run.new_id,
            numbers=numbers,
        )
        session_id = SessionId(run.new_id())
        tables = run.store.tables
        tables.queue_session(session_id, campaign.campaign_id, "asha", run.clock())
        for name in (f"agent {n}" for n in range(others)):
            campaign.agents.add(name)
            other = SessionId(run.new_id())
            tables.queue_session(other, campaign.campaign_id, name, run.clock())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(dialer.run(), name="dialer")
            if stop_at_s is not None:
                await asyncio.sleep(stop_at_s)
                tables.sessions[session_id].stop = (EndReason.STOPPED, True)
            async with asyncio.timeout(3_600):
                while tables.sessions[session_id].end is None:  # noqa: ASYNC110  tables have no event
                    await asyncio.sleep(1)
            await asyncio.sleep(_LATE_S)
            task.cancel()
        assert run.store.breaches == []
        return run, numbers, session_id

    return run_virtual(main())


def dialled(run: Run) -> list[str]:
    return [row.call.e164 for row in run.store.tables.attempts.values()]


@pytest.mark.parametrize(
    "script",
    [
        [ONE, TWO, THREE],
        [f"{ONE}, {TWO}", THREE],
        [ONE, None, "<html>", Answer(TWO, delay_s=4), Answer("", delay_s=60), THREE],
        [ONE, ONE, f"{ONE},{TWO}", THREE],
        [ONE, "fault", TWO, "fault", THREE],
    ],
    ids=["one by one", "lists", "broken and slow", "repeats", "faults of ours"],
)
def test_each_number_is_dialled_once_in_order_until_the_source_ends(
    script: list[Answer | str | None],
) -> None:
    run, numbers, session_id = dial(script)
    assert dialled(run) == [ONE, TWO, THREE]
    assert run.store.tables.sessions[session_id].end is EndReason.CAMPAIGN_COMPLETED
    assert len(numbers.requests) == len(script) + 1


def test_a_source_that_stays_broken_pauses_the_campaign_and_the_agent_is_told() -> None:
    run, _, session_id = dial([None] * 50)
    campaign = run.campaigns[0]
    assert (campaign.status, campaign.reason) == (CampaignStatus.PAUSED, "dial_whom_failed")
    assert run.store.tables.sessions[session_id].end is EndReason.PAUSED
    assert dialled(run) == []


def test_a_number_costs_one_request_to_the_store_besides_the_end_of_the_call_before() -> None:
    run, _, _ = dial([ONE, TWO, THREE])
    # The first claim finds nothing, and the last answer is the end.
    assert (run.requests["claim"], run.requests["finish"]) == (1, 3)
    assert run.requests["claim_answered"] == 4
    assert run.requests["numbers_to_ask"] == run.requests["take_answer"] == 0


def test_a_number_that_was_given_to_an_agent_who_left_meanwhile_is_kept() -> None:
    run, _, session_id = dial([Answer(ONE, delay_s=4)], stop_at_s=2)
    assert run.store.tables.sessions[session_id].end is EndReason.STOPPED
    assert [target.e164 for target in run.campaigns[0].targets] == [ONE]
    assert dialled(run) == []


def test_a_url_that_answers_before_the_end_of_the_call_is_stored_is_not_asked_twice() -> None:
    run, numbers, _ = dial([ONE, TWO, THREE], slow="finish")
    assert (dialled(run), len(numbers.requests)) == ([ONE, TWO, THREE], 4)
    assert (run.requests["claim_answered"], run.requests["take_answer"]) == (4, 0)


def test_who_finds_all_places_at_the_url_taken_is_asked_for_as_soon_as_one_is_free() -> None:
    script = [Answer(f"+9198000003{n:02}", delay_s=4.5) for n in range(MOST_AT_ONCE + 1)]
    _, numbers, _ = dial(script, others=MOST_AT_ONCE)
    *_, tenth, eleventh = (request.asked_at for request in numbers.requests[: MOST_AT_ONCE + 1])
    first = numbers.requests[0].asked_at
    assert tenth < first + timedelta(seconds=4.5) < eleventh < first + timedelta(seconds=4.6)


def test_a_number_that_comes_after_the_end_that_another_agent_was_told_is_dialled() -> None:
    # The second one is told at once that there are no more, while the first still waits.
    run, numbers, _ = dial([Answer(ONE, delay_s=4), ""], others=1)
    assert len(numbers.requests) == 2
    assert dialled(run) == [ONE]
    ends = {each.end for each in run.store.tables.sessions.values()}
    assert ends == {EndReason.CAMPAIGN_COMPLETED}


def test_whoever_asked_has_an_answer_before_the_source_is_believed_to_have_given_all() -> None:
    assert timedelta(seconds=ANSWER_TIMEOUT_S) < LATEST_ANSWER
