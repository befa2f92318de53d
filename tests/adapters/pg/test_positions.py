from __future__ import annotations

from uuid import uuid4

import pytest

from autodialer.adapters.pg.positions import FROM_THE_START, SLACK, TRUSTED_FOR, Positions
from autodialer.domain.ids import CampaignId, SessionId
from tests.contract.store_world import NOW, SECOND

SESSION, OTHER, CAMPAIGN = SessionId(uuid4()), SessionId(uuid4()), CampaignId(1)


@pytest.fixture
def positions() -> Positions:
    made = Positions()
    made.claimed(SESSION, CAMPAIGN, 1000)
    return made


def test_an_unknown_session_looks_from_the_start(positions: Positions) -> None:
    assert positions.after(OTHER, NOW) == FROM_THE_START


def test_a_known_session_looks_from_a_little_below_its_campaigns_last_claim(
    positions: Positions,
) -> None:
    positions.claimed(OTHER, CAMPAIGN, 1100)
    assert positions.after(SESSION, NOW) == 1100 - SLACK


def test_a_short_list_is_always_looked_at_whole(positions: Positions) -> None:
    positions.claimed(SESSION, CAMPAIGN, SLACK - 1)
    assert positions.after(SESSION, NOW) == FROM_THE_START


def test_the_whole_list_is_looked_at_again_after_a_while(positions: Positions) -> None:
    assert positions.after(SESSION, NOW) > FROM_THE_START
    assert positions.after(SESSION, NOW + TRUSTED_FOR) == FROM_THE_START
    assert positions.after(SESSION, NOW + TRUSTED_FOR + SECOND) > FROM_THE_START


def test_a_clock_that_went_back_does_not_hide_the_head_of_a_list(positions: Positions) -> None:
    positions.after(SESSION, NOW)
    assert positions.after(SESSION, NOW - SECOND) == FROM_THE_START


def test_a_returned_target_is_looked_for(positions: Positions) -> None:
    positions.target_returned()
    assert positions.after(SESSION, NOW) == FROM_THE_START


def test_the_last_sessions_end_forgets_the_campaign(positions: Positions) -> None:
    positions.claimed(OTHER, CAMPAIGN, 1000)
    positions.session_ended(SESSION)
    assert positions.after(OTHER, NOW) > FROM_THE_START
    positions.session_ended(OTHER)
    assert positions.after(OTHER, NOW) == FROM_THE_START
