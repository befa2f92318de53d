"""One agent who works a list of two to its end, on the whole engine in virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from autodialer.adapters.memory.tables import TargetRow
from autodialer.adapters.sim.loop import run_virtual
from autodialer.domain.ids import SessionId, TargetId
from autodialer.engine.config import EngineConfig
from autodialer.engine.dialer import Dialer
from autodialer.ops.simulation.odds import Odds
from autodialer.ops.simulation.run import Run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from autodialer.ports.details import GetContacts

ONE, TWO = "+919800000102", "+919800000202"
# The store draws how long each request to it takes: one more or less shifts calls by less.
ALMOST: Final = timedelta(milliseconds=50)


def dial(
    contacts: GetContacts | None = None,
    get_contacts_url: str = "",
    *,
    popup_url: str = "",
    numbers: Sequence[str] = (ONE, TWO),
) -> Run:
    """Let the agent work the list; the campaign has these URLs."""

    async def main() -> Run:
        run = Run(1, Odds())
        campaign = run.campaigns[0]
        campaign.load(TargetRow(TargetId(n), e164) for n, e164 in enumerate(numbers, 1))
        campaign.get_contacts_url, campaign.popup_url = get_contacts_url, popup_url
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
    """Whom was called when, in that order."""
    return [(row.call.e164, row.call.placed_at) for row in run.store.tables.attempts.values()]


def same_calls(one: Run, other: Run) -> bool:
    """Whether both called the same numbers at almost the same time."""
    both = zip(calls(one), calls(other), strict=True)
    return all(number == same and abs(at - about) < ALMOST for (number, at), (same, about) in both)
