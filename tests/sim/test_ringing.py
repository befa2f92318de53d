"""That phones ring is stored beside the calls, on the whole engine in virtual time."""

from __future__ import annotations

from tests.sim.one_agent import dial, same_calls

POPUP = "https://crm.example.com/popup"
# Both ring before they answer.
ANSWERING = ("+919800000110", "+919800000210")


def test_a_ring_is_stored_where_a_popup_url_is_told_and_delays_no_call() -> None:
    run = dial(popup_url=POPUP, numbers=ANSWERING)
    calls = list(run.store.tables.attempts.values())
    assert len(calls) == len(ANSWERING)
    for call in calls:
        assert call.rang_at is not None
        assert call.answered_at is not None
        assert call.call.placed_at < call.rang_at < call.answered_at
    assert same_calls(run, dial(numbers=ANSWERING))


def test_without_a_popup_url_nothing_is_stored_of_ringing() -> None:
    assert {row.rang_at for row in dial(numbers=ANSWERING).store.tables.attempts.values()} == {None}
