"""Who is called is asked beside the calls, on the whole engine in virtual time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from autodialer.adapters.memory.tables import TargetRow
from autodialer.adapters.sim.details import ScriptedDetails
from autodialer.adapters.sim.loop import run_virtual
from autodialer.domain.ids import SessionId, TargetId
from autodialer.engine.config import EngineConfig
from autodialer.engine.dialer import Dialer
from autodialer.ops.simulation.odds import Odds
from autodialer.ops.simulation.run import Run

ONE, TWO = "+919800000102", "+919800000202"
URL = "https://crm.example.com/who"


def dial(contacts: ScriptedDetails, url: str = URL) -> Run:
    """Let one agent work a list of two to its end."""

    async def main() -> Run:
        run = Run(1, Odds())
        campaign = run.campaigns[0]
        campaign.load(TargetRow(TargetId(n), e164) for n, e164 in enumerate((ONE, TWO), 1))
        campaign.get_contacts_url = url
        dialer = Dialer(
            EngineConfig(node="north", holder="one"),
            run.store,
            run.switch,
            run.clock,
            new_id=run.new_id,
            contacts=contacts,
        )
        session_id, tables = SessionId(run.new_id()), run.store.tables
        tables.queue_session(session_id, campaign.campaign_id, "asha", run.clock())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(dialer.run(), name="dialer")
            async with asyncio.timeout(86_400):
                while tables.sessions[session_id].end is None:  # noqa: ASYNC110  tables have no event
                    await asyncio.sleep(1)
            task.cancel()
        assert run.store.breaches == []
        return run

    return run_virtual(main())


def calls(run: Run) -> list[tuple[str, datetime]]:
    return [(row.call.e164, row.call.placed_at) for row in run.store.tables.attempts.values()]


def test_what_is_known_is_kept_with_the_call_and_the_screen_is_told() -> None:
    plain = dial(ScriptedDetails({}), url="")
    number = calls(plain)[0][0]
    contacts = ScriptedDetails({number: '{"first_name": "Asha"}'}, delay_s=0.5)
    run = dial(contacts)
    first = next(iter(run.store.tables.attempts.values()))
    assert first.details is not None
    assert first.details.first_name == "Asha"
    assert contacts.requests[0].attempt_id == first.call.attempt_id
    assert len(run.store.tables.told) > len(plain.store.tables.told)


@pytest.mark.parametrize(
    "contacts",
    [
        ScriptedDetails({}),
        ScriptedDetails({}, delay_s=3_600),
        ScriptedDetails({ONE: "<html>", TWO: "<html>"}),
    ],
    ids=["fails", "hangs", "html"],
)
def test_a_source_that_does_not_answer_changes_no_call(contacts: ScriptedDetails) -> None:
    run = dial(contacts)
    # To some milliseconds: the store is asked once more for each call, and draws how long it takes.
    for (number, at), (same, about) in zip(
        calls(run), calls(dial(ScriptedDetails({}), url="")), strict=True
    ):
        assert number == same
        assert abs(at - about) < timedelta(milliseconds=50)
    assert len(contacts.requests) == len(run.store.tables.attempts) > 0
    assert all(row.details is None for row in run.store.tables.attempts.values())
