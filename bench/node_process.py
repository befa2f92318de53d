"""A node of the part `nodes`: a process with a pool, a lease and agents of its own.

`python -m bench.node_process NAME AGENTS` reads orders from its input and answers on its output, a
line of JSON for each. It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any, Final, Self

from autodialer.adapters.pg.store import PgStore
from autodialer.domain.errors import InvariantError
from bench.desks import Desk, open_desks

if TYPE_CHECKING:
    from types import TracebackType

    from autodialer.domain.session import Claimed

READY: Final = "ready"
PREPARED: Final = "prepared"


@dataclass(frozen=True, slots=True)
class Order:
    """How many agents call, for how long, and how often in all; `rate` None: as fast as they can.

    With a rate their calls end at random moments, independent of each other.
    """

    agents: int
    seconds: float
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an order: hand-overs, what each took (only with a rate), processor time."""

    calls: int
    took_ms: Sequence[float]
    cpu_s: float


class NodeProcess:
    """A node as a child process."""

    def __init__(self, name: str, agents: int, database_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.node_process", name, str(agents)],
            env={**os.environ, "AUTODIALER_DATABASE_URL": database_url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect(READY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._input.close()
        self._process.wait()

    def prepare(self, order: Order) -> None:
        """Let its agents claim the first numbers; returns before they have."""
        self._tell(asdict(order))

    def begin(self, at_s: float) -> None:
        """Let it carry out its order from this time of the monotonic clock on."""
        self._expect(PREPARED)
        self._tell(at_s)

    def done(self) -> Done:
        """Wait for the end of the order."""
        return Done(**self._hear())

    @property
    def _input(self) -> IO[str]:
        return _there(self._process.stdin)

    def _tell(self, what: object) -> None:
        self._input.write(json.dumps(what) + "\n")
        self._input.flush()

    def _hear(self) -> Any:
        line = _there(self._process.stdout).readline()
        if not line:
            raise InvariantError(f"A node of the benchmark has ended: {self._process.wait()}.")
        return json.loads(line)

    def _expect(self, word: str) -> None:
        if (heard := self._hear()) != word:
            raise InvariantError(f"A node of the benchmark says {heard}, not {word}.")


def _there(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise InvariantError("A node of the benchmark has no pipe.")
    return pipe


async def _main(name: str, agents: int) -> None:
    async with PgStore(os.environ["AUTODIALER_DATABASE_URL"]) as store:
        desks = await open_desks(store, name, agents)
        _say(READY)
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = Order(**json.loads(line))
            floor = desks[: order.agents]
            calls = await asyncio.gather(*(desk.claim() for desk in floor))
            _say(PREPARED)
            begin_s = json.loads(await asyncio.to_thread(sys.stdin.readline))
            busy = [_Busy(*each) for each in zip(floor, calls, strict=True)]
            _say(asdict(await _carry_out(order, busy, begin_s)))
            await asyncio.gather(*(each.desk.finish(each.call) for each in busy))


async def _carry_out(order: Order, floor: Sequence[_Busy], begin_s: float) -> Done:
    await asyncio.sleep(begin_s - time.monotonic())
    spent_s, until_s = time.process_time(), begin_s + order.seconds
    if order.rate is None:
        calls = sum(await asyncio.gather(*(each.work(until_s) for each in floor)))
        took_ms: Sequence[float] = []
    else:
        took_ms = await _at_random(floor, order.rate, until_s)
        calls = len(took_ms)
    return Done(calls, took_ms, time.process_time() - spent_s)


async def _at_random(floor: Sequence[_Busy], rate: float, until_s: float) -> Sequence[float]:
    """Let calls end at this rate; return the milliseconds from each end to the next number."""
    luck, free = random.Random(os.getpid()), deque(floor)  # noqa: S311
    took_ms: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        while time.monotonic() < until_s:
            await asyncio.sleep(luck.expovariate(rate))
            if not free:
                raise InvariantError("There are too few agents for this rate.")
            tasks.create_task(_turn(free.popleft(), free, time.monotonic(), took_ms))
    return took_ms


async def _turn(busy: _Busy, free: deque[_Busy], began_s: float, took_ms: list[float]) -> None:
    busy.call = await busy.desk.hand_over(busy.call)
    took_ms.append(1_000 * (time.monotonic() - began_s))
    free.append(busy)


@dataclass(slots=True)
class _Busy:
    """An agent and the present call."""

    desk: Desk
    call: Claimed

    async def work(self, until_s: float) -> int:
        """Hand over again and again; return how often before the time."""
        calls = 0
        while True:
            self.call = await self.desk.hand_over(self.call)
            if time.monotonic() >= until_s:
                return calls
            calls += 1


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
