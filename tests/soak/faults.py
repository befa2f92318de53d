"""What goes wrong in a soak. A fault is a generator: it yields for how many seconds to go on."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from autodialer.domain.errors import IllegalTransitionError
from tests.support.site import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from random import Random

    from tests.soak.machine import Machine
    from tests.soak.office import Office
    from tests.soak.receiver import Receiver
    from tests.soak.watch import Carrier

_BETWEEN_LOOKS_S: Final = 0.2
# As long as the supervisor of `autodialer up` waits before it starts again what has ended.
_RESTART_S: Final = 1.0
_NETWORK_NOTICES_S: Final = 0.5
_LEAVERS: Final = 5
# A trunk that is back is called again within 30 s, the slowest of all recoveries.
_PATIENCE_S: Final = 45.0
_FORBIDDEN: Final = 20


@dataclass
class World:
    """All that a fault may touch."""

    machine: Machine
    office: Office
    carrier: Carrier
    receiver: Receiver
    luck: Random
    # From when to when no call may leave (I16), in seconds since 1970.
    pauses: list[tuple[float, float]] = field(default_factory=list)


Steps: TypeAlias = "Iterator[float]"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind: what it does, and what shows that it is over."""

    steps: Callable[[World], Steps]
    # Called when the steps are through; what it returns says whether all works again.
    recovered: Callable[[World], Callable[[], bool]]


def kill_dialer(world: World) -> Steps:
    """SIGKILL; the next one is started as a supervisor does."""
    world.machine.spare("dialer")
    world.machine.dialer.kill()
    yield _RESTART_S
    world.machine.start_again("dialer")


def stop_dialer(world: World) -> Steps:
    """SIGTERM, as an upgrade does; a new one at once."""
    dialer = world.machine.dialer
    world.machine.spare("dialer")
    if dialer.pid is not None:
        os.kill(dialer.pid, signal.SIGTERM)
    while dialer.exit_code is None:
        yield _BETWEEN_LOOKS_S
    world.machine.start_again("dialer")


def freeze_dialer(world: World) -> Steps:
    """SIGSTOP, for shorter or longer than its lease lasts, then SIGCONT."""
    pid = world.machine.dialer.pid
    if pid is None:
        return
    os.kill(pid, signal.SIGSTOP)
    yield world.luck.uniform(2, 20)
    os.kill(pid, signal.SIGCONT)


def kill_asterisk(world: World) -> Steps:
    """SIGKILL, and a new one. The carrier notices that nobody is there any more."""
    world.machine.node.kill()
    yield _NETWORK_NOTICES_S
    world.machine.lab.asterisk.cli("channel request hangup all")
    yield world.luck.uniform(0, 5)
    world.machine.node.start()


def crash_postgres(world: World) -> Steps:
    """An immediate shutdown, as a crash, and a new start."""
    world.machine.crash_postgres()
    yield from ()


def kill_worker(world: World) -> Steps:
    """SIGKILL in the middle of deliveries."""
    world.machine.spare("worker")
    world.machine.worker.kill()
    yield world.luck.uniform(1, 5)
    world.machine.start_again("worker")


def kill_web(world: World) -> Steps:
    """SIGKILL of the pages and the API."""
    world.machine.spare("web")
    world.machine.web.kill()
    yield _RESTART_S
    world.machine.start_again("web")


def agents_hang_up(world: World) -> Steps:
    """Some agents put the phone down, whatever they were doing, and press Start again."""
    office, lab = world.office, world.machine.lab
    connected = sorted(office.ready())
    for user in world.luck.sample(connected, min(_LEAVERS, len(connected))):
        lab.hang_up(office.phones[user])
        yield 0


def pause_campaign(world: World) -> Steps:
    """Pause, and resume a little later, unless the last call of the list ended meanwhile."""
    with suppress(IllegalTransitionError):
        world.office.pause()
        since = now().timestamp()
        yield world.luck.uniform(4, 12)
        world.pauses.append((since, now().timestamp()))
        world.office.resume()


def forbid_numbers(world: World) -> Steps:
    """Put numbers of the list on the do-not-call registry, some of which ring."""
    ringing = [n for n in world.machine.lab.live_numbers() if n.startswith("+9198")]
    others = world.luck.sample(list(world.office.numbers), _FORBIDDEN)
    world.office.forbid(list(dict.fromkeys([*ringing[:3], *others])))
    yield from ()


def break_trunk(world: World) -> Steps:
    """The carrier answers 503 to everything for a while."""
    world.machine.lab.break_down()
    yield world.luck.uniform(5, 20)
    world.machine.lab.repair()


# What shows that all works again ----------------------------------------------------------------


def a_customer_is_called(world: World) -> Callable[[], bool]:
    """A call to a customer has left since."""
    since = now().timestamp()
    return lambda: world.carrier.last_customer_at > since


def a_webhook_arrives(world: World) -> Callable[[], bool]:
    """The receiver has heard something new since."""
    before = len(world.receiver.heard)
    return lambda: len(world.receiver.heard) > before


def at_once(_world: World) -> Callable[[], bool]:
    """There is nothing to wait for."""
    return lambda: True


FAULTS: Final[Mapping[str, Fault]] = {
    "dialer killed": Fault(kill_dialer, a_customer_is_called),
    "dialer stopped (SIGTERM)": Fault(stop_dialer, a_customer_is_called),
    "dialer frozen (SIGSTOP)": Fault(freeze_dialer, a_customer_is_called),
    "Asterisk killed": Fault(kill_asterisk, a_customer_is_called),
    "PostgreSQL crashed": Fault(crash_postgres, a_customer_is_called),
    "worker killed": Fault(kill_worker, a_webhook_arrives),
    "web killed": Fault(kill_web, at_once),
    "five agents hung up": Fault(agents_hang_up, a_customer_is_called),
    "campaign paused and resumed": Fault(pause_campaign, a_customer_is_called),
    "numbers forbidden": Fault(forbid_numbers, at_once),
    "trunk refused all (503)": Fault(break_trunk, a_customer_is_called),
}


@dataclass
class Injected:
    """A fault that was made to happen; times are in seconds since the soak began."""

    kind: str
    at_s: float
    # When what was taken away had been given back.
    restored_s: float | None = None
    recovered_s: float | None = None
    # The list came to its end before a call could show that all works again.
    nothing_to_call: bool = False

    @property
    def recovery_s(self) -> float | None:
        """From giving back to working again; None while it does not."""
        if self.recovered_s is None or self.restored_s is None:
            return None
        return self.recovered_s - self.restored_s

    @property
    def outage_s(self) -> float | None:
        """From the fault itself to working again."""
        return None if self.recovered_s is None else self.recovered_s - self.at_s

    def as_line(self) -> str:
        """What happened and how long it took to recover, for who watches."""
        return (
            f"{self.at_s / 60:5.1f} min: {self.kind}; works again {self.recovery_s:.1f} s after it "
            f"was given back, {self.outage_s:.1f} s after the fault"
        )


class Injector:
    """Lets one fault happen in each minute, at a moment and of a kind that the seed chooses."""

    def __init__(
        self,
        world: World,
        every_s: float,
        clock: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        """`clock` tells how many seconds have passed since the soak began."""
        self._world, self._every_s, self._clock, self._tell = world, every_s, clock, tell
        self.injected: list[Injected] = []
        self._due_s = world.luck.uniform(0.2, 0.8) * every_s
        self._bag: list[str] = []
        self._steps: Steps | None = None
        self._go_on_s = 0.0
        self._recovered: Callable[[], bool] | None = None

    def look(self, *, may_start: bool) -> None:
        """Go on with the present fault, or begin the next one when it is due."""
        if self._steps is not None:
            self._advance()
        elif self._recovered is not None and self._recovered():
            self.injected[-1].recovered_s = self._clock()
            self._recovered = None
            # Now, not only in the report: a soak that is ended early has told what it has seen.
            self._tell(self.injected[-1].as_line())
        if may_start and self._clock() >= self._due_s and (self.is_quiet or self._is_overdue):
            self._begin(self._clock())

    def give_up(self) -> None:
        """Wait no longer for a call to leave: there is nobody left to be called."""
        if self._recovered is not None:
            self.injected[-1].nothing_to_call = True
            self._recovered = None

    @property
    def is_breaking(self) -> bool:
        """Whether something was taken away and not yet given back."""
        return self._steps is not None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is broken, and all works again, at this moment."""
        return self._steps is None and self._recovered is None

    @property
    def _is_overdue(self) -> bool:
        """Whether what is broken should have recovered long ago."""
        restored_s = self.injected[-1].restored_s
        return restored_s is not None and self._clock() > restored_s + _PATIENCE_S

    def _begin(self, at_s: float) -> None:
        kind = self._next_kind()
        self._steps, self._go_on_s = FAULTS[kind].steps(self._world), at_s
        self.injected.append(Injected(kind, at_s))
        minute = int(self._due_s / self._every_s) + 1
        self._due_s = (minute + self._world.luck.uniform(0.1, 0.7)) * self._every_s

    def _next_kind(self) -> str:
        """Each kind once before any comes again, in an order that the seed chooses."""
        if not self._bag:
            self._bag = list(FAULTS)
            self._world.luck.shuffle(self._bag)
        return self._bag.pop()

    def _advance(self) -> None:
        if self._clock() < self._go_on_s or self._steps is None:
            return
        wait = next(self._steps, None)
        if wait is not None:
            self._go_on_s = self._clock() + wait
            return
        self._steps = None
        fault = self.injected[-1]
        fault.restored_s = self._clock()
        self._recovered = FAULTS[fault.kind].recovered(self._world)
