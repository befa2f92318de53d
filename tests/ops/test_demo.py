from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from autodialer.ops.demo.data import zone_of_an_office_at_work
from autodialer.ops.demo.plan import customers
from autodialer.ops.demo.verdict import Ended, differences

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
MIDSUMMER = datetime(2026, 6, 21, tzinfo=UTC)
PLANNED = {c.e164: Ended(c.status, c.reason, c.invites) for c in customers()}
INVITED = [c.e164 for c in customers() for _ in range(c.invites)]


@pytest.mark.parametrize("midnight", [MIDNIGHT, MIDSUMMER])
@pytest.mark.parametrize("hour", range(24))
def test_the_demo_may_call_for_two_hours_whenever_it_starts(midnight: datetime, hour: int) -> None:
    instant = midnight + timedelta(hours=hour, minutes=29)
    local = instant.astimezone(ZoneInfo(zone_of_an_office_at_work(instant)))
    assert 9 <= local.hour < 19


def test_a_run_as_planned_has_no_differences() -> None:
    assert differences(PLANNED, INVITED) == []
    assert differences(PLANNED, None) == []


def test_a_number_that_is_called_once_too_often_is_told() -> None:
    (told,) = differences(PLANNED, [*INVITED, INVITED[0]])
    assert INVITED[0] in told


def test_a_number_that_ends_otherwise_is_told() -> None:
    number = INVITED[0]
    (told,) = differences({**PLANNED, number: replace(PLANNED[number], status="invalid")}, INVITED)
    assert "invalid" in told


def test_a_number_that_is_missing_or_strange_is_told() -> None:
    number = INVITED[0]
    others = {e164: ended for e164, ended in PLANNED.items() if e164 != number}
    strange = "+919999999999"
    assert len(differences({**others, strange: PLANNED[number]}, INVITED)) == 2
