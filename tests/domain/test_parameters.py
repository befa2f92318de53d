from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain.parameters import created_time, wall_time, with_parameters


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("https://crm.example", "https://crm.example?a=1&b=%20%26%3D"),
        ("https://crm.example/x?", "https://crm.example/x?a=1&b=%20%26%3D"),
        ("https://crm.example/x?k=%7E+&", "https://crm.example/x?k=%7E+&a=1&b=%20%26%3D"),
        ("https://crm.example/x?k=~%20é#frag?", "https://crm.example/x?k=~%20é&a=1&b=%20%26%3D"),
    ],
)
def test_parameters_come_after_the_users_own_which_stay_as_written(url: str, whole: str) -> None:
    assert with_parameters(url, [("a", "1"), ("b", " &=")]) == whole
    assert with_parameters(url, []) == url


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=5))
def test_whatever_a_parameter_holds_comes_back_whole(pairs: list[tuple[str, str]]) -> None:
    clean = [(n, v) for n, v in pairs if (n + v).isprintable()]
    whole = with_parameters("https://crm.example/x?own=1", clean)
    assert parse_qsl(urlsplit(whole).query, keep_blank_values=True) == [("own", "1"), *clean]


def test_times_are_those_of_the_accounts_clocks() -> None:
    at, zone = datetime(2026, 11, 22, 19, 1, 59, 999_999, tzinfo=UTC), ZoneInfo("Asia/Kolkata")
    assert wall_time(at, zone) == "2026-11-23 00:31:59"
    assert created_time(at, zone) == "Mon, 23 Nov 2026 00:31:59"
