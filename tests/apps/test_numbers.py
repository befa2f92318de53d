from __future__ import annotations

import re
import time
from contextlib import suppress

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.apps.contacts.numbers import NumberError, parse_caller_id, parse_number
from autodialer.apps.imports.problems import ROW_PROBLEMS
from autodialer.apps.texts import E164


@pytest.mark.parametrize(
    "raw",
    [
        "9876543210",
        "09876543210",
        "919876543210",
        "00919876543210",
        "+91 98765-43210",
        "+91(0)9876543210",
        "９８７６５４３２１０",  # noqa: RUF001  full-width
        "٩٨٧٦٥٤٣٢١٠",
        "९८७६५४३२१०",
        "tel:+91-98765-43210",
        "-9876543210",
        "'9876543210",
        "9876543210.0",
        "98765\u201143210",
        "＋９１ 98765 43210",  # noqa: RUF001  full-width
    ],
)
def test_one_number_in_any_honest_spelling_is_one_number(raw: str) -> None:
    assert parse_number(raw, "IN") == "+919876543210"


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("(080) 4567 8901", "+918045678901"),
        ("5876543210", "+915876543210"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_landlines_and_foreign_numbers_are_accepted(raw: str, e164: str) -> None:
    assert parse_number(raw, "IN") == e164


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        *((raw, "number_missing") for raw in ("", "  ", "NULL", "N/A", "-")),
        *((raw, "number_scientific") for raw in ("9.87654321E+09", "9.88E+09", "9,88e9")),
        *((raw, "number_wrong_length") for raw in ("98765432101", "987654321", "+44207946")),
        # Valid in the plan of Germany, and longer than E.164 has them.
        *((raw, "number_wrong_length") for raw in ("+4991098578823928", "+49 40 4628030473717")),
        *(
            (f"9876543210{between}9876543211", "number_multiple")
            for between in (",", "/", ";", " or ", "\n", "|")
        ),
        *(
            (raw, "number_invalid")
            for raw in (
                "sip:9876543210@evil.example",
                "PJSIP/900@trunk",
                "9876543210&PJSIP/900",
                "0000000000",
                "1111111111",
                "+910000000000",
                "++919876543210",
                "98765O3210",
                "9876543210 x12",
                "call me",
                "9876543210\0",
                "1409876543",
            )
        ),
        *((raw, "number_emergency") for raw in ("100", "112", "108", "911", "+1911", "1-1-2")),
        ("+1 900 555 0123", "number_premium"),
        ("1860 123 4567", "number_premium"),
        ("1800 123 4567", "number_toll_free"),
        ("9" * 300, "number_too_long"),
        ("9" * 1_000_000, "number_too_long"),
        ("9" * 30, "number_too_long"),
    ],
)
def test_what_cannot_be_dialled_is_refused_with_its_code(raw: str, code: str) -> None:
    with pytest.raises(NumberError) as refused:
        parse_number(raw, "IN")
    assert refused.value.code == code
    assert code in ROW_PROBLEMS


def test_a_megabyte_of_digits_is_refused_at_once() -> None:
    raw = "9" * 1_000_000
    started = time.perf_counter()
    with pytest.raises(NumberError):
        parse_number(raw, "IN")
    assert time.perf_counter() - started < 0.001


@given(st.from_regex(r"(\+91|91|0)?[5-9][0-9]{9}", fullmatch=True))
def test_the_fast_path_agrees_with_the_library(raw: str) -> None:
    number = phonenumbers.parse(raw, "IN")
    if phonenumbers.is_valid_number(number):
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert parse_number(raw, "IN") == e164
    else:
        with pytest.raises(NumberError):
            parse_number(raw, "IN")


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_refused(raw: str) -> None:
    code = e164 = ""
    try:
        e164 = parse_number(raw, "IN")
    except NumberError as refused:
        code = refused.code
    assert code in ROW_PROBLEMS or phonenumbers.is_valid_number(phonenumbers.parse(e164, None))


@given(st.from_regex(r"(\+49)?[2-9][0-9]{6,15}", fullmatch=True), st.sampled_from(["DE", "AT"]))
def test_what_is_taken_can_be_stored(raw: str, region: str) -> None:
    with suppress(NumberError):
        assert re.fullmatch(E164, parse_number(raw, region))


def test_a_company_may_call_from_its_service_number_but_never_from_an_emergency_one() -> None:
    assert parse_caller_id("1409876543", "IN") == "+911409876543"
    assert parse_caller_id("1800 123 4567", "IN") == "+9118001234567"
    with pytest.raises(NumberError):
        parse_caller_id("112", "IN")
