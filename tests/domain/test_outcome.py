from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodialer.domain.outcome import (
    SIP_RESULTS,
    TALKED,
    CallStatus,
    LegEnd,
    classify_answered,
    classify_unanswered,
)

OWN_TIMEOUT = {
    True: (CallStatus.NO_ANSWER, "ring_timeout"),
    False: (CallStatus.FAILED, "no_ringing"),
}


@pytest.mark.parametrize(
    ("codes", "status", "permanent"),
    [
        ((486, 600, 603), CallStatus.BUSY, False),
        ((480, 487), CallStatus.NO_ANSWER, False),
        ((404, 410, 484, 604), CallStatus.FAILED, True),
        ((401, 403, 406, 407, 488, 500, 502, 503, 504, 606), CallStatus.FAILED, False),
        ((302, 607, 608), CallStatus.FAILED, False),
    ],
)
def test_each_code_of_the_network_has_its_result(
    codes: tuple[int, ...], status: CallStatus, *, permanent: bool
) -> None:
    for code in codes:
        result = classify_unanswered(LegEnd(sip_code=code))
        assert (result.status, result.permanent) == (status, permanent), code


def test_a_code_without_a_name_keeps_its_number() -> None:
    result = classify_unanswered(LegEnd(sip_code=418))
    assert (result.status, result.reason, result.permanent) == ("failed", "sip_418", False)


def test_rejecting_is_told_apart_from_busy() -> None:
    reasons = {code: SIP_RESULTS[code].reason for code in (486, 603)}
    assert reasons == {486: "busy", 603: "rejected"}


@pytest.mark.parametrize("rang", [True, False])
def test_a_timeout_is_no_answer_only_when_the_phone_rang(*, rang: bool) -> None:
    for end in (LegEnd(408, rang=rang), LegEnd(480, rang=rang, by_far_end=False)):
        result = classify_unanswered(end)
        assert (result.status, result.reason) == OWN_TIMEOUT[rang]


def test_a_leg_that_vanished_without_an_answer_is_a_network_failure() -> None:
    assert classify_unanswered(LegEnd()).reason == "network_failure"


@pytest.mark.parametrize("end", [LegEnd(fell_silent=True), LegEnd(406), LegEnd(488), LegEnd(606)])
def test_an_answer_that_brought_no_audio_is_a_failure_of_the_network(end: LegEnd) -> None:
    result = classify_answered(end, timedelta(seconds=1))
    assert (result.status, result.reason, result.is_technical) == ("failed", "no_audio", True)
    assert classify_answered(end, timedelta(seconds=3)) is TALKED


@pytest.mark.parametrize("end", [LegEnd(), LegEnd(by_far_end=False), LegEnd(486)])
def test_who_answers_and_hangs_up_at_once_was_reached(end: LegEnd) -> None:
    assert classify_answered(end, timedelta()) is TALKED


@given(st.none() | st.integers(100, 699), st.booleans(), st.booleans())
def test_any_ending_has_a_result_and_none_is_completed(
    code: int | None,
    rang: bool,
    by_far_end: bool,
) -> None:
    result = classify_unanswered(LegEnd(code, rang, by_far_end))
    assert result.status is not CallStatus.COMPLETED
    assert result.reason
