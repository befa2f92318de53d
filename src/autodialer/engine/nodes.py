"""Gives up nodes that never come back, and closes the calls that they left behind.

Every dialer does so; who is first does it (docs/explanation/nodes.md).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from autodialer.domain.nodes import finish_lost
from autodialer.ports.store import StoreUnavailableError
from autodialer.ports.telephony import SwitchUnavailableError

if TYPE_CHECKING:
    from autodialer.domain.nodes import LostCall
    from autodialer.engine.config import EngineConfig
    from autodialer.engine.runner import Tools
    from autodialer.ports.store import OtherNode

log = structlog.get_logger()


class NodeWatch:
    """Watches the leases of the other nodes by the loop's clock only."""

    def __init__(self, config: EngineConfig, tools: Tools) -> None:
        self._tools = tools
        self._look_every_s = config.lease_ttl.total_seconds() / 5
        self._lost_after_s = config.node_lost.total_seconds()
        self._last_look_s = 0.0
        # Since when each lease has stood as it is.
        self._since_s: dict[OtherNode, float] = {}

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await asyncio.sleep(self._look_every_s)
            try:
                await self._look()
                await self._close_calls()
            except StoreUnavailableError:
                # The others could not renew either.
                self._since_s.clear()

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        is_late = now - self._last_look_s > 2 * self._look_every_s
        if is_late or not self._tools.gate.has_lease:
            # Nobody looked in between: what seems to have stood still may have moved. Or we could
            # not renew ourselves: a store that takes no writes took none of the others' either.
            self._since_s.clear()
        self._last_look_s = now
        others = await self._tools.store.other_nodes(self._tools.lease)
        self._since_s = {each: self._since_s.get(each, now) for each in others}
        for each, since in self._since_s.items():
            if each.is_removed or now - since >= self._lost_after_s:
                await self._give_up(each)

    async def _give_up(self, lost: OtherNode) -> None:
        tools = self._tools
        ended = await tools.store.give_up_node(tools.lease, lost, tools.clock())
        log.warning("node_given_up", node_id=lost.node_id, sessions=len(ended))
        for session_id in ended:
            tools.screens.moved(session_id)

    async def _close_calls(self) -> None:
        tools = self._tools
        for lost in await tools.store.lost_calls(tools.lease, tools.clock()):
            if not lost.is_ours or await self._is_off_the_line(lost):
                # Where nodes record into one folder, any of them sees what was said.
                talk = await tools.switch.kept(lost.call.attempt_id)
                finish = finish_lost(lost, tools.clock(), talk)
                await tools.store.finish_lost(tools.lease, finish)
                log.info("lost_call_closed", attempt=str(lost.call.attempt_id))

    async def _is_off_the_line(self, lost: LostCall) -> bool:
        """Return whether our own switch has no such leg any more."""
        if not self._tools.gate.sees_switch:
            return False
        try:
            await self._tools.switch.hang_up_customer(lost.call.attempt_id)
        except SwitchUnavailableError:
            return False
        return True
