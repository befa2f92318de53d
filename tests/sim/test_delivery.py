"""I14: reports that come late, again and out of order leave the rows that prompt ones leave."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from autodialer.adapters.memory.store import MemoryStore
from autodialer.adapters.memory.tables import CampaignRow
from autodialer.adapters.sim.loop import run_virtual, wall_clock
from autodialer.adapters.sim.switch import SimSwitch
from autodialer.domain.ids import CampaignId, SessionId
from autodialer.domain.retry import RETRYABLE, RetryPolicy
from autodialer.domain.window import CallWindow
from autodialer.engine.config import EngineConfig
from autodialer.engine.dialer import Dialer
from autodialer.ports.telephony import CallReport, SessionReport

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from autodialer.ports.telephony import SwitchReport

Mail: TypeAlias = "Callable[[SwitchReport], Sequence[float]]"
# Of one number: its last status and reason, and what each try came to.
Row: TypeAlias = tuple[str, str, str, tuple[tuple[str, str], ...]]

START: Final = datetime(2026, 11, 23, 6, tzinfo=UTC)
AGENTS: Final = ("asha", "bina", "chitra")
# Each behaviour of the lab carrier, at several paces.
NUMBERS: Final = tuple(f"+919800000{n:02d}{n % 7}{n % 10}" for n in range(60))
LATEST_S: Final = 2.0
LATEST_COPY_S: Final = 30.0


class SlowPost:
    """Delivers each report up to 2 s late and up to twice more within 30 s.

    The first copies of one leg keep their order, as `ports.telephony` promises; between legs,
    and of the further copies, nothing keeps it.
    """

    def __init__(self, seed: int) -> None:
        self._luck = Random(seed)  # noqa: S311  a simulation
        self._last: defaultdict[Hashable, float] = defaultdict(float)
        self.copies = 0

    def __call__(self, report: SwitchReport) -> Sequence[float]:
        now = asyncio.get_running_loop().time()
        leg = leg_of(report)
        # A microsecond apart: timers of one instant fire in any order.
        due = max(now + self._luck.uniform(0, LATEST_S), self._last[leg] + 1e-6)
        self._last[leg] = due
        more = self._luck.randrange(3)
        self.copies += more
        delay = due - now
        return (delay, *(delay + self._luck.uniform(0, LATEST_COPY_S) for _ in range(more)))


def leg_of(report: SwitchReport) -> Hashable:
    match report:
        case CallReport(event):
            return event.attempt_id
        case SessionReport(session_id, _):
            return session_id
        case _:
            return None


def promptly(_report: SwitchReport) -> Sequence[float]:
    return (0.0,)


def rows_after(seed: int, mail: Mail) -> list[Row]:
    """Dial the whole list and return what the tables say of each number."""
    return run_virtual(_dial(seed, mail))


async def _dial(seed: int, mail: Mail) -> list[Row]:
    store, switch, clock = MemoryStore(), SimSwitch(seed, mail=mail), wall_clock(START)
    ids = Random(seed)  # noqa: S311  a simulation
    campaign = CampaignRow(
        campaign_id=CampaignId(store.tables.new_id()),
        account=store.tables.add_account(),
        caller_id="+918047112233",
        agents=set(AGENTS),
        policy=RetryPolicy(2, RETRYABLE, timedelta(minutes=1)),
        window=CallWindow(ZoneInfo("Asia/Kolkata")),
        starts_at=START,
        ends_at=START + timedelta(days=1),
        ring_timeout=timedelta(seconds=12),
        max_talk=timedelta(seconds=20),
    )
    store.tables.add_campaign(campaign, NUMBERS, START)
    config = EngineConfig(node="north", holder="process")

    def new_id() -> UUID:
        return UUID(int=ids.getrandbits(128))

    for agent in AGENTS:
        store.tables.queue_session(SessionId(new_id()), campaign.campaign_id, agent, clock())
    async with asyncio.TaskGroup() as group, asyncio.timeout(7_200):
        dialer = Dialer(config, store, switch, clock, new_id=new_id)
        dialing = group.create_task(dialer.run(), name="dialer")
        while not campaign.is_over:  # noqa: ASYNC110  the tables have no event to wait for
            await asyncio.sleep(1)
        await asyncio.sleep(LATEST_S + LATEST_COPY_S)
        dialing.cancel()
    assert (switch.breaches, store.breaches) == ([], [])
    return _rows(store, campaign)


def _rows(store: MemoryStore, campaign: CampaignRow) -> list[Row]:
    tries = defaultdict(list)
    for row in store.tables.attempts.values():
        assert row.result is not None
        tries[row.call.e164].append((row.result.status.value, row.result.reason))
    return [(t.e164, t.status.value, t.reason, tuple(tries[t.e164])) for t in campaign.targets]


@pytest.mark.parametrize("seed", range(8))
def test_reports_late_repeated_and_shuffled_leave_the_same_rows(seed: int) -> None:
    post = SlowPost(seed)
    disturbed = rows_after(seed, post)
    assert disturbed == rows_after(seed, promptly)
    assert post.copies > len(NUMBERS)
    assert {status for _, status, _, _ in disturbed} == {"completed", "failed"}
