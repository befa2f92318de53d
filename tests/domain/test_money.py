from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain.errors import InvalidInputError
from autodialer.domain.money import (
    MAX_AMOUNT,
    Rate,
    charge,
    check_amount,
    check_rate,
    format_amount,
    match_rate,
    parse_amount,
)

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
MINUTELY = Rate(60, 60, 60, 60)
THIRTY_SIX = Rate(30, 25, 6, 5)

amounts = st.integers(0, 10**7)
increments = st.integers(1, 3600)
rates = st.builds(Rate, increments, amounts, increments, amounts)
talks = st.timedeltas(timedelta(), timedelta(hours=30))


@pytest.mark.parametrize(
    ("rate", "talk", "cost"),
    [
        (MINUTELY, timedelta(), 60),
        (MINUTELY, TICK, 60),
        (MINUTELY, 60 * SECOND, 60),
        (MINUTELY, 60 * SECOND + TICK, 120),
        (MINUTELY, timedelta(hours=1), 3600),
        (THIRTY_SIX, 30 * SECOND, 25),
        (THIRTY_SIX, 30 * SECOND + TICK, 30),
        (THIRTY_SIX, 36 * SECOND, 30),
        (THIRTY_SIX, 60 * SECOND, 50),
        (Rate(1, 0, 1, 0), timedelta(hours=9), 0),
    ],
)
def test_a_leg_costs_its_first_increment_and_each_further_one_begun(
    rate: Rate, talk: timedelta, cost: int
) -> None:
    assert rate.cost(talk) == cost


@given(rates, talks, talks)
def test_a_longer_talk_never_costs_less(rate: Rate, one: timedelta, two: timedelta) -> None:
    shorter, longer = sorted((one, two))
    assert rate.first_amount <= rate.cost(shorter) <= rate.cost(longer)


@given(rates, talks)
def test_the_price_is_for_the_whole_increments_that_cover_the_talk(
    rate: Rate, talk: timedelta
) -> None:
    if rate.next_amount == 0:
        assert rate.cost(talk) == rate.first_amount
        return
    increments, rest = divmod(rate.cost(talk) - rate.first_amount, rate.next_amount)
    assert rest == 0
    covered = (rate.first_s + increments * rate.next_s) * SECOND
    assert covered >= talk
    assert increments == 0 or covered - rate.next_s * SECOND < talk


@given(rates, st.none() | talks, st.none() | st.integers(0, 10**9))
def test_a_charge_is_never_more_than_was_reserved_and_nothing_without_answer(
    rate: Rate, talk: timedelta | None, reserved: int | None
) -> None:
    charged = charge(rate, talk, reserved)
    assert charged >= 0
    assert reserved is None or charged <= reserved
    assert talk is not None or charged == 0


@given(rates, talks, talks)
def test_what_the_longest_talk_costs_covers_every_talk(
    rate: Rate, talk: timedelta, longest: timedelta
) -> None:
    if talk <= longest:
        assert charge(rate, talk, rate.cost(longest)) == rate.cost(talk)


@given(st.sets(st.from_regex(r"\A\+[1-9][0-9]{0,5}\Z"), max_size=9), st.integers(10**6, 10**14))
def test_the_longest_prefix_wins(prefixes: set[str], digits: int) -> None:
    e164 = f"+{digits}"
    found = match_rate({p: Rate(1, len(p), 1, len(p)) for p in prefixes}, e164)
    fitting = [len(prefix) for prefix in prefixes if e164.startswith(prefix)]
    assert (found.first_amount if found else None) == max(fitting, default=None)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("500", 50_000), ("499.50", 49_950), ("0.01", 1), ("-3.00", -300), ("0", 0)],
)
def test_an_amount_is_read_exactly(text: str, amount: int) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1e309",
        "0.1",
        "0.300000004",
        "१००",
        "1,000",
        " 5",
        "5 ",
        "NaN",
        "inf",
        "--1",
        "+5",
        "1_0",
        "9" * 11,
        "5\n",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="no amount"):
        parse_amount(text)


@given(st.integers(-(10**11), 10**11))
def test_a_shown_amount_reads_back(amount: int) -> None:
    number, currency = format_amount(amount, "INR").split()
    assert (parse_amount(number), currency) == (amount, "INR")


@pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT + 1, 2**63])
def test_an_impossible_amount_is_not_booked(amount: int) -> None:
    with pytest.raises(InvalidInputError):
        check_amount(amount)


@pytest.mark.parametrize("amount", [-1, 1, -MAX_AMOUNT])
def test_an_adjustment_may_be_negative(amount: int) -> None:
    check_amount(amount, may_be_negative=True)


@pytest.mark.parametrize(
    ("prefix", "rate", "field"),
    [
        ("91", MINUTELY, "prefix"),
        ("+", MINUTELY, "prefix"),
        ("+0", MINUTELY, "prefix"),
        ("+91\n", MINUTELY, "prefix"),
        ("+९१", MINUTELY, "prefix"),
        ("+91", Rate(0, 1, 1, 1), "increment"),
        ("+91", Rate(1, 1, 3601, 1), "increment"),
        ("+91", Rate(1, -1, 1, 1), "amount"),
        ("+91", Rate(1, 1, 1, 2**63), "amount"),
    ],
)
def test_an_impossible_tariff_is_refused(prefix: str, rate: Rate, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_rate(prefix, rate)
    assert refused.value.field == field
