"""Seams at which a test may kill a process (docs/reference/failpoints.md has a row for each)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable


class Failpoint(StrEnum):
    """The moments between two steps of which a crash could see the first without the second."""

    BEFORE_CLAIM = "before-claim"
    CLAIMED = "claimed"
    PLACED = "placed"
    RINGING = "ringing"
    ANSWERED = "answered"
    TALKING = "talking"
    HANGUP_SEEN = "hangup-seen"
    FINISHED = "finished"
    AGENT_CALLED = "agent-called"
    WAITING = "waiting"
    RECORDING_CLOSED = "recording-closed"
    COMPLETING = "completing"
    WEBHOOK_SENT = "webhook-sent"
    RECOVERING = "recovering"
    IMPORT_SAVING = "import-saving"


Killer: TypeAlias = "Callable[[Failpoint], None]"


def never(_point: Failpoint) -> None:
    """Go on: what production uses."""
