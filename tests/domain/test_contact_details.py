from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.apps.contacts import person
from autodialer.domain import contact_details
from autodialer.domain.contact_details import (
    ContactDetails,
    DetailsUnreadableError,
    read_details,
)


def test_a_contact_is_read_as_exotel_writes_one() -> None:
    text = """{"number": "+919876500002", "first_name": "Asha", "last_name": "Rao",
        "company_name": "", "email": "asha@example.org", "tag": "vip",
        "custom": {"order_id": "A-17", "address": "Pune", "due": 120.5}}"""
    assert read_details(text) == ContactDetails(
        "Asha",
        "Rao",
        email="asha@example.org",
        tag="vip",
        fields={"order_id": "A-17", "address": "Pune", "due": "120.5"},
    )


def test_a_flat_answer_is_read_too() -> None:
    found = read_details('\ufeff{"name": "Asha Rao", "order id": 17, "vip": true, "tags": ["x"]}')
    assert found == ContactDetails("Asha Rao", fields={"order id": "17"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"Asha"',
        "<html>",
        '{"first_name":',
        "[" * 100_000,
        "9" * 5_000,
        json.dumps({"first_name": "x" * 1_000_000}),
    ],
)
def test_anything_else_is_no_contact(text: str) -> None:
    with pytest.raises(DetailsUnreadableError):
        read_details(text)


def test_text_is_kept_as_text_and_cut_to_what_a_contact_may_have() -> None:
    nasty = "<script>alert(1)</script>{{7*7}}=HYPERLINK(1)"
    found = read_details(json.dumps({"first_name": nasty, "custom": {"n\0ote\ud800": "a\0b"}}))
    assert found == ContactDetails(nasty, fields={"note": "ab"})
    long = {str(number): "x" * 1_500 for number in range(500)}
    found = read_details(json.dumps({"first_name": "e\u0301" * 500, "custom": long}))
    assert found.first_name == "\u00e9" * 100
    assert len(found.fields) == 100
    assert {len(value) for value in found.fields.values()} == {1_000}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_does_more_than_to_be_refused(found: object) -> None:
    try:
        known = read_details(json.dumps({"custom": found, "x": found, "email": found})).known()
    except DetailsUnreadableError:
        return
    json.dumps(known).encode()


def test_the_limits_are_those_of_the_address_book() -> None:
    for name in ("NAME_LENGTH", "EMAIL_LENGTH", "FIELD_LENGTH", "MOST_FIELDS"):
        assert getattr(contact_details, name) == getattr(person, name)
