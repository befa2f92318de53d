from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from autodialer.domain.dial_whom import (
    MAX_FAILURES,
    MAX_REPEATS,
    AnswerUnreadableError,
    SourceState,
    SourceTrouble,
    after_failure,
    after_numbers,
    read_answer,
)

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("+919876543210", ("+919876543210",)),
        ("  09876543210\r\n", ("09876543210",)),
        ("09876543210, 09876543211", ("09876543210", "09876543211")),
        ("tel:+91-98765-43210", ("tel:+91-98765-43210",)),
        ("(098) 765.43210", ("(098) 765.43210",)),
        ("", ()),
        (" \n", ()),
        ("\ufeff+919876543210", ("+919876543210",)),
        ('"+919876543210"', ("+919876543210",)),
        ('["+919876543210", 919876543211]', ("+919876543210", "919876543211")),
        ('{"destination": {"numbers": ["+919876543210"]}, "record": true}', ("+919876543210",)),
        ('{"destination": {"numbers": "+919876543210"}}', ("+919876543210",)),
        ('{"destination": {"numbers": "9876543210, 9876543211"}}', ("9876543210", "9876543211")),
        ('{"destination": [{"contact_uri": "+919876543210"}]}', ("+919876543210",)),
        ('{"destination": {"numbers": []}}', ()),
        ('{"destination": {"numbers": null}}', ()),
        ('{"destination": null, "padding": "' + "x" * 900_000 + '"}', ()),
        ("[]", ()),
    ],
)
def test_an_answer_is_one_number_or_several_with_commas(
    text: str, numbers: tuple[str, ...]
) -> None:
    assert read_answer(text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "<html>sorry</html>",
        "<!doctype html><title>Sign in</title>",
        '{"error": "none"}',
        '{"destination": {"numbers": ["sip:1@evil.example"]}}',
        '{"destination": true}',
        '{"destination": 1.5}',
        '{"destination": {}}',
        '{"numbers": ["+919876543210"',
        "[" * 100_000,
        # Read by the parser, and deeper than a function that calls itself can go.
        "[" * 600 + "1" + "]" * 600,
        '{"numbers":' * 900 + "1" + "}" * 900,
        "[" + "9" * 5_000 + "]",
        '{"numbers": "' + "9" * 1_000_000 + '"}',
        json.dumps(["+919876543210"] * 101),
        "\ufffd\ufffd",
        "+919876543210,",
        "+919876543210;+919876543211",
        "sip:9876543210@evil.example",
        "9876543210&PJSIP/900",
        "1" * 10_001,
        ",".join(["9876543210"] * 101),
    ],
)
def test_anything_else_is_no_answer(text: str) -> None:
    with pytest.raises(AnswerUnreadableError):
        read_answer(text)


def test_the_rest_after_each_failure_doubles_up_to_a_minute() -> None:
    state, rests, at = SourceState(), [], NOW
    for _ in range(MAX_FAILURES):
        assert not state.has_failed
        state = after_failure(state, SourceTrouble.TIMEOUT, at, at)
        assert state.not_before is not None
        rests.append((state.not_before - at) // timedelta(seconds=1))
        assert not state.may_be_asked(at)
        at = state.not_before
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert (state.has_failed, state.trouble) == (True, SourceTrouble.TIMEOUT)


def test_new_numbers_forgive_everything() -> None:
    tired = SourceState(9, 4, NOW, trouble=SourceTrouble.NOT_NUMBERS)
    assert after_numbers(tired, fresh=1, unfinished=0, asked_at=NOW, now=NOW) == SourceState()


def test_only_finished_numbers_lead_to_the_end() -> None:
    state, at = SourceState(), NOW
    for _ in range(MAX_REPEATS - 1):
        state = after_numbers(state, fresh=0, unfinished=0, asked_at=at, now=at)
        state = after_numbers(state, fresh=0, unfinished=0, asked_at=at, now=at)  # too early
        at += timedelta(minutes=1)
        state = after_numbers(state, fresh=0, unfinished=1, asked_at=at, now=at)
        at += timedelta(minutes=1)
        assert state.is_open
    assert not after_numbers(state, fresh=0, unfinished=0, asked_at=at, now=at).is_open
