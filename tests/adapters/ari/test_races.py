"""Orders of frames that a real Asterisk shows once in many thousand calls."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from websockets.asyncio.server import serve

from autodialer.adapters.ari.client import AriConfig
from autodialer.adapters.ari.events import agent_leg
from autodialer.adapters.ari.switch import AriSwitch
from autodialer.domain.ids import SessionId
from autodialer.domain.session import CustomerGone
from autodialer.ports.telephony import CallReport, SwitchUp
from tests.contract.telephony import a_call

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

BODIES: dict[str, Any] = {
    "asterisk/info": {"status": {"startup_time": "now"}, "system": {"entity_id": "here"}},
    "channels": [],
}


class BusyNetwork:
    """Answers every request, and ends each call in the same breath in which it accepts it."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []

    async def serve(self, socket: ServerConnection) -> None:
        async for frame in socket:
            request = json.loads(frame)
            self.requests.append((request["method"], request["uri"]))
            answer = {
                "type": "RESTResponse",
                "request_id": request["request_id"],
                "status_code": 200,
                "message_body": json.dumps(BODIES.get(request["uri"])),
            }
            frames: list[dict[str, Any]] = [answer]
            if self.requests[-1] == ("POST", "channels"):
                leg = json.loads(request["message_body"])["channelId"]
                end = {"channel": {"id": leg, "state": "Down"}, "tech_cause": 486}
                frames = [{"type": "News"}, answer, {"type": "ChannelHangupRequest", **end}]
            socket.transport.write(b"".join(map(text_frame, frames)))


def text_frame(message: dict[str, Any]) -> bytes:
    """One unmasked text frame, so that several leave in one segment."""
    payload = json.dumps(message).encode()
    assert len(payload) < 1 << 16
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


async def test_the_agent_hears_no_ringing_for_a_call_that_is_over_before_its_answer() -> None:
    network, session_id, call = BusyNetwork(), SessionId(uuid4()), a_call("+918012345678")
    async with serve(network.serve, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        config = AriConfig("127.0.0.1", port, "u", "p", recordings="/nowhere")
        switch = AriSwitch(config, Random(1))  # noqa: S311  jitter
        async with aclosing(switch.reports()) as reports, asyncio.TaskGroup() as group:
            async for report in reports:
                if isinstance(report, SwitchUp):
                    group.create_task(switch.place_call(session_id, call))
                if isinstance(report, CallReport) and isinstance(report.event, CustomerGone):
                    break
            await switch.legs()
    ring = f"channels/{agent_leg(session_id)}/ring"
    rings = [method for method, uri in network.requests if uri == ring]
    assert rings[-1:] in ([], ["DELETE"])
