"""Who is called is asked beside the calls, on the whole engine in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autodialer.adapters.sim.details import ScriptedDetails
from tests.sim.one_agent import ONE, TWO, calls, dial, same_calls

if TYPE_CHECKING:
    from autodialer.ports.details import DetailsRequest

URL = "https://crm.example.com/who"


def test_what_is_known_is_kept_with_the_call_and_the_screen_is_told() -> None:
    plain = dial(ScriptedDetails({}))
    number = calls(plain)[0][0]
    contacts = ScriptedDetails({number: '{"first_name": "Asha"}'}, delay_s=0.5)
    run = dial(contacts, URL)
    first = next(iter(run.store.tables.attempts.values()))
    assert first.details is not None
    assert first.details.first_name == "Asha"
    assert contacts.requests[0].attempt_id == first.call.attempt_id
    assert len(run.store.tables.told) > len(plain.store.tables.told)


class Faulty(ScriptedDetails):
    """An adapter with a fault of ours."""

    async def ask(self, request: DetailsRequest) -> str:
        self.requests.append(request)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "contacts",
    [
        ScriptedDetails({}),
        ScriptedDetails({}, delay_s=3_600),
        ScriptedDetails({ONE: "<html>", TWO: "<html>"}),
        Faulty({}),
    ],
    ids=["fails", "hangs", "html", "a fault of ours"],
)
def test_a_source_that_does_not_answer_changes_no_call(contacts: ScriptedDetails) -> None:
    run = dial(contacts, URL)
    assert same_calls(run, dial(ScriptedDetails({})))
    assert len(contacts.requests) == len(run.store.tables.attempts) > 0
    assert all(row.details is None for row in run.store.tables.attempts.values())
