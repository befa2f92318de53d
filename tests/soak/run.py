"""One soak from the first Start to the verdict."""

from __future__ import annotations

import time
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Final

from django.db import InterfaceError, OperationalError, connections

from autodialer.apps.calls.models import Session, SessionStatus
from autodialer.apps.calls.promises import broken_promises
from autodialer.apps.webhooks.models import Delivery
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.errors import AutodialerError, IllegalTransitionError
from autodialer.ops.errors import AsteriskUnavailableError
from tests.soak.faults import Injector, World
from tests.soak.judge import judge
from tests.soak.numbers import make as make_numbers
from tests.soak.office import Office
from tests.soak.report import Report
from tests.soak.watch import Carrier, Watch
from tests.support.site import now

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.machine import Machine
    from tests.soak.receiver import Receiver

_TICK_S: Final = 0.2
_START_S: Final = 0.5
_COUNTS_S: Final = 1.0
_PROMISES_S: Final = 10.0
_TELL_S: Final = 60.0
# The last fault is over and the last numbers are called; what then remains is ended by an admin.
_CALM_S: Final = 240.0
_QUIET_S: Final = 120.0
_WEBHOOKS_S: Final = 120.0


class Soak:
    """Agents, a campaign, faults and the watch over them."""

    def __init__(
        self,
        machine: Machine,
        receiver: Receiver,
        *,
        seed: int,
        agents: int,
        numbers: int,
        tell: Callable[[str], None],
    ) -> None:
        luck = Random(seed)  # noqa: S311  a repeatable choice
        office = Office(agents, make_numbers(numbers, luck), receiver.url, luck)
        self._world = World(machine, office, Carrier(machine.lab.invites_file), receiver, luck)
        self._watch, self._tell = Watch(machine, office), tell
        self._seed, self._began = seed, 0.0
        self._due: dict[str, float] = {}

    def run(self, seconds: float, every_s: float, commit: str, machine: str) -> Report:
        """Dial with faults for so long, then let everything come to its end, and judge."""
        self._began, title = time.monotonic(), f"{now():%d %b %Y %H:%M} UTC"
        self._injector = Injector(self._world, every_s, self._seconds, self._tell)
        self._until(self._is_over, seconds, faults=True)
        self._until(lambda: not self._injector.is_breaking and self._is_over(), _CALM_S)
        self._injector.give_up()
        dialled_s = self._seconds()
        self._end()
        return Report(
            title=title,
            seed=self._seed,
            commit=commit,
            machine=machine,
            agents=len(self._world.office.phones),
            dialled_s=dialled_s,
            load=self._watch.loads,
            faults=self._injector.injected,
            looks=dict(self._watch.looks),
            ended_by_itself=self._world.machine.ended_by_itself,
            judged=judge(self._world),
            broken=self._watch.broken,
        )

    def _end(self) -> None:
        """End the campaign, let everybody go home, and wait for what is under way."""
        office = self._world.office
        with suppress(IllegalTransitionError):  # it is completed already
            office.complete()
        office.go_home()
        self._wait(_is_quiet, _QUIET_S)
        self._wait(lambda: not Delivery.objects.filter(status="pending").exists(), _WEBHOOKS_S)
        self._wait(lambda: not any(self._world.machine.live_channels().values()), _QUIET_S)
        self._watch.broken += [f"at the end: {found}" for found in broken_promises(now())]

    def _wait(self, condition: Callable[[], bool], deadline_s: float) -> None:
        """Wait for it; what is not so after the deadline is counted by the judge."""
        give_up = time.monotonic() + deadline_s
        while time.monotonic() < give_up:
            with suppress(AsteriskUnavailableError):  # it did not answer in time
                if condition():
                    return
            self._world.machine.keep_running()
            time.sleep(_TICK_S)

    def _until(self, is_over: Callable[[], bool], seconds: float, *, faults: bool = False) -> None:
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            try:
                self._tick(faults=faults)
                if is_over():
                    return
            except (OperationalError, InterfaceError):
                # PostgreSQL was restarted: this program's connection is gone with it.
                self._watch.looks["database not answered"] += 1
                connections["default"].close()
            except AutodialerError as refusal:
                # People are refused now and then, and go on.
                self._watch.looks[f"refused: {refusal.code}"] += 1
            time.sleep(_TICK_S)

    def _tick(self, *, faults: bool) -> None:
        world = self._world
        world.machine.keep_running()
        world.carrier.look()
        self._injector.look(may_start=faults)
        if self._is_due("counts", _COUNTS_S):
            self._watch.counts()
        if self._is_due("starts", _START_S):
            world.office.press_start()
        if self._is_due("promises", _PROMISES_S):
            self._watch.promises()
        if self._is_due("tell", _TELL_S):
            self._tell(self._progress())

    def _seconds(self) -> float:
        """Since the soak began."""
        return time.monotonic() - self._began

    def _is_due(self, what: str, every_s: float) -> bool:
        at = time.monotonic()
        if at < self._due.get(what, 0.0):
            return False
        self._due[what] = at + every_s
        return True

    def _is_over(self) -> bool:
        return self._is_due("over", _START_S) and (
            self._world.office.status() == CampaignStatus.COMPLETED
        )

    def _progress(self) -> str:
        office, faults = self._world.office, self._injector.injected
        last = f"; last fault: {faults[-1].kind}" if faults else ""
        return (
            f"{self._seconds() / 60:5.1f} min: {len(office.connected())} agents connected, "
            f"{office.talking()} talk, {office.counts()}; {len(faults)} faults{last}; "
            f"{len(self._watch.broken)} promises broken"
        )


def _is_quiet() -> bool:
    return not Session.objects.exclude(status=SessionStatus.ENDED.value).exists()
