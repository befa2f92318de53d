"""The transition tables of campaigns and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest

from autodialer.domain import campaign, target
from autodialer.domain.campaign import CampaignStatus, check_move, sources_of
from autodialer.domain.errors import IllegalTransitionError
from autodialer.domain.target import LIVE, TERMINAL, TargetStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

S = TypeVar("S")


def reachable(table: Mapping[S, frozenset[S]], first: S) -> set[S]:
    seen: set[S] = set()
    new = {first}
    while new:
        seen |= new
        new = {after for status in new for after in table[status]} - seen
    return seen


def test_every_status_of_a_campaign_has_a_row_and_can_be_reached() -> None:
    assert set(campaign.TRANSITIONS) == set(CampaignStatus)
    assert reachable(campaign.TRANSITIONS, CampaignStatus.CREATED) == set(CampaignStatus)


def test_every_status_of_a_target_has_a_row_and_can_be_reached() -> None:
    assert set(target.TRANSITIONS) == set(TargetStatus)
    assert reachable(target.TRANSITIONS, TargetStatus.SCHEDULED) == set(TargetStatus)


def test_the_final_statuses_of_a_target_are_these() -> None:
    assert {
        "completed", "failed", "failed-balance", "failed-dnd", "failed-no-attempt", "invalid",
    } == TERMINAL  # fmt: skip
    assert not LIVE & TERMINAL


def test_only_an_archived_campaign_is_final() -> None:
    final = [status for status, moves in campaign.TRANSITIONS.items() if not moves]
    assert final == [CampaignStatus.ARCHIVED]


def test_a_live_target_is_claimed_from_the_list_or_from_the_retries() -> None:
    sources = {
        live: {s for s, moves in target.TRANSITIONS.items() if live in moves} for live in LIVE
    }
    assert sources == {
        TargetStatus.IN_PROGRESS: {TargetStatus.SCHEDULED},
        TargetStatus.RETRYING: {TargetStatus.RETRY},
    }


def test_every_live_target_can_end() -> None:
    for live in LIVE:
        assert target.TRANSITIONS[live] & TERMINAL


@pytest.mark.parametrize("current", list(CampaignStatus))
@pytest.mark.parametrize("wanted", list(CampaignStatus))
def test_a_move_outside_the_table_is_refused_with_what_is_possible(
    current: CampaignStatus, wanted: CampaignStatus
) -> None:
    if wanted in campaign.TRANSITIONS[current]:
        check_move(current, wanted)
        assert current in sources_of(wanted)
        return
    assert current not in sources_of(wanted)
    with pytest.raises(IllegalTransitionError) as caught:
        check_move(current, wanted)
    assert set(caught.value.legal) == campaign.TRANSITIONS[current]


def test_the_refusal_of_a_final_status_says_so() -> None:
    with pytest.raises(IllegalTransitionError, match="nothing: it is final"):
        check_move(CampaignStatus.ARCHIVED, CampaignStatus.IN_PROGRESS)
