"""What is seen while a soak runs: calls at the carrier, broken promises, counts, load."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from autodialer.apps.calls.promises import broken_promises
from tests.support.site import now
from tests.support.watch import ask

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.machine import Machine
    from tests.soak.office import Office

ENOUGH_BROKEN: Final = 50


class Carrier:
    """Follows the carrier's list of calls without reading it from its beginning each time."""

    def __init__(self, invites: Path) -> None:
        self._file, self._read = invites, 0
        self.last_customer_at = 0.0

    def look(self) -> None:
        """Note when the last customer was called."""
        if not self._file.exists():
            return
        with self._file.open() as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith("\n"):
                    break
                self._read += len(line.encode())
                at, called, *_ = line.split(" ")
                if called.startswith("+9198"):
                    self.last_customer_at = float(at)


class Watch:
    """Looks at the promises and at the ten counts, as an operator and a program would."""

    def __init__(self, machine: Machine, office: Office) -> None:
        self._machine, self._office = machine, office
        self.looks: Counter[str] = Counter()
        self.broken: list[str] = []
        self.loads: list[float] = []

    def promises(self) -> None:
        """Look for broken promises in all that is stored."""
        self.looks["promises"] += 1
        self._note(broken_promises(now()))

    def counts(self) -> None:
        """Read the ten counts over the API; pages that are away are not a fault of the counts."""
        self.loads.append(os.getloadavg()[0])
        path = f"/api/v1/campaigns/{self._office.campaign.pk}/counts"
        headers = {"Authorization": f"Bearer {self._office.key}"}
        try:
            told = ask(self._machine.web.port, path, headers=headers)
        except OSError:
            self.looks["counts not answered"] += 1
            return
        if told.status != 200:
            self.looks[f"counts refused with {told.status}"] += 1
            return
        self.looks["counts"] += 1
        counts = told.json()
        total = len(self._office.numbers)
        if not sum(counts["by_status"].values()) == counts["total"] == total:
            self._note([f"I5: the counts of the API do not add up to {total}: {counts}"])

    def _note(self, found: list[str]) -> None:
        if len(self.broken) < ENOUGH_BROKEN:
            self.broken += [f"{now():%H:%M:%S} {sentence}" for sentence in found]
