"""How often a feed is rendered: soon while that is cheap, seldom enough when it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise

from autodialer.apps.accounts.models import Account, Role, User
from autodialer.domain.ids import AccountId
from autodialer.ports.screens import Change, Shown
from autodialer.web.live_feeds import Desk
from autodialer.web.live_stream import Stream
from autodialer.web.live_topics import AT_ONCE, PACE_S, Fragments, Topic, View, Viewer, the_id_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACCOUNT = Account(pk=1, zone="UTC")
VIEW = View(ACCOUNT, Role.ADMIN, "en", "", NOW)
# What a busy machine may lie between the desk's decision and its look at the clock.
JITTER_S = 0.05
CHANGE = Change(AccountId(1), Shown.CAMPAIGN, 12)


class Renderings:
    """A topic's renderer that takes its time and notes when it began."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.begun: list[float] = []
        self._takes_s = takes_s

    def __call__(self, view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
        self.begun.append(view.now.timestamp())  # by the desk's clock: threads begin later
        time.sleep(self._takes_s)
        return {number: {"x": str(len(self.begun))} for number in ids}

    @property
    def shortest_pause(self) -> float:
        """The seconds between the two that were nearest to each other."""
        return min(later - sooner for sooner, later in pairwise(self.begun))


def ticking() -> datetime:
    """A clock that only goes forward."""
    return datetime.fromtimestamp(time.monotonic(), UTC)


async def renderings(takes_s: float, pace_s: float, many: int) -> Renderings:
    """What is rendered of something that changes all the time."""
    noted = Renderings(takes_s)
    with ThreadPoolExecutor(1) as threads:
        topic = Topic("sun", lambda *_: None, noted, the_id_of(Shown.CAMPAIGN), pace_s)
        desk = Desk(topic, threads, ticking)
        viewer = Viewer(User(pk=1, account=ACCOUNT), "en", "", "", "")
        desk.subscribe(CHANGE.id, VIEW, Stream(viewer, lambda: NOW))
        async with asyncio.timeout(15), asyncio.TaskGroup() as tasks:
            rendering = tasks.create_task(desk.run())
            while len(noted.begun) < many:
                desk.take([CHANGE])
                await asyncio.sleep(0.005)
            rendering.cancel()
    return noted


async def test_counts_are_read_five_times_a_second_at_most() -> None:
    noted = await renderings(0.0, PACE_S, 4)
    assert noted.shortest_pause >= PACE_S - JITTER_S


async def test_what_takes_long_is_rendered_half_of_the_time_at_most() -> None:
    noted = await renderings(0.2, PACE_S, 4)
    assert noted.shortest_pause >= 0.4 - JITTER_S


async def test_what_is_shown_at_once_does_not_wait() -> None:
    noted = await renderings(0.02, AT_ONCE, 10)
    assert noted.shortest_pause < PACE_S - JITTER_S
