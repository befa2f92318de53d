"""I14: the frames of a call, in any order and twice, come to the same end."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from autodialer.domain.ids import AttemptId
from autodialer.domain.outcome import SIP_RESULTS, TALKED, CallResult
from autodialer.domain.session import FinishCall, Phase
from autodialer.domain.step import step
from tests.adapters.ari.test_events import ANSWER, ID, RINGING, frame, told
from tests.domain.made import CALL, NOW, session_in

if TYPE_CHECKING:
    from collections.abc import Sequence

TALK: Final = (
    RINGING,
    frame("ChannelStateChange", state="Up"),
    ANSWER,
    frame("ChannelHangupRequest", state="Up", cause=16),
    frame("ChannelDestroyed", state="Up", cause=16),
)
REFUSAL: Final = (
    RINGING,
    frame("Dial", dialstatus="PROGRESS"),
    frame("ChannelHangupRequest", cause=17, tech_cause=486),
    frame("ChannelDestroyed", cause=17, tech_cause=486),
)


def ends_after(frames: Sequence[dict[str, Any]]) -> list[CallResult]:
    """Return what a session that was dialling stores of its call."""
    call = replace(CALL, attempt_id=AttemptId(ID))
    session, ends = replace(session_in(Phase.DIALING), call=call), []
    for event in told(*frames):
        session, commands = step(session, event, NOW)
        ends += [each.result for each in commands if isinstance(each, FinishCall)]
    return ends


@pytest.mark.parametrize(("frames", "result"), [(TALK, TALKED), (REFUSAL, SIP_RESULTS[486])])
def test_frames_in_any_order_end_the_call_the_same_way(
    frames: Sequence[dict[str, Any]], result: CallResult
) -> None:
    for order in permutations(frames):
        assert ends_after(order) == [result]


@pytest.mark.parametrize(("frames", "result"), [(TALK, TALKED), (REFUSAL, SIP_RESULTS[486])])
def test_frames_that_come_three_times_end_the_call_once(
    frames: Sequence[dict[str, Any]], result: CallResult
) -> None:
    luck = Random(1)  # noqa: S311  a shuffle
    for _ in range(200):
        order = [*frames, *frames, *frames]
        luck.shuffle(order)
        assert ends_after(order) == [result]
