"""May this session call now? Asked before a number is held, a try spent or money reserved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autodialer.domain.session import NothingNow, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodialer.domain.ids import AttemptId, SessionId
    from autodialer.engine.runner import Tools
    from autodialer.ports.telephony import AgentDial

# The device that is called over the trunk.
_TELEPHONE: Final = "phone"


class Turn:
    """Asks the gate and the trunk for one session; `wake` is called when it may ask again."""

    def __init__(self, tools: Tools, session_id: SessionId, wake: Callable[[], None]) -> None:
        self._tools, self._session_id, self._wake = tools, session_id, wake

    def held_back(self) -> NothingNow | None:
        """Return why no target may be claimed now, None when one may."""
        trunk = self._tools.trunk
        if not self._tools.gate.is_open:
            held = NothingNow(Wait.NOT_READY)
        elif not trunk.lets_call():
            wait = trunk.probe_in()
            at = None if wait is None else self._tools.clock() + wait
            held = NothingNow(Wait.TRUNK_SILENT, at)
        elif trunk.lines.may_call(self._session_id, self._wake):
            return None
        else:
            return NothingNow(Wait.TRUNK_BUSY)
        # Somebody else may be able to use the turn.
        self.left()
        return held

    def asked(self, attempt_id: AttemptId) -> None:
        """Note that a target is claimed for this attempt; nothing held it back."""
        self._tools.trunk.asked(self._session_id, attempt_id)

    def agent_asked(self, dial: AgentDial) -> bool:
        """Return whether the agent may be called now, and note that they are."""
        lines = self._tools.trunk.lines
        if dial.kind != _TELEPHONE:
            return True
        if not self._tools.gate.is_open:
            return False
        if not lines.may_call(self._session_id, self._wake, is_agent=True):
            return False
        lines.asked(self._session_id, self._session_id, is_agent=True)
        return True

    def agent_called(self) -> None:
        """Note that the agent has been called, or may have."""
        self._tools.trunk.lines.sent(self._session_id)

    def left(self) -> None:
        """Wait for no turn any more."""
        self._tools.trunk.lines.left(self._session_id)

    def ended(self) -> None:
        """Note that the session is over, and so is the agent's own call."""
        self.left()
        self._tools.trunk.lines.gone(self._session_id)
