from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain.window import CallWindow, may_ring, narrowed, next_opening

RING = timedelta(seconds=30)
KOLKATA = CallWindow(ZoneInfo("Asia/Kolkata"))
NEW_YORK = CallWindow(ZoneInfo("America/New_York"))
ZONES = ["Asia/Kolkata", "America/New_York", "Europe/London", "Australia/Lord_Howe", "UTC"]


def at(clock: str, window: CallWindow = KOLKATA, day: str = "2026-11-23") -> datetime:
    """Return an instant given as wall-clock time in the window's zone."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=window.zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock", "rings"),
    [
        ("08:59:59.999999", False),
        ("09:00:00", True),
        ("20:59:30", True),
        ("20:59:30.000001", False),
        ("20:59:40", False),
        ("21:00:00", False),
        ("23:59:50", False),
        ("00:00:00", False),
    ],
)
def test_the_edges_of_the_day(clock: str, *, rings: bool) -> None:
    assert may_ring(KOLKATA, at(clock), RING) is rings


@pytest.mark.parametrize(
    ("clock", "opening"),
    [
        ("08:59:59", ("09:00:00", "2026-11-23")),
        ("12:34:56", ("12:34:56", "2026-11-23")),
        ("20:59:31", ("09:00:00", "2026-11-24")),
        ("23:00:00", ("09:00:00", "2026-11-24")),
        ("00:30:00", ("09:00:00", "2026-11-23")),
    ],
)
def test_the_next_opening(clock: str, opening: tuple[str, str]) -> None:
    assert next_opening(KOLKATA, at(clock), RING) == at(opening[0], day=opening[1])


def test_the_morning_after_the_clocks_change_is_nine_on_the_wall() -> None:
    evening = at("22:00:00", NEW_YORK, "2026-03-07")  # clocks go forward at 02:00 on the 8th
    opening = next_opening(NEW_YORK, evening, RING)
    assert opening is not None
    assert opening == datetime(2026, 3, 8, 13, 0, tzinfo=UTC)
    assert opening - evening == timedelta(hours=10)


@pytest.mark.parametrize(
    ("opens", "closes", "wanted"),
    [
        (None, None, (10, 18)),
        (time(11), time(17), (11, 17)),
        (time(9), time(21), (10, 18)),
        (time(9), None, (10, 18)),
        (None, time(12), (10, 12)),
    ],
)
def test_a_campaign_narrows_the_hours_of_its_account_and_never_widens_them(
    opens: time | None, closes: time | None, wanted: tuple[int, int]
) -> None:
    account = CallWindow(KOLKATA.zone, time(10), time(18))
    expected = CallWindow(KOLKATA.zone, time(wanted[0]), time(wanted[1]))
    assert narrowed(account, opens, closes) == expected


@pytest.mark.parametrize(("opens", "closes"), [(time(18), time(20)), (time(9), time(10))])
def test_hours_that_lie_outside_those_of_the_account_never_open(opens: time, closes: time) -> None:
    window = narrowed(CallWindow(KOLKATA.zone, time(10), time(18)), opens, closes)
    assert next_opening(window, at("12:00:00"), RING) is None
    assert not may_ring(window, at("12:00:00"), RING)


INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds
WINDOWS = st.builds(
    CallWindow,
    st.sampled_from(ZONES).map(ZoneInfo),
    st.integers(9, 14).map(time),
    st.integers(15, 21).map(time),
)


@given(INSTANTS, WINDOWS)
def test_a_phone_that_rings_rings_and_stops_inside_the_window(
    now: datetime, window: CallWindow
) -> None:
    inside = may_ring(window, now, RING)
    for instant in (now, now + RING):
        wall = instant.astimezone(window.zone).time()
        assert not inside or window.opens <= wall <= window.closes


@given(INSTANTS, WINDOWS)
def test_at_the_next_opening_a_phone_may_ring_and_not_a_second_before(
    now: datetime, window: CallWindow
) -> None:
    opening = next_opening(window, now, RING)
    assert opening is not None
    assert opening >= now
    assert may_ring(window, opening, RING)
    before = opening - timedelta(seconds=1)
    assert opening == now or before < now or not may_ring(window, before, RING)
