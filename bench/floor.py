"""The floor: a bare ARI loop that does the product's calls with no database and no rules.

Every agent is called and put into a bridge; whenever the agent's customer hangs up, the next
number is called, and put into the bridge when it answers. Nothing is checked, stored or retried.
Run as a process of its own, so that its CPU is measured as the dialer's is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson
from websockets.asyncio.client import ClientConnection, connect

APP: Final = "autodialer"  # the application that the node's dialplan hands channels to
PASSWORD_VARIABLE: Final = "BENCH_ARI_PASSWORD"  # noqa: S105 - the name of a variable
READY_FILE: Final = "floor.ready"
RESULT_FILE: Final = "floor.json"
# What it does not read, so that Asterisk spends nothing on it; the product filters likewise.
_NOISE: Final = (
    *("ChannelVarset", "ChannelDialplan", "ChannelCallerId", "ChannelConnectedLine"),
    *("ChannelCreated", "ChannelStateChange", "ChannelEnteredBridge", "ChannelLeftBridge"),
    *("StasisEnd", "Dial", "BridgeCreated", "BridgeDestroyed", "DeviceStateChanged"),
    *("EndpointStateChange", "PeerStatusChange", "ContactStatusChange"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run of the floor does; numbers are E.164 and used once each."""

    agents: int
    first_agent: int
    first_customer: int
    caller_id: str
    stagger_s: float
    recordings: str
    folder: Path


@dataclass(slots=True)
class Agent:
    """One agent: its channel, its bridge, and the numbers called for it, in order."""

    channel: str
    bridge: str
    called: list[str] = field(default_factory=list)


class BareLoop:
    """Drives the agents over one WebSocket, on which requests are executed in order."""

    def __init__(self, socket: ClientConnection, plan: Plan) -> None:
        self._socket = socket
        self._plan = plan
        self._agents: dict[str, Agent] = {}
        self._customers: dict[str, Agent] = {}
        self._numbers = _numbers(plan.first_customer)
        self._requests = 0
        self._refused = 0
        self._nailed = 0
        self._stopping = False
        self._all_nailed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Dial until `stop` is set, then hang up and write down who was called."""
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(self._read())
            noise = {"disallowed": [{"type": kind} for kind in _NOISE]}
            await self._request("PUT", f"applications/{APP}/eventFilter", noise)
            await self._call_agents()
            await self._all_nailed.wait()
            (self._plan.folder / READY_FILE).touch()
            await self._dial_first()
            await stop.wait()
            self._stopping = True
            await self._release()
            reader.cancel()
        self._write_result()

    async def _read(self) -> None:
        async for text in self._socket:
            message = orjson.loads(text)
            match message["type"]:
                case "RESTResponse":
                    self._refused += message["status_code"] >= 400
                case "StasisStart":
                    await self._answered(message["channel"]["id"])
                case "ChannelHangupRequest" | "ChannelDestroyed":
                    await self._ended(message["channel"]["id"])
                case _:
                    pass

    async def _answered(self, channel: str) -> None:
        if agent := self._customers.get(channel):
            await self._request("POST", f"bridges/{agent.bridge}/addChannel", channel=channel)
        elif agent := self._agents.get(channel):
            await self._request("POST", f"bridges/{agent.bridge}/addChannel", channel=channel)
            self._nailed += 1
            if self._nailed == self._plan.agents:
                self._all_nailed.set()

    async def _ended(self, channel: str) -> None:
        agent = self._customers.pop(channel, None)
        if agent is not None and not self._stopping:
            await self._dial(agent)

    async def _dial(self, agent: Agent) -> None:
        number, channel = next(self._numbers), f"a{uuid4().hex}"
        agent.called.append(number)
        self._customers[channel] = agent
        folder = self._plan.recordings
        recording = f"{folder}/{channel}.wav" if folder else ""
        await self._originate(number, channel, "customer", RECORDING=recording)

    async def _call_agents(self) -> None:
        for number in range(self._plan.first_agent, self._plan.first_agent + self._plan.agents):
            agent = Agent(channel=f"s{uuid4().hex}", bridge=f"b{uuid4().hex}")
            self._agents[agent.channel] = agent
            await self._request("POST", "bridges", type="mixing", bridgeId=agent.bridge)
            await self._originate(f"+{number}", agent.channel, "agent")

    async def _dial_first(self) -> None:
        """Spread the first calls: agents who all started in one instant would hang up in one."""
        pause = self._plan.stagger_s / len(self._agents)
        for agent in self._agents.values():
            await self._dial(agent)
            await asyncio.sleep(pause)

    async def _originate(self, number: str, channel: str, context: str, **variables: str) -> None:
        body = {"variables": {"LEG": channel, **variables}}
        await self._request(
            "POST",
            "channels",
            body,
            endpoint=f"PJSIP/{number}@trunk",
            context=context,
            extension="s",
            priority="1",
            callerId=self._plan.caller_id,
            timeout="30",
            channelId=channel,
        )

    async def _release(self) -> None:
        for channel in (*self._customers, *self._agents):
            await self._request("DELETE", f"channels/{channel}")
        for agent in self._agents.values():
            await self._request("DELETE", f"bridges/{agent.bridge}")

    async def _request(
        self, method: str, uri: str, body: dict[str, Any] | None = None, **query: str
    ) -> None:
        """Send one request; nobody waits for the reply."""
        self._requests += 1
        message: dict[str, Any] = {
            "type": "RESTRequest",
            "request_id": str(self._requests),
            "method": method,
            "uri": uri,
            "query_strings": [{"name": name, "value": value} for name, value in query.items()],
        }
        if body is not None:
            message["content_type"] = "application/json"
            message["message_body"] = orjson.dumps(body).decode()
        await self._socket.send(orjson.dumps(message).decode())

    def _write_result(self) -> None:
        orders = [[number.lstrip("+") for number in a.called] for a in self._agents.values()]
        result = {"orders": orders, "refused": self._refused}
        (self._plan.folder / RESULT_FILE).write_text(json.dumps(result))


def _numbers(first: int) -> Iterator[str]:
    number = first
    while True:
        yield f"+{number}"
        number += 1


async def _main(port: int, plan: Plan) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    credentials = f"autodialer:{os.environ[PASSWORD_VARIABLE]}"
    url = f"ws://127.0.0.1:{port}/ari/events?app={APP}&subscribeAll=true&api_key={credentials}"
    async with connect(url, compression=None, max_size=None) as socket:
        await BareLoop(socket, plan).run(stop)


def _arguments() -> tuple[int, Plan]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of the node's ARI")
    parser.add_argument("--agents", type=int, required=True)
    parser.add_argument("--first-agent", type=int, required=True, help="number without the +")
    parser.add_argument("--first-customer", type=int, required=True, help="number without the +")
    parser.add_argument("--caller-id", required=True)
    parser.add_argument("--stagger-s", type=float, required=True)
    parser.add_argument("--recordings", default="", help="folder; empty: no recording")
    parser.add_argument("--folder", type=Path, required=True, help="for the results")
    arguments = vars(parser.parse_args())
    return arguments.pop("port"), Plan(**arguments)


if __name__ == "__main__":
    asyncio.run(_main(*_arguments()))
