"""The socket to Asterisk lives, its pings are answered, and what it should carry does not come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from autodialer.ops.paths import Paths
from tests.support.day import Day
from tests.support.oracle import check
from tests.support.sieve import Frame, Sieve, sieve_before
from tests.support.site import Site
from tests.support.stack import AsteriskPair

# A request waits for 5 s, and a talk may have to end before there is one.
GIVEN_UP_WITHIN_S: Final = 20.0
# The sweep looks every 10 s, twice with 5 between.
SWEPT_WITHIN_S: Final = 60.0


@pytest.fixture
def sieve(pair: AsteriskPair) -> Iterator[Sieve]:
    with sieve_before(pair.ari) as made:
        yield made


@pytest.fixture
def site(pair: AsteriskPair, live_database: str, tmp_path: Path, sieve: Sieve) -> Iterator[Site]:
    made = Site(pair, live_database, Paths.below(tmp_path))
    made.ari = sieve.ari
    made.start_dialer()
    yield made
    sieve.lost = None
    made.close()
    check(made)


@pytest.mark.parametrize(
    "lost", [Frame.REQUEST, pytest.param(Frame.ANSWER, marks=pytest.mark.slow)]
)
def test_requests_that_hang_while_events_come_stop_new_calls_and_none_is_sent_again(
    site: Site, sieve: Sieve, lost: Frame
) -> None:
    day = Day(site)
    sieve.lost = lost
    site.wait(lambda: "switch_down" in site.dialer.log.read_text(), GIVEN_UP_WITHIN_S)
    tries, calls = len(site.attempts()), len(site.invites())
    site.never(lambda: not day.still_talks() or len(site.attempts()) > tries, 6)
    assert len(site.invites()) == calls
    sieve.lost = None
    site.wait(lambda: len(site.attempts()) > tries + 1, SWEPT_WITHIN_S)
    day.ends_well()


@pytest.mark.slow
def test_events_that_do_not_come_while_requests_work_are_made_up_for(
    site: Site, sieve: Sieve
) -> None:
    day = Day(site)
    sieve.lost = Frame.EVENT
    tries = len(site.attempts())
    site.never(lambda: not day.still_talks(), 20)
    assert len(site.attempts()) <= tries + 2
    sieve.lost = None
    site.wait(lambda: len(site.attempts()) > tries + 4, SWEPT_WITHIN_S)
    day.ends_well()
