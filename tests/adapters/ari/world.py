"""The lab carrier as the contract's view of the telephone network."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from autodialer.adapters.ari.events import agent_leg, customer_leg
from autodialer.ops.lab.carrier import AGENT_PREFIX
from tests.contract.telephony import Line
from tests.support.audio import level

if TYPE_CHECKING:
    from autodialer.domain.ids import AttemptId, SessionId
    from autodialer.domain.session import Call
    from autodialer.ports.telephony import AgentDial
    from tests.support.stack import AsteriskPair

# docs/reference/lab-carrier.md
ENDINGS: Final = {
    Line.ANSWERS: "01",
    Line.BUSY: "02",
    Line.RINGS: "03",
    Line.REJECTS: "04",
    Line.UNKNOWN: "05",
    Line.FAILS: "06",
    Line.SILENT: "07",
    Line.UNAVAILABLE: "19",
}
RING_HZ: Final = 400.0
_numbers = count(1)


class AsteriskWorld:
    """A node seen over plain HTTP, so that its WebSocket application stays the switch's."""

    def __init__(self, pair: AsteriskPair) -> None:
        self._pair = pair

    def number(self, line: Line) -> str:
        return f"+9133{next(_numbers):06d}{ENDINGS[line]}"

    async def customer_hangs_up(self, call: Call) -> None:
        await self._hangs_up(call.e164)

    async def agent_hangs_up(self, dial: AgentDial) -> None:
        await self._hangs_up(dial.address)

    async def hear_each_other(self, session_id: SessionId, attempt_id: AttemptId) -> bool:
        both = {str(agent_leg(session_id)), str(customer_leg(attempt_id))}
        return any(set(bridge["channels"]) == both for bridge in await self.get("bridges"))

    async def is_empty(self) -> bool:
        return not await self.get("channels") and not await self.get("bridges")

    async def channel_is(self, call: Call, state: str) -> bool:
        return await self._states(call) == [state]

    async def is_gone(self, call: Call) -> bool:
        return await self._states(call) == []

    def agent_phone(self) -> str:
        """A phone that answers and keeps what it hears."""
        return f"{AGENT_PREFIX}{next(_numbers):05d}"

    async def phone_is_down(self, number: str) -> bool:
        return number not in await asyncio.to_thread(self._pair.lab.live_numbers)

    def ringing_heard(self, number: str, start_s: float, end_s: float) -> float:
        """How loud the phone heard the ring tone in this part of its call."""
        return level(self._pair.lab.heard_by(number), RING_HZ, start_s, end_s)

    async def get(self, uri: str) -> Any:
        return await asyncio.to_thread(self._get, uri)

    async def _hangs_up(self, number: str) -> None:
        assert await asyncio.to_thread(self._pair.lab.hang_up, number) == 1

    async def _states(self, call: Call) -> list[str]:
        leg = str(customer_leg(call.attempt_id))
        return [each["state"] for each in await self.get("channels") if each["id"] == leg]

    def _get(self, uri: str) -> Any:
        ari = self._pair.ari
        secret = base64.b64encode(f"{ari.user}:{ari.password}".encode()).decode()
        connection = http.client.HTTPConnection(ari.host, ari.port, timeout=5)
        try:
            connection.request("GET", f"/ari/{uri}", headers={"Authorization": f"Basic {secret}"})
            return json.load(connection.getresponse())
        finally:
            connection.close()
